//! One of each state and input, for the page and for the tests.

use std::collections::BTreeMap;

use vrs_domain::{
    CaId, CallKind, EndReason, Epoch, LanguagePair, Leg, Legs, PhoneNumber, ReliefReason, Seat,
    SessionState, TelephoneState, Urgency,
};

use super::crew::{Crew, Interpreter, Place};
use super::event::{Dialog, Placed};
use super::input::{Decline, Input};
use super::state::{Parties, State};
use super::talk::Talk;

/// The session clock of every specimen, in milliseconds.
pub(super) const SPECIMEN_MS: u64 = 1_000;

/// One of each state and input, with the label it has on the page.
pub(super) struct Specimens {
    pub(super) states: Vec<(&'static str, State)>,
    pub(super) inputs: Vec<(String, Input)>,
    pub(super) placed: Placed,
}

impl Specimens {
    /// Those of one kind of call.
    pub(super) fn new(kind: CallKind, urgency: Urgency) -> Option<Self> {
        let ca: CaId = "1234".parse().ok()?;
        let now = Epoch(2);
        let placed = Placed {
            kind,
            urgency,
            caller: Some("+15550100001".parse::<PhoneNumber>().ok()?),
            anonymous: false,
            number: "+15550100199".parse::<PhoneNumber>().ok()?,
            languages: LanguagePair::default(),
            skill: None,
            gender: None,
            address: None,
            url: None,
        };
        Some(Self {
            states: states(&placed, &ca, now),
            inputs: inputs(&ca, now),
            placed,
        })
    }
}

fn parties(placed: &Placed, crew: Crew) -> Parties {
    Parties {
        kind: placed.kind,
        urgency: placed.urgency,
        crew,
        connected: Legs::default(),
        held: Legs::default(),
        absent: Legs::default(),
        missing: BTreeMap::new(),
        dialogs: BTreeMap::new(),
    }
}

fn states(placed: &Placed, ca: &CaId, epoch: Epoch) -> Vec<(&'static str, State)> {
    let interpreter = Interpreter {
        ca: ca.clone(),
        epoch,
        center: None,
    };
    let crew = |lead: Place, latest: Epoch| {
        let mut crew = Crew::default();
        crew.latest = latest;
        if placed.kind.is_relayed() {
            *crew.place_mut(Seat::Lead) = lead;
        }
        parties(placed, crew)
    };
    let taken = || crew(Place::Taken(interpreter.clone()), epoch);
    let sought = Place::Sought { since_ms: 0 };
    let asked = Place::Asked {
        asked: interpreter.clone(),
        since_ms: 0,
    };
    let dialing = |ringing| State::HearingPartyDialing {
        parties: taken(),
        since_ms: 0,
        ringing,
        failures: 0,
    };
    let active = |parties: Parties| {
        let mut talk = Talk::default();
        talk.set(parties.are_complete().then(|| parties.crew.lead()), 0);
        State::RelayActive { parties, talk }
    };
    let earlier = Interpreter {
        epoch: Epoch(1),
        ..interpreter.clone()
    };
    let mut relieved = taken();
    *relieved.crew.place_mut(Seat::Relief) = Place::Taken(earlier.clone());
    let ended = State::CallEnded {
        reason: EndReason::CallerHungUp,
        stage: SessionState::RelayActive,
        interpreter: Some(interpreter.clone()),
        telephone: TelephoneState::Ended,
        session_ms: SPECIMEN_MS,
        conversation_ms: SPECIMEN_MS,
        stretches: Vec::new(),
    };
    let waiting = |parties| State::RequestReceived { parties };
    let before = Epoch(epoch.0.saturating_sub(1));
    let mut states = vec![("request_received", waiting(crew(sought.clone(), before)))];
    if placed.kind.is_relayed() {
        states.push((
            "request_received, inviting",
            waiting(crew(asked.clone(), epoch)),
        ));
        states.push((
            "interpreter_assigned",
            State::InterpreterAssigned { parties: taken() },
        ));
    }
    states.push(("hearing_party_dialing", dialing(false)));
    states.push(("hearing_party_dialing, ringing", dialing(true)));
    states.push(("relay_active", active(taken())));
    if placed.kind.is_relayed() {
        states.extend([
            (
                "relay_active, interpreter sought",
                active(crew(sought.clone(), before)),
            ),
            (
                "relay_active, another invited",
                active(crew(asked.clone(), epoch)),
            ),
            ("relay_active, relief there", active(relieved)),
        ]);
        let beside = |seat: Seat, place: Place| {
            let mut parties = crew(Place::Taken(earlier.clone()), before);
            parties.crew.latest = if place == sought { before } else { epoch };
            *parties.crew.place_mut(seat) = place;
            active(parties)
        };
        let there = Place::Taken(interpreter.clone());
        states.extend([
            (
                "relay_active, relief sought",
                beside(Seat::Relief, sought.clone()),
            ),
            ("relay_active, relief invited", beside(Seat::Relief, asked)),
            ("relay_active, team there", beside(Seat::Team, there)),
        ]);
    }
    let mut held = taken();
    held.held = held.held.with(placed.kind.calling());
    states.push(("relay_active, held by who called", active(held)));
    if placed.urgency == Urgency::Emergency {
        let mut missing = taken();
        missing.missing.insert(placed.kind.called(), 0);
        states.push(("relay_active, telephone missing", active(missing)));
    }
    states.push(("call_ended", ended));
    states
}

fn inputs(ca: &CaId, epoch: Epoch) -> Vec<(String, Input)> {
    let mut inputs = Vec::new();
    let mut add = |note: &str, input: Input| {
        let word = input.word();
        let label = if note.is_empty() {
            word.to_owned()
        } else {
            format!("{word}: {note}")
        };
        inputs.push((label, input));
    };
    let seat = Seat::Lead;
    for (note, epoch) in [
        ("", epoch),
        ("stale epoch", Epoch(epoch.0.saturating_sub(1))),
    ] {
        let ca = || ca.clone();
        add(
            note,
            Input::Matched {
                seat,
                ca: ca(),
                epoch,
            },
        );
        add(
            note,
            Input::InvitationAccepted {
                seat,
                ca: ca(),
                epoch,
                center: None,
            },
        );
        for &how in Decline::ALL {
            if note.is_empty() || how == Decline::Declined {
                let note = if note.is_empty() { how.word() } else { note };
                let ca = ca();
                add(
                    note,
                    Input::InvitationDeclined {
                        seat,
                        ca,
                        epoch,
                        how,
                    },
                );
            }
        }
    }
    let seat = Seat::Relief;
    let answered = Input::InvitationAccepted {
        seat,
        ca: ca.clone(),
        epoch,
        center: None,
    };
    let ca = ca.clone();
    add(seat.word(), Input::Matched { seat, ca, epoch });
    add(seat.word(), answered);
    for &reason in ReliefReason::ALL {
        let asked = Input::SeatAsked {
            seat: Seat::Relief,
            reason: Some(reason),
        };
        add(&format!("relief, {reason}"), asked);
    }
    for seat in [Seat::Team, Seat::Supervisor] {
        add(seat.word(), Input::SeatAsked { seat, reason: None });
    }
    for &seat in Seat::ALL {
        add(seat.word(), Input::SeatWithdrawn { seat });
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::MediaConnected(leg));
    }
    for &leg in Leg::ALL {
        let dialog = Dialog("d".into());
        add(leg.word(), Input::LegBound { leg, dialog });
    }
    let address = None;
    add("", Input::DialStarted { address });
    add("", Input::CalledRang);
    add("", Input::CalledAnswered { address });
    for &reason in EndReason::ALL {
        add(reason.word(), Input::CalledFailed { reason });
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::HungUp(leg));
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::Lost(leg));
    }
    for (leg, held) in Leg::ALL
        .iter()
        .flat_map(|leg| [(*leg, true), (*leg, false)])
    {
        let note = format!("{leg}, {}", if held { "held" } else { "taken back" });
        add(&note, Input::HoldChanged { leg, held });
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::Restored(leg));
        add(leg.word(), Input::RestoreFailed(leg));
    }
    for &reason in EndReason::ALL {
        add(reason.word(), Input::Refused { reason });
    }
    add("", Input::Stop);
    add("", Input::Resumed { alive_ms: 0 });
    add("", Input::Restarted);
    inputs
}
