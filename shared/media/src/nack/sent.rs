//! How packets went out, so that they can go out again: bit for bit as before, or in a stream of
//! their own (RFC 4588).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::recent::{At, Recent};
use crate::extension::Orientation;
use crate::rtp::RtpView;
use crate::vp8::Shift;

/// Of what was sent, one part in so many may be sent again: a peer that asks for more has no use
/// for it, or means harm (A42).
const RESENT_PART: usize = 2;
/// Bytes that may be sent again at once.
const RESEND_BYTES_MAX: usize = 128 * 1024;
/// The same packet is resent at most once in this time: duplicated requests cost nothing.
const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(20);
/// Of an encrypted packet, the bytes at its end that no other packet has.
const SEAL_BYTES: usize = 16;

/// Where the payload of a packet is.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    /// Here: it is our own. In a box, so that the others, which are many, stay small.
    Here(Box<Bytes>),
    /// With the source that it came from.
    Source {
        /// Which.
        ssrc: u32,
        /// The number that it had there.
        sequence: u16,
        /// What is added to the numbers of its pictures.
        shift: Shift,
    },
}

/// One packet without what all of its stream have; the payload is elsewhere.
struct Sent {
    held: Held,
    resent: Option<At>,
    timestamp: u32,
    bytes: u16,
    payload_type: u8,
    marker: bool,
    orientation: Option<Orientation>,
    seal: [u8; SEAL_BYTES],
}

/// A packet that is to go out again.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    /// As it went out, without the payload.
    pub(crate) header: RtpView<'static>,
    /// Where the payload is.
    pub(crate) held: Held,
}

/// What went out of one stream of late.
#[derive(Default)]
pub(crate) struct SentLog {
    packets: Recent<Sent>,
    /// The header of the newest packet.
    newest: Option<RtpView<'static>>,
    /// Bytes that may be sent again now.
    budget: usize,
}

impl SentLog {
    /// Notes a packet that went out encrypted as `sealed`; what is older than 1.5 s or the oldest
    /// of more than 512 is forgotten.
    pub(crate) fn push(&mut self, now: Instant, packet: &RtpView<'_>, sealed: &[u8], held: Held) {
        let earned = sealed.len() / RESENT_PART;
        self.budget = (self.budget + earned).min(RESEND_BYTES_MAX);
        self.packets.make_room(now);
        let Some(seal) = sealed.last_chunk() else {
            return;
        };
        let sent = Sent {
            held,
            resent: None,
            timestamp: packet.timestamp,
            bytes: u16::try_from(sealed.len()).unwrap_or(u16::MAX),
            payload_type: packet.payload_type,
            marker: packet.marker,
            orientation: packet.orientation,
            seal: *seal,
        };
        self.newest = Some(packet.with(&[]));
        self.packets.push(now, packet.sequence, sent);
    }

    /// The packet to send again, unless it is forgotten, was resent a moment ago, or too much was
    /// resent of late.
    pub(crate) fn again(&mut self, now: Instant, sequence: u16) -> Option<Again> {
        let now = self.packets.at(now);
        let sent = self.packets.get_mut(sequence)?;
        let recent = |at| now.since(at) < RESEND_INTERVAL_MIN;
        if sent.resent.is_some_and(recent) {
            return None;
        }
        self.budget = self.budget.checked_sub(usize::from(sent.bytes))?;
        sent.resent = Some(now);
        let header = RtpView {
            payload_type: sent.payload_type,
            sequence,
            timestamp: sent.timestamp,
            marker: sent.marker,
            orientation: sent.orientation,
            ..self.newest?
        };
        Some(Again {
            header,
            held: sent.held.clone(),
        })
    }

    /// Whether a packet that was encrypted anew is what went out before. Another one must not go
    /// out under its number: two packets under one nonce give the key stream away (RFC 7714
    /// section 8.4).
    pub(crate) fn is_same(&self, sequence: u16, sealed: &[u8]) -> bool {
        self.packets.get(sequence).is_some_and(|sent| {
            sealed.len() == usize::from(sent.bytes) && sealed.last_chunk() == Some(&sent.seal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nack::recent::AGE_MAX;
    use crate::rtp::MediaKind;
    use crate::testing::start;

    fn push(log: &mut SentLog, now: Instant, sequence: u16, sealed: &[u8]) {
        let packet = RtpView {
            kind: MediaKind::Video,
            ssrc: 1,
            csrc: None,
            payload_type: 96,
            sequence,
            timestamp: 7,
            marker: true,
            orientation: None,
            layer: 0,
            payload: &[],
        };
        let held = Held::Source {
            ssrc: 2,
            sequence: !sequence,
            shift: Shift::default(),
        };
        log.push(now, &packet, sealed, held);
    }

    #[test]
    fn sent_packets_can_be_had_again_but_not_twice_at_once() {
        let now = start();
        let mut log = SentLog::default();
        for n in 0..600u16 {
            push(&mut log, now, n, &[n as u8; 20]);
        }
        assert!(log.again(now, 0).is_none(), "forgotten");
        let again = log.again(now, 599).unwrap();
        assert_eq!((again.header.sequence, again.header.timestamp), (599, 7));
        assert!(
            matches!(again.held, Held::Source { ssrc: 2, sequence, .. } if sequence == !599),
            "{again:?}"
        );
        assert!(log.again(now, 599).is_none(), "a moment ago");
        assert!(log.again(now + RESEND_INTERVAL_MIN, 599).is_some());
        let late = now + AGE_MAX + Duration::from_millis(1);
        push(&mut log, late, 600, &[1; 20]);
        let forgotten = log.again(late, 599).is_none();
        assert!(forgotten, "nobody waits for it any more");
        assert!(log.again(late, 600).is_some());
    }

    #[test]
    fn nothing_else_goes_out_under_the_same_number() {
        let now = start();
        let mut log = SentLog::default();
        push(&mut log, now, 5, &[9; 40]);
        assert!(log.is_same(5, &[9; 40]));
        assert!(!log.is_same(6, &[9; 40]), "never sent");
        assert!(!log.is_same(5, &[9; 41]), "longer");
        let mut other = [9; 40];
        other[39] ^= 1;
        assert!(!log.is_same(5, &other), "another one");
    }

    #[test]
    fn a42_of_what_was_sent_at_most_half_is_sent_again_however_often_it_is_asked_for() {
        const BYTES: usize = 1_200;
        let mut now = start();
        let mut log = SentLog::default();
        let (mut sent, mut resent) = (0, 0);
        for n in 0..2_000u16 {
            push(&mut log, now, n, &[0; BYTES]);
            sent += BYTES;
            now += RESEND_INTERVAL_MIN;
            for asked in n.saturating_sub(500)..=n {
                resent += log.again(now, asked).map_or(0, |_| BYTES);
            }
        }
        assert!(resent <= sent / RESENT_PART, "{resent} of {sent}");
        // Who lost a few is served at once.
        let calm = now + Duration::from_secs(1);
        for n in 2_000..2_200u16 {
            push(&mut log, calm, n, &[0; BYTES]);
        }
        assert!((2_000..2_050).all(|n| log.again(calm, n).is_some()));
    }
}
