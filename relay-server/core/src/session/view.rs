//! What everybody else may see of a session.

use vrs_domain::{
    CaId, CallKind, EndReason, Epoch, LanguagePair, PhoneNumber, SessionId, SessionState,
    TelephoneState, Urgency,
};

/// A snapshot for publication: status messages, console, lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Whose.
    pub session: SessionId,
    /// The canonical state.
    pub state: SessionState,
    /// What the called party's leg is doing.
    pub telephone: TelephoneState,
    /// Who interprets or interpreted; nobody while one is sought.
    pub interpreter: Option<CaId>,
    /// The epoch of that assignment.
    pub epoch: Option<Epoch>,
    /// What kind of call it is.
    pub kind: CallKind,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Who calls; `None` when the network withholds it.
    pub caller: Option<PhoneNumber>,
    /// The number to call.
    pub number: PhoneNumber,
    /// Between which languages.
    pub languages: LanguagePair,
    /// When the call was placed, in milliseconds UTC.
    pub placed_at_ms: u64,
    /// The session clock at the moment of the snapshot, in milliseconds.
    pub session_ms: u64,
    /// The conversation clock at that moment, in milliseconds; 0 until the call is answered.
    pub conversation_ms: u64,
    /// The sequence of the last event: a snapshot with a smaller one is older.
    pub sequence: u64,
    /// Why it ended, once it has.
    pub ended: Option<EndReason>,
}
