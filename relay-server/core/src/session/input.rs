//! Everything that can happen to a session.

use std::fmt;
use std::str::FromStr;

use vrs_domain::state::UnknownWord;
use vrs_domain::{CaId, EndReason, Epoch, Leg};

/// How an invitation came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decline {
    /// The interpreter said no.
    Declined,
    /// The interpreter said nothing within `limit::INVITATION_TIMEOUT`.
    TimedOut,
    /// The interpreter's connection was lost, or their app could not take the invitation.
    Lost,
}

impl Decline {
    /// Every value.
    pub const ALL: &'static [Self] = &[Self::Declined, Self::TimedOut, Self::Lost];

    /// The word used in the journal and in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Decline {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|decline| decline.word() == text)
            .ok_or_else(|| UnknownWord {
                what: "way to decline",
                word: text.chars().take(40).collect(),
            })
    }
}

/// Everything that can happen to a session; there is no other way to change one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The queue chose an interpreter ([`crate::queue::Match`]); they are to be invited.
    Matched {
        /// Who.
        ca: CaId,
        /// The epoch of this asking, from the queue.
        epoch: Epoch,
    },
    /// The invited interpreter answered, and [`crate::queue::Queue::accepted`] said yes.
    InvitationAccepted {
        /// Who.
        ca: CaId,
        /// The epoch they were invited with.
        epoch: Epoch,
    },
    /// The invitation came to nothing.
    InvitationDeclined {
        /// Who.
        ca: CaId,
        /// The epoch they were invited with.
        epoch: Epoch,
        /// In which way.
        how: Decline,
    },
    /// A leg's media is up (ICE and DTLS done, or first authenticated packet) for the first time.
    MediaConnected(Leg),
    /// The INVITE to the trunk is on its way.
    DialStarted,
    /// The network says that the telephone rings (180, 183).
    HearingRang,
    /// The telephone was answered (200).
    HearingAnswered,
    /// The telephone could not be reached.
    HearingFailed {
        /// `hearing_busy`, `hearing_no_answer`, `number_refused`, `number_invalid`,
        /// `trunk_unavailable` or `media_failed`; others do not fit and are refused.
        reason: EndReason,
    },
    /// A party hung up. Before an interpreter has taken the call this is the caller's CANCEL.
    HungUp(Leg),
    /// A party's connection is gone for good: its flow closed, or no media for too long.
    Lost(Leg),
    /// The service ends the session.
    Refused {
        /// While waiting: `no_interpreter`, `queue_full`, `number_refused`, `number_invalid`,
        /// `trunk_unavailable`. In every state: `media_failed`, `not_allowed`,
        /// `journal_unavailable`. Others do not fit and are refused.
        reason: EndReason,
    },
    /// The service is stopping and does not wait for this session.
    Stop,
    /// The server restarted, and this session, read back from the journal, cannot be resumed.
    Restarted,
}

impl Input {
    /// The input's name without its data: safe to log.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Matched { .. } => "matched",
            Self::InvitationAccepted { .. } => "invitation_accepted",
            Self::InvitationDeclined { .. } => "invitation_declined",
            Self::MediaConnected(_) => "media_connected",
            Self::DialStarted => "dial_started",
            Self::HearingRang => "hearing_rang",
            Self::HearingAnswered => "hearing_answered",
            Self::HearingFailed { .. } => "hearing_failed",
            Self::HungUp(_) => "hung_up",
            Self::Lost(_) => "lost",
            Self::Refused { .. } => "refused",
            Self::Stop => "stop",
            Self::Restarted => "restarted",
        }
    }
}
