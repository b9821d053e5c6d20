//! The index of deadlines: whose is next, without looking at everybody.

use super::{CallHandle, RegistrationHandle};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Who wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Transaction(u64),
    Call(CallHandle),
    Registration(RegistrationHandle),
}

/// One deadline for each owner.
#[derive(Default)]
pub(super) struct Deadlines {
    order: BTreeSet<(Instant, Owner)>,
    at: BTreeMap<Owner, Instant>,
}

impl Deadlines {
    /// Sets, moves or (with `None`) removes an owner's deadline.
    pub(super) fn set(&mut self, owner: Owner, at: Option<Instant>) {
        if let Some(old) = self.at.remove(&owner) {
            self.order.remove(&(old, owner));
        }
        if let Some(at) = at {
            self.at.insert(owner, at);
            self.order.insert((at, owner));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes an owner that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Owner> {
        let (at, owner) = self.order.first().copied()?;
        if at > now {
            return None;
        }
        self.set(owner, None);
        Some(owner)
    }
}
