//! What is going on, in sentences: one place turns states into words.
//!
//! It knows the words of the service (`vrs-domain`) and nothing of the engine; each app fills
//! [`CallFacts`] from its engine's snapshot.

use std::time::Duration;

use egui_phosphor::bold as glyph;
use vrs_domain::{CaId, EndReason, LanguagePair, PhoneNumber, SessionState, TelephoneState};

use crate::kit::Kit;
use crate::widgets::{Fact, Form, Reach, Station, Strip};

/// One ring of a North American telephone, tone and pause.
pub const RING_PERIOD: Duration = Duration::from_secs(6);

/// Which app is speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// The Deaf caller.
    Caller,
    /// The interpreter.
    Interpreter,
}

/// The connection to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// None.
    #[default]
    Offline,
    /// Being made.
    Connecting,
    /// There.
    Online,
    /// Lost; tried again after so many seconds.
    Retrying {
        /// Seconds until the next try.
        in_s: u32,
    },
}

/// A call as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallFacts {
    /// The state of the session, once the server told one.
    pub state: Option<SessionState>,
    /// The other end answered.
    pub connected: bool,
    /// What the telephone does.
    pub telephone: Option<TelephoneState>,
    /// How often it rang so far.
    pub rings: u32,
    /// Who interprets.
    pub interpreter: Option<CaId>,
    /// The telephone's number.
    pub number: Option<PhoneNumber>,
    /// Place in the queue; 1 is next.
    pub queue_position: Option<u32>,
    /// Since the call began.
    pub session: Duration,
    /// Since the telephone was answered.
    pub conversation: Option<Duration>,
}

/// Counts rings: the first is heard at once, the next every [`RING_PERIOD`].
#[must_use]
pub fn rings(since_first: Duration) -> u32 {
    let periods = since_first.as_millis() / RING_PERIOD.as_millis();
    u32::try_from(periods).unwrap_or(u32::MAX).saturating_add(1)
}

/// Minutes and seconds (`2:05`), with hours when there are some (`1:02:05`).
#[must_use]
pub fn clock_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A number as people write it, or "somebody".
#[must_use]
pub fn number_words(kit: &Kit, number: Option<&PhoneNumber>) -> String {
    number.map_or_else(|| kit.t("someone"), PhoneNumber::spaced)
}

/// A language pair such as "ASL / English".
#[must_use]
pub fn language_words(kit: &Kit, pair: LanguagePair) -> String {
    let signed = kit.t(&format!("language-{}", pair.signed.word()));
    let spoken = kit.t(&format!("language-{}", pair.spoken.word()));
    kit.with(
        "language-pair",
        &[("signed", signed.into()), ("spoken", spoken.into())],
    )
}

/// What the telephone is doing.
#[must_use]
pub fn telephone_words(kit: &Kit, state: TelephoneState, rings: u32) -> String {
    kit.with(
        &format!("telephone-{}", state.word()),
        &[("rings", rings.into())],
    )
}

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
        Seat::Caller => caller_strip(kit, call),
        Seat::Interpreter => interpreter_strip(kit, call),
    };
    match link_strip(kit, link) {
        Some(lost) => Strip {
            facts: strip.facts,
            ..lost
        },
        None => strip,
    }
}

