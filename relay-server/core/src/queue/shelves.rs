//! The indices over the interpreters: who is ready, who is in reserve, what changed.
//!
//! What it is not: the interpreters themselves; it is told how each stood and stands.

use std::collections::BTreeSet;
use std::time::Instant;

use vrs_domain::{Availability, LanguagePair};

use super::class::{CLASSES, CaKey, Class, PLAIN_CLASSES, Pool, Want};

/// Among whom an interpreter is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    /// Asked for nothing.
    None,
    /// Asked for everything.
    Ready,
    /// In wrap-up or resting: asked for emergencies.
    Reserve,
}

/// All that the indices know of an interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) shelf: Shelf,
    pub(super) idle_since: Instant,
    pub(super) availability: Availability,
    /// Signed in, and not away when free.
    pub(super) on_shift: bool,
    pub(super) wrap_until: Option<Instant>,
    pub(super) rest_until: Option<Instant>,
}

/// Interpreters in order of asking.
type Row = BTreeSet<(Instant, CaKey)>;

/// The indices. One row per class makes a look at a row the whole search.
#[derive(Debug)]
pub(super) struct Shelves {
    /// By [`Class`].
    ready: Vec<Row>,
    /// By [`Want::plain_number`]: emergencies have no wishes.
    reserve: Vec<Row>,
    /// By [`Class`].
    on_shift: Vec<usize>,
    /// Signed in, by [`Want::plain_number`].
    present: Vec<usize>,
    /// Everybody known, by availability; the offline are those still in a call.
    counts: [usize; Availability::ALL.len()],
    /// Ends of wrap-ups and rests.
    due: BTreeSet<(Instant, CaKey)>,
    changed: BTreeSet<CaKey>,
}

impl Shelves {
    pub(super) fn new() -> Self {
        Self {
            ready: vec![Row::new(); CLASSES],
            reserve: vec![Row::new(); PLAIN_CLASSES],
            on_shift: vec![0; CLASSES],
            present: vec![0; PLAIN_CLASSES],
            counts: [0; Availability::ALL.len()],
            due: BTreeSet::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Out of every index.
    pub(super) fn take(&mut self, ca: CaKey, classes: &[Class], stood: Standing) {
        let place = (stood.idle_since, ca);
        let present = usize::from(stood.availability != Availability::Offline);
        for &class in classes {
            if let Some(row) = self.row(stood.shelf, class) {
                row.remove(&place);
            }
            lessen(&mut self.on_shift[class.0], usize::from(stood.on_shift));
            if let Some(plain) = class.plain_number() {
                lessen(&mut self.present[plain], present);
            }
        }
        lessen(&mut self.counts[stood.availability as usize], 1);
        for until in [stood.wrap_until, stood.rest_until].into_iter().flatten() {
            self.due.remove(&(until, ca));
        }
    }

    /// Into every index.
    pub(super) fn put(&mut self, ca: CaKey, classes: &[Class], stands: Standing) {
        let place = (stands.idle_since, ca);
        let present = usize::from(stands.availability != Availability::Offline);
        for &class in classes {
            if let Some(row) = self.row(stands.shelf, class) {
                row.insert(place);
            }
            self.on_shift[class.0] += usize::from(stands.on_shift);
            if let Some(plain) = class.plain_number() {
                self.present[plain] += present;
            }
        }
        self.counts[stands.availability as usize] += 1;
        for until in [stands.wrap_until, stands.rest_until].into_iter().flatten() {
            self.due.insert((until, ca));
        }
    }

    fn row(&mut self, shelf: Shelf, class: Class) -> Option<&mut Row> {
        match shelf {
            Shelf::None => None,
            Shelf::Ready => Some(&mut self.ready[class.0]),
            Shelf::Reserve => Some(&mut self.reserve[class.plain_number()?]),
        }
    }

    /// Whether there is something to tell.
    pub(super) fn compare(&mut self, ca: CaKey, stood: Standing, stands: Standing) {
        if stood.availability != stands.availability {
            self.changed.insert(ca);
        }
    }

    pub(super) fn poll_change(&mut self) -> Option<CaKey> {
        self.changed.pop_first()
    }

    pub(super) fn changes_pending(&self) -> usize {
        self.changed.len()
    }

    /// Whose wrap-up or rest is over at `now`.
    pub(super) fn first_due(&self, now: Instant) -> Option<CaKey> {
        let (until, ca) = self.due.first()?;
        (*until <= now).then_some(*ca)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(until, _)| *until)
    }

    pub(super) fn ready(&self, class: Class) -> impl Iterator<Item = CaKey> {
        self.ready[class.0].iter().map(|(_, ca)| *ca)
    }

    pub(super) fn reserve(&self, plain: Want) -> impl Iterator<Item = CaKey> {
        self.reserve[plain.plain_number()].iter().map(|(_, ca)| *ca)
    }

    pub(super) fn on_shift(&self, class: Class) -> bool {
        self.on_shift[class.0] > 0
    }

    pub(super) fn has_any(&self, languages: LanguagePair) -> bool {
        self.present[Want::plain(languages, Pool::Everybody).plain_number()] > 0
    }

    pub(super) fn count(&self, availability: Availability) -> usize {
        self.counts[availability as usize]
    }
}

fn lessen(count: &mut usize, by: usize) {
    *count = count.saturating_sub(by);
}
