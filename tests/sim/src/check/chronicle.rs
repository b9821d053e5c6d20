//! What people were told, held to the journal: each word of it must have been there before.
//!
//! What it is not: the server's own machine. What each record means for those who are told is
//! written anew, so that both must agree.

use std::collections::{BTreeMap, BTreeSet};

use relay_server::journal::{Kind, Placed, Record};
use vrs_domain::{Leg, Seat};

use super::session::Talk;
use super::witness::{Asking, Heard, Seen, Status};
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

/// What a session was from one record to the next.
#[derive(Debug, Clone)]
struct Moment {
    stamp: Stamp,
    session_ms: u64,
    state: &'static str,
    telephone: &'static str,
    /// By the words of the seats.
    crew: BTreeMap<String, String>,
    missing: BTreeSet<String>,
    held: BTreeSet<String>,
    talk: Talk,
}

impl Moment {
    fn placed(stamp: Stamp) -> Self {
        Self {
            stamp,
            session_ms: 0,
            state: "request_received",
            telephone: "idle",
            crew: BTreeMap::new(),
            missing: BTreeSet::new(),
            held: BTreeSet::new(),
            talk: Talk::default(),
        }
    }

    fn dials(&mut self) {
        self.state = "hearing_party_dialing";
        self.telephone = "dialing";
    }

    /// Nobody has a seat any more.
    fn leaves(&mut self, seat: &str) {
        self.crew.remove(seat);
        self.held.remove(leg(seat));
    }

    fn take(&mut self, kind: &Kind) {
        match kind {
            Kind::InterpreterAssigned {
                seat, interpreter, ..
            } => {
                self.crew.insert(seat.clone(), interpreter.clone());
                if self.state == "request_received" {
                    self.state = "interpreter_assigned";
                }
            }
            Kind::InterpreterLost { .. } => self.leaves(Seat::Lead.word()),
            Kind::InterpreterRelieved { to, .. } => {
                let held = self.held.contains(Leg::Relief.word());
                self.leaves(Seat::Lead.word());
                self.leaves(Seat::Relief.word());
                self.crew.insert(Seat::Lead.word().into(), to.clone());
                if held {
                    self.held.insert(Leg::Interpreter.word().into());
                }
            }
            Kind::SeatLeft { seat } => self.leaves(seat),
            Kind::HoldBegan { leg } => drop(self.held.insert(leg.clone())),
            Kind::HoldEnded { leg } => drop(self.held.remove(leg)),
            Kind::LegDropped { leg } => {
                self.held.remove(leg);
                self.missing.insert(leg.clone());
            }
            Kind::LegRestored { leg } => drop(self.missing.remove(leg)),
            Kind::DialingStarted { .. } | Kind::DialingFailed { .. } => self.dials(),
            Kind::CalledRang => self.telephone = "ringing",
            Kind::CalledAnswered { .. } => {
                self.state = "relay_active";
                self.telephone = "answered";
            }
            // Everybody is offered everything anew.
            Kind::Resumed { .. } => self.held.clear(),
            Kind::Ended { .. } => self.state = "call_ended",
            Kind::CallPlaced(_)
            | Kind::InterpreterInvited { .. }
            | Kind::InvitationDeclined { .. }
            | Kind::SeatAsked { .. }
            | Kind::LegConnected { .. }
            | Kind::LegBound { .. }
            | Kind::LegStillMissing { .. } => {}
        }
    }

    /// What of a status is not so.
    fn unlike(&self, status: &Status) -> Option<String> {
        let crew: BTreeMap<_, _> = self
            .crew
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let talked = self.talk.total(status.session_ms);
        let all = [
            (status.state != self.state, format!("state {}", self.state)),
            (
                status.telephone != self.telephone,
                format!("telephone {}", self.telephone),
            ),
            (status.crew() != crew, format!("crew {crew:?}")),
            (
                status.missing != self.missing,
                format!("missing {:?}", self.missing),
            ),
            (status.held != self.held, format!("held {:?}", self.held)),
            (
                status.conversation_ms != talked,
                format!("conversation of {talked} ms"),
            ),
        ];
        let wrong: Vec<_> = all.into_iter().filter(|(wrong, _)| *wrong).collect();
        let wrong: Vec<_> = wrong.into_iter().map(|(_, what)| what).collect();
        (!wrong.is_empty()).then(|| wrong.join(", "))
    }
}

/// The word for the leg of a seat.
fn leg(seat: &str) -> &str {
    if seat == Seat::Lead.word() {
        Leg::Interpreter.word()
    } else {
        seat
    }
}

#[derive(Debug)]
struct Story {
    placed: Placed,
    moments: Vec<Moment>,
}

