//! What follows from what happened; pure but for the time handed in.

use std::time::Instant;

use vrs_client::{CallEnd, Command, Event, Invitation};
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Effect;
use vrs_ui::widgets::Note;

use crate::glue;
use crate::message::Message;
use crate::model::{LastCall, Levels, Model};

type Effects = Vec<Effect<Command>>;

/// Changes the model; what is to be done outside of it.
pub fn update(model: &mut Model, now: Instant, message: Message) -> Effects {
    match message {
        Message::Engine(event) => happened(model, now, event),
        Message::Desk(message) => desk(model, now, message),
        Message::ToggleAvailable => {
            model.available = !model.available;
            vec![Effect::Engine(Command::SetAvailable(model.available))]
        }
        Message::Accept => answer(model, Command::Answer),
        Message::Decline => answer(model, Command::Decline),
        Message::End => vec![Effect::Engine(Command::HangUp)],
        Message::ToggleMicrophone => toggle(model, |call| Command::SetMicrophoneMuted(!call.microphone_muted)),
        Message::ToggleSpeaker => toggle(model, |call| Command::SetSpeakerMuted(!call.speaker_muted)),
    }
}

fn answer(model: &mut Model, command: Command) -> Effects {
    match model.invitation.take() {
        Some(_) => vec![Effect::Attention(false), Effect::Engine(command)],
        None => Vec::new(),
    }
}

fn toggle(model: &Model, command: impl FnOnce(&vrs_client::CallView) -> Command) -> Effects {
    model.call.as_ref().map(|call| Effect::Engine(command(call))).into_iter().collect()
}

fn desk(model: &mut Model, now: Instant, message: DeskMessage) -> Effects {
    let effects = model.desk.update(now, message);
    effects.into_iter().map(|effect| effect.map(glue::command)).collect()
}

fn happened(model: &mut Model, now: Instant, event: Event) -> Effects {
    match event {
        Event::Incoming(invitation) => invited(model, now, invitation),
        Event::Call(call) => {
            model.take_call(now, call);
            Vec::new()
        }
        Event::CallEnded(end) => ended(model, now, end),
        Event::Levels { microphone_dbfs, speaker_dbfs, .. } => {
            model.levels = Levels { me_dbfs: microphone_dbfs, them_dbfs: speaker_dbfs };
            Vec::new()
        }
        Event::Stats(stats) => {
            model.stats = stats;
            Vec::new()
        }
        Event::SignedOut => {
            (model.call, model.invitation, model.last) = (None, None, None);
            model.available = true;
            desk(model, now, DeskMessage::SignedOut)
        }
        Event::Connection(connection) => desk(model, now, DeskMessage::Link(glue::link(connection))),
        Event::SignedIn { account } => desk(model, now, DeskMessage::SignedIn(account)),
        Event::SignInFailed(problem) => desk(model, now, DeskMessage::SignInFailed(glue::problem(problem))),
        Event::TextReceived(text) => desk(model, now, DeskMessage::Received(text)),
        Event::DeviceProblem(detail) => {
            let note = Note { key: "device-problem", values: vec![("detail", detail.into())] };
            desk(model, now, DeskMessage::Tell(note))
        }
    }
}

fn invited(model: &mut Model, now: Instant, invitation: Invitation) -> Effects {
    model.languages = invitation.languages;
    if model.auto_accept {
        return vec![Effect::Engine(Command::Answer)];
    }
    model.invitation = Some((invitation, now));
    vec![Effect::Attention(true)]
}

fn ended(model: &mut Model, now: Instant, end: CallEnd) -> Effects {
    let unanswered = model.invitation.take().is_some();
    let facts = model.facts(now);
    let had_call = model.call.take().is_some();
    model.ringing_since = None;
    model.levels = Levels::SILENCE;
    model.desk.forget_call();
    if unanswered {
        let note = Note { key: "invitation-gone", values: Vec::new() };
        let mut effects = vec![Effect::Attention(false)];
        effects.extend(desk(model, now, DeskMessage::Tell(note)));
        return effects;
    }
    if had_call && facts.state.is_some() {
        model.last = Some(LastCall { end, facts });
    }
    Vec::new()
}
