//! The table as a page: `docs/flows/session.md` is this module's output, and a test compares.
//!
//! What it is not: a second description. Every line is what [`super::table::transition`] answered
//! when it was asked with a specimen of each state and each input.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use vrs_domain::{CallKind, SessionState, Urgency};

use super::action::{Action, actions};
use super::event::EventKind;
use super::specimens::{SPECIMEN_MS, Specimens};
use super::table::{Transition, transition};

const HEAD: &str = "# The session, state by state

Generated from the transition table in `relay-server/core/src/session/table/mod.rs`; do not edit.
`UPDATE_FLOWS=1 cargo test -p relay-core` writes it anew, and a test fails when it is out of date.
";

/// The page: a diagram, every permitted step with what follows, and the whole table.
#[must_use]
pub fn describe() -> String {
    let mut page = String::from(HEAD);
    let calls = [
        ("A relayed call", CallKind::RelayOutbound, Urgency::Standard),
        (
            "A relayed call from a telephone",
            CallKind::RelayInbound,
            Urgency::Standard,
        ),
        (
            "An emergency call",
            CallKind::RelayOutbound,
            Urgency::Emergency,
        ),
        (
            "A call between subscribers",
            CallKind::PointToPoint,
            Urgency::Standard,
        ),
    ];
    let mut before: Option<Specimens> = None;
    for (title, kind, urgency) in calls {
        let Some(specimens) = Specimens::new(kind, urgency) else {
            return page;
        };
        line(&mut page, format_args!("\n# {title}"));
        match &before {
            None => {
                diagram(&mut page, &specimens);
                steps(&mut page, &specimens);
                matrix(&mut page, &specimens);
            }
            Some(relayed) => differences(&mut page, relayed, &specimens),
        }
        before = before.or(Some(specimens));
    }
    page
}

/// Every permitted step that the first kind of call does not have, or has otherwise.
fn differences(page: &mut String, relayed: &Specimens, specimens: &Specimens) {
    diagram(page, specimens);
    page.push_str("\nWhere it differs from a relayed call; all else is as there.\n\n");
    page.push_str(
        "| state | input | event | next state | the driver then |\n|---|---|---|---|---|\n",
    );
    placing(page, specimens);
    for (label, state) in &specimens.states {
        let same = relayed.states.iter().find(|(other, _)| other == label);
        for (word, input) in &specimens.inputs {
            let row = |state, of: &Specimens| {
                let step = transition(state, input, SPECIMEN_MS).ok()?;
                let orders = orders(&actions(state, &step.event, &of.placed));
                let next = step.next.name();
                Some(format!("{} | {next} | {orders}", outcome(&step.event)))
            };
            let ours = row(state, specimens);
            let theirs = same.and_then(|(_, state)| row(state, relayed));
            match ours {
                Some(ours) if Some(&ours) != theirs.as_ref() => {
                    line(page, format_args!("| {label} | {word} | {ours} |"));
                }
                None if theirs.is_some() => {
                    line(page, format_args!("| {label} | {word} | *refused* | | |"))
                }
                Some(_) | None => {}
            }
        }
    }
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
    placing(page, specimens);
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

fn placing(page: &mut String, specimens: &Specimens) {
    let placed = EventKind::CallPlaced(specimens.placed.clone());
    if let Some((_, first)) = specimens.states.first() {
        let orders = orders(&actions(first, &placed, &specimens.placed));
        let word = placed.word();
        line(
            page,
            format_args!("| | place | {word} | request_received | {orders} |"),
        );
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
    let later = |after: &Duration| {
        if after.is_zero() {
            String::new()
        } else {
            format!(" after {} s", after.as_secs())
        }
    };
    match action {
        Action::EnterQueue { seat, urgency, .. } => format!("enters the queue ({seat}, {urgency})"),
        Action::Invite { seat, .. } => format!("invites the interpreter ({seat})"),
        Action::CancelInvitation { .. } => "cancels the invitation".to_owned(),
        Action::LeaveSeat { seat } => format!("gives up the seat ({seat})"),
        Action::Relieve => "makes the relief the interpreter".to_owned(),
        Action::RingCalling => "tells the caller that it rings".to_owned(),
        Action::AnswerCalling => "answers whoever called".to_owned(),
        Action::RefuseCalling { reason } => {
            format!("refuses whoever called ({})", reason.sip_status())
        }
        Action::Call { after } => format!("calls the other party{}", later(after)),
        Action::Recall { leg, after } => format!("calls {leg} back{}", later(after)),
        Action::Reconnect => "takes up every leg again".to_owned(),
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