/// The strip of a call that is being made or held, for the caller.
fn caller_strip(kit: &Kit, call: &CallFacts) -> Strip {
    let mut strip = match call.state {
        None if call.connected => Strip::new(Form::Live, glyph::PHONE_CALL, kit.t("active-direct")),
        None | Some(SessionState::RequestReceived) => waiting(kit, call),
        Some(SessionState::InterpreterAssigned) => {
            told(kit, (Form::Working, glyph::HAND_WAVING, "assigned"), call)
        }
        Some(SessionState::HearingPartyDialing)
            if call.telephone == Some(TelephoneState::Ringing) =>
        {
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
    strip.facts.push(Fact::clock(
        kit.t("clock-time"),
        clock_words(call.conversation.unwrap_or(call.session)),
    ));
    strip
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
    let ringing = call.telephone == Some(TelephoneState::Ringing);
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

/// Why a call ended, as a sentence; `talked` says whether anybody was reached.
#[must_use]
pub fn end_words(kit: &Kit, seat: Seat, reason: Option<EndReason>, talked: bool) -> String {
    match reason {
        Some(reason) => {
            let seat = match seat {
                Seat::Caller => "caller",
                Seat::Interpreter => "interpreter",
            };
            kit.t(&format!("end-{seat}-{}", reason.word()))
        }
        None if talked => kit.t("ended"),
        None => kit.t("ended-failed"),
    }
}

/// Whether this end is a fault or a disappointment rather than somebody's wish.
#[must_use]
pub const fn is_trouble(reason: EndReason) -> bool {
    match reason {
        EndReason::CallerHungUp
        | EndReason::InterpreterHungUp
        | EndReason::HearingHungUp
        | EndReason::CalleeHungUp
        | EndReason::AnsweredElsewhere
        | EndReason::Relieved
        | EndReason::CallerCancelled => false,
        EndReason::NoInterpreter
        | EndReason::QueueFull
        | EndReason::HearingBusy
        | EndReason::HearingNoAnswer
        | EndReason::NumberRefused
        | EndReason::NumberInvalid
        | EndReason::TrunkUnavailable
        | EndReason::CallerLost
        | EndReason::InterpreterLost
        | EndReason::HearingLost
        | EndReason::CalleeLost
        | EndReason::SubscriberBusy
        | EndReason::SubscriberNoAnswer
        | EndReason::SubscriberDeclined
        | EndReason::SubscriberOffline
        | EndReason::NumberUnknown
        | EndReason::LanguageUnknown
        | EndReason::KindUnsupported
        | EndReason::RequestInvalid
        | EndReason::TooManyCalls
        | EndReason::InvitationTimedOut
        | EndReason::MediaFailed
        | EndReason::NotAllowed
        | EndReason::ServiceStopping
        | EndReason::JournalUnavailable
        | EndReason::ServerRestarted => true,
    }
}

/// The three stations of a call, with how far it came.
#[must_use]
pub fn stations(kit: &Kit, call: &CallFacts, failed: Option<EndReason>) -> [Station; 3] {
    let (mut interpreter, mut telephone) = match call.state {
        None | Some(SessionState::RequestReceived) => (Reach::Now, Reach::Ahead),
        Some(SessionState::InterpreterAssigned) => (Reach::There, Reach::Ahead),
        Some(SessionState::HearingPartyDialing) => (Reach::There, Reach::Now),
        Some(SessionState::RelayActive | SessionState::CallEnded) => (Reach::There, Reach::There),
    };
    match failed {
        Some(
            EndReason::HearingBusy
            | EndReason::HearingNoAnswer
            | EndReason::NumberRefused
            | EndReason::NumberInvalid
            | EndReason::NumberUnknown
            | EndReason::TrunkUnavailable,
        ) => telephone = Reach::Failed,
        Some(reason) if is_trouble(reason) => {
            interpreter = Reach::Failed;
            telephone = Reach::Ahead;
        }
        Some(_) | None => {}
    }
    let name = call.interpreter.as_ref().map_or_else(
        || kit.t("journey-interpreter"),
        |id| kit.with("journey-interpreter-id", &[("id", id.to_string().into())]),
    );
    let number = call
        .number
        .as_ref()
        .map_or_else(|| kit.t("journey-telephone"), PhoneNumber::spaced);
    [
        Station {
            icon: glyph::USER,
            name: kit.t("journey-you"),
            reach: Reach::There,
        },
        Station {
            icon: glyph::HANDS_CLAPPING,
            name,
            reach: interpreter,
        },
        Station {
            icon: glyph::PHONE,
            name: number,
            reach: telephone,
        },
    ]
}

/// The three stations as the interpreter sees them, in the middle.
#[must_use]
pub fn stations_of_interpreter(kit: &Kit, call: &CallFacts) -> [Station; 3] {
    let [mut caller, mut me, telephone] = stations(kit, call, None);
    caller.name = kit.t("journey-caller");
    caller.reach = Reach::Now;
    me.name = kit.t("journey-you");
    me.reach = Reach::There;
    [caller, me, telephone]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n2_clocks_are_read_at_a_glance() {
        assert_eq!(clock_words(Duration::ZERO), "0:00");
        assert_eq!(clock_words(Duration::from_millis(125_900)), "2:05");
        assert_eq!(clock_words(Duration::from_secs(3725)), "1:02:05");
    }

    #[test]
    fn u3_rings_are_counted_as_they_are_heard() {
        assert_eq!(rings(Duration::ZERO), 1);
        assert_eq!(rings(Duration::from_secs(5)), 1);
        assert_eq!(rings(Duration::from_secs(12)), 3);
    }
}
