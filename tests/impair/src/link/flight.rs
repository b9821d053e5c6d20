//! Datagrams that are on their way: delayed, kept in order or not, held back, landed.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Datagram;
use crate::profile::Hold;

/// Where too few datagrams follow one that is held back, it goes on after so long all the same.
pub const HELD_BACK_MAX: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Flight {
    /// By when they land; the second number keeps those of one instant in order.
    airborne: BTreeMap<(Instant, u64), Datagram>,
    /// Held back until others have overtaken them, by their numbers.
    aside: BTreeMap<u64, Aside>,
    /// Since when each has been there.
    landed: VecDeque<(Instant, Datagram)>,
    /// When the last one in order lands.
    last_lands_at: Option<Instant>,
    started: u64,
}

#[derive(Debug)]
struct Aside {
    datagram: Datagram,
    /// How many have still to overtake it.
    overtakers_left: u32,
    until: Instant,
}

impl Flight {
    /// A datagram starts at `at`.
    pub(super) fn start(&mut self, at: Instant, overtaking: bool, datagram: Datagram) {
        let mut lands_at = at + datagram.delay;
        if !overtaking {
            lands_at = self
                .last_lands_at
                .map_or(lands_at, |last| last.max(lands_at));
        }
        self.last_lands_at = self.last_lands_at.max(Some(lands_at));
        if let Some(Hold::Ms(ms)) = datagram.hold {
            lands_at += Duration::from_millis(u64::from(ms));
        }
        self.started += 1;
        self.airborne.insert((lands_at, self.started), datagram);
    }

    /// Lets everything land that is due by `now`, in the order of its time.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(due) = self.next_landing().filter(|due| *due <= now) {
            let overdue = self.aside.extract_if(.., |_, aside| aside.until <= due);
            let overdue: Vec<Datagram> = overdue.map(|(_, aside)| aside.datagram).collect();
            for datagram in overdue {
                self.land(due, datagram);
            }
            let next = self.airborne.first_entry();
            let Some(next) = next.filter(|entry| entry.key().0 <= due) else {
                continue;
            };
            let datagram = next.remove();
            match datagram.hold {
                Some(Hold::Packets(overtakers_left)) => {
                    let aside = Aside {
                        overtakers_left,
                        until: due + HELD_BACK_MAX,
                        datagram,
                    };
                    self.aside.insert(aside.datagram.number, aside);
                }
                Some(Hold::Ms(_)) | None => self.land(due, datagram),
            }
        }
    }

    /// Lands one, and then those that were waiting to be overtaken by it.
    fn land(&mut self, at: Instant, datagram: Datagram) {
        let mut landing = VecDeque::from([datagram]);
        while let Some(datagram) = landing.pop_front() {
            if !datagram.is_copy {
                let overtaken = self.aside.extract_if(..datagram.number, |_, aside| {
                    aside.overtakers_left = aside.overtakers_left.saturating_sub(1);
                    aside.overtakers_left == 0
                });
                landing.extend(overtaken.map(|(_, aside)| aside.datagram));
            }
            self.landed.push_back((at, datagram));
        }
    }

    /// The next one that has landed.
    pub(super) fn pop(&mut self) -> Option<Datagram> {
        self.landed.pop_front().map(|(_, datagram)| datagram)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let landed = self.landed.front().map(|(at, _)| *at);
        landed.or_else(|| self.next_landing())
    }

    fn next_landing(&self) -> Option<Instant> {
        let airborne = self.airborne.keys().next().map(|(lands_at, _)| *lands_at);
        let aside = self.aside.values().map(|aside| aside.until).min();
        airborne.into_iter().chain(aside).min()
    }
}
