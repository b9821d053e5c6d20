//! The interpreters of a session: four seats, each with one interpreter at most.
//!
//! What it is not: it chooses nobody; [`crate::queue`] does.

use vrs_domain::{CaId, CallCenter, Epoch, Leg, Seat};

use super::table::Why;

/// An interpreter as one asking of this session knows them: the CA id and that asking's epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The interpreter's public number.
    pub ca: CaId,
    /// The epoch of this invitation, and of the assignment it becomes.
    pub epoch: Epoch,
    /// Where they work, known once they have accepted (F38).
    pub center: Option<CallCenter>,
}

/// What has become of one seat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// Nobody is wanted.
    #[default]
    Empty,
    /// Somebody is wanted and nobody is being asked.
    Sought {
        /// Since when, on the session clock in milliseconds.
        since_ms: u64,
    },
    /// One interpreter is being asked.
    Asked {
        /// Who.
        asked: Interpreter,
        /// Since when somebody has been wanted.
        since_ms: u64,
    },
    /// An interpreter has it.
    Taken(Interpreter),
}

/// The four seats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crew {
    lead: Place,
    relief: Place,
    team: Place,
    supervisor: Place,
    /// Who had the lead before, while another one is sought: the record names them if nobody comes
    /// (F31, F38).
    pub former: Option<Interpreter>,
    /// The newest epoch seen; only a newer one may be invited.
    pub latest: Epoch,
    /// How many invitations were declined, timed out or lost so far.
    pub declines: u32,
}

impl Crew {
    /// A crew whose lead is wanted since `since_ms`.
    #[must_use]
    pub fn wanted(since_ms: u64) -> Self {
        Self {
            lead: Place::Sought { since_ms },
            ..Self::default()
        }
    }

    /// What has become of `seat`.
    #[must_use]
    pub const fn place(&self, seat: Seat) -> &Place {
        match seat {
            Seat::Lead => &self.lead,
            Seat::Relief => &self.relief,
            Seat::Team => &self.team,
            Seat::Supervisor => &self.supervisor,
        }
    }

    pub(super) const fn place_mut(&mut self, seat: Seat) -> &mut Place {
        match seat {
            Seat::Lead => &mut self.lead,
            Seat::Relief => &mut self.relief,
            Seat::Team => &mut self.team,
            Seat::Supervisor => &mut self.supervisor,
        }
    }

    /// Who has `seat`.
    #[must_use]
    pub const fn taken(&self, seat: Seat) -> Option<&Interpreter> {
        match self.place(seat) {
            Place::Taken(interpreter) => Some(interpreter),
            Place::Empty | Place::Sought { .. } | Place::Asked { .. } => None,
        }
    }

    /// Who is being asked for `seat`.
    #[must_use]
    pub const fn asked(&self, seat: Seat) -> Option<&Interpreter> {
        match self.place(seat) {
            Place::Asked { asked, .. } => Some(asked),
            Place::Empty | Place::Sought { .. } | Place::Taken(_) => None,
        }
    }

    /// Who interprets.
    #[must_use]
    pub const fn lead(&self) -> Option<&Interpreter> {
        self.taken(Seat::Lead)
    }

    /// Since when a lead has been wanted, on the session clock.
    #[must_use]
    pub const fn lead_sought_since(&self) -> Option<u64> {
        match self.lead {
            Place::Sought { since_ms } | Place::Asked { since_ms, .. } => Some(since_ms),
            Place::Empty | Place::Taken(_) => None,
        }
    }

    /// The legs of those who have a seat.
    pub(super) fn legs(&self) -> impl Iterator<Item = Leg> + '_ {
        let taken = |seat: &&Seat| self.taken(**seat).is_some();
        Seat::ALL.iter().filter(taken).map(|seat| seat.leg())
    }

    // ---- what the table asks ----

    /// Whether `epoch` may be asked for `seat` now.
    pub(super) fn may_invite(&self, seat: Seat, epoch: Epoch) -> Result<(), Why> {
        match self.place(seat) {
            Place::Taken(_) if epoch <= self.latest => Err(Why::StaleEpoch),
            Place::Taken(_) => Err(Why::AlreadyAssigned),
            Place::Asked { .. } => Err(Why::AlreadyInvited),
            Place::Empty => Err(Why::NotSought),
            Place::Sought { .. } if epoch <= self.latest => Err(Why::StaleEpoch),
            Place::Sought { .. } => Ok(()),
        }
    }

    /// Whether `ca` with `epoch` is the one being asked for `seat` (Q1, Q4).
    pub(super) fn is_asked(&self, seat: Seat, ca: &CaId, epoch: Epoch) -> Result<(), Why> {
        match self.place(seat) {
            Place::Asked { asked, .. } if asked.ca == *ca && asked.epoch == epoch => Ok(()),
            Place::Asked { asked, .. } if epoch < asked.epoch => Err(Why::StaleEpoch),
            Place::Taken(taken) if epoch < taken.epoch => Err(Why::StaleEpoch),
            Place::Taken(_) => Err(Why::AlreadyAssigned),
            Place::Empty | Place::Sought { .. } if epoch <= self.latest => Err(Why::StaleEpoch),
            Place::Empty | Place::Sought { .. } | Place::Asked { .. } => Err(Why::NotInvited),
        }
    }
}
