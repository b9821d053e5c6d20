//! The sentence over a call: what is going on, and its clocks.

use egui_phosphor::bold as glyph;
use vrs_domain::{
    Leg, LineReport, LineSignal, Loudness, PhoneNumber, SessionState, TelephoneState,
};

use super::{CallFacts, Link, Seat, clock_words, number_words};
use crate::kit::Kit;
use crate::widgets::{Fact, Form, Strip};

/// The strip while there is no call: what is wrong with the connection, or else `ready`.
#[must_use]
pub fn resting_strip(kit: &Kit, link: Link, signed_in: bool, ready: Strip) -> Strip {
    if !signed_in {
        return Strip::new(Form::Idle, glyph::SIGN_OUT, kit.t("signed-out"));
    }
    link_strip(kit, link).unwrap_or(ready)
}

/// What is wrong with the connection; nothing when it is there.
fn link_strip(kit: &Kit, link: Link) -> Option<Strip> {
    let (form, icon, sentence) = match link {
        Link::Online => return None,
        Link::Offline => (Form::Problem, glyph::WIFI_SLASH, kit.t("link-offline")),
        Link::Connecting => (
            Form::Waiting,
            glyph::HOURGLASS_MEDIUM,
            kit.t("link-connecting"),
        ),
        Link::Retrying { in_s } => (
            Form::Problem,
            glyph::WIFI_SLASH,
            kit.with("link-retrying", &[("seconds", in_s.into())]),
        ),
    };
    let mut strip = Strip::new(form, icon, sentence);
    if matches!(link, Link::Retrying { .. }) {
        strip.spoken = Some(kit.t("link-offline")); // a countdown is not read aloud
    }
    Some(strip)
}

/// The strip of a call: what the caller or the interpreter sees, or that the service is not reached.
#[must_use]
pub fn call_strip(kit: &Kit, seat: Seat, call: &CallFacts, link: Link) -> Strip {
    let strip = match seat {
        Seat::Caller if call.direct => direct_strip(kit, call),
        Seat::Caller => caller_strip(kit, call),
        Seat::Interpreter => interpreter_strip(kit, call),
    };
    let above = link_strip(kit, link)
        .or_else(|| missing_strip(kit, seat, call))
        .or_else(|| hold_strip(kit, seat, call))
        .or_else(|| silent_strip(kit, seat, call))
        .or_else(|| line_strip(kit, call));
    match above {
        Some(above) => Strip {
            facts: strip.facts,
            ..above
        },
        None => strip,
    }
}

/// Somebody was lost from an emergency call: nobody has to do anything, and everybody must know.
fn missing_strip(kit: &Kit, seat: Seat, call: &CallFacts) -> Option<Strip> {
    let key = match (call.missing?, seat) {
        (Leg::Hearing, _) => "missing-hearing",
        (Leg::Caller | Leg::Callee, Seat::Interpreter) => "missing-caller",
        _ => "missing-other",
    };
    let mut strip = Strip::new(Form::Problem, glyph::PHONE_OUTGOING, kit.t(key));
    strip.urgent = true;
    Some(strip)
}

/// The call is on hold, by the user's own wish first.
fn hold_strip(kit: &Kit, seat: Seat, call: &CallFacts) -> Option<Strip> {
    let key = match (call.on_hold, call.held_by, seat) {
        (true, ..) => "on-hold",
        (false, None, _) => return None,
        (false, Some(_), Seat::Caller) => "held-by-other",
        (false, Some(Leg::Hearing), Seat::Interpreter) => "held-by-hearing",
        (false, Some(_), Seat::Interpreter) => "held-by-caller",
    };
    Some(Strip::new(Form::Waiting, glyph::PAUSE, kit.t(key)))
}

/// Nothing comes from the other side, which may be its wish: the call goes on.
fn silent_strip(kit: &Kit, seat: Seat, call: &CallFacts) -> Option<Strip> {
    let key = match (call.silent?, seat) {
        (Leg::Interpreter, Seat::Caller) => "silent-interpreter",
        (Leg::Caller, Seat::Interpreter) => "silent-caller",
        // Whoever helps may well say nothing, and of the telephone and of a direct call the server
        // sees no picture.
        _ => return None,
    };
    let icon = glyph::VIDEO_CAMERA_SLASH;
    Some(Strip::new(Form::Problem, icon, kit.t(key)))
}

