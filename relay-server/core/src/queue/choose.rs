//! The search: which seat is served next, and who is asked for it.
//!
//! What it is not: it changes nothing.

use vrs_domain::Urgency;

use super::class::{CaKey, Class, Pool, Want, pairs};
use super::declines::Declines;
use super::line::{Line, Order, Row};
use super::roster::Roster;

/// What the search looks at.
pub(super) struct Search<'a> {
    pub(super) line: &'a Line,
    pub(super) roster: &'a Roster,
    pub(super) declines: &'a Declines,
}

/// A seat, and who is asked for it.
type Found = (Order, CaKey);

impl Search<'_> {
    /// The earliest seat for which somebody free fits, over all languages and wishes.
    pub(super) fn choose(&self) -> Option<Found> {
        let mut best = None;
        for languages in pairs() {
            for pool in Pool::ALL {
                let plain = Want::plain(languages, pool);
                best = self.choose_plain(plain, best);
                best = self.choose_for_help(plain, best).or(best);
            }
        }
        best
    }

    /// An emergency for which nobody of its languages is free is better interpreted into another
    /// spoken language than not at all (F18).
    ///
    /// As in [`Self::first_fit`], each seat that is passed over has been declined by everybody free.
    fn choose_for_help(&self, plain: Want, best: Option<Found>) -> Option<Found> {
        let free = |want: Want| {
            let mut all = self
                .roster
                .ready(want.class())
                .chain(self.roster.reserve(want));
            all.next().is_some()
        };
        let [_, (_, row)] = self.line.rows(plain.class());
        if !plain.into_other_languages().any(free) {
            return None;
        }
        for &order in row {
            let for_help = order.urgency == Urgency::Emergency;
            if !for_help || best.is_some_and(|(sooner, _)| sooner < order) {
                return None;
            }
            let willing = |want: Want| self.willing(order, want, &[Some(want.class())], true);
            if willing(plain).is_some() {
                return None;
            }
            if let Some(ca) = plain.into_other_languages().find_map(willing) {
                return Some((order, ca));
            }
        }
        None
    }

    /// The better of `best` and what these languages and this pool have.
    fn choose_plain(&self, plain: Want, mut best: Option<Found>) -> Option<Found> {
        let ready = self.roster.ready(plain.class()).next();
        if ready.is_none() && self.roster.reserve(plain).next().is_none() {
            return best;
        }
        for want in plain.with_every_wish() {
            for (binding, row) in self.line.rows(want.class()) {
                let worth = |first: &Order| best.is_none_or(|(order, _)| *first < order);
                if row.first().is_some_and(worth) {
                    let levels = want.levels(binding, |class| self.roster.on_shift(class));
                    best = self.first_fit(row, plain, &levels, best).or(best);
                }
            }
        }
        best
    }

    /// The first seat of a row that somebody has not just declined, if it is sooner than `best`.
    ///
    /// Each seat that is passed over has been declined by everybody free, so by one and the same
    /// interpreter: there are at most `DECLINES_REMEMBERED_MAX` of these, and as many emergencies
    /// that the reserve has declined.
    fn first_fit(
        &self,
        row: &Row,
        plain: Want,
        levels: &[Option<Class>],
        best: Option<Found>,
    ) -> Option<Found> {
        let mut ready = levels.iter().flatten();
        let anybody = ready.any(|class| self.roster.ready(*class).next().is_some());
        for order in row {
            if best.is_some_and(|(sooner, _)| sooner < *order) {
                return None;
            }
            let reserve = match order.urgency {
                Urgency::Emergency => true,
                Urgency::Urgent | Urgency::Standard => false,
            };
            if !anybody && !reserve {
                return None;
            }
            if let Some(ca) = self.willing(*order, plain, levels, reserve) {
                return Some((*order, ca));
            }
        }
        None
    }

    /// The longest idle of the best level who has not just declined this session. Passes over
    /// remembered declines only: at most `DECLINES_REMEMBERED_MAX` of each level.
    fn willing(
        &self,
        order: Order,
        plain: Want,
        levels: &[Option<Class>],
        reserve: bool,
    ) -> Option<CaKey> {
        let declined = self.declines.of(order.session);
        let willing = |ca: &CaKey| declined.iter().all(|(who, _)| who != ca);
        let mut levels = levels.iter().flatten();
        let ready = levels.find_map(|class| self.roster.ready(*class).find(willing));
        ready.or_else(|| {
            let mut reserve = self.roster.reserve(plain).filter(|_| reserve);
            reserve.find(willing)
        })
    }
}
