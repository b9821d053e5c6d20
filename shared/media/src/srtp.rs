//! SRTP and SRTCP (RFC 3711, RFC 7714) over rtc-srtp, with two additions of ours: a stream gets
//! its decryption state only after one of its packets proved authentic, so that forged packets
//! cost neither memory nor the replay window of the real ones (A37); and the replay window is
//! wide enough for retransmitted packets (A38).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::certificate::provider;
use crate::error::MediaError;

/// Packets behind the newest that are still taken: a second of video, for resent packets.
const REPLAY_WINDOW: usize = 1_024;
/// Most sources of one peer.
const SOURCES_MAX: usize = 64;

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
        .map_err(|e| MediaError::Engine(format!("SRTP: {e}")))?;
        let srtp = Self {
            profile,
            outbound,
            key: keys.remote_key,
            salt: keys.remote_salt,
            rtp: HashMap::new(),
            rtcp: HashMap::new(),
            provider,
        };
        srtp.inbound()
            .map_err(|e| MediaError::Engine(format!("SRTP: {e}")))?;
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

    /// Encrypts an RTP packet; `None` once the key is used up.
    pub(crate) fn protect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtp(packet).ok()
    }

    /// Encrypts a compound RTCP packet.
    pub(crate) fn protect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtcp(packet).ok()
    }

    /// Decrypts an RTP packet; `None` if it is forged, broken or replayed.
    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let ssrc = ssrc_at(packet, 8)?;
        if let Some(context) = self.rtp.get_mut(&ssrc) {
            return context.decrypt_rtp(packet).ok();
        }
        let mut context = self.newcomer(self.rtp.len())?;
        let plain = context.decrypt_rtp(packet).ok()?;
        self.rtp.insert(ssrc, context);
        Some(plain)
    }

    /// Decrypts a compound RTCP packet; `None` if it is forged, broken or replayed.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let ssrc = ssrc_at(packet, 4)?;
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
            payload_type: 96,
            sequence,
            timestamp: 1,
            marker: false,
            payload,
        };
        packet.to_bytes()
    }

    const PROFILES: [ProtectionProfile; 2] = [
        ProtectionProfile::AeadAes128Gcm,
        ProtectionProfile::Aes128CmHmacSha1_80,
    ];

    #[test]
    fn a38_replays_are_dropped_and_the_sequence_number_may_wrap() {
        for profile in PROFILES {
            let (mut alice, mut bob) = pair(profile);
            let mut old = Vec::new();
            for n in 0..70_000u32 {
                let plain = packet(1, (n + 30_000) as u16);
                let sealed = alice.protect_rtp(&plain).unwrap();
                assert_eq!(
                    bob.unprotect_rtp(&sealed).as_deref(),
                    Some(&plain[..]),
                    "packet {n}"
                );
                if n % 1_000 == 0 {
                    old.push(sealed);
                }
            }
            assert!(old.iter().all(|sealed| bob.unprotect_rtp(sealed).is_none()));
        }
    }

    #[test]
    fn a37_forged_packets_cost_nothing_and_block_nobody() {
        for profile in PROFILES {
            let (mut alice, mut bob) = pair(profile);
            // A forged packet far ahead, before the first real one, for the same source.
            let mut forged = alice.protect_rtp(&packet(5, 60_000)).unwrap();
            let last = forged.len() - 1;
            forged[last] ^= 1;
            for ssrc in 0..500u32 {
                forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
                assert!(bob.unprotect_rtp(&forged).is_none());
                assert!(bob.unprotect_rtcp(&forged).is_none());
            }
            assert!(bob.rtp.is_empty() && bob.rtcp.is_empty());
            let (mut alice, _) = pair(profile);
            let sealed = alice.protect_rtp(&packet(5, 100)).unwrap();
            assert!(bob.unprotect_rtp(&sealed).is_some());
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
                    assert!(bob.unprotect_rtp(&bytes).is_none());
                    bytes.iter_mut().skip(1).take(1).for_each(|b| *b = 200);
                    assert!(bob.unprotect_rtcp(&bytes).is_none());
                }
            }
        }
    }
}
