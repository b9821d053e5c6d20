//! Datagrams that go out together, in buffers that are used again and again.

use std::net::SocketAddr;
use std::ops::Range;

/// One datagram of a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// From which of our addresses.
    pub source: SocketAddr,
    /// To which address of the peer.
    pub destination: SocketAddr,
    /// What.
    pub bytes: &'a [u8],
}

/// Neighbours of a [`Batch`] that a kernel can take at once (UDP generic segmentation offload):
/// all go the same way and all but the last have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    /// To which address of the peer.
    pub destination: SocketAddr,
    /// All of them, one after the other.
    pub bytes: &'a [u8],
    /// How long each is, but perhaps the last.
    pub segment: usize,
}

/// Datagrams in the order in which they were made. Emptied and filled again it allocates nothing.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, SocketAddr, Range<usize>)>,
}

impl Batch {
    /// Appends what `write` appends to the buffer; nothing, if it says false.
    pub fn push(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Option<&[u8]> {
        let start = self.bytes.len();
        if !write(&mut self.bytes) {
            self.bytes.truncate(start);
            return None;
        }
        let place = start..self.bytes.len();
        self.datagrams.push((source, destination, place.clone()));
        self.bytes.get(place)
    }

    /// The datagrams, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Datagram<'_>> {
        self.datagrams
            .iter()
            .map(|(source, destination, place)| Datagram {
                source: *source,
                destination: *destination,
                bytes: &self.bytes[place.clone()],
            })
    }

    /// The same datagrams as runs of at most so many, each of at most `bytes_max` bytes.
    pub fn runs(&self, segments_max: usize, bytes_max: usize) -> impl Iterator<Item = Run<'_>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let (source, destination, first) = self.datagrams.get(next)?;
            let (mut end, segment, mut count) = (first.end, first.len(), 1);
            for (also, to, place) in &self.datagrams[next + 1..] {
                let whole = (end - first.start) == count * segment;
                let fits = count < segments_max && place.end - first.start <= bytes_max;
                let same = also == source && to == destination && place.len() <= segment;
                if !(whole && fits && same) {
                    break;
                }
                end = place.end;
                count += 1;
            }
            next += count;
            Some(Run {
                destination: *destination,
                bytes: &self.bytes[first.start..end],
                segment,
            })
        })
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many bytes there are to send.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all datagrams, and keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn neighbours_of_one_length_on_one_way_make_a_run_and_nothing_is_lost() {
        let mut batch = Batch::default();
        let lengths = [
            (1, 100),
            (1, 100),
            (1, 40),
            (1, 100),
            (2, 100),
            (2, 100),
            (2, 100),
            (1, 7),
        ];
        for round in 0..2 {
            for (n, (port, length)) in (0_u8..).zip(lengths) {
                let pushed = batch.push(to(9), to(port), |buffer| {
                    buffer.extend(vec![n; length]);
                    true
                });
                assert_eq!(pushed.map(<[u8]>::len), Some(length), "round {round}");
                let refused = batch.push(to(9), to(port), |buffer| {
                    buffer.push(0xff);
                    false
                });
                assert_eq!(refused, None);
            }
            let runs: Vec<_> = batch
                .runs(2, 1_000)
                .map(|run| (run.destination.port(), run.segment, run.bytes.len()))
                .collect();
            let expected = [
                (1, 100, 200),
                (1, 40, 40),
                (1, 100, 100),
                (2, 100, 200),
                (2, 100, 100),
                (1, 7, 7),
            ];
            assert_eq!(runs, expected);
            let all: Vec<_> = batch.runs(64, 240).map(|run| run.bytes.len()).collect();
            assert_eq!(all, [240, 100, 200, 100, 7]);
            let whole: usize = batch.iter().map(|datagram| datagram.bytes.len()).sum();
            assert_eq!(whole, batch.bytes());
            batch.clear();
            assert!(batch.is_empty());
        }
    }
}
