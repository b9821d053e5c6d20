//! The five states of a session, its legs and seats, and what the telephone and interpreters are
//! doing.

use std::fmt;
use std::str::FromStr;

/// Declares an enum whose only written form is a fixed word per variant.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used on the wire, in the journal and in reports.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(UnknownWord { what: $what, word: other.chars().take(40).collect() }),
                }
            }
        }
    };
}
pub(crate) use words;

/// A word that is not in the list of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not a known {what}")]
pub struct UnknownWord {
    /// The kind of word that was expected.
    pub what: &'static str,
    /// What was read instead, cut at 40 characters.
    pub word: String,
}

words! {
    /// The canonical states of a session; there is no other.
    ///
    /// ```text
    /// request_received → interpreter_assigned → hearing_party_dialing → relay_active → call_ended
    /// ```
    SessionState, "session state" {
        /// The caller asked; an interpreter is being found.
        RequestReceived = "request_received",
        /// An interpreter took the session; caller and interpreter see each other.
        InterpreterAssigned = "interpreter_assigned",
        /// The telephone is being called.
        HearingPartyDialing = "hearing_party_dialing",
        /// All three talk; the conversation clock runs.
        RelayActive = "relay_active",
        /// Over; the reason is in the event that led here.
        CallEnded = "call_ended",
    }
}

words! {
    /// One party's part in a session.
    Leg, "leg" {
        /// The Deaf party: who calls, or who is called from a telephone.
        Caller = "caller",
        /// The interpreter (communications assistant) who leads.
        Interpreter = "interpreter",
        /// The hearing party, on an ordinary telephone.
        Hearing = "hearing",
        /// The subscriber whom another subscriber calls.
        Callee = "callee",
        /// The interpreter who takes over.
        Relief = "relief",
        /// The second interpreter of a team.
        Team = "team",
        /// The supervisor who assists.
        Supervisor = "supervisor",
    }
}

/// What a caller's text is called on the wire (RFC 9071 section 3.15); the apps say it in the
/// language of their user.
pub const TEXT_NAME_CALLER: &str = "Caller";
/// What an interpreter's text is called; further ones have a space and a number behind it.
pub const TEXT_NAME_INTERPRETER: &str = "Interpreter";

impl Seat {
    /// The leg of whoever takes it.
    #[must_use]
    pub const fn leg(self) -> Leg {
        match self {
            Self::Lead => Leg::Interpreter,
            Self::Relief => Leg::Relief,
            Self::Team => Leg::Team,
            Self::Supervisor => Leg::Supervisor,
        }
    }
}

impl Leg {
    /// The seat of an interpreter's leg; `None` for the parties of the call.
    #[must_use]
    pub const fn seat(self) -> Option<Seat> {
        match self {
            Self::Interpreter => Some(Seat::Lead),
            Self::Relief => Some(Seat::Relief),
            Self::Team => Some(Seat::Team),
            Self::Supervisor => Some(Seat::Supervisor),
            Self::Caller | Self::Hearing | Self::Callee => None,
        }
    }
}

words! {
    /// What the telephone leg is doing, as told to the apps.
    TelephoneState, "telephone state" {
        /// Not called yet.
        Idle = "idle",
        /// Being called, no word from the network yet.
        Dialing = "dialing",
        /// Ringing.
        Ringing = "ringing",
        /// Somebody answered.
        Answered = "answered",
        /// The line is busy.
        Busy = "busy",
        /// Nobody answered in time.
        NoAnswer = "no_answer",
        /// The call could not be placed.
        Failed = "failed",
        /// Hung up.
        Ended = "ended",
    }
}

words! {
    /// The place that an interpreter takes in a session.
    Seat, "seat" {
        /// Interprets the call.
        Lead = "lead",
        /// Takes over the lead.
        Relief = "relief",
        /// A second interpreter; both work together.
        Team = "team",
        /// Assists the interpreter.
        Supervisor = "supervisor",
    }
}

words! {
    /// Whether an interpreter takes calls, as everybody sees it.
    Availability, "availability" {
        /// Ready for an invitation.
        Available = "available",
        /// Being asked.
        Invited = "invited",
        /// In a session.
        InCall = "in_call",
        /// Finishing the paperwork of the last call.
        WrapUp = "wrap_up",
        /// At a break.
        Break = "break",
        /// At a meal.
        Meal = "meal",
        /// In a training.
        Training = "training",
        /// Signed in and taking no calls: by choice, or after not answering several invitations.
        Away = "away",
        /// Not signed in.
        Offline = "offline",
    }
}

words! {
    /// What an interpreter chooses to do; calls and invitations come before it.
    Activity, "activity" {
        /// Takes calls.
        Available = "available",
        /// At a break.
        Break = "break",
        /// At a meal.
        Meal = "meal",
        /// In a training.
        Training = "training",
        /// Takes no calls.
        Away = "away",
    }
}

impl From<Activity> for Availability {
    fn from(activity: Activity) -> Self {
        match activity {
            Activity::Available => Self::Available,
            Activity::Break => Self::Break,
            Activity::Meal => Self::Meal,
            Activity::Training => Self::Training,
            Activity::Away => Self::Away,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_strangers_are_named() {
        for &state in SessionState::ALL {
            assert_eq!(state.word().parse(), Ok(state));
        }
        let error = "relay".parse::<SessionState>().unwrap_err();
        assert_eq!(error.to_string(), "'relay' is not a known session state");
    }

    #[test]
    fn what_is_chosen_and_what_is_seen_have_the_same_words() {
        for &activity in Activity::ALL {
            assert_eq!(activity.word(), Availability::from(activity).word());
            assert_eq!(activity.word().parse(), Ok(activity));
        }
        for &availability in Availability::ALL {
            assert_eq!(availability.word().parse(), Ok(availability));
        }
        for &seat in Seat::ALL {
            assert_eq!(seat.word().parse(), Ok(seat));
        }
    }
}
