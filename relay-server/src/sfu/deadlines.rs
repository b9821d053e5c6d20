//! When sessions want to be woken. A session keeps its own deadline beside itself, so that most
//! packets, which change nothing about it, cost no search.

use std::collections::BTreeSet;
use std::time::Instant;

use vrs_domain::SessionId;

/// Sessions by the time at which they want to be woken.
#[derive(Default)]
pub(super) struct Deadlines {
    order: BTreeSet<(Instant, SessionId)>,
}

impl Deadlines {
    /// The earliest.
    pub(super) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// A session wants to be woken then, or not at all; `kept` is where it keeps its deadline.
    pub(super) fn set(
        &mut self,
        session: SessionId,
        kept: &mut Option<Instant>,
        next: Option<Instant>,
    ) {
        if *kept == next {
            return;
        }
        if let Some(before) = *kept {
            self.order.remove(&(before, session));
        }
        if let Some(at) = next {
            self.order.insert((at, session));
        }
        *kept = next;
    }

    /// A session whose time has come. It has no deadline then, and has to note that.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<SessionId> {
        let due = self.first().is_some_and(|at| at <= now);
        due.then(|| self.order.pop_first())?
            .map(|(_, session)| session)
    }
}
