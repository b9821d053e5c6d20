//! Pausing and resuming streams (RFC 7728 section 8), and the names of streams that may be paused
//! before they began (RFC 8852 section 4.1).

use crate::extension::StreamId;

/// What is said of a stream (section 8).
const PAUSE: u8 = 0;
const RESUME: u8 = 1;
const PAUSED: u8 = 2;
/// In SDES: which of several sizes a stream is.
const STREAM_ID: u8 = 12;
const END: u8 = 0;

/// An order to pause a stream, or to go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pausing {
    /// Which.
    pub(crate) ssrc: u32,
    /// Whether it is to stop.
    pub(crate) paused: bool,
    /// Of the last pause: an order with an older number is late.
    pub(crate) number: u16,
}

impl Pausing {
    /// The entry of a feedback packet.
    pub(super) fn entry(self) -> [u8; 8] {
        entry(
            self.ssrc,
            if self.paused { PAUSE } else { RESUME },
            0,
            self.number,
        )
    }
}

fn entry(ssrc: u32, what: u8, words: u8, number: u16) -> [u8; 8] {
    let mut entry = [0; 8];
    entry[..4].copy_from_slice(&ssrc.to_be_bytes());
    entry[4] = what << 4;
    entry[5] = words;
    entry[6..].copy_from_slice(&number.to_be_bytes());
    entry
}

/// The entry that says that a stream has paused after the packet with this number.
pub(super) fn paused(ssrc: u32, number: u16, last_sequence: u32) -> [u8; 12] {
    let mut whole = [0; 12];
    whole[..8].copy_from_slice(&entry(ssrc, PAUSED, 1, number));
    whole[8..].copy_from_slice(&last_sequence.to_be_bytes());
    whole
}

/// The orders among the entries of a feedback packet.
pub(super) fn read(mut entries: &[u8]) -> impl Iterator<Item = Pausing> {
    std::iter::from_fn(move || {
        loop {
            let (head, rest) = entries.split_first_chunk::<8>()?;
            let words = usize::from(head[5]);
            entries = rest.get(4 * words..)?;
            let what = head[4] >> 4;
            if what == PAUSE || what == RESUME {
                return Some(Pausing {
                    ssrc: u32::from_be_bytes([head[0], head[1], head[2], head[3]]),
                    paused: what == PAUSE,
                    number: u16::from_be_bytes([head[6], head[7]]),
                });
            }
        }
    })
}

/// A chunk of SDES with the name of one of several sizes.
pub(super) fn chunk(ssrc: u32, id: StreamId) -> Vec<u8> {
    let name = id.as_bytes();
    let mut chunk = ssrc.to_be_bytes().to_vec();
    chunk.extend([STREAM_ID, name.len() as u8]);
    chunk.extend_from_slice(name);
    // At least one zero ends the items, and fills up the word (RFC 3550 section 6.5).
    let bytes = (chunk.len() + 1).next_multiple_of(4);
    chunk.resize(bytes, END);
    chunk
}

/// The streams that an SDES of so many chunks names.
pub(super) fn named(chunks: u8, mut body: &[u8]) -> impl Iterator<Item = (u32, StreamId)> {
    let mut left = chunks;
    std::iter::from_fn(move || {
        while left > 0 {
            left -= 1;
            let (ssrc, items) = body.split_first_chunk::<4>()?;
            let (id, bytes) = stream_id(items)?;
            body = items.get(bytes..)?;
            if let Some(id) = id {
                return Some((u32::from_be_bytes(*ssrc), id));
            }
        }
        None
    })
}

/// The name among the items of a chunk, and how long they are with what ends them.
fn stream_id(items: &[u8]) -> Option<(Option<StreamId>, usize)> {
    let (mut at, mut found) = (0, None);
    loop {
        let kind = *items.get(at)?;
        if kind == END {
            // The SSRC before it was a whole word.
            return Some((found, (at + 1).next_multiple_of(4)));
        }
        let length = usize::from(*items.get(at + 1)?);
        let value = items.get(at + 2..at + 2 + length)?;
        if kind == STREAM_ID {
            found = StreamId::read(value);
        }
        at += 2 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written_among_others() {
        let pause = Pausing {
            ssrc: 0x0102_0304,
            paused: true,
            number: 7,
        };
        let resume = Pausing {
            paused: false,
            ..pause
        };
        let mut entries = paused(9, 7, 12).to_vec();
        entries.extend(pause.entry());
        entries.extend(entry(9, 3, 0, 7));
        entries.extend(resume.entry());
        assert_eq!(entries[12..20], [1, 2, 3, 4, 0, 0, 0, 7]);
        assert_eq!(read(&entries).collect::<Vec<_>>(), [pause, resume]);
        for length in 0..entries.len() {
            assert!(read(&entries[..length]).count() <= 1);
        }
        assert_eq!(
            read(&entry(1, PAUSE, 255, 0)).count(),
            0,
            "longer than it is"
        );
    }

    #[test]
    fn streams_are_named_in_descriptions() {
        let id = StreamId::new("low").unwrap();
        let cname = [0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0];
        let both = [&cname[..], &chunk(2, id), &chunk(3, id)].concat();
        assert_eq!(named(3, &both).collect::<Vec<_>>(), [(2, id), (3, id)]);
        assert_eq!(named(1, &both).count(), 0, "it has but one chunk");
        for length in 0..both.len() {
            assert!(named(31, &both[..length]).count() < 2);
        }
        assert!(both.len() % 4 == 0);
    }
}
