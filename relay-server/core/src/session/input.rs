//! Everything that can happen to a session.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use vrs_domain::state::UnknownWord;
use vrs_domain::{CaId, CallCenter, EndReason, Epoch, Leg, ReliefReason, Seat};

use super::event::Dialog;

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
        /// For which seat.
        seat: Seat,
        /// Who.
        ca: CaId,
        /// The epoch of this asking, from the queue.
        epoch: Epoch,
    },
    /// The invited interpreter answered, and [`crate::queue::Queue::accepted`] said yes.
    InvitationAccepted {
        /// For which seat.
        seat: Seat,
        /// Who.
        ca: CaId,
        /// The epoch they were invited with.
        epoch: Epoch,
        /// Where they work (F38).
        center: Option<CallCenter>,
    },
    /// The invitation came to nothing.
    InvitationDeclined {
        /// For which seat.
        seat: Seat,
        /// Who.
        ca: CaId,
        /// The epoch they were invited with.
        epoch: Epoch,
        /// In which way.
        how: Decline,
    },
    /// The lead asks for another interpreter beside or instead of them.
    SeatAsked {
        /// `relief`, `team` or `supervisor`.
        seat: Seat,
        /// Why, for a relief.
        reason: Option<ReliefReason>,
    },
    /// The lead takes that back, or nobody is to be had.
    SeatWithdrawn {
        /// Which.
        seat: Seat,
    },
    /// A leg's media is up (ICE and DTLS done, or first authenticated packet) for the first time;
    /// after a restart, once more. A telephone's is as soon as its gateway has answered.
    MediaConnected(Leg),
    /// A leg was answered; by this it is found again after a restart.
    LegBound {
        /// Which.
        leg: Leg,
        /// What the signalling task needs.
        dialog: Dialog,
    },
    /// The INVITE to the called party is on its way.
    DialStarted {
        /// Where it went, for the record (F35).
        address: Option<IpAddr>,
    },
    /// It rings at the called party's (180, 183).
    CalledRang,
    /// The called party answered (200).
    CalledAnswered {
        /// Where they are, for the record (F35).
        address: Option<IpAddr>,
    },
    /// The called party could not be reached.
    CalledFailed {
        /// `hearing_busy`, `hearing_no_answer`, `number_refused`, `number_invalid`,
        /// `trunk_unavailable`, `media_failed`, `subscriber_busy`, `subscriber_no_answer`,
        /// `subscriber_declined` or `subscriber_offline`; others do not fit and are refused.
        reason: EndReason,
    },
    /// A party hung up. Before an interpreter has taken the call this is the caller's CANCEL.
    HungUp(Leg),
    /// A party's connection is gone for good: its flow closed, or no media for too long.
    Lost(Leg),
    /// A party put the call on hold, or took it back (RFC 3264 section 8.4).
    HoldChanged {
        /// Whose leg.
        leg: Leg,
        /// Whether it is on hold now.
        held: bool,
    },
    /// A missing party of an emergency call is back (F21).
    Restored(Leg),
    /// Calling a missing party back did not succeed this time.
    RestoreFailed(Leg),
    /// The service ends the session.
    Refused {
        /// While waiting: `no_interpreter`, `queue_full`, `number_refused`, `number_invalid`,
        /// `number_unknown`, `trunk_unavailable`. While the lead is sought anew:
        /// `interpreter_lost`. In every state: `media_failed`, `not_allowed`,
        /// `journal_unavailable`. Others do not fit and are refused.
        reason: EndReason,
    },
    /// The service is stopping and does not wait for this session.
    Stop,
    /// The server restarted, and this session, read back from the journal, goes on.
    Resumed {
        /// Until when the server is known to have been there, on the session clock.
        alive_ms: u64,
    },
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
            Self::SeatAsked { .. } => "seat_asked",
            Self::SeatWithdrawn { .. } => "seat_withdrawn",
            Self::MediaConnected(_) => "media_connected",
            Self::LegBound { .. } => "leg_bound",
            Self::DialStarted { .. } => "dial_started",
            Self::CalledRang => "called_rang",
            Self::CalledAnswered { .. } => "called_answered",
            Self::CalledFailed { .. } => "called_failed",
            Self::HungUp(_) => "hung_up",
            Self::Lost(_) => "lost",
            Self::HoldChanged { .. } => "hold_changed",
            Self::Restored(_) => "restored",
            Self::RestoreFailed(_) => "restore_failed",
            Self::Refused { .. } => "refused",
            Self::Stop => "stop",
            Self::Resumed { .. } => "resumed",
            Self::Restarted => "restarted",
        }
    }
}
