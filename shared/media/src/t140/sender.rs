//! Gathers characters and says what to send when (RFC 4103 section 5, RFC 9071 section 3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vrs_domain::limit::TEXT_INTERVAL;

use super::Writer;
use super::interleave::Interleaver;
use super::rate::CharacterRate;
use super::red::write_red;

/// Most bytes of new text in one packet: three generations fit one datagram.
const PRIMARY_BYTES_MAX: usize = 300;

/// What to put into the next RTP packet of the text stream.
#[derive(Clone, PartialEq, Eq)]
pub struct TextPacket {
    /// First packet after idle (RFC 4103 section 5.1).
    pub marker: bool,
    /// Milliseconds since the sender began: the RTP clock runs at 1 kHz.
    pub timestamp: u32,
    /// Payload is RED (send with its payload type), else plain T.140.
    pub red: bool,
    /// Whose text it is, where the reader wants to know; `None`: ours.
    pub source: Option<u32>,
    /// The payload itself.
    pub payload: Vec<u8>,
}

/// Blocks that are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundancy {
    /// That of T.140, inside RED.
    pub payload_type: u8,
    /// How often each block is repeated.
    pub generations: usize,
}

/// How long after a packet the next one may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// With new text.
    new: Duration,
    /// With nothing but repeated text.
    repeat: Duration,
}

impl Rhythm {
    /// What one person types (RFC 4103 section 5.1).
    pub(super) const TYPED: Self = Self {
        new: TEXT_INTERVAL,
        repeat: TEXT_INTERVAL,
    };
    /// What others typed, and came in their rhythm: it goes on when it comes (RFC 9071 section
    /// 3.4). The pause is a bound for who has no rhythm, and spreads the copies.
    pub(super) const MIXED: Self = Self {
        new: Duration::from_millis(100),
        repeat: Duration::from_millis(330),
    };
}

/// The sending half of a text stream, or of one writer's part of it.
pub(crate) struct Sender {
    began: Instant,
    redundancy: Option<Redundancy>,
    rhythm: Rhythm,
    pub(super) feed: Interleaver,
    /// Blocks of the last packets, newest last, each with its timestamp.
    sent: VecDeque<(u32, Vec<u8>)>,
    /// Packets still owed so that the last text is repeated often enough.
    repeats_left: usize,
    pub(super) last_sent: Option<Instant>,
    idle: bool,
}

impl Sender {
    /// `began`: the same for all writers of a stream, whose timestamps count from it.
    pub(super) fn new(began: Instant, redundancy: Option<Redundancy>, rhythm: Rhythm) -> Self {
        Self {
            began,
            redundancy,
            rhythm,
            feed: Interleaver::new(began),
            sent: VecDeque::new(),
            repeats_left: 0,
            last_sent: None,
            idle: true,
        }
    }

    /// Adds typed characters. False if too much is waiting already; nothing was taken then.
    pub(super) fn push(&mut self, now: Instant, writer: Option<&Writer>, text: &str) -> bool {
        self.feed.push(now, writer, text)
    }

    /// When [`Self::poll`] has something next; `rate` is that of the reader.
    pub(super) fn poll_timeout(&self, rate: &CharacterRate) -> Option<Instant> {
        let after = |pause: Duration| self.last_sent.map_or(self.began, |last| last + pause);
        let new = self.feed.due().map(|due| {
            let due = due.max(after(self.rhythm.new));
            rate.free_at().map_or(due, |free| due.max(free))
        });
        let repeat = (self.repeats_left > 0).then(|| after(self.rhythm.repeat));
        [new, repeat].into_iter().flatten().min()
    }

    /// The packet due now, if any.
    pub(super) fn poll(&mut self, now: Instant, rate: &mut CharacterRate) -> Option<TextPacket> {
        if self.poll_timeout(rate).is_none_or(|due| due > now) {
            return None;
        }
        let primary = self.feed.take(now, rate.room(now), PRIMARY_BYTES_MAX);
        rate.note(now, primary.chars().count());
        let primary = primary.into_bytes();
        let timestamp = millis(now.saturating_duration_since(self.began));
        let has_text = !primary.is_empty();
        let generations = self.redundancy.map_or(0, |red| red.generations);
        let payload = match self.redundancy {
            Some(redundancy) => {
                write_red(redundancy.payload_type, &self.repeated(timestamp), &primary)
            }
            None => primary.clone(),
        };
        let packet = TextPacket {
            marker: self.idle,
            timestamp,
            red: self.redundancy.is_some(),
            source: None,
            payload,
        };
        self.sent.push_back((timestamp, primary));
        while self.sent.len() > generations {
            self.sent.pop_front();
        }
        self.repeats_left = match has_text {
            true => generations,
            false => self.repeats_left.saturating_sub(1),
        };
        self.last_sent = Some(now);
        self.idle = self.repeats_left == 0 && self.feed.due().is_none_or(|due| due > now);
        Some(packet)
    }

