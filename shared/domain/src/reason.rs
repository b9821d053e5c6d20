//! Why a call ended: the only list of reasons in the project.

use crate::state::words;
use std::fmt;
use std::str::FromStr;

use crate::state::UnknownWord;

words! {
    /// Why a session ended, or was never begun.
    EndReason, "reason" {
        /// The caller hung up.
        CallerHungUp = "caller_hung_up",
        /// The interpreter hung up.
        InterpreterHungUp = "interpreter_hung_up",
        /// The hearing party hung up.
        HearingHungUp = "hearing_hung_up",
        /// The called subscriber hung up.
        CalleeHungUp = "callee_hung_up",
        /// Whoever called gave up before an interpreter, or the called subscriber, answered.
        CallerCancelled = "caller_cancelled",
        /// No interpreter is signed in for these languages.
        NoInterpreter = "no_interpreter",
        /// Too many callers are waiting.
        QueueFull = "queue_full",
        /// The telephone is busy.
        HearingBusy = "hearing_busy",
        /// The telephone was not answered.
        HearingNoAnswer = "hearing_no_answer",
        /// Every device of the called subscriber is busy.
        SubscriberBusy = "subscriber_busy",
        /// The called subscriber did not answer.
        SubscriberNoAnswer = "subscriber_no_answer",
        /// The called subscriber declined.
        SubscriberDeclined = "subscriber_declined",
        /// The called subscriber has no device signed in.
        SubscriberOffline = "subscriber_offline",
        /// Nobody here has this number.
        NumberUnknown = "number_unknown",
        /// The telephone company refused the number.
        NumberRefused = "number_refused",
        /// No such number can be dialled.
        NumberInvalid = "number_invalid",
        /// No trunk took the call.
        TrunkUnavailable = "trunk_unavailable",
        /// The caller's connection was lost.
        CallerLost = "caller_lost",
        /// The interpreter's connection was lost.
        InterpreterLost = "interpreter_lost",
        /// The connection to the telephone was lost.
        HearingLost = "hearing_lost",
        /// The called subscriber's connection was lost.
        CalleeLost = "callee_lost",
        /// Another device of the same subscriber answered; ends a ringing, never the session.
        AnsweredElsewhere = "answered_elsewhere",
        /// Another interpreter took over; ends a leg, never the session.
        Relieved = "relieved",
        /// An interpreter did not answer in time; ends the invitation, never the session.
        InvitationTimedOut = "invitation_timed_out",
        /// Picture and sound could not be agreed or connected.
        MediaFailed = "media_failed",
        /// A device described its media in a way that is not allowed: without encryption, in no
        /// allowed format, or beyond a limit.
        MediaRefused = "media_refused",
        /// The parties' devices have no format of pictures in common.
        NoCommonCodec = "no_common_codec",
        /// No such language is interpreted here.
        LanguageUnknown = "language_unknown",
        /// No such kind of call is placed here.
        KindUnsupported = "kind_unsupported",
        /// Something else in the request cannot be understood.
        RequestInvalid = "request_invalid",
        /// The account has too many calls, or places them too fast.
        TooManyCalls = "too_many_calls",
        /// The account may not do this.
        NotAllowed = "not_allowed",
        /// The service is stopping.
        ServiceStopping = "service_stopping",
        /// The service could not write its journal.
        JournalUnavailable = "journal_unavailable",
        /// The server restarted and this session could not be resumed.
        ServerRestarted = "server_restarted",
    }
}

impl EndReason {
    /// The SIP status that tells a peer which knows only SIP (RFC 3261 section 21).
    #[must_use]
    pub const fn sip_status(self) -> u16 {
        match self {
            Self::CallerHungUp
            | Self::InterpreterHungUp
            | Self::HearingHungUp
            | Self::CalleeHungUp
            | Self::AnsweredElsewhere
            | Self::Relieved => 200,
            Self::CallerCancelled => 487,
            Self::NoInterpreter
            | Self::HearingNoAnswer
            | Self::SubscriberNoAnswer
            | Self::SubscriberOffline => 480,
            Self::HearingBusy | Self::SubscriberBusy => 486,
            Self::NumberRefused | Self::SubscriberDeclined => 603,
            Self::NumberInvalid | Self::NumberUnknown => 404,
            Self::TrunkUnavailable => 502,
            Self::CallerLost
            | Self::InterpreterLost
            | Self::HearingLost
            | Self::CalleeLost
            | Self::InvitationTimedOut => 408,
            Self::MediaFailed | Self::MediaRefused | Self::NoCommonCodec => 488,
            Self::NotAllowed => 403,
            Self::LanguageUnknown | Self::KindUnsupported | Self::RequestInvalid => 400,
            Self::TooManyCalls
            | Self::QueueFull
            | Self::ServiceStopping
            | Self::JournalUnavailable
            | Self::ServerRestarted => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_final_sip_status_and_a_word() {
        for &reason in EndReason::ALL {
            assert!((200..700).contains(&reason.sip_status()), "{reason}");
            assert_eq!(reason.word().parse(), Ok(reason));
        }
    }
}
