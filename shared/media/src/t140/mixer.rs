//! Everything that is written to one reader (RFC 9071): its own text by source where the reader
//! knows sources, else one stream with labels.

use std::time::Instant;

use vrs_domain::limit::TEXT_WRITERS_MAX;

use super::rate::CharacterRate;
use super::sender::{Redundancy, Rhythm, Sender, TextPacket};
use super::{BYTE_ORDER_MARK, Writer};

/// What the reader agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Blocks are repeated.
    pub redundancy: Option<Redundancy>,
    /// Characters a second that it takes, of all writers together.
    pub cps: u16,
    /// It tells writers apart by itself (`a=rtt-mixer`).
    pub multiparty: bool,
}

/// The text of one writer, `None`: of all, or ours.
struct Line {
    writer: Option<Writer>,
    /// They have left; what they wrote still goes out.
    gone: bool,
    sender: Sender,
}

/// The sending half of a text stream of one or more writers.
pub struct Mixer {
    began: Instant,
    terms: Terms,
    rate: CharacterRate,
    /// The first one is ours; for a reader that knows no sources it carries all.
    lines: Vec<Line>,
}

impl Mixer {
    /// Begins with a byte order mark of our own (RFC 9071 sections 3.2 and 4.2.4).
    #[must_use]
    pub fn new(now: Instant, terms: Terms) -> Self {
        let mut mixer = Self {
            began: now,
            terms,
            rate: CharacterRate::new(terms.cps),
            lines: Vec::new(),
        };
        mixer.begin(None);
        if let Some(ours) = mixer.lines.first_mut() {
            ours.sender.feed.first(BYTE_ORDER_MARK);
        }
        mixer
    }

    fn begin(&mut self, writer: Option<Writer>) {
        let rhythm = match writer {
            Some(_) => Rhythm::MIXED,
            None => Rhythm::TYPED,
        };
        let sender = Sender::new(self.began, self.terms.redundancy, rhythm);
        self.lines.push(Line {
            writer,
            gone: false,
            sender,
        });
    }

    /// Adds what `writer` typed (`None`: we ourselves). False if too much of theirs waits already,
    /// or too many people write; nothing was taken then, and the reader is told where something is
    /// missing.
    pub fn push(&mut self, now: Instant, writer: Option<&Writer>, text: &str) -> bool {
        let Some(line) = self.line_of(writer) else {
            return false;
        };
        let taken = line.sender.push(now, writer, text);
        if !taken {
            line.sender.feed.overflow(now, writer);
        }
        taken
    }

    fn line_of(&mut self, writer: Option<&Writer>) -> Option<&mut Line> {
        let Some(writer) = writer.filter(|_| self.terms.multiparty) else {
            return self.lines.first_mut();
        };
        let source = Some(writer.source);
        let is_theirs = |line: &Line| line.writer.as_ref().map(|known| known.source) == source;
        if let Some(known) = self.lines.iter().position(is_theirs) {
            self.lines[known].writer = Some(writer.clone());
            return self.lines.get_mut(known);
        }
        let rate = &self.rate;
        self.lines
            .retain(|line| !line.gone || line.sender.poll_timeout(rate).is_some());
        if self.lines.len() > TEXT_WRITERS_MAX {
            let others = self.lines.iter().enumerate().skip(1);
            let idle = others.filter(|(_, line)| line.sender.poll_timeout(&self.rate).is_none());
            let (oldest, _) = idle.min_by_key(|(_, line)| line.sender.last_sent)?;
            self.lines.remove(oldest);
        }
        self.begin(Some(writer.clone()));
        self.lines.last_mut()
    }

    /// A writer has left: nobody waits for them.
    pub fn gone(&mut self, source: u32) {
        for line in &mut self.lines {
            line.gone |= line.writer.as_ref().map(|writer| writer.source) == Some(source);
            line.sender.feed.gone(source);
        }
    }

    /// The writers who are there and whose text goes out under their own source.
    pub fn writers(&self) -> impl Iterator<Item = &Writer> {
        let there = self.lines.iter().filter(|line| !line.gone);
        there.filter_map(|line| line.writer.as_ref())
    }

    /// Whether the reader tells writers apart and has not been told of this one.
    #[must_use]
    pub fn is_new(&self, writer: &Writer) -> bool {
        self.terms.multiparty && self.writers().all(|known| known != writer)
    }

    /// The reader takes other terms from now on: what waits goes out by them.
    pub fn renew(&mut self, now: Instant, terms: Terms) {
        if terms == self.terms {
            return;
        }
        let separate = self.terms.multiparty && !terms.multiparty;
        if terms.cps != self.terms.cps {
            self.rate.set(terms.cps);
        }
        self.terms = terms;
        if !separate {
            return;
        }
        let mut waiting = Vec::new();
        for line in self.lines.drain(1..) {
            waiting.extend(line.sender.feed.into_waiting());
        }
        for (writer, text) in waiting {
            // Each had its own room before: what does not fit now is marked.
            self.push(now, writer.as_ref(), &text);
        }
    }