    /// The blocks to send again, oldest first, with their age. Where there were none yet they are
    /// empty, with an age that they could have (RFC 9071 sections 3.10 and 3.12).
    fn repeated(&self, timestamp: u32) -> Vec<(u32, &[u8])> {
        let sent = self.sent.iter();
        let sent = sent.map(|(at, block)| (timestamp.wrapping_sub(*at), block.as_slice()));
        let sent: Vec<(u32, &[u8])> = sent.collect();
        let oldest = sent.first().map_or(0, |(age, _)| *age);
        let generations = self.redundancy.map_or(0, |red| red.generations);
        let missing = 1..=generations.saturating_sub(sent.len());
        let step = millis(self.rhythm.repeat);
        let empty = missing
            .rev()
            .map(|n| (oldest.saturating_add(n as u32 * step), [].as_slice()));
        empty.chain(sent).collect()
    }
}

fn millis(passed: Duration) -> u32 {
    passed.as_millis() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::t140::parse_red;
    use crate::testing::start;
    use vrs_domain::limit::TEXT_PENDING_BYTES_MAX;

    const TWICE: Option<Redundancy> = Some(Redundancy {
        payload_type: 98,
        generations: 2,
    });

    fn sent(sender: &mut Sender, begin: Instant, cps: u16) -> Vec<(u64, TextPacket)> {
        let mut rate = CharacterRate::new(cps);
        let mut sent = Vec::new();
        for step in 0..4_000u64 {
            let packet = sender.poll(begin + Duration::from_millis(step * 10), &mut rate);
            sent.extend(packet.map(|packet| (step * 10, packet)));
        }
        sent
    }

    #[test]
    fn r38_one_original_and_two_repeats_every_300_ms() {
        let begin = start();
        let mut sender = Sender::new(begin, TWICE, Rhythm::TYPED);
        assert!(sender.push(begin, None, "hi"));
        let sent = sent(&mut sender, begin, 30);
        let times: Vec<u64> = sent.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 300, 600]);
        let markers: Vec<bool> = sent.iter().map(|(_, packet)| packet.marker).collect();
        assert_eq!(markers, [true, false, false]);
        let first = parse_red(&sent[0].1.payload).unwrap();
        assert!(first.redundant.iter().all(|block| block.bytes.is_empty()));
        assert_eq!(first.redundant.len(), 2);
        let last = parse_red(&sent[2].1.payload).unwrap();
        assert_eq!(last.redundant[0].bytes, b"hi");
        assert_eq!(last.redundant[0].offset, 600);
        assert_eq!(last.primary.1, b"");
        let silent = sender.poll_timeout(&CharacterRate::new(30));
        assert_eq!(silent, None, "silent when idle");
    }

    #[test]
    fn r39_what_others_typed_goes_on_when_it_comes_and_is_repeated_after_330_ms() {
        let begin = start();
        let mut sender = Sender::new(begin, TWICE, Rhythm::MIXED);
        let mut rate = CharacterRate::new(30);
        assert!(sender.push(begin, None, "a"));
        assert!(sender.poll(begin, &mut rate).is_some());
        let soon = begin + Duration::from_millis(110);
        assert!(sender.push(soon, None, "b"));
        assert_eq!(sender.poll_timeout(&rate), Some(soon));
        assert!(sender.poll(soon, &mut rate).is_some());
        let repeated = soon + Duration::from_millis(330);
        assert_eq!(sender.poll_timeout(&rate), Some(repeated));
    }

    #[test]
    fn too_much_text_is_refused_and_long_text_is_cut_between_characters() {
        let begin = start();
        let mut rate = CharacterRate::new(1_000);
        let mut sender = Sender::new(begin, None, Rhythm::TYPED);
        assert!(!sender.push(begin, None, &"x".repeat(TEXT_PENDING_BYTES_MAX + 1)));
        assert!(sender.push(begin, None, &"ü".repeat(200)));
        let first = sender.poll(begin, &mut rate).unwrap();
        assert_eq!(
            std::str::from_utf8(&first.payload).unwrap().chars().count(),
            150
        );
        assert_eq!(sender.poll(begin, &mut rate), None);
        assert!(sender.poll(begin + TEXT_INTERVAL, &mut rate).is_some());
    }

    #[test]
    fn what_is_more_than_the_reader_takes_waits_and_all_of_it_comes() {
        for cps in [5, 30, 90] {
            let begin = start();
            let mut sender = Sender::new(begin, TWICE, Rhythm::TYPED);
            let typed: String = (0..120).map(|n| format!("{n:03} 👋")).collect();
            assert!(sender.push(begin, None, &typed));
            let sent = sent(&mut sender, begin, cps);
            let new = |packet: &TextPacket| {
                let red = parse_red(&packet.payload).unwrap();
                std::str::from_utf8(red.primary.1).unwrap().to_owned()
            };
            for (at, _) in &sent {
                let window = sent.iter().filter(|(t, _)| (*at..at + 10_000).contains(t));
                let count: usize = window.map(|(_, packet)| new(packet).chars().count()).sum();
                assert!(count <= usize::from(cps) * 10, "{count} from {at} ms on");
            }
            let all: String = sent.iter().map(|(_, packet)| new(packet)).collect();
            assert!(typed.starts_with(&all));
            let expected = typed.chars().count().min(usize::from(cps) * 40);
            assert_eq!(all.chars().count(), expected, "{cps}");
        }
    }

    impl std::fmt::Debug for TextPacket {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "TextPacket({} bytes)", self.payload.len())
        }
    }
}