/// What the telephone's line sounds like, when that is more than people who talk.
fn line_strip(kit: &Kit, call: &CallFacts) -> Option<Strip> {
    let active = call.state == Some(SessionState::RelayActive);
    let (form, icon, key) = match call.line.signal? {
        // While it is being called, the strip says so with more words.
        LineSignal::Ringback if !active => return None,
        LineSignal::Ringback => (Form::Working, glyph::BELL_RINGING, "line-ringback"),
        LineSignal::Busy => (Form::Problem, glyph::PHONE_X, "line-busy"),
        LineSignal::Congestion => (Form::Problem, glyph::PHONE_X, "line-congestion"),
        LineSignal::Announcement => (Form::Problem, glyph::MEGAPHONE, "line-announcement"),
        LineSignal::Silence => (Form::Waiting, glyph::SPEAKER_NONE, "line-silence"),
        LineSignal::Music if active => (Form::Waiting, glyph::MUSIC_NOTES, "line-music"),
        LineSignal::Music => (Form::Working, glyph::MUSIC_NOTES, "line-music-ringing"),
        LineSignal::Beep => (Form::Working, glyph::VOICEMAIL, "line-beep"),
        LineSignal::Fax => (Form::Problem, glyph::PRINTER, "line-fax"),
        LineSignal::TextTelephone => (Form::Working, glyph::KEYBOARD, "line-text-telephone"),
    };
    let mut strip = Strip::new(form, icon, kit.t(key));
    // Whoever waits for it has to act at once.
    strip.urgent = call.line.signal == Some(LineSignal::Beep);
    Some(strip)
}

/// How loud it is on the telephone's line, for those who do not hear it.
fn loudness_facts(kit: &Kit, call: &CallFacts) -> Vec<Fact> {
    // Where nothing has been heard in either direction, there is nothing to say.
    if call.state != Some(SessionState::RelayActive) || call.line == LineReport::default() {
        return Vec::new();
    }
    let fact = |name, loudness: Loudness| {
        let value = kit.t(&format!("loudness-{}", loudness.word()));
        Fact::spare(kit.t(name), value)
    };
    vec![
        fact("loudness-from", call.line.from),
        fact("loudness-to", call.line.to),
    ]
}

/// The strip of a call from subscriber to subscriber.
fn direct_strip(kit: &Kit, call: &CallFacts) -> Strip {
    let (look, key) = match call.state {
        Some(SessionState::RelayActive) => ((Form::Live, glyph::PHONE_CALL), "direct-active"),
        Some(SessionState::CallEnded) => ((Form::Over, glyph::PHONE_DISCONNECT), "ended"),
        _ if call.telephone == Some(TelephoneState::Ringing) => {
            ((Form::Working, glyph::BELL_RINGING), "direct-ringing")
        }
        _ => ((Form::Working, glyph::PHONE_OUTGOING), "direct-calling"),
    };
    let mut strip = told(kit, (look.0, look.1, key), call);
    strip.facts.push(time_fact(kit, call));
    strip
}

fn time_fact(kit: &Kit, call: &CallFacts) -> Fact {
    let time = call.conversation.unwrap_or(call.session);
    Fact::clock(kit.t("clock-time"), clock_words(time))
}

/// The strip of a call that is being made or held, for the caller.
fn caller_strip(kit: &Kit, call: &CallFacts) -> Strip {
    let ringing = is_ringing(call);
    let mut strip = match call.state {
        None if call.connected => Strip::new(Form::Live, glyph::PHONE_CALL, kit.t("active-direct")),
        None | Some(SessionState::RequestReceived) => waiting(kit, call),
        Some(SessionState::InterpreterAssigned) => {
            told(kit, (Form::Working, glyph::HAND_WAVING, "assigned"), call)
        }
        Some(SessionState::HearingPartyDialing) if ringing => {
            let mut strip = told(kit, (Form::Working, glyph::BELL_RINGING, "ringing"), call);
            strip.spoken = Some(kit.t("ringing-spoken"));
            strip
        }
        Some(SessionState::HearingPartyDialing) => told(
            kit,
            (Form::Working, glyph::PHONE_OUTGOING, "dialling"),
            call,
        ),
        Some(SessionState::RelayActive) => {
            told(kit, (Form::Live, glyph::PHONE_CALL, "active"), call)
        }
        Some(SessionState::CallEnded) => {
            Strip::new(Form::Over, glyph::PHONE_DISCONNECT, kit.t("ended"))
        }
    };
    strip.facts.extend(loudness_facts(kit, call));
    strip.facts.push(time_fact(kit, call));
    strip
}

