//! One direction of a bad network: a pure machine that takes datagrams and gives some of them back.
//!
//! What it is: [`Link`] draws each datagram's [`fate`], sends what is left through the
//! [`bottleneck`] and lets it [fly](flight).
//! What it is not: it has no socket, no clock and no entropy of its own.
//! Start reading at [`Link::handle_datagram`].

mod bottleneck;
mod fate;
mod flight;

use std::time::{Duration, Instant};

use bottleneck::Bottleneck;
pub use bottleneck::HEADER_BYTES;
use fate::{Dice, Fate};
use flight::Flight;
pub use flight::HELD_BACK_MAX;

use crate::counters::Counters;
use crate::profile::{Hold, Profile, ProfileError};

/// Bytes that wait in one link, whatever rate and delay would need; more are dropped and counted.
pub const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Datagrams that wait in one link; more are dropped and counted.
pub const WAITING_DATAGRAMS_MAX: usize = 16_384;

/// A datagram inside.
#[derive(Debug)]
struct Datagram {
    /// Counts what was taken; a copy has the number of its original.
    number: u64,
    is_copy: bool,
    delay: Duration,
    hold: Option<Hold>,
    bytes: Vec<u8>,
}

impl Datagram {
    /// Its size on the wire.
    fn bits(&self) -> u64 {
        u64::try_from(self.bytes.len() + HEADER_BYTES).map_or(u64::MAX, |bytes| bytes * 8)
    }
}

/// One direction of a bad network.
///
/// A datagram meets, in this order: an outage, the Gilbert-Elliott model, random loss, duplication,
/// the queue and the rate, delay and jitter, and being held back.
/// With the same seed, profile, datagrams and times it does the same again.
#[derive(Debug)]
pub struct Link {
    profile: Profile,
    dice: Dice,
    is_cut: bool,
    bottleneck: Bottleneck,
    flight: Flight,
    waiting: usize,
    waiting_bytes: usize,
    counters: Counters,
    /// The number after the highest that was delivered ("NextExp" of RFC 4737 section 3.3).
    next_expected: u64,
}

impl Link {
    /// A link with chances drawn from `seed`.
    ///
    /// # Errors
    /// When a value of `profile` is out of its range.
    pub fn new(profile: Profile, seed: u64) -> Result<Self, ProfileError> {
        profile.validate()?;
        Ok(Self::checked(profile, seed))
    }

    /// The same for a profile that is known to be valid.
    pub(crate) fn checked(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            dice: Dice::new(seed),
            is_cut: false,
            bottleneck: Bottleneck::default(),
            flight: Flight::default(),
            waiting: 0,
            waiting_bytes: 0,
            counters: Counters::default(),
            next_expected: 0,
        }
    }

    /// Takes a datagram; [`Link::poll`] gives it back when its time has come, if it does.
    pub fn handle_datagram(&mut self, now: Instant, bytes: Vec<u8>) {
        self.advance(now);
        let number = self.counters.taken;
        self.counters.taken += 1;
        let fate = self.dice.throw(&self.profile);
        if self.is_cut {
            self.counters.dropped_outage += 1;
            return;
        }
        let journey = match fate {
            Fate::LostInBurst => {
                self.counters.dropped_burst += 1;
                return;
            }
            Fate::Lost => {
                self.counters.dropped_loss += 1;
                return;
            }
            Fate::Carried(journey) => journey,
        };
        let copy = journey.copy_delay.map(|delay| Datagram {
            number,
            is_copy: true,
            delay,
            hold: None,
            bytes: bytes.clone(),
        });
        let original = Datagram {
            number,
            is_copy: false,
            delay: journey.delay,
            hold: journey.hold,
            bytes,
        };
        self.enter(now, original);
        if let Some(copy) = copy {
            self.counters.duplicated += 1;
            self.enter(now, copy);
        }
    }

    fn enter(&mut self, now: Instant, datagram: Datagram) {
        let bytes = datagram.bytes.len();
        if self.waiting >= WAITING_DATAGRAMS_MAX || self.waiting_bytes + bytes > WAITING_BYTES_MAX {
            self.counters.dropped_limit += 1;
        } else if self.bottleneck.push(now, self.profile.rate, datagram) {
            self.waiting += 1;
            self.waiting_bytes += bytes;
        } else {
            self.counters.dropped_queue += 1;
        }
    }

    /// The next datagram that has arrived at the other end by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.advance(now);
        let datagram = self.flight.pop()?;
        self.waiting -= 1;
        self.waiting_bytes -= datagram.bytes.len();
        self.counters.delivered += 1;
        // A copy says nothing about order: its original may still come in its place.
        if !datagram.is_copy {
            self.counters.reordered += u64::from(datagram.number < self.next_expected);
            self.next_expected = self.next_expected.max(datagram.number + 1);
        }
        Some(datagram.bytes)
    }

    /// When [`Link::poll`] wants to be called; it may then still give nothing and name a later
    /// time. `None` while nothing is on its way.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let times = [self.bottleneck.poll_timeout(), self.flight.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// From now on the link is as `profile` says, and chance goes on where it was.
    ///
    /// What waits for the rate goes on at the new one, with the delay that was drawn for it when it
    /// was taken.
    ///
    /// # Errors
    /// When a value of `profile` is out of its range; nothing is changed then.
    pub fn set_profile(&mut self, now: Instant, profile: Profile) -> Result<(), ProfileError> {
        profile.validate()?;
        self.advance(now);
        self.profile = profile;
        Ok(())
    }

    /// Begins an outage: what is on its way is dropped, and so is everything until
    /// [`Link::restore`].
    pub fn cut(&mut self) {
        self.is_cut = true;
        self.counters.dropped_outage += self.waiting as u64;
        (self.waiting, self.waiting_bytes) = (0, 0);
        self.bottleneck = Bottleneck::default();
        self.flight = Flight::default();
    }

    /// Ends an outage.
    pub const fn restore(&mut self) {
        self.is_cut = false;
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// How many datagrams are on their way.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Does what is due by `now`.
    fn advance(&mut self, now: Instant) {
        while let Some((through_at, datagram)) = self.bottleneck.pop(now, self.profile.rate) {
            self.flight
                .start(through_at, self.profile.overtaking, datagram);
        }
        self.flight.advance(now);
    }
}

#[cfg(test)]
mod tests;
