//! Real-time text: T.140 characters over RTP (RFC 4103) with redundancy (RFC 2198), of one person
//! or of several (RFC 9071).
//!
//! What it is: senders that gather characters for 300 ms and repeat each block in the next two
//! packets ([`Mixer`], which has one for each writer where the reader knows sources), receivers
//! that put them in order, once each, with U+FFFD where some are lost ([`Receiver`] for one writer,
//! [`Sources`] for several); and a sender for reliable data channels (RFC 8865), which need
//! neither. In front of each sender is [`interleave`], which puts several people into one stream.
//! What it is not: an editor; backspace (U+0008) and line separators pass as they are.
//! Start reading at [`Mixer`].

mod channel;
mod control;
mod interleave;
mod mixer;
mod rate;
mod receiver;
mod red;
mod sender;
mod sources;

use std::time::Instant;

use vrs_domain::limit::TEXT_NAME_BYTES_MAX;

pub use channel::ChannelSender;
pub(crate) use channel::readable;
pub use mixer::{Mixer, Terms};
pub use receiver::Receiver;
pub use red::{RedBlock, RedBlocks, parse_red, write_red};
pub use sender::{Redundancy, TextPacket};
pub use sources::{Arrived, Sources};

/// Stands where text was lost (ITU-T T.140 addendum 1, RFC 4103 section 5.4).
pub const MISSING_TEXT: char = '\u{fffd}';
/// Byte order mark: sent by some terminals at the start and to keep a path open; carries nothing.
pub const BYTE_ORDER_MARK: char = '\u{feff}';
/// Ends a line.
pub const LINE_SEPARATOR: char = '\u{2028}';

/// One of several people who write.
#[derive(Clone, PartialEq, Eq)]
pub struct Writer {
    /// Tells them apart (RFC 9071 section 3.1); the same for as long as they are there.
    pub source: u32,
    /// What they are called, for a label.
    pub name: String,
}

impl Writer {
    /// `name` is cut to what is carried, and cleaned of what would break a label.
    #[must_use]
    pub fn new(source: u32, name: &str) -> Self {
        let mut clean = String::new();
        let fits = |c: &char| !c.is_control() && !matches!(*c, LINE_SEPARATOR | '\u{2029}');
        for c in name.chars().filter(fits) {
            if clean.len() + c.len_utf8() > TEXT_NAME_BYTES_MAX {
                break;
            }
            clean.push(c);
        }
        let name = clean.trim().to_owned();
        Self { source, name }
    }
}

impl std::fmt::Debug for Writer {
    /// Never the name: it may be that of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer({:08x})", self.source)
    }
}

/// Characters, and who wrote them.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// One of several people whom the peer speaks for; `None`: the peer itself.
    pub source: Option<u32>,
    /// What they are called; empty as long as that is not known, since it may come later.
    pub name: String,
    /// In order, U+FFFD where some were lost; empty when only the name is new.
    pub text: String,
}

impl From<&str> for Written {
    /// Text of the peer itself.
    fn from(text: &str) -> Self {
        Self {
            source: None,
            name: String::new(),
            text: text.to_owned(),
        }
    }
}

impl std::fmt::Debug for Written {
    /// Never the text: it is content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.text.chars().count();
        write!(f, "Written({:?}, {count} characters)", self.source)
    }
}

/// The receiving half of a stream, as it was agreed.
pub enum Reader {
    /// Numbers say what is missing.
    One(Receiver),
    /// Times do.
    Several(Sources),
}

impl Reader {
    /// `multiparty`: the sender may speak for several people (`a=rtt-mixer`).
    #[must_use]
    pub fn new(payload_type: u8, multiparty: bool) -> Self {
        match multiparty {
            true => Self::Several(Sources::new(payload_type)),
            false => Self::One(Receiver::new(payload_type)),
        }
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, packet: Arrived<'_>) {
        match self {
            Self::One(one) => one.receive(now, packet.sequence, packet.red, packet.payload),
            Self::Several(sources) => sources.receive(now, packet),
        }
    }

    /// When [`Self::poll`] gives a gap up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::One(one) => one.poll_timeout(),
            Self::Several(sources) => sources.poll_timeout(),
        }
    }

    /// Text that is due and who wrote it (`None`: whoever sends the packets); ask until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<(Option<u32>, String)> {
        match self {
            Self::One(one) => one.poll(now).map(|text| (None, text)),
            Self::Several(sources) => sources.poll(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, start};
    use std::time::Duration;

    /// Types `words` one per second and delivers the packets for which `deliver` says so.
    fn run(words: &[&str], mut deliver: impl FnMut(usize) -> bool) -> String {
        let mut now = start();
        let mut sender = Mixer::new(
            now,
            Terms {
                redundancy: Some(Redundancy {
                    payload_type: 98,
                    generations: 2,
                }),
                cps: 30,
                multiparty: false,
            },
        );
        let mut receiver = Receiver::new(98);
        let (mut heard, mut sequence) = (String::new(), 0u64);
        for step in 0..(words.len() * 100 + 500) {
            if step % 100 == 0
                && let Some(word) = words.get(step / 100)
            {
                assert!(sender.push(now, None, word));
            }
            if let Some(packet) = sender.poll(now) {
                if deliver(sequence as usize) {
                    receiver.receive(now, 70_000 + sequence, packet.red, &packet.payload);
                }
                sequence += 1;
            }
            heard.extend(receiver.poll(now));
            now += Duration::from_millis(10);
        }
        heard
    }

    #[test]
    fn r38_text_arrives_as_typed() {
        assert_eq!(
            run(&["hello ", "wörld\u{8}", "\u{2028}ok"], |_| true),
            "hello wörld\u{8}\u{2028}ok"
        );
    }

    #[test]
    fn r38_isolated_losses_lose_nothing() {
        let words = ["alpha ", "beta ", "gamma ", "delta "];
        for lost in 0..12 {
            assert_eq!(
                run(&words, |n| n != lost),
                words.concat(),
                "packet {lost} lost"
            );
            assert_eq!(
                run(&words, |n| n != lost && n != lost + 1),
                words.concat(),
                "two lost"
            );
        }
        assert_eq!(
            run(&words, |n| n % 2 == 0),
            words.concat(),
            "every second packet lost"
        );
    }

    #[test]
    fn r38_a_burst_longer_than_the_redundancy_leaves_one_marker() {
        let words = ["alpha ", "beta ", "gamma "];
        assert_eq!(
            run(&words, |n| !(3..6).contains(&n)),
            "alpha \u{fffd}gamma "
        );
    }

    #[test]
    fn bad_packets_do_not_panic() {
        let now = start();
        let mut dice = Dice::new(5);
        let mut receiver = Receiver::new(98);
        for n in 0..5_000u64 {
            let bytes: Vec<u8> = (0..dice.below(40)).map(|_| dice.next() as u8).collect();
            receiver.receive(now, 70_000 + dice.below(500) + n, dice.chance(80), &bytes);
            receiver.poll(now + Duration::from_millis(n));
        }
    }
}