impl Story {
    /// What the session was when a status was made. Of two records in one millisecond it may have
    /// been made between.
    fn moments_of<'a>(
        &'a self,
        status: &'a Status,
        heard: Heard,
    ) -> impl Iterator<Item = &'a Moment> {
        let next = self.moments.iter().skip(1).map(Some).chain([None]);
        let pairs = self.moments.iter().zip(next);
        let then = move |(moment, next): &(&Moment, Option<&Moment>)| {
            let over = next.is_some_and(|next| {
                next.stamp.life == heard.life && next.session_ms < status.session_ms
            });
            let known = moment.stamp.life == heard.life && moment.stamp.is_before(heard);
            known && moment.session_ms <= status.session_ms && !over
        };
        pairs.filter(then).map(|(moment, _)| moment)
    }

    fn unlike(&self, status: &Status, heard: Heard) -> Option<String> {
        let placed = &self.placed;
        let number = status.number.as_ref().is_some_and(|n| *n != placed.number);
        if status.kind != placed.call || status.urgency != placed.urgency || number {
            return Some(format!(
                "{} {} {}",
                placed.urgency, placed.call, placed.number
            ));
        }
        let mut found = Some("nothing of that moment".to_owned());
        for moment in self.moments_of(status, heard) {
            found = moment.unlike(status);
            if found.is_none() {
                break;
            }
        }
        found
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
    stories: BTreeMap<String, Story>,
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
            stories: BTreeMap::new(),
            invited: BTreeMap::new(),
            assigned: BTreeMap::new(),
        }
    }

    /// Takes the next record, and the conversation clock as it goes from there on.
    pub(super) fn take(&mut self, record: &Record, talk: Option<&Talk>) {
        let entry = &record.entry;
        let now_ms = self.timeline.elapsed(entry.at_ms, self.now_ms);
        self.now_ms = self.now_ms.max(now_ms);
        let life = self.timeline.life_of(record.sequence);
        let stamp = Stamp { now_ms, life };
        let id = &entry.session;
        self.seat(id, &entry.kind, stamp);
        if let Kind::CallPlaced(placed) = &entry.kind {
            let story = Story {
                placed: (**placed).clone(),
                moments: vec![Moment::placed(stamp)],
            };
            self.stories.insert(id.clone(), story);
            return;
        }
        let Some(story) = self.stories.get_mut(id) else {
            return;
        };
        let Some(mut moment) = story.moments.last().cloned() else {
            return;
        };
        moment.stamp = stamp;
        moment.session_ms = entry.session_ms;
        moment.take(&entry.kind);
        moment.talk = talk.cloned().unwrap_or_default();
        story.moments.push(moment);
    }

    fn seat(&mut self, id: &str, kind: &Kind, stamp: Stamp) {
        let (list, seat, interpreter, epoch) = match kind {
            Kind::InterpreterInvited {
                seat,
                interpreter,
                epoch,
            } => (&mut self.invited, seat, interpreter, epoch),
            Kind::InterpreterAssigned {
                seat,
                interpreter,
                epoch,
                ..
            } => (&mut self.assigned, seat, interpreter, epoch),
            _ => return,
        };
        let key = (id.to_owned(), seat.clone(), interpreter.clone(), *epoch);
        list.insert(key, stamp);
    }

    /// What somebody was told before the journal knew it.
    pub(super) fn knew_nothing_of(&self, seen: &Seen) -> Vec<String> {
        let mut found = Vec::new();
        self.states(seen, &mut found);
        self.statuses(seen, &mut found);
        self.askings(seen, &mut found);
        found
    }

    fn states(&self, seen: &Seen, found: &mut Vec<String>) {
        for (session, state, heard) in &seen.told {
            let story = self.stories.get(session);
            let moments = story.into_iter().flat_map(|story| &story.moments);
            let mut before = moments.filter(|moment| moment.stamp.is_before(*heard));
            if seen.counts(*heard) && !before.any(|moment| moment.state == state) {
                let what = format!("{session} was told {state}, of which the journal knew nothing");
                found.push(what);
            }
        }
    }

    fn statuses(&self, seen: &Seen, found: &mut Vec<String>) {
        for (status, heard) in &seen.statuses {
            let unlike = match self.stories.get(&status.session) {
                Some(story) => story.unlike(status, *heard),
                None => Some("nothing".to_owned()),
            };
            if let Some(knew) = unlike.filter(|_| seen.counts(*heard)) {
                found.push(format!(
                    "the journal knew {knew}, when it was told {status:?}"
                ));
            }
        }
    }

    /// Nobody was asked, and nobody was told that they have a seat, before the journal knew (Q7).
    fn askings(&self, seen: &Seen, found: &mut Vec<String>) {
        let lists = [
            (&seen.askings, &self.invited, "was asked for"),
            (&seen.seated, &self.assigned, "was told to have"),
        ];
        for (heard, known, what) in lists {
            let counts = heard.iter().filter(|(_, heard)| seen.counts(*heard));
            for (asking, heard) in counts {
                let seating = seating(asking);
                let stamp = known.get(&seating);
                if !stamp.is_some_and(|stamp| stamp.is_before(*heard)) {
                    let (session, seat, interpreter, epoch) = seating;
                    found.push(format!(
                        "Q7: {interpreter} {what} the {seat} of {session} (epoch {epoch}), of which \
                         the journal knew nothing"
                    ));
                }
            }
        }
    }
}
