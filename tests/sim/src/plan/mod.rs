//! What a run does, drawn from its seed before it begins.
//!
//! Nothing here refers to anything else by position, so that any part can be left out
//! ([`crate::shrink`]) and the rest stays what it was.

//!
//! What it is: the words for everything that people and faults can do. [`draw`] throws the dice.

mod draw;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it came from; also seeds the network's dice.
    pub seed: u64,
    /// Who interprets.
    pub interpreters: Vec<InterpreterPlan>,
    /// Who calls.
    pub calls: Vec<CallPlan>,
    /// What breaks.
    pub faults: Vec<Fault>,
    /// How bad the network is throughout.
    pub weather: Weather,
    /// When a word that is none of anybody's reaches a session, in milliseconds.
    pub words: Vec<(u64, StaleWord)>,
    /// When the server's sessions are compared with its journal, beside whenever it is killed.
    pub looks: Vec<u64>,
    /// Nothing breaks and no interpreter vanishes: then a call must not wait without a cause.
    pub calm: bool,
    /// Whether the journal keeps snapshots, from which the server starts again.
    pub snapshots: bool,
}

/// A word about an invitation that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleWord {
    /// An answer to an asking that another one followed.
    OldAnswer,
    /// A refusal of such an asking.
    OldRefusal,
    /// Such an asking lapses once more.
    OldLapse,
    /// An answer in the name of somebody who was not asked.
    Impostor,
    /// An answer to an asking that has not been.
    Early,
    /// The answer of whoever has the seat, once more.
    Again,
}

/// One interpreter.
#[derive(Debug, Clone)]
pub struct InterpreterPlan {
    /// Which account.
    pub index: u32,
    /// What they do with their invitations, in turn and over again.
    pub habits: Vec<Habit>,
    /// What they do each time the server dies under a call of theirs, in turn and over again.
    pub aways: Vec<Away>,
}

/// What somebody does whose server dies in the middle of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// Waits for it, as apps do.
    Waits,
    /// Hangs up meanwhile; the app stays there.
    HangsUp,
    /// Crashes with it, and comes back too late or never.
    Crashes,
}

/// What an interpreter does with an invitation. Times are milliseconds.
#[derive(Debug, Clone, Copy)]
pub enum Habit {
    /// Takes it, and may hang up on their own.
    Accept {
        /// After so long.
        after_ms: u64,
        /// Ends the call so long after having taken it.
        hang_up_ms: Option<u64>,
        /// What they want during the call.
        ask: Option<Ask>,
        /// Whether their media never connects.
        no_media: bool,
    },
    /// Says no.
    Decline {
        /// After so long.
        after_ms: u64,
    },
    /// Does not hear it.
    Sleep,
    /// Loses the connection.
    Vanish {
        /// So long after the invitation; they may have taken it by then.
        after_ms: u64,
        /// Back after so long.
        back_ms: u64,
    },
    /// The app stands still; when it goes on it answers before it has heard what happened since.
    Freeze {
        /// Takes the call after so long, if this is sooner than the standstill.
        accept_ms: Option<u64>,
        /// So long after the invitation.
        after_ms: u64,
        /// For so long.
        for_ms: u64,
    },
}

/// What an interpreter wants of the service during a call.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// So long after having taken the call.
    pub after_ms: u64,
    /// What.
    pub what: Wanted,
    /// Takes it back after so long.
    pub withdraw_ms: Option<u64>,
    /// Hands over so long after the relief is there.
    pub hand_over_ms: u64,
}

/// Whom an interpreter wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Somebody to take over, for a word of the list of reasons.
    Relief(&'static str),
    /// A second interpreter.
    Team,
    /// Somebody who assists.
    Supervisor,
}

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A subscriber calls a telephone.
    Outbound,
    /// A telephone calls a subscriber.
    Inbound,
    /// A subscriber calls another one.
    PointToPoint,
}

/// Which number is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dial {
    /// One that only this call has.
    Number,
    /// 988.
    Crisis,
    /// 911.
    Emergency,
    /// One that is nobody's.
    Nobody,
}

/// A device of a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct DevicePlan {
    /// Which of this subscriber's.
    pub serial: u32,
    /// When it signs in.
    pub from_ms: u64,
    /// What it does with a call.
    pub habit: DeviceHabit,
    /// What it does when the server dies.
    pub away: Away,
}

