//! Packets that a peer lost, and is sent again.

use std::time::Instant;

use super::drive::DATAGRAM_BYTES_MAX;
use super::{Missed, Peer, PeerEvent};
use crate::nack::{Again, Held};
use crate::rtp::{MediaKind, RtpView};
use crate::vp8::Shift;

impl Peer {
    pub(super) fn resend(&mut self, now: Instant, index: usize, sequences: &[u16]) {
        for sequence in sequences {
            let again = self.streams[index].sender.asked_again(now, *sequence);
            let Some(Again { header, held }) = again else {
                continue;
            };
            match held {
                Held::Here(payload) => self.repeat(index, header, &payload, Shift::default()),
                Held::Source {
                    ssrc,
                    sequence,
                    shift,
                } => self.event(PeerEvent::Missed(Missed {
                    ssrc,
                    sequence,
                    shift,
                    header,
                })),
            }
        }
    }

    /// Sends a packet of another peer again; `payload` is what that one [kept](Self::kept) of it.
    pub fn send_again(&mut self, missed: Missed, payload: &[u8]) {
        if let Some(index) = self.ready(missed.header.kind) {
            self.repeat(index, missed.header, payload, missed.shift);
        }
    }

    /// The payload of a picture's packet that came from this peer within the last 1.5 s
    /// ([`crate::peer::Receive::Packets`]).
    #[must_use]
    pub fn kept(&self, ssrc: u32, sequence: u16) -> Option<&[u8]> {
        let index = self.finder.of_kind(MediaKind::Video)?;
        self.streams[index].receiver.kept(ssrc, sequence)
    }

    fn repeat(&mut self, index: usize, header: RtpView<'static>, payload: &[u8], shift: Shift) {
        let stream = &mut self.streams[index];
        let transport = stream.transport;
        let Some(srtp) = &mut self.transports[transport].srtp else {
            return;
        };
        let mut bytes = Vec::with_capacity(DATAGRAM_BYTES_MAX);
        stream.sender.write_again(header, payload, &mut bytes);
        let begin = bytes.len() - payload.len();
        shift.apply(&mut bytes[begin..]);
        let sealed = srtp.seal_rtp(&mut bytes, 0);
        if sealed && stream.sender.may_repeat(header.sequence, &bytes) {
            self.transmit(transport, bytes);
        }
    }
}
