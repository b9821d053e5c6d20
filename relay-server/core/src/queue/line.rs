//! The seats that wait for an interpreter, in the order in which they are served.
//!
//! What it is not: the search; that is [`super::choose`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use vrs_domain::{Epoch, LanguagePair, Seat, SessionId};

use super::class::{CLASSES, CaKey, Class, Pool, Want};
use super::lane::Lane;
use vrs_domain::Urgency;

/// A seat as the queue knows it.
#[derive(Debug)]
pub(super) struct Chair {
    pub(super) want: Want,
    pub(super) order: Order,
    pub(super) entered: Instant,
    /// Until when wishes bind; none when they do not, or no longer.
    pub(super) wishes_until: Option<Instant>,
    /// The latest asking for this seat.
    pub(super) epoch: Epoch,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Invited { ca: CaKey, deadline: Instant },
    Assigned { ca: CaKey },
}

impl Phase {
    /// Who is asked or assigned.
    pub(super) const fn engaged(self) -> Option<CaKey> {
        match self {
            Self::Waiting => None,
            Self::Invited { ca, .. } | Self::Assigned { ca } => Some(ca),
        }
    }
}

/// Which seat comes first: no two arrivals are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    pub(super) urgency: Urgency,
    /// A decline does not change it.
    pub(super) arrival: u64,
    pub(super) session: SessionId,
    pub(super) seat: Seat,
}

/// Seats in the order in which they are served.
pub(super) type Row = BTreeSet<Order>;

/// Everything that waits.
#[derive(Debug)]
pub(super) struct Line {
    /// Seats whose wishes bind, by [`Class`].
    binding: Vec<Row>,
    /// Seats without wishes, or whose patience is over, by [`Class`].
    open: Vec<Row>,
    /// Until when wishes bind.
    patience: BTreeSet<(Instant, SessionId, Seat)>,
    /// Every seat without an interpreter, those being offered included, for positions.
    lanes: BTreeMap<(LanguagePair, Urgency), Lane>,
    without: usize,
    arrivals: u64,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            binding: vec![Row::new(); CLASSES],
            open: vec![Row::new(); CLASSES],
            patience: BTreeSet::new(),
            lanes: BTreeMap::new(),
            without: 0,
            arrivals: 0,
        }
    }

    /// How many seats are without an interpreter.
    pub(super) const fn len(&self) -> usize {
        self.without
    }

    /// The number of the next arrival.
    pub(super) const fn arrive(&mut self) -> u64 {
        let arrival = self.arrivals;
        self.arrivals = arrival.saturating_add(1);
        arrival
    }

    /// A newcomer; offered from here on.
    pub(super) fn join(&mut self, chair: &Chair) {
        if chair.want.pool == Pool::Everybody {
            let lane = (chair.want.languages, chair.order.urgency);
            let lane = self.lanes.entry(lane).or_default();
            lane.push(chair.order.arrival);
        }
        self.without += 1;
        self.offer(chair);
    }

    /// Taken or over; must not be offered any more.
    pub(super) fn depart(&mut self, chair: &Chair) {
        let lane = (chair.want.languages, chair.order.urgency);
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.remove(chair.order.arrival);
        }
        self.without = self.without.saturating_sub(1);
    }

    /// To be matched.
    pub(super) fn offer(&mut self, chair: &Chair) {
        let order = chair.order;
        let class = chair.want.class().0;
        if let Some(until) = chair.wishes_until {
            self.binding[class].insert(order);
            self.patience.insert((until, order.session, order.seat));
        } else {
            self.open[class].insert(order);
        }
    }

    /// Not to be matched.
    pub(super) fn withdraw(&mut self, chair: &Chair) {
        let order = chair.order;
        let class = chair.want.class().0;
        if let Some(until) = chair.wishes_until {
            self.binding[class].remove(&order);
            self.patience.remove(&(until, order.session, order.seat));
        } else {
            self.open[class].remove(&order);
        }
    }

    /// The next seat whose patience is over at `now`; it is taken out of the index.
    pub(super) fn pop_impatient(&mut self, now: Instant) -> Option<(SessionId, Seat)> {
        let (until, ..) = self.patience.first()?;
        if *until > now {
            return None;
        }
        let (_, session, seat) = self.patience.pop_first()?;
        Some((session, seat))
    }

    /// When the next patience is over.
    pub(super) fn next_impatient(&self) -> Option<Instant> {
        self.patience.first().map(|(until, ..)| *until)
    }

    /// The seats of a class, those whose wishes bind and the others.
    pub(super) fn rows(&self, class: Class) -> [(bool, &Row); 2] {
        [(true, &self.binding[class.0]), (false, &self.open[class.0])]
    }

    /// Where a seat stands among those of its languages; 1 is next.
    pub(super) fn position(&self, chair: &Chair) -> Option<u32> {
        let Order {
            urgency, arrival, ..
        } = chair.order;
        let languages = chair.want.languages;
        let sooner = |p: &&Urgency| **p < urgency;
        let ahead = Urgency::ALL.iter().filter(sooner).map(|p| {
            let lane = self.lanes.get(&(languages, *p));
            lane.map_or(0, Lane::len)
        });
        let lane = self.lanes.get(&(languages, urgency))?;
        Some(ahead.sum::<u32>().saturating_add(lane.rank(arrival)?))
    }
}