/// The network says that it rings, or it is heard.
fn is_ringing(call: &CallFacts) -> bool {
    call.telephone == Some(TelephoneState::Ringing)
        || call.line.signal == Some(LineSignal::Ringback)
}

/// A working or live strip about the number called; a screen reader spells the number in groups.
fn told(kit: &Kit, (form, icon, key): (Form, &'static str, &str), call: &CallFacts) -> Strip {
    let shown = number_words(kit, call.number.as_ref());
    let spelled = call
        .number
        .as_ref()
        .map_or_else(|| shown.clone(), PhoneNumber::spoken);
    let mut strip = Strip::new(form, icon, about(kit, key, call, shown));
    strip.spoken = Some(about(kit, key, call, spelled));
    strip
}

fn waiting(kit: &Kit, call: &CallFacts) -> Strip {
    let sentence = match (call.state, call.queue_position) {
        (None, None) => kit.t("asking"),
        (_, None) => kit.t("waiting"),
        (_, Some(0 | 1)) => kit.t("waiting-next"),
        (_, Some(position)) => kit.with("waiting-behind", &[("count", (position - 1).into())]),
    };
    Strip::new(Form::Waiting, glyph::HOURGLASS_MEDIUM, sentence)
}

/// A sentence that names the interpreter if the service told who it is.
fn about(kit: &Kit, key: &str, call: &CallFacts, number: String) -> String {
    let rings = call.rings;
    match &call.interpreter {
        _ if call.direct => kit.with(key, &[("number", number.into())]),
        Some(id) => kit.with(
            key,
            &[
                ("id", id.to_string().into()),
                ("number", number.into()),
                ("rings", rings.into()),
            ],
        ),
        None => {
            let key = format!("{key}-anonymous");
            kit.with(&key, &[("number", number.into()), ("rings", rings.into())])
        }
    }
}

/// The strip of a call, for the interpreter: two clocks, always.
fn interpreter_strip(kit: &Kit, call: &CallFacts) -> Strip {
    let ringing = is_ringing(call);
    let mut strip = match call.state {
        None | Some(SessionState::RequestReceived) => {
            Strip::new(Form::Waiting, glyph::HOURGLASS_MEDIUM, kit.t("ca-joining"))
        }
        Some(SessionState::InterpreterAssigned) => {
            Strip::new(Form::Working, glyph::HAND_WAVING, kit.t("ca-assigned"))
        }
        Some(SessionState::HearingPartyDialing) if ringing => {
            let words = kit.with("ca-ringing", &[("rings", call.rings.into())]);
            let mut strip = Strip::new(Form::Working, glyph::BELL_RINGING, words);
            strip.spoken = Some(kit.t("ringing-spoken"));
            strip
        }
        Some(SessionState::HearingPartyDialing) => {
            Strip::new(Form::Working, glyph::PHONE_OUTGOING, kit.t("ca-dialling"))
        }
        Some(SessionState::RelayActive) => {
            Strip::new(Form::Live, glyph::PHONE_CALL, kit.t("ca-active"))
        }
        Some(SessionState::CallEnded) => {
            Strip::new(Form::Over, glyph::PHONE_DISCONNECT, kit.t("ended"))
        }
    };
    let clock = |key: &str, time| Fact::clock(kit.t(key), clock_words(time));
    strip.facts.push(clock("clock-session", call.session));
    strip.facts.push(clock(
        "clock-conversation",
        call.conversation.unwrap_or_default(),
    ));
    strip
}
