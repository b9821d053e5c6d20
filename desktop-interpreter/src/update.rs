//! What follows from what happened; pure but for the time handed in.

use std::time::Instant;

use vrs_client::{CallEnd, CallView, Command, Invitation};
use vrs_domain::Activity;
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Effect;
use vrs_ui::widgets::Note;

use crate::glue::{Told, update_desk};
use crate::message::Message;
use crate::model::{LastCall, Levels, Model};

type Effects = Vec<Effect<Command>>;

/// Changes the model; what is to be done outside of it.
pub fn update(model: &mut Model, now: Instant, message: Message) -> Effects {
    match message {
        Message::Engine(told) => happened(model, now, told),
        Message::Desk(message) => update_desk(&mut model.desk, now, message),
        Message::ToggleAvailable => {
            model.available = !model.available;
            {
                let activity = if model.available {
                    Activity::Available
                } else {
                    Activity::Away
                };
                vec![Effect::Engine(Command::SetActivity(activity))]
            }
        }
        Message::Accept if model.invitation.is_some() => take_invitation(model),
        Message::Decline if model.invitation.is_some() => {
            model.invitation = None;
            vec![Effect::Attention(false), Effect::Engine(Command::Decline)]
        }
        Message::Accept | Message::Decline => Vec::new(),
        Message::End => vec![Effect::Engine(Command::HangUp)],
        Message::ToggleMicrophone => switch(model, |call| {
            Command::SetMicrophoneMuted(!call.microphone_muted)
        }),
        Message::ToggleSpeaker => {
            switch(model, |call| Command::SetSpeakerMuted(!call.speaker_muted))
        }
    }
}

fn switch(model: &Model, command: impl FnOnce(&CallView) -> Command) -> Effects {
    let call = model.call.view();
    call.map(|call| vec![Effect::Engine(command(call))])
        .unwrap_or_default()
}

fn take_invitation(model: &mut Model) -> Effects {
    model.invitation = None;
    model.call.answer(true);
    vec![Effect::Attention(false), Effect::Engine(Command::Answer)]
}

fn happened(model: &mut Model, now: Instant, told: Told) -> Effects {
    match told {
        Told::Desk(message) => return update_desk(&mut model.desk, now, message),
        Told::Incoming(invitation) => return invited(model, now, invitation),
        Told::Ended(end) => return ended(model, now, end),
        Told::Call(view) => {
            if model.call.take(now, view) {
                model.invitation = None;
            }
        }
        Told::Levels { me_dbfs, them_dbfs } => model.levels = Levels { me_dbfs, them_dbfs },
        Told::Stats(stats) => model.call.stats = stats,
        // Interpreters have one call at a time.
        Told::Parked(_) | Told::ParkedEnded(_) | Told::WaitingEnded(_) => {}
    }
    Vec::new()
}

fn invited(model: &mut Model, now: Instant, invitation: Invitation) -> Effects {
    model.languages = invitation.languages;
    model.invitation = Some((invitation, now));
    if model.auto_accept {
        take_invitation(model)
    } else {
        vec![Effect::Attention(true)]
    }
}

fn ended(model: &mut Model, now: Instant, end: CallEnd) -> Effects {
    model.levels = Levels::SILENCE;
    model.desk.forget_call();
    let facts = model.call.end(now, &end);
    if model.invitation.take().is_some() {
        let gone = DeskMessage::Tell(Note {
            key: "invitation-gone",
            values: Vec::new(),
        });
        let told = update_desk(&mut model.desk, now, gone);
        return std::iter::once(Effect::Attention(false))
            .chain(told)
            .collect();
    }
    if let Some(facts) = facts {
        model.last = Some(LastCall { end, facts });
    }
    Vec::new()
}
