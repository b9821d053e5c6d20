//! How many characters a second a reader takes (RFC 4103 section 6, `cps`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The mean is taken over this time.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts the characters of the last ten seconds.
#[derive(Debug)]
pub(crate) struct CharacterRate {
    cps: u16,
    /// When how many were sent; senders pause between two of them, which bounds their number.
    sent: VecDeque<(Instant, usize)>,
}

impl CharacterRate {
    pub(crate) fn new(cps: u16) -> Self {
        Self {
            cps,
            sent: VecDeque::new(),
        }
    }

    /// The reader takes so many from now on.
    pub(crate) fn set(&mut self, cps: u16) {
        self.cps = cps;
    }

    fn characters_max(&self) -> usize {
        usize::from(self.cps) * WINDOW.as_secs() as usize
    }

    /// How many characters may be sent now.
    pub(crate) fn room(&mut self, now: Instant) -> usize {
        while let Some((at, _)) = self.sent.front()
            && *at + WINDOW <= now
        {
            self.sent.pop_front();
        }
        let sent: usize = self.sent.iter().map(|(_, count)| count).sum();
        self.characters_max().saturating_sub(sent)
    }

    /// Notes that so many were sent.
    pub(crate) fn note(&mut self, now: Instant, count: usize) {
        if count > 0 {
            self.sent.push_back((now, count));
        }
    }

    /// When there is room again; `None`: there is some.
    pub(crate) fn free_at(&self) -> Option<Instant> {
        let sent: usize = self.sent.iter().map(|(_, count)| count).sum();
        let (oldest, _) = self.sent.front()?;
        (sent >= self.characters_max()).then(|| *oldest + WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn the_mean_over_ten_seconds_is_kept() {
        let begin = start();
        let mut rate = CharacterRate::new(30);
        assert_eq!((rate.room(begin), rate.free_at()), (300, None));
        rate.note(begin, 200);
        let later = begin + Duration::from_secs(4);
        assert_eq!((rate.room(later), rate.free_at()), (100, None));
        rate.note(later, 100);
        assert_eq!(rate.room(later), 0);
        assert_eq!(rate.free_at(), Some(begin + WINDOW));
        assert_eq!(rate.room(begin + WINDOW), 200);
    }
}
