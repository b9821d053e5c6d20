//! The table as a page: `docs/flows/session.md` is this module's output, and a test compares.
//!
//! What it is not: a second description. Every line is what [`super::table::transition`] answered
//! when it was asked with a specimen of each state and each input.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, Leg, PhoneNumber, SessionState};

use super::action::{Action, actions};
use super::event::{EventKind, Placed};
use super::input::{Decline, Input};
use super::state::{Connected, Interpreter, State};
use super::table::{Transition, transition};

/// The session clock of every specimen, in milliseconds.
const SPECIMEN_MS: u64 = 1_000;

const HEAD: &str = "# The session, state by state

Generated from the transition table in `relay-server/core/src/session/table.rs`; do not edit.
`UPDATE_FLOWS=1 cargo test -p relay-core` writes it anew, and a test fails when it is out of date.
";

/// The page: a diagram, every permitted step with what follows, and the whole table.
#[must_use]
pub fn describe() -> String {
    let mut page = String::from(HEAD);
    let Some(specimens) = Specimens::new() else {
        return page;
    };
    diagram(&mut page, &specimens);
    steps(&mut page, &specimens);
    matrix(&mut page, &specimens);
    page
}

/// One of each state and input, with the label it has on the page.
pub(super) struct Specimens {
    pub(super) states: Vec<(&'static str, State)>,
    pub(super) inputs: Vec<(String, Input)>,
    placed: Placed,
}

impl Specimens {
    pub(super) fn new() -> Option<Self> {
        let ca: CaId = "1234".parse().ok()?;
        let now = Epoch(2);
        let placed = Placed {
            caller: "+15550100001".parse::<PhoneNumber>().ok()?,
            number: "+15550100199".parse::<PhoneNumber>().ok()?,
            languages: LanguagePair::default(),
        };
        Some(Self {
            states: states(&ca, now),
            inputs: inputs(&ca, now),
            placed,
        })
    }
}

fn states(ca: &CaId, epoch: Epoch) -> Vec<(&'static str, State)> {
    let interpreter = Interpreter {
        ca: ca.clone(),
        epoch,
    };
    let connected = Connected::default();
    let dialing = |ringing| State::HearingPartyDialing {
        interpreter: interpreter.clone(),
        connected,
        since_ms: 0,
        ringing,
    };
    let waiting = |latest, invited| State::RequestReceived {
        invited,
        latest,
        declines: 0,
    };
    let ended = State::CallEnded {
        reason: EndReason::CallerHungUp,
        stage: SessionState::RelayActive,
        interpreter: Some(interpreter.clone()),
        telephone: vrs_domain::TelephoneState::Ended,
        session_ms: SPECIMEN_MS,
        conversation_ms: SPECIMEN_MS,
    };
    vec![
        (
            "request_received, waiting",
            waiting(Epoch(epoch.0 - 1), None),
        ),
        (
            "request_received, inviting",
            waiting(epoch, Some(interpreter.clone())),
        ),
        (
            "interpreter_assigned",
            State::InterpreterAssigned {
                interpreter: interpreter.clone(),
                connected,
            },
        ),
        ("hearing_party_dialing", dialing(false)),
        ("hearing_party_dialing, ringing", dialing(true)),
        (
            "relay_active",
            State::RelayActive {
                interpreter: interpreter.clone(),
                connected,
                since_ms: 0,
            },
        ),
        ("call_ended", ended),
    ]
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
    for (note, epoch) in [("", epoch), ("stale epoch", Epoch(epoch.0 - 1))] {
        let ca = || ca.clone();
        add(note, Input::Matched { ca: ca(), epoch });
        add(note, Input::InvitationAccepted { ca: ca(), epoch });
        for &how in Decline::ALL {
            if note.is_empty() || how == Decline::Declined {
                let note = if note.is_empty() { how.word() } else { note };
                add(
                    note,
                    Input::InvitationDeclined {
                        ca: ca(),
                        epoch,
                        how,
                    },
                );
            }
        }
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::MediaConnected(leg));
    }
    add("", Input::DialStarted);
    add("", Input::HearingRang);
    add("", Input::HearingAnswered);
    for &reason in EndReason::ALL {
        add(reason.word(), Input::HearingFailed { reason });
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::HungUp(leg));
    }
    for &leg in Leg::ALL {
        add(leg.word(), Input::Lost(leg));
    }
    for &reason in EndReason::ALL {
        add(reason.word(), Input::Refused { reason });
    }
    add("", Input::Stop);
    add("", Input::Restarted);
    inputs
}