    /// When [`Self::poll`] has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let lines = self.lines.iter();
        lines
            .filter_map(|line| line.sender.poll_timeout(&self.rate))
            .min()
    }

    /// A packet that is due now, if any; ask until `None`. Whoever waits longest is first.
    pub fn poll(&mut self, now: Instant) -> Option<TextPacket> {
        let due = |line: &Line| line.sender.poll_timeout(&self.rate);
        let lines = self.lines.iter().enumerate();
        let (first, _) = lines
            .filter_map(|(at, line)| Some((at, due(line)?)))
            .min_by_key(|(at, due)| (*due, self.lines[*at].sender.last_sent))?;
        let line = &mut self.lines[first];
        let packet = line.sender.poll(now, &mut self.rate)?;
        Some(TextPacket {
            source: line.writer.as_ref().map(|writer| writer.source),
            ..packet
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::t140::parse_red;
    use crate::testing::start;
    use std::time::Duration;

    const AWARE: Terms = Terms {
        redundancy: Some(Redundancy {
            payload_type: 98,
            generations: 2,
        }),
        cps: 90,
        multiparty: true,
    };
    const UNAWARE: Terms = Terms {
        multiparty: false,
        ..AWARE
    };

    fn writers() -> [Writer; 2] {
        [
            Writer::new(1, "Interpreter"),
            Writer::new(2, "Interpreter 2"),
        ]
    }

    /// New text by source, for so many seconds.
    fn sent(mixer: &mut Mixer, begin: Instant, seconds: u64) -> Vec<(Option<u32>, String)> {
        let mut sent = Vec::new();
        for step in 0..seconds * 100 {
            let now = begin + Duration::from_millis(step * 10);
            while let Some(packet) = mixer.poll(now) {
                let red = parse_red(&packet.payload).unwrap();
                let text = std::str::from_utf8(red.primary.1).unwrap().to_owned();
                if !text.is_empty() {
                    sent.push((packet.source, text));
                }
            }
        }
        sent
    }

    #[test]
    fn r39_a_reader_that_knows_sources_gets_each_in_packets_of_its_own() {
        let begin = start();
        let mut mixer = Mixer::new(begin, AWARE);
        let [one, two] = writers();
        assert!(mixer.push(begin, Some(&one), "a"));
        assert!(mixer.push(begin, Some(&two), "b"));
        assert!(mixer.push(begin, Some(&one), "c"));
        let expected = [(None, "\u{feff}"), (Some(1), "ac"), (Some(2), "b")];
        let expected = expected.map(|(who, text)| (who, text.to_owned()));
        assert_eq!(sent(&mut mixer, begin, 2), expected);
        let names: Vec<&str> = mixer.writers().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Interpreter", "Interpreter 2"]);
        assert_eq!(mixer.poll_timeout(), None);
        let third = Writer::new(3, "Interpreter 3");
        assert!(mixer.is_new(&third) && !mixer.is_new(&two));
        mixer.gone(1);
        assert!(mixer.push(begin, Some(&third), ""));
        let sources: Vec<u32> = mixer.writers().map(|one| one.source).collect();
        assert_eq!(sources, [2, 3]);
    }

    #[test]
    fn r39_a_reader_that_knows_none_gets_labels() {
        let begin = start();
        let mut mixer = Mixer::new(begin, UNAWARE);
        let [one, two] = writers();
        assert!(mixer.push(begin, Some(&one), "one moment."));
        assert!(mixer.push(begin, Some(&two), "hello"));
        let sent = sent(&mut mixer, begin, 2);
        assert!(sent.iter().all(|(source, _)| source.is_none()));
        let read: String = sent.into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            read,
            "\u{feff}[Interpreter] one moment.\u{2028}[Interpreter 2] hello"
        );
        assert_eq!(mixer.writers().count(), 0);
        assert!(!mixer.is_new(&one), "it is told of nobody");
    }

    #[test]
    fn r39_all_writers_share_the_rate_that_the_reader_takes() {
        let begin = start();
        let mut mixer = Mixer::new(begin, Terms { cps: 30, ..AWARE });
        for writer in writers() {
            assert!(mixer.push(begin, Some(&writer), &"x".repeat(400)));
        }
        let count = |sent: Vec<(Option<u32>, String)>| {
            let chars = sent.iter().map(|(_, text)| text.chars().count());
            chars.sum::<usize>()
        };
        assert_eq!(count(sent(&mut mixer, begin, 9)), 300);
        let later = begin + Duration::from_secs(9);
        assert_eq!(count(sent(&mut mixer, later, 40)), 501);
    }

    #[test]
    fn r39_who_stops_knowing_sources_gets_what_waits_with_labels() {
        let begin = start();
        let mut mixer = Mixer::new(begin, AWARE);
        let [one, two] = writers();
        assert!(mixer.push(begin, Some(&one), "one."));
        assert!(mixer.push(begin, Some(&two), "two"));
        mixer.renew(begin, UNAWARE);
        let sent = sent(&mut mixer, begin, 2);
        assert!(sent.iter().all(|(source, _)| source.is_none()));
        let read: String = sent.into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            read,
            "\u{feff}[Interpreter] one.\u{2028}[Interpreter 2] two"
        );
    }

    #[test]
    fn the_one_who_was_silent_longest_makes_room_for_another() {
        let begin = start();
        let mut mixer = Mixer::new(begin, AWARE);
        let mut now = begin;
        for source in 0..3 * TEXT_WRITERS_MAX as u32 {
            assert!(mixer.push(now, Some(&Writer::new(source, "")), "x"));
            for _ in 0..200 {
                now += Duration::from_millis(10);
                while mixer.poll(now).is_some() {}
            }
            assert!(mixer.writers().count() <= TEXT_WRITERS_MAX);
        }
        let busy = 0..TEXT_WRITERS_MAX as u32;
        assert!(
            busy.clone()
                .all(|n| mixer.push(now, Some(&Writer::new(n, "")), "x"))
        );
        assert!(!mixer.push(now, Some(&Writer::new(99, "")), "x"));
    }
}
