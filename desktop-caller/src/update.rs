//! What follows from what happened; pure but for the time handed in.

use std::time::Instant;

use vrs_client::{CallEnd, Command, Event};
use vrs_domain::PhoneNumber;
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Effect;
use vrs_ui::widgets::Note;

use crate::glue;
use crate::message::Message;
use crate::model::{Ended, Model};

/// Longest text kept in the number field, in characters.
const NUMBER_CHARS_MAX: usize = 32;

type Effects = Vec<Effect<Command>>;

/// Changes the model; what is to be done outside of it.
pub fn update(model: &mut Model, now: Instant, message: Message) -> Effects {
    match message {
        Message::Engine(event) => happened(model, now, event),
        Message::Desk(message) => desk(model, now, message),
        Message::NumberEdited(text) => {
            model.number = text.chars().take(NUMBER_CHARS_MAX).collect();
            model.number_wrong = false;
            Vec::new()
        }
        Message::Digit(digit) => {
            let text = format!("{}{digit}", model.number);
            update(model, now, Message::NumberEdited(text))
        }
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
        Message::Answer => {
            model.incoming = None;
            vec![Effect::Attention(false), Effect::Engine(Command::Answer)]
        }
        Message::Decline => {
            model.incoming = None;
            vec![Effect::Attention(false), Effect::Engine(Command::Decline)]
        }
        Message::HangUp => ask(Command::HangUp),
        Message::ToggleMicrophone => {
            model.call.as_ref().map_or_else(Vec::new, |call| ask(Command::SetMicrophoneMuted(!call.microphone_muted)))
        }
        Message::ToggleCamera => {
            model.call.as_ref().map_or_else(Vec::new, |call| ask(Command::SetCameraOff(!call.camera_off)))
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

fn desk(model: &mut Model, now: Instant, message: DeskMessage) -> Effects {
    let effects = model.desk.update(now, message);
    effects.into_iter().map(|effect| effect.map(glue::command)).collect()
}

fn happened(model: &mut Model, now: Instant, event: Event) -> Effects {
    match event {
        Event::Connection(connection) => desk(model, now, DeskMessage::Link(glue::link(connection))),
        Event::SignedIn { account } => {
            let mut effects = desk(model, now, DeskMessage::SignedIn(account));
            let call = model.call_at_start.take();
            effects.extend(call.map(|number| Effect::Engine(Command::Call { number })));
            effects
        }
        Event::SignInFailed(problem) => {
            desk(model, now, DeskMessage::SignInFailed(glue::problem(problem)))
        }
        Event::SignedOut => {
            (model.call, model.incoming, model.ended) = (None, None, None);
            desk(model, now, DeskMessage::SignedOut)
        }
        Event::Incoming(invitation) => {
            model.incoming = Some(invitation);
            vec![Effect::Attention(true)]
        }
        Event::Call(call) => {
            model.take_call(now, call);
            Vec::new()
        }
        Event::CallEnded(end) => ended(model, now, end),
        Event::TextReceived(text) => desk(model, now, DeskMessage::Received(text)),
        Event::Levels { .. } => Vec::new(), // a Deaf caller is not shown how loud it is
        Event::Stats(stats) => {
            model.stats = stats;
            Vec::new()
        }
        Event::DeviceProblem(detail) => {
            let note = Note { key: "device-problem", values: vec![("detail", detail.into())] };
            desk(model, now, DeskMessage::Tell(note))
        }
    }
}

fn ended(model: &mut Model, now: Instant, end: CallEnd) -> Effects {
    let missed = model.incoming.take();
    let facts = model.facts(now);
    model.call = None;
    model.ringing_since = None;
    model.desk.forget_call();
    model.last_end = Some(end.clone());
    let Some(missed) = missed else {
        model.ended = Some(Ended { end, facts });
        return Vec::new();
    };
    let note = Note { key: "missed", values: vec![("who", missed.from.into())] };
    let mut effects = vec![Effect::Attention(false)];
    effects.extend(desk(model, now, DeskMessage::Tell(note)));
    effects
}