/// Each arrow once, labelled with the names of the inputs that take it.
fn diagram(page: &mut String, specimens: &Specimens) {
    let mut arrows: BTreeMap<(SessionState, SessionState), Vec<&'static str>> = BTreeMap::new();
    for (_, state) in &specimens.states {
        for (_, input) in &specimens.inputs {
            if let Ok(Transition { next, .. }) = transition(state, input, SPECIMEN_MS) {
                let words = arrows.entry((state.name(), next.name())).or_default();
                if !words.contains(&input.word()) {
                    words.push(input.word());
                }
            }
        }
    }
    page.push_str("\n```mermaid\nstateDiagram-v2\n    [*] --> request_received: place\n");
    for ((from, to), words) in &arrows {
        line(
            page,
            format_args!("    {from} --> {to}: {}", words.join(", ")),
        );
    }
    page.push_str("    call_ended --> [*]\n```\n");
}

/// Every permitted step, one row each.
fn steps(page: &mut String, specimens: &Specimens) {
    page.push_str("\n## What follows what\n\nThe driver writes the event to the journal, then does what stands in the last column, in that order.\n\n");
    page.push_str(
        "| state | input | event | next state | the driver then |\n|---|---|---|---|---|\n",
    );
    let placed = EventKind::CallPlaced(specimens.placed.clone());
    if let Some((_, first)) = specimens.states.first() {
        let orders = orders(&actions(first, &placed, &specimens.placed));
        line(
            page,
            format_args!(
                "| | place | {} | request_received | {orders} |",
                placed.word()
            ),
        );
    }
    for (label, state) in &specimens.states {
        for (word, input) in &specimens.inputs {
            if let Ok(Transition { event, next }) = transition(state, input, SPECIMEN_MS) {
                let orders = orders(&actions(state, &event, &specimens.placed));
                line(
                    page,
                    format_args!(
                        "| {label} | {word} | {} | {} | {orders} |",
                        outcome(&event),
                        next.name()
                    ),
                );
            }
        }
    }
}

/// The whole table: every input in every state, with the refusals.
fn matrix(page: &mut String, specimens: &Specimens) {
    page.push_str("\n## The whole table\n\nIn italics: why the input is refused; nothing changes then.\n\n| input |");
    for (label, _) in &specimens.states {
        page.push_str(&format!(" {label} |"));
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(specimens.states.len()));
    page.push('\n');
    for (word, input) in &specimens.inputs {
        let cells =
            specimens
                .states
                .iter()
                .map(|(_, state)| match transition(state, input, SPECIMEN_MS) {
                    Ok(Transition { event, next }) if next.name() == state.name() => {
                        format!("{}, stays", event.word())
                    }
                    Ok(Transition { event, next }) => {
                        format!("{} → {}", outcome(&event), next.name())
                    }
                    Err(refusal) => format!("*{}*", refusal.why),
                });
        let cells: Vec<_> = cells.collect();
        line(page, format_args!("| {word} | {} |", cells.join(" | ")));
    }
}

fn outcome(event: &EventKind) -> String {
    if let EventKind::Ended { reason, .. } = event {
        format!("ended ({reason})")
    } else {
        event.word().to_owned()
    }
}

fn orders(actions: &[Action]) -> String {
    if actions.is_empty() {
        return "–".to_owned();
    }
    let words: Vec<_> = actions.iter().map(order).collect();
    words.join(", ")
}

fn order(action: &Action) -> String {
    match action {
        Action::EnterQueue { .. } => "enters the queue".to_owned(),
        Action::Invite { .. } => "invites the interpreter".to_owned(),
        Action::CancelInvitation { .. } => "cancels the invitation".to_owned(),
        Action::AnswerCaller => "answers the caller".to_owned(),
        Action::RefuseCaller { reason } => {
            format!("refuses the caller ({})", reason.sip_status())
        }
        Action::DialHearing { .. } => "calls the telephone".to_owned(),
        Action::TellParties => "tells the parties".to_owned(),
        Action::HangUp { leg, .. } => format!("hangs up {leg}"),
        Action::CloseMedia => "closes the media".to_owned(),
        Action::LeaveQueue => "leaves the queue".to_owned(),
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if page.write_fmt(text).is_ok() {
        page.push('\n');
    }
}