/// What a device does when it rings. Times are milliseconds.
#[derive(Debug, Clone, Copy)]
pub enum DeviceHabit {
    /// Is answered.
    Answers {
        /// After so long.
        after_ms: u64,
        /// Hangs up so long after the answer.
        hang_up_ms: u64,
        /// Changes its media so long after the answer.
        hold_ms: Option<u64>,
    },
    /// Refuses with this SIP status.
    Refuses {
        /// After so long.
        after_ms: u64,
        /// Such as 486.
        status: u16,
    },
    /// Rings and nobody hears it.
    Sleeps,
    /// Loses the connection.
    Vanishes {
        /// So long after it began to ring.
        after_ms: u64,
        /// Back after so long.
        back_ms: u64,
    },
}

/// One call.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// Which account, and which number is called.
    pub index: u32,
    /// When the caller starts their app.
    pub at_ms: u64,
    /// What kind of call it is.
    pub kind: Kind,
    /// Which number is called.
    pub dial: Dial,
    /// Whether they ask for languages that nobody interprets.
    pub foreign: bool,
    /// How long they wait for an interpreter.
    pub patience_ms: u64,
    /// How long they talk before they hang up.
    pub talk_ms: u64,
    /// Their connection breaks so long after they called, and comes back after so long.
    pub cut: Option<(u64, Option<u64>)>,
    /// What the telephone does.
    pub telephone: TelephonePlan,
    /// Whether the media of whoever calls never connects.
    pub no_media: bool,
    /// Devices of whoever is called; when a telephone is, further ones of the caller.
    pub devices: Vec<DevicePlan>,
    /// Whether the caller is not to be seen.
    pub private: bool,
    /// A field in which the interpreter should be trained.
    pub skill: Option<&'static str>,
    /// Who the interpreter should be.
    pub gender: Option<&'static str>,
    /// The caller changes their media so long after the answer.
    pub hold_ms: Option<u64>,
    /// The telephone's line breaks down so long after its answer.
    pub breaks_ms: Option<u64>,
    /// What the caller does when the server dies.
    pub away: Away,
}

/// What a telephone does.
#[derive(Debug, Clone, Copy)]
pub enum TelephonePlan {
    /// Rings and is answered; may hang up.
    Answers {
        /// How long it rings.
        ring_ms: u64,
        /// Hangs up so long after the answer.
        hang_up_ms: Option<u64>,
    },
    /// Ends with this SIP status.
    Fails {
        /// After so long.
        after_ms: u64,
        /// Such as 486.
        status: u16,
    },
    /// Rings for ever.
    Rings,
    /// The gateway does not even answer.
    Silent,
}

/// What breaks, and when.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The server is killed; what was not synced may be half written.
    ServerDies {
        /// When.
        at_ms: u64,
        /// How long it is away.
        down_ms: u64,
    },
    /// The server is killed with a record: it is durable, and nothing that follows from it.
    DiesWith {
        /// From when on.
        at_ms: u64,
        /// The record's kind.
        record: &'static str,
        /// How long it is away.
        down_ms: u64,
    },
    /// The server is killed in a write: a part of it is there, and acknowledged to nobody.
    DiesIn {
        /// From when on; the next write is the last.
        at_ms: u64,
        /// How much of it is there, in a thousand.
        kept_permille: u32,
        /// The rest of it is there as zeros.
        zeros: bool,
        /// How long it is away.
        down_ms: u64,
    },
    /// The disk takes nothing.
    DiskFails {
        /// When.
        at_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// The disk takes everything and can make none of it durable.
    SyncsFail {
        /// When.
        at_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// Nothing gets through: streams stand still, datagrams are lost.
    Partition {
        /// When.
        at_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// The wall clock is set.
    ClockSteps {
        /// When.
        at_ms: u64,
        /// Forwards or backwards.
        by_ms: i64,
    },
}

/// How bad the network is throughout.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Shortest and longest way of a message, in milliseconds.
    pub delay_ms: (u64, u64),
    /// Datagrams lost, in a thousand.
    pub lost: u32,
    /// Datagrams that come twice, in a thousand.
    pub doubled: u32,
}
