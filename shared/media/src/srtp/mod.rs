//! SRTP and SRTCP (RFC 3711, RFC 7714). AES-GCM is ours, where the packet is ([`in_place`]); all
//! else is done by rtc-srtp, with two additions: a stream gets its decryption state only after one
//! of its packets proved authentic, so that forged packets cost neither memory nor the replay
//! window of the real ones (A37); and the replay window is wide enough for retransmitted packets
//! (A38).

mod gcm;
mod in_place;
mod index;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::certificate::provider;
use crate::error::MediaError;
use crate::rtp::SSRC_AT;
use in_place::{Opener, Sealer};
use index::REPLAY_WINDOW;

/// Most sources of one peer.
const SOURCES_MAX: usize = 64;
/// Where the SSRC of the sender is in RTCP.
const RTCP_SSRC_AT: usize = 4;

/// Keys and salts of both directions.
#[derive(Clone)]
pub(crate) struct SrtpKeys {
    pub(crate) local_key: Vec<u8>,
    pub(crate) local_salt: Vec<u8>,
    pub(crate) remote_key: Vec<u8>,
    pub(crate) remote_salt: Vec<u8>,
}

impl SrtpKeys {
    /// Takes DTLS's exported material apart (RFC 5764 section 4.2).
    pub(crate) fn from_dtls(
        profile: ProtectionProfile,
        material: &[u8],
        client: bool,
    ) -> Option<Self> {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        if material.len() != 2 * (key + salt) {
            return None;
        }
        let (client_key, rest) = material.split_at(key);
        let (server_key, rest) = rest.split_at(key);
        let (client_salt, server_salt) = rest.split_at(salt);
        let ((local_key, local_salt), (remote_key, remote_salt)) = if client {
            ((client_key, client_salt), (server_key, server_salt))
        } else {
            ((server_key, server_salt), (client_key, client_salt))
        };
        Some(Self {
            local_key: local_key.to_vec(),
            local_salt: local_salt.to_vec(),
            remote_key: remote_key.to_vec(),
            remote_salt: remote_salt.to_vec(),
        })
    }
}

/// Both directions of one transport.
pub(crate) struct Srtp {
    profile: ProtectionProfile,
    /// Both are there with AES-GCM, and only with it.
    sealer: Option<Sealer>,
    opener: Option<Opener>,
    provider: Arc<dyn RTCCryptoProvider>,
    outbound: Context,
    key: Vec<u8>,
    salt: Vec<u8>,
    rtp: HashMap<u32, Context>,
    rtcp: HashMap<u32, Context>,
}

impl Srtp {
    pub(crate) fn new(profile: ProtectionProfile, keys: SrtpKeys) -> Result<Self, MediaError> {
        let provider = provider()?;
        let crypto = provider.crypto();
        let outbound = Context::new(
            &keys.local_key,
            &keys.local_salt,
            profile,
            None,
            None,
            crypto,
        )
        .map_err(engine)?;
        let in_place = matches!(profile, ProtectionProfile::AeadAes128Gcm);
        let made = in_place.then(|| Sealer::new(&keys.local_key, &keys.local_salt, crypto));
        let sealer = made.transpose().map_err(engine)?;
        let made = in_place.then(|| Opener::new(&keys.remote_key, &keys.remote_salt, crypto));
        let opener = made.transpose().map_err(engine)?;
        let srtp = Self {
            profile,
            sealer,
            opener,
            outbound,
            key: keys.remote_key,
            salt: keys.remote_salt,
            rtp: HashMap::new(),
            rtcp: HashMap::new(),
            provider,
        };
        srtp.inbound().map_err(engine)?;
        Ok(srtp)
    }

    /// The same state towards the peer with new keys from it; if the profile differs, all is
    /// new.
    pub(crate) fn with_remote(
        self,
        profile: ProtectionProfile,
        keys: SrtpKeys,
    ) -> Result<Self, MediaError> {
        let fresh = Self::new(profile, keys)?;
        let same = std::mem::discriminant(&profile) == std::mem::discriminant(&self.profile);
        Ok(if same {
            Self {
                outbound: self.outbound,
                sealer: self.sealer,
                ..fresh
            }
        } else {
            fresh
        })
    }

