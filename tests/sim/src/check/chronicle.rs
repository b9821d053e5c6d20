//! What people were told, held to the journal: each word of it must have been there before.
//!
//! What it is not: the server's own machine, or a part of the audit; it only keeps what each
//! record says, and when it was made.

use std::collections::BTreeMap;

use relay_server::journal::{Kind, Record};

use super::witness::{Asking, Heard, Seen};
use super::{CLOCKS_APART_MS, Timeline};

/// When a record was made: how far into the run, and in which life of the server.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    now_ms: u64,
    life: u32,
}

impl Stamp {
    /// Whether somebody could have been told of it.
    const fn is_before(self, heard: Heard) -> bool {
        self.life <= heard.life && self.now_ms <= heard.at_ms + CLOCKS_APART_MS
    }
}

/// Session, seat, CA id and epoch.
type Seating = (String, String, String, u32);

fn seating(asking: &Asking) -> Seating {
    let Asking {
        session,
        seat,
        interpreter,
        epoch,
    } = asking;
    let seat = seat.word().to_owned();
    (session.clone(), seat, interpreter.clone(), *epoch)
}

/// What the journal knew, and since when.
#[derive(Debug)]
pub(super) struct Chronicle {
    timeline: Timeline,
    now_ms: u64,
    /// Who was asked.
    invited: BTreeMap<Seating, Stamp>,
    /// Who took it. A relief that has the lead took it as relief.
    assigned: BTreeMap<Seating, Stamp>,
}

impl Chronicle {
    pub(super) const fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            now_ms: 0,
            invited: BTreeMap::new(),
            assigned: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        let entry = &record.entry;
        let now_ms = self.timeline.elapsed(entry.at_ms, self.now_ms);
        self.now_ms = self.now_ms.max(now_ms);
        let life = self.timeline.life_of(record.sequence);
        let stamp = Stamp { now_ms, life };
        let id = &entry.session;
        match &entry.kind {
            Kind::InterpreterInvited {
                seat,
                interpreter,
                epoch,
            } => {
                let asked = (id.clone(), seat.clone(), interpreter.clone(), *epoch);
                self.invited.insert(asked, stamp);
            }
            Kind::InterpreterAssigned {
                seat,
                interpreter,
                epoch,
                ..
            } => {
                let taken = (id.clone(), seat.clone(), interpreter.clone(), *epoch);
                self.assigned.insert(taken, stamp);
            }
            _ => {}
        }
    }

    /// Nobody was asked, and nobody was told that they have a seat, before the journal knew (Q7).
    pub(super) fn knows_of_askings(&self, seen: &Seen, violations: &mut Vec<String>) {
        let lists = [
            (&seen.askings, &self.invited, "was asked for"),
            (&seen.seated, &self.assigned, "was told to have"),
        ];
        for (heard, known, what) in lists {
            let counts = heard.iter().filter(|(_, heard)| seen.counts(*heard));
            for (asking, heard) in counts {
                let stamp = known.get(&seating(asking));
                if !stamp.is_some_and(|stamp| stamp.is_before(*heard)) {
                    let Asking {
                        session,
                        seat,
                        interpreter,
                        epoch,
                    } = asking;
                    violations.push(format!(
                        "Q7: {interpreter} {what} the {seat} of {session} (epoch {epoch}), of which \
                         the journal knew nothing"
                    ));
                }
            }
        }
    }
}
