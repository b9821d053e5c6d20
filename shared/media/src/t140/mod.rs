//! Real-time text: T.140 characters over RTP (RFC 4103) with redundancy (RFC 2198).
//!
//! What it is: a sender that gathers characters for 300 ms and repeats each block in the next two
//! packets, and a receiver that puts them in order, once each, with U+FFFD where some are lost;
//! and a sender for reliable data channels (RFC 8865), which need neither.
//! What it is not: an editor; backspace (U+0008) and line separators pass as they are.
//! Start reading at [`Sender`].

mod channel;
mod rate;
mod receiver;
mod red;
mod sender;

pub use channel::ChannelSender;
pub(crate) use channel::readable;
pub use receiver::Receiver;
pub use red::{RedBlocks, parse_red, write_red};
pub use sender::{Sender, TextPacket};

/// Stands where text was lost (ITU-T T.140 addendum 1, RFC 4103 section 5.4).
pub const MISSING_TEXT: char = '\u{fffd}';
/// Byte order mark: sent by some terminals at the start and to keep a path open; carries nothing.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, start};
    use std::time::Duration;

    /// Types `words` one per second and delivers the packets for which `deliver` says so.
    fn run(words: &[&str], mut deliver: impl FnMut(usize) -> bool) -> String {
        let mut now = start();
        let mut sender = Sender::new(now, Some(98));
        let mut receiver = Receiver::new(98);
        let (mut heard, mut sequence) = (String::new(), 0u64);
        for step in 0..(words.len() * 100 + 500) {
            if step % 100 == 0
                && let Some(word) = words.get(step / 100)
            {
                assert!(sender.push(word));
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
