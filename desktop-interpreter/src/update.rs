//! What follows from what happened; pure but for the time handed in.

use std::time::Instant;

use vrs_client::{CallEnd, CallView, Command, Invitation};
use vrs_domain::{Activity, Seat};
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Effect;
use vrs_ui::widgets::Note;

use crate::glue::{Told, update_desk};
use crate::message::Message;
use crate::model::{Asking, LastCall, Levels, Model};

type Effects = Vec<Effect<Command>>;

/// Changes the model; what is to be done outside of it.
pub fn update(model: &mut Model, now: Instant, message: Message) -> Effects {
    match message {
        Message::Engine(told) => happened(model, now, *told),
        Message::Desk(message) => update_desk(&mut model.desk, now, message),
        Message::ToggleAvailable if model.is_available() => choose(model, Activity::Away),
        Message::ToggleAvailable => choose(model, Activity::Available),
        Message::Pause(activity) => choose(model, activity),
        Message::Ready => choose(model, Activity::Available),
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
        Message::Show(step) => {
            model.asking = step;
            Vec::new()
        }
        Message::Ask(seat, reason) => {
            (model.asking, model.sought) = (Asking::Closed, Some(seat));
            vec![Effect::Engine(Command::AskSeat { seat, reason })]
        }
        Message::Withdraw(seat) => {
            model.sought = None;
            vec![Effect::Engine(Command::WithdrawSeat(seat))]
        }
    }
}

fn choose(model: &mut Model, activity: Activity) -> Effects {
    model.activity = activity;
    model.wrap_up_until = None;
    vec![Effect::Engine(Command::SetActivity(activity))]
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
        Told::Activity(activity) => {
            model.activity = activity;
            let (key, values) = ("now-away", Vec::new());
            return update_desk(
                &mut model.desk,
                now,
                DeskMessage::Tell(Note { key, values }),
            );
        }
        Told::Call(view) => return called(model, now, view),
        Told::Levels { me_dbfs, them_dbfs } => model.levels = Levels { me_dbfs, them_dbfs },
        Told::Stats(stats) => model.call.stats = stats,
        // Interpreters have one call at a time.
        Told::Parked(_) | Told::ParkedEnded(_) | Told::WaitingEnded(_) => {}
    }
    Vec::new()
}

fn called(model: &mut Model, now: Instant, view: CallView) -> Effects {
    let had = model.call.view().and_then(|call| call.refused.clone());
    let refused = view.refused.clone().filter(|new| had.as_ref() != Some(new));
    let come = model.sought.filter(|seat| match seat {
        Seat::Lead => false,
        Seat::Relief => view.seats.relief.is_some(),
        Seat::Team => view.seats.team.is_some(),
        Seat::Supervisor => view.seats.supervisor.is_some(),
    });
    if model.call.take(now, view) {
        model.invitation = None;
    }
    if come.is_some() || refused.is_some() {
        model.sought = None;
    }
    let Some(refused) = refused else {
        return Vec::new();
    };
    let key = match refused.why.as_str() {
        "before ten minutes of conversation" => "seat-refused-before-ten-minutes",
        "already so" => "seat-refused-already-so",
        "too late" => "seat-refused-too-late",
        _ => "seat-refused-other",
    };
    let values = Vec::new();
    update_desk(
        &mut model.desk,
        now,
        DeskMessage::Tell(Note { key, values }),
    )
}

fn invited(model: &mut Model, now: Instant, invitation: Invitation) -> Effects {
    model.wrap_up_until = None;
    model.announced = invitation.clone();
    model.invitation = Some((invitation, now));
    if model.auto_accept {
        take_invitation(model)
    } else {
        vec![Effect::Attention(true)]
    }
}

fn ended(model: &mut Model, now: Instant, end: CallEnd) -> Effects {
    model.levels = Levels::SILENCE;
    (model.asking, model.sought) = (Asking::Closed, None);
    model.desk.forget_call();
    let wrap_up = model.call.view().and_then(|call| call.wrap_up);
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
        model.wrap_up_until = wrap_up.map(|time| now + time);
        model.last = Some(LastCall { end, facts });
    }
    Vec::new()
}
