//! Which reasons which inputs may give.

use vrs_domain::{CallKind, EndReason};

use super::Outcome::{self, End};
use super::Why;
use crate::session::state::Parties;

/// The service refuses the session; while it waits for its first interpreter it may say more.
pub(super) fn refused(reason: EndReason, parties: &Parties, waiting: bool) -> Result<Outcome, Why> {
    let fits = match reason {
        EndReason::MediaFailed
        | EndReason::MediaRefused
        | EndReason::NoCommonCodec
        | EndReason::NotAllowed
        | EndReason::JournalUnavailable => true,
        EndReason::NoInterpreter
        | EndReason::QueueFull
        | EndReason::NumberRefused
        | EndReason::NumberInvalid
        | EndReason::NumberUnknown
        | EndReason::TrunkUnavailable => waiting,
        EndReason::InterpreterLost => !waiting && parties.crew.lead_sought_since().is_some(),
        EndReason::CallerHungUp
        | EndReason::InterpreterHungUp
        | EndReason::HearingHungUp
        | EndReason::CalleeHungUp
        | EndReason::CallerCancelled
        | EndReason::HearingBusy
        | EndReason::HearingNoAnswer
        | EndReason::SubscriberBusy
        | EndReason::SubscriberNoAnswer
        | EndReason::SubscriberDeclined
        | EndReason::SubscriberOffline
        | EndReason::CallerLost
        | EndReason::HearingLost
        | EndReason::CalleeLost
        | EndReason::AnsweredElsewhere
        | EndReason::Relieved
        | EndReason::InvitationTimedOut
        | EndReason::LanguageUnknown
        | EndReason::KindUnsupported
        | EndReason::RequestInvalid
        | EndReason::TooManyCalls
        | EndReason::ServiceStopping
        | EndReason::ServerRestarted => false,
    };
    if fits {
        Ok(End(reason))
    } else {
        Err(Why::ReasonDoesNotFit)
    }
}

/// Why a call of this kind does not reach whom it calls.
pub(super) fn called_failed(kind: CallKind, reason: EndReason) -> Result<Outcome, Why> {
    let telephone = match kind {
        CallKind::RelayOutbound => true,
        CallKind::RelayInbound | CallKind::PointToPoint => false,
    };
    let fits = match reason {
        EndReason::MediaFailed | EndReason::MediaRefused | EndReason::NoCommonCodec => true,
        EndReason::HearingBusy
        | EndReason::HearingNoAnswer
        | EndReason::NumberRefused
        | EndReason::NumberInvalid
        | EndReason::TrunkUnavailable => telephone,
        EndReason::SubscriberBusy
        | EndReason::SubscriberNoAnswer
        | EndReason::SubscriberDeclined
        | EndReason::SubscriberOffline
        | EndReason::NumberUnknown => !telephone,
        EndReason::CallerHungUp
        | EndReason::InterpreterHungUp
        | EndReason::HearingHungUp
        | EndReason::CalleeHungUp
        | EndReason::CallerCancelled
        | EndReason::NoInterpreter
        | EndReason::QueueFull
        | EndReason::CallerLost
        | EndReason::InterpreterLost
        | EndReason::HearingLost
        | EndReason::CalleeLost
        | EndReason::AnsweredElsewhere
        | EndReason::Relieved
        | EndReason::InvitationTimedOut
        | EndReason::LanguageUnknown
        | EndReason::KindUnsupported
        | EndReason::RequestInvalid
        | EndReason::TooManyCalls
        | EndReason::NotAllowed
        | EndReason::ServiceStopping
        | EndReason::JournalUnavailable
        | EndReason::ServerRestarted => false,
    };
    if fits {
        Ok(End(reason))
    } else {
        Err(Why::ReasonDoesNotFit)
    }
}