    /// The profile's IANA name.
    pub(crate) fn profile_name(&self) -> &'static str {
        match self.profile {
            ProtectionProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            ProtectionProfile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            ProtectionProfile::Aes128CmHmacSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            ProtectionProfile::Aes128CmHmacSha1_32
            | ProtectionProfile::Aes256CmHmacSha1_32
            | ProtectionProfile::Aes256CmHmacSha1_80
            | _ => "other", // never agreed to
        }
    }

    fn inbound(&self) -> rtc_shared::error::Result<Context> {
        Context::new(
            &self.key,
            &self.salt,
            self.profile,
            Some(srtp_replay_protection(REPLAY_WINDOW)),
            Some(srtcp_replay_protection(REPLAY_WINDOW)),
            self.provider.crypto(),
        )
    }

    /// Encrypts the RTP packet that `buffer` ends with, from `start` on. False once the key is
    /// used up; the packet is gone then.
    pub(crate) fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        let sealed = match &mut self.sealer {
            Some(sealer) => sealer.seal_rtp(buffer, start),
            None => self
                .outbound
                .encrypt_rtp(&buffer[start..])
                .is_ok_and(|sealed| {
                    buffer.truncate(start);
                    buffer.extend_from_slice(&sealed);
                    true
                }),
        };
        if !sealed {
            buffer.truncate(start);
        }
        sealed
    }

    /// Encrypts a compound RTCP packet. False once the key is used up: it must not go out then.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> bool {
        if let Some(sealer) = &mut self.sealer {
            return sealer.seal_rtcp(packet);
        }
        let sealed = self.outbound.encrypt_rtcp(packet);
        sealed.is_ok_and(|sealed| {
            packet.clear();
            packet.extend_from_slice(&sealed);
            true
        })
    }

    /// Decrypts an RTP packet where it is: header and payload. `None` if it is forged, broken or
    /// replayed.
    pub(crate) fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        if let Some(opener) = &mut self.opener {
            return opener.open_rtp(packet);
        }
        let plain = self.unprotect_rtp(packet)?;
        let place = packet.get_mut(..plain.len())?;
        place.copy_from_slice(&plain);
        Some(place)
    }

    fn unprotect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let ssrc = ssrc_at(packet, SSRC_AT)?;
        if let Some(context) = self.rtp.get_mut(&ssrc) {
            return context.decrypt_rtp(packet).ok();
        }
        let mut context = self.newcomer(self.rtp.len())?;
        let plain = context.decrypt_rtp(packet).ok()?;
        self.rtp.insert(ssrc, context);
        Some(plain)
    }

    /// Decrypts a compound RTCP packet where it is; `None` if it is forged, broken or replayed.
    pub(crate) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        if let Some(opener) = &mut self.opener {
            return opener.open_rtcp(packet);
        }
        let plain = self.unprotect_rtcp(packet)?;
        let place = packet.get_mut(..plain.len())?;
        place.copy_from_slice(&plain);
        Some(place)
    }

    fn unprotect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let ssrc = ssrc_at(packet, RTCP_SSRC_AT)?;
        if let Some(context) = self.rtcp.get_mut(&ssrc) {
            return context.decrypt_rtcp(packet).ok();
        }
        let mut context = self.newcomer(self.rtcp.len())?;
        let plain = context.decrypt_rtcp(packet).ok()?;
        self.rtcp.insert(ssrc, context);
        Some(plain)
    }

    fn newcomer(&self, known: usize) -> Option<Context> {
        (known < SOURCES_MAX).then(|| self.inbound().ok()).flatten()
    }
}

fn engine(error: impl std::fmt::Display) -> MediaError {
    MediaError::Engine(format!("SRTP: {error}"))
}

