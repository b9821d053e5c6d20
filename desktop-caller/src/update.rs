//! What follows from what happened; pure but for the time handed in.

use std::time::Instant;

use vrs_client::{CallEnd, CallView, Command};
use vrs_domain::PhoneNumber;
use vrs_ui::conversation::Conversation;
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Effect;
use vrs_ui::strings::Value;
use vrs_ui::widgets::Note;

use crate::glue::{Told, update_desk};
use crate::message::Message;
use crate::model::{Ended, Model, account_words};

/// Longest text kept in the number field, in characters.
const NUMBER_CHARS_MAX: usize = 32;

type Effects = Vec<Effect<Command>>;

/// Changes the model; what is to be done outside of it.
pub fn update(model: &mut Model, now: Instant, message: Message) -> Effects {
    match message {
        Message::Engine(told) => happened(model, now, *told),
        Message::Desk(message) => update_desk(&mut model.desk, now, message),
        Message::NumberEdited(text) => type_number(model, &text),
        Message::Digit(digit) => type_number(model, &format!("{}{digit}", model.number)),
        Message::Erase => {
            model.number.pop();
            model.number_wrong = false;
            Vec::new()
        }
        Message::Dial => match model.number.parse::<PhoneNumber>() {
            Ok(number) => {
                model.adding = false;
                ask(Command::Call { number })
            }
            Err(_) => {
                model.number_wrong = true;
                Vec::new()
            }
        },
        Message::Answer => answer(model, true),
        Message::Decline => answer(model, false),
        Message::HangUp => ask(Command::HangUp),
        Message::ToggleMicrophone => switch(model, |call| {
            Command::SetMicrophoneMuted(!call.microphone_muted)
        }),
        Message::ToggleCamera => switch(model, |call| Command::SetCameraOff(!call.camera_off)),
        Message::ToggleHold => switch(model, |call| Command::Hold(!call.on_hold)),
        Message::Swap => ask(Command::Swap),
        Message::ShowDial(open) => {
            model.adding = open && model.may_add();
            model.number.clear();
            model.number_wrong = false;
            Vec::new()
        }
        Message::CallAgain => {
            let number = model.ended.take().and_then(|ended| ended.facts.number);
            number.map_or_else(Vec::new, |number| ask(Command::Call { number }))
        }
        Message::LeaveEnded => {
            model.ended = None;
            Vec::new()
        }
    }
}

fn ask(command: Command) -> Effects {
    vec![Effect::Engine(command)]
}

fn switch(model: &Model, command: impl FnOnce(&CallView) -> Command) -> Effects {
    model
        .call
        .view()
        .map(|call| Effect::Engine(command(call)))
        .into_iter()
        .collect()
}

fn type_number(model: &mut Model, text: &str) -> Effects {
    model.number = text.chars().take(NUMBER_CHARS_MAX).collect();
    model.number_wrong = false;
    Vec::new()
}

fn answer(model: &mut Model, taken: bool) -> Effects {
    if model.incoming.take().is_none() {
        return Vec::new();
    }
    model.call.answer(taken);
    let command = if taken {
        Command::Answer
    } else {
        Command::Decline
    };
    vec![Effect::Attention(false), Effect::Engine(command)]
}

fn happened(model: &mut Model, now: Instant, told: Told) -> Effects {
    match told {
        Told::Desk(message) => {
            let signed_in = matches!(message, DeskMessage::SignedIn(_));
            let mut effects = update_desk(&mut model.desk, now, message);
            if signed_in {
                let call = model.call_at_start.take();
                effects.extend(call.map(|number| Effect::Engine(Command::Call { number })));
            }
            effects
        }
        Told::Incoming(invitation) => {
            model.adding = false;
            model.incoming = Some(invitation);
            vec![Effect::Attention(true)]
        }
        Told::Call(view) => {
            // During a call it is the first one that tells, and the second that asks.
            let ringing = model.incoming.is_some() && model.call.view().is_some();
            if model.call.take(now, view) && !ringing {
                model.incoming = None;
                model.ended = None;
            }
            Vec::new()
        }
        Told::Ended(end) => ended(model, now, end),
        Told::Parked(view) => {
            parked(model, view);
            Vec::new()
        }
        Told::ParkedEnded(end) => parked_ended(model, now, &end),
        Told::WaitingEnded(end) => waiting_ended(model, now, &end),
        Told::Activity(_) => Vec::new(),   // callers choose none
        Told::Levels { .. } => Vec::new(), // a Deaf caller is not shown how loud it is
        Told::Stats(stats) => {
            model.call.stats = stats;
            Vec::new()
        }
    }
}

fn ended(model: &mut Model, now: Instant, end: CallEnd) -> Effects {
    let facts = model.call.end(now, &end);
    model.desk.forget_call();
    model.adding = false;
    // What still rings is another call.
    if facts.is_none() && model.incoming.is_some() {
        return missed(model, now);
    }
    // Without facts the user was in no call: what was declined needs no page.
    model.ended = facts.map(|facts| Ended { end, facts });
    Vec::new()
}

/// Nobody took the call that rang.
fn missed(model: &mut Model, now: Instant) -> Effects {
    let who = model.incoming.take().map(|missed| missed.from);
    let mut effects = vec![Effect::Attention(false)];
    let values = vec![("who", who.unwrap_or_default().into())];
    effects.extend(tell(model, now, "missed", values));
    effects
}

fn tell(
    model: &mut Model,
    now: Instant,
    key: &'static str,
    values: Vec<(&'static str, Value)>,
) -> Effects {
    let note = Note { key, values };
    update_desk(&mut model.desk, now, DeskMessage::Tell(note))
}

fn waiting_ended(model: &mut Model, now: Instant, end: &CallEnd) -> Effects {
    if end.by_us {
        // Declined with a key of ours, and gone from the screen since.
        return Vec::new();
    }
    missed(model, now)
}

/// Another call is parked now, or none: each has its own text.
fn parked(model: &mut Model, view: Option<CallView>) {
    let session = |view: &Option<CallView>| view.as_ref().and_then(|view| view.session);
    match (&model.parked, &view) {
        (None, None) => {}
        (Some(_), None) => model.desk.conversation = std::mem::take(&mut model.parked_text),
        (Some(_), Some(_)) if session(&model.parked) == session(&view) => {}
        (_, Some(_)) => std::mem::swap(&mut model.desk.conversation, &mut model.parked_text),
    }
    model.parked = view;
}

fn parked_ended(model: &mut Model, now: Instant, end: &CallEnd) -> Effects {
    model.parked_text = Conversation::default();
    let who = model.parked.take().map(|view| other_party(&view));
    if end.by_us {
        return Vec::new();
    }
    let values = vec![("who", who.unwrap_or_default().into())];
    tell(model, now, "parked-ended", values)
}

/// Who is at the other end, as people write it.
pub(crate) fn other_party(view: &CallView) -> String {
    let number = || view.number.as_ref().map(PhoneNumber::spaced);
    let from = view.from.as_deref().map(account_words);
    from.or_else(number).unwrap_or_default()
}
