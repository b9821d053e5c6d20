//! The words of the relay service.
//!
//! What it is: the vocabulary that callers, interpreters and the server share: ids, telephone
//! numbers, civic addresses, languages, the five states of a session, why a call ended, every
//! limit.
//! What it is not: it opens nothing, reads no clock, knows no SIP and writes no file format;
//! [`std::fmt::Display`] and [`std::str::FromStr`] are its only written forms.
//! Start reading at [`SessionState`] and [`EndReason`].

pub mod call;
pub mod civic;
pub mod id;
pub mod language;
pub mod limit;
pub mod line;
pub mod number;
pub mod reason;
pub mod sensitive;
pub mod state;

pub use call::{CallCenter, CallKind, Legs, ReliefReason, Urgency};
pub use civic::{CivicElement, CivicLocation, InvalidLocation, LocationRefusal};
pub use id::{CaId, Epoch, SessionId};
pub use language::{Gender, LanguagePair, SignLanguage, Skill, SpokenLanguage};
pub use line::{LineReport, LineSignal, Loudness};
pub use number::PhoneNumber;
pub use reason::EndReason;
pub use sensitive::Sensitive;
pub use state::{
    Activity, Availability, Leg, Seat, SessionState, TEXT_NAME_CALLER, TEXT_NAME_INTERPRETER,
    TelephoneState,
};
