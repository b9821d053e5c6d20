//! What follows from what happened; pure but for the time handed in.

use std::time::Instant;

use vrs_client::{CallEnd, CallView, Command};
use vrs_domain::PhoneNumber;
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Effect;
use vrs_ui::widgets::Note;

use crate::glue::{Told, update_desk};
use crate::message::Message;
use crate::model::{Ended, Model};

/// Longest text kept in the number field, in characters.
const NUMBER_CHARS_MAX: usize = 32;

type Effects = Vec<Effect<Command>>;

/// Changes the model; what is to be done outside of it.
pub fn update(model: &mut Model, now: Instant, message: Message) -> Effects {
    match message {
        Message::Engine(told) => happened(model, now, told),
        Message::Desk(message) => update_desk(&mut model.desk, now, message),
        Message::NumberEdited(text) => type_number(model, &text),
        Message::Digit(digit) => type_number(model, &format!("{}{digit}", model.number)),
        Message::Erase => {
            model.number.pop();
            model.number_wrong = false;
            Vec::new()
        }
        Message::Dial => match model.number.parse::<PhoneNumber>() {
            Ok(number) => ask(Command::Call { number }),
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
            model.incoming = Some(invitation);
            vec![Effect::Attention(true)]
        }
        Told::Call(view) => {
            if model.call.take(now, view) {
                model.incoming = None;
                model.ended = None;
            }
            Vec::new()
        }
        Told::Ended(end) => ended(model, now, end),
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
    if let Some(missed) = model.incoming.take() {
        let note = Note {
            key: "missed",
            values: vec![("who", missed.from.into())],
        };
        let mut effects = vec![Effect::Attention(false)];
        effects.extend(update_desk(&mut model.desk, now, DeskMessage::Tell(note)));
        return effects;
    }
    // Without facts the user was in no call: what was declined needs no page.
    model.ended = facts.map(|facts| Ended { end, facts });
    Vec::new()
}
