//! SRTP and SRTCP under AES-GCM where the packet is (RFC 7714).

use rtc_dtls::crypto_provider::RTCCrypto;
use rtc_srtp::crypto::CryptoError;

use super::gcm::{Gcm, TAG_BYTES, Use};
use super::index::{Window, nearest};
use super::{RTCP_SSRC_AT, SOURCES_MAX, ssrc_at};
use crate::rtp::{SSRC_AT, header_bytes, sequence_of};

/// The part of RTCP that stays readable: the first header with its SSRC (section 9.2).
const RTCP_HEADER_BYTES: usize = 8;
/// At the end of RTCP: whether it is encrypted, and its index (RFC 3711 section 3.4).
const TRAILER_BYTES: usize = 4;
const ENCRYPTED: u32 = 1 << 31;

/// What we send.
pub(super) struct Sealer {
    rtp: Gcm,
    /// The highest index of each source.
    sources: Vec<(u32, u64)>,
    rtcp: Gcm,
    /// The index of the last report, of whichever source: each is used once.
    reports: u32,
}

/// What we receive.
pub(super) struct Opener {
    rtp: Gcm,
    sources: Vec<(u32, Window)>,
    rtcp: Gcm,
    reporters: Vec<(u32, Window)>,
}

impl Sealer {
    pub(super) fn new(
        key: &[u8],
        salt: &[u8],
        crypto: &dyn RTCCrypto,
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            rtp: Gcm::new(Use::Rtp, key, salt, crypto)?,
            sources: Vec::new(),
            rtcp: Gcm::new(Use::Rtcp, key, salt, crypto)?,
            reports: 0,
        })
    }

    /// Encrypts the packet that `buffer` ends with, from `start` on. False once the key is used up.
    pub(super) fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        let packet = &buffer[start..];
        let (Some(ssrc), Some(header)) = (ssrc_at(packet, SSRC_AT), header_bytes(packet)) else {
            return false;
        };
        let known = self.sources.iter_mut().find(|(known, _)| *known == ssrc);
        let highest = known.as_ref().map(|(_, highest)| *highest);
        let Some(index) = nearest(highest, sequence_of(packet)) else {
            return false;
        };
        match known {
            Some((_, highest)) => *highest = index.max(*highest),
            None => self.sources.push((ssrc, index)),
        }
        let end = buffer.len();
        buffer.resize(end + TAG_BYTES, 0);
        let (packet, tag) = buffer[start..].split_at_mut(end - start);
        let (header, body) = packet.split_at_mut(header);
        self.rtp.seal((ssrc, index), header, body, tag)
    }

    /// Encrypts a compound. False once the key is used up.
    pub(super) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> bool {
        let Some(ssrc) = ssrc_at(packet, RTCP_SSRC_AT) else {
            return false;
        };
        self.reports += 1;
        if self.reports >= ENCRYPTED {
            self.reports = ENCRYPTED;
            return false;
        }
        let trailer = (ENCRYPTED | self.reports).to_be_bytes();
        let end = packet.len();
        packet.resize(end + TAG_BYTES, 0);
        let (plain, tag) = packet.split_at_mut(end);
        let (header, body) = plain.split_at_mut(RTCP_HEADER_BYTES);
        let index = (ssrc, u64::from(self.reports));
        let sealed = self.rtcp.seal(index, &shown(header, trailer), body, tag);
        packet.extend_from_slice(&trailer);
        sealed
    }
}

impl Opener {
    pub(super) fn new(
        key: &[u8],
        salt: &[u8],
        crypto: &dyn RTCCrypto,
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            rtp: Gcm::new(Use::Rtp, key, salt, crypto)?,
            sources: Vec::new(),
            rtcp: Gcm::new(Use::Rtcp, key, salt, crypto)?,
            reporters: Vec::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn knows_nobody(&self) -> bool {
        self.sources.is_empty() && self.reporters.is_empty()
    }

    /// Decrypts a packet: header and payload. `None` if it is forged, broken or replayed.
    pub(super) fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let (ssrc, header) = (ssrc_at(packet, SSRC_AT)?, header_bytes(packet)?);
        let sequence = sequence_of(packet);
        let known = position(&self.sources, ssrc)?;
        let index = match self.sources.get(known) {
            Some((_, window)) => window.index(sequence)?,
            None => nearest(None, sequence)?,
        };
        let end = packet.len().checked_sub(TAG_BYTES)?;
        if end < header {
            return None;
        }
        let (plain, tag) = packet.split_at_mut(end);
        let (head, body) = plain.split_at_mut(header);
        if !self.rtp.open((ssrc, index), head, body, tag) {
            return None;
        }
        note(&mut self.sources, known, ssrc, index);
        Some(plain)
    }

    /// Decrypts a compound. `None` if it is forged, broken, replayed or was sent in clear.
    pub(super) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let ssrc = ssrc_at(packet, RTCP_SSRC_AT)?;
        let (sealed, trailer) = packet.split_last_chunk_mut::<TRAILER_BYTES>()?;
        let word = u32::from_be_bytes(*trailer);
        let index = u64::from(word & !ENCRYPTED);
        let known = position(&self.reporters, ssrc)?;
        let window = self.reporters.get(known);
        let is_new = window.is_none_or(|(_, window)| window.is_new(index));
        if word & ENCRYPTED == 0 || !is_new {
            return None;
        }
        let end = sealed.len().checked_sub(TAG_BYTES)?;
        if end < RTCP_HEADER_BYTES {
            return None;
        }
        let (plain, tag) = sealed.split_at_mut(end);
        let (header, body) = plain.split_at_mut(RTCP_HEADER_BYTES);
        let shown = shown(header, *trailer);
        if !self.rtcp.open((ssrc, index), &shown, body, tag) {
            return None;
        }
        note(&mut self.reporters, known, ssrc, index);
        Some(plain)
    }
}

/// What of RTCP is authenticated and not encrypted (section 9.2).
fn shown(header: &[u8], trailer: [u8; TRAILER_BYTES]) -> [u8; RTCP_HEADER_BYTES + TRAILER_BYTES] {
    let mut shown = [0; RTCP_HEADER_BYTES + TRAILER_BYTES];
    shown[..RTCP_HEADER_BYTES].copy_from_slice(&header[..RTCP_HEADER_BYTES]);
    shown[RTCP_HEADER_BYTES..].copy_from_slice(&trailer);
    shown
}

/// Where a source is, or would be; `None`: there are enough.
fn position(sources: &[(u32, Window)], ssrc: u32) -> Option<usize> {
    let known = sources.iter().position(|(known, _)| *known == ssrc);
    known.or_else(|| (sources.len() < SOURCES_MAX).then_some(sources.len()))
}

/// A packet proved authentic: only then is a source remembered (A37).
fn note(sources: &mut Vec<(u32, Window)>, at: usize, ssrc: u32, index: u64) {
    if at == sources.len() {
        sources.push((ssrc, Window::new()));
    }
    sources[at].1.note(index);
}