fn ssrc_at(packet: &[u8], at: usize) -> Option<u32> {
    let bytes = packet.get(at..at + 4)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{MediaKind, RtpPacket};

    fn pair(profile: ProtectionProfile) -> (Srtp, Srtp) {
        let length = 2 * (profile.key_len() + profile.salt_len());
        let material: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let side = |client| {
            let keys = SrtpKeys::from_dtls(profile, &material, client).unwrap();
            Srtp::new(profile, keys).unwrap()
        };
        (side(true), side(false))
    }

    fn packet(ssrc: u32, sequence: u16) -> BytesMut {
        let payload = bytes::Bytes::from(vec![7; 100]);
        let kind = MediaKind::Video;
        let packet = RtpPacket {
            kind,
            ssrc,
            csrc: None,
            payload_type: 96,
            sequence,
            timestamp: 1,
            marker: false,
            orientation: None,
            layer: 0,
            payload,
        };
        packet.to_bytes()
    }

    fn sealed(side: &mut Srtp, plain: &[u8]) -> Vec<u8> {
        // What is before the packet is not touched.
        let mut buffer = vec![9; 3];
        buffer.extend(plain);
        assert!(side.seal_rtp(&mut buffer, 3));
        assert_eq!(buffer.drain(..3).collect::<Vec<_>>(), [9; 3]);
        buffer
    }

    fn opened(side: &mut Srtp, sealed: &[u8]) -> Option<Vec<u8>> {
        side.open_rtp(&mut sealed.to_vec()).map(<[u8]>::to_vec)
    }

    const PROFILES: [ProtectionProfile; 3] = [
        ProtectionProfile::AeadAes128Gcm,
        ProtectionProfile::AeadAes256Gcm,
        ProtectionProfile::Aes128CmHmacSha1_80,
    ];

    #[test]
    fn a38_replays_are_dropped_and_the_sequence_number_may_wrap() {
        for profile in PROFILES {
            let (mut alice, mut bob) = pair(profile);
            let mut old = Vec::new();
            for n in 0..70_000u32 {
                let plain = packet(1, (n + 30_000) as u16);
                let sealed = sealed(&mut alice, &plain);
                assert_eq!(
                    opened(&mut bob, &sealed).as_deref(),
                    Some(&plain[..]),
                    "packet {n}"
                );
                if n % 1_000 == 0 {
                    old.push(sealed);
                }
            }
            assert!(old.iter().all(|sealed| opened(&mut bob, sealed).is_none()));
        }
    }

    #[test]
    fn a37_forged_packets_cost_nothing_and_block_nobody() {
        for profile in PROFILES {
            let (mut alice, mut bob) = pair(profile);
            // A forged packet far ahead, before the first real one, for the same source.
            let mut forged = sealed(&mut alice, &packet(5, 60_000));
            let last = forged.len() - 1;
            forged[last] ^= 1;
            for ssrc in 0..500u32 {
                forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
                assert!(opened(&mut bob, &forged).is_none());
                assert!(bob.open_rtcp(&mut forged.clone()).is_none());
            }
            assert!(bob.rtp.is_empty() && bob.rtcp.is_empty());
            assert!(bob.opener.as_ref().is_none_or(Opener::knows_nobody));
            let (mut alice, _) = pair(profile);
            let sealed = sealed(&mut alice, &packet(5, 100));
            assert!(opened(&mut bob, &sealed).is_some());
        }
    }

    #[test]
    fn short_packets_do_not_panic() {
        for profile in PROFILES {
            let (_, mut bob) = pair(profile);
            for length in 0..80 {
                for first in [0x80u8, 0x9f, 0xbf] {
                    let mut bytes = vec![0xff; length];
                    bytes.iter_mut().take(1).for_each(|b| *b = first);
                    assert!(opened(&mut bob, &bytes).is_none());
                    bytes.iter_mut().skip(1).take(1).for_each(|b| *b = 200);
                    assert!(bob.open_rtcp(&mut bytes).is_none());
                }
            }
        }
    }

    #[test]
    fn what_we_seal_in_place_is_what_others_make_of_it() {
        let profile = ProtectionProfile::AeadAes128Gcm;
        let (mut alice, mut bob) = pair(profile);
        for n in 0..70_000u32 {
            let mut plain = packet(1, (n + 30_000) as u16).to_vec();
            if n % 3 == 0 {
                plain[0] |= 0x10; // with an extension, which stays readable
                plain.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
            }
            let theirs = alice.outbound.encrypt_rtp(&plain).unwrap();
            assert_eq!(sealed(&mut alice, &plain), theirs, "packet {n}");
            assert_eq!(opened(&mut bob, &theirs), Some(plain), "packet {n}");
        }
    }
    #[test]
    fn reports_are_sealed_in_place_as_others_do_it_and_each_is_opened_once() {
        for profile in PROFILES {
            let (mut alice, mut bob) = pair(profile);
            let mut theirs = bob.inbound().unwrap();
            for n in 0..3_000_u32 {
                let mut plain = vec![0x80, 201, 0, 0];
                plain.extend(n.to_be_bytes().iter().cycle().take(4 + n as usize % 40));
                plain[4..8].copy_from_slice(&(n % 3).to_be_bytes());
                let mut sealed = plain.clone();
                assert!(alice.seal_rtcp(&mut sealed));
                assert_eq!(theirs.decrypt_rtcp(&sealed).unwrap(), plain, "packet {n}");
                let mut open = sealed.clone();
                assert_eq!(bob.open_rtcp(&mut open), Some(&plain[..]), "packet {n}");
                assert_eq!(bob.open_rtcp(&mut sealed.clone()), None, "replayed {n}");
                let last = sealed.len() - 1;
                sealed[last] ^= 1;
                assert_eq!(bob.open_rtcp(&mut sealed), None, "another index {n}");
            }
            let mut foreign = pair(profile).0.outbound;
            let plain = [0x80, 201, 0, 1, 0, 0, 9, 9];
            let mut sealed = foreign.encrypt_rtcp(&plain).unwrap().to_vec();
            let mut clear = sealed.clone();
            assert_eq!(bob.open_rtcp(&mut sealed), Some(&plain[..]));
            // Without the bit that says it is encrypted (RFC 3711 section 3.4).
            let trailer = clear.len() - if bob.opener.is_some() { 4 } else { 14 };
            clear[trailer] &= 0x7f;
            assert_eq!(bob.open_rtcp(&mut clear), None);
        }
    }
}
