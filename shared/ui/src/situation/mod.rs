//! What is going on, in sentences: one place turns states into words.
//!
//! It knows the words of the service (`vrs-domain`) and nothing of the engine; each app fills
//! [`CallFacts`] from its engine's snapshot.

use std::time::Duration;

use vrs_domain::{
    CaId, EndReason, LanguagePair, Leg, LineReport, PhoneNumber, SessionState, TelephoneState,
};

use crate::kit::Kit;

mod strip;
mod way;

pub use strip::{call_strip, resting_strip};
pub use way::{stations, stations_of_interpreter};

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
    /// What its line sounds like.
    pub line: LineReport,
    /// How often it rang so far.
    pub rings: u32,
    /// Two subscribers sign to each other: no interpreter, no telephone.
    pub direct: bool,
    /// The user put it on hold.
    pub on_hold: bool,
    /// Who else did.
    pub held_by: Option<Leg>,
    /// Who else is there and sends neither picture nor sound.
    pub silent: Option<Leg>,
    /// Who was lost from an emergency call and is being called back.
    pub missing: Option<Leg>,
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
        | EndReason::MediaRefused
        | EndReason::NoCommonCodec
        | EndReason::NotAllowed
        | EndReason::ServiceStopping
        | EndReason::JournalUnavailable
        | EndReason::ServerRestarted => true,
    }
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
