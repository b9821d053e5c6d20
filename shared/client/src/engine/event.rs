//! What the engine tells the window: one closed enum, and the snapshots it carries.

use std::time::{Duration, Instant};

use serde::Serialize;
use vrs_domain::{
    Activity, CaId, CallKind, EndReason, Epoch, LanguagePair, Leg, LineReport, LocationRefusal,
    PhoneNumber, Seat, Sensitive, SessionId, SessionState, TelephoneState, Urgency,
};
use vrs_media::Written;

/// Something the window should know.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The line to the server changed.
    Connection(Connection),
    /// The server knows us; told once per sign-in, not again after a reconnect.
    SignedIn {
        /// The account as the server knows it.
        account: String,
    },
    /// The sign-in is over; nothing is tried again until the next [`super::Command::SignIn`].
    SignInFailed(SignInProblem),
    /// Callers: what the provider says of the location it has; told when that changes and whenever
    /// a location was told.
    Location(LocationReport),
    /// Signed out as asked.
    SignedOut,
    /// Somebody calls; answer, decline, or wait for [`Event::CallEnded`], or for
    /// [`Event::WaitingEnded`] when there is a call already.
    Incoming(Invitation),
    /// The call as it is now; sent whole on every change.
    Call(CallView),
    /// The call is over. No [`Event::Call`] of this call follows. One that was parked is the call
    /// again: its [`Event::Call`] comes next; one that was waiting rings on.
    CallEnded(CallEnd),
    /// The call that is parked while there is another one, as it is now; `None` when there is
    /// none any more.
    Parked(Option<CallView>),
    /// The parked call is over.
    ParkedEnded(CallEnd),
    /// A second call, told by [`Event::Incoming`] during the first, rings no more and was not taken.
    WaitingEnded(CallEnd),
    /// Interpreters: the server made another choice, for missed invitations.
    Activity(Activity),
    /// Real-time text of the other end, as it arrives, and who wrote it where several do; U+0008
    /// takes their last character back.
    TextReceived(Written),
    /// A key was pressed at the telephone: `0` to `9`, `*`, `#`, `A` to `D`.
    KeyPressed(Sensitive<char>),
    /// How loud it is, about ten times a second during a call.
    Levels {
        /// Our microphone as sent (muted: -120), in dBFS.
        microphone_dbfs: f32,
        /// What is heard, in dBFS, whether or not the speaker is muted.
        speaker_dbfs: f32,
        /// The strongest frequency of what is heard, in Hz; 0 when too quiet to say.
        heard_hz: f32,
    },
    /// Figures of the call: once a second and once at its end.
    Stats(CallStats),
    /// A camera, microphone or speaker cannot be used; the call goes on without it.
    DeviceProblem(String),
}

/// What the provider says of where we are registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocationReport {
    /// Whether it has a location of ours; `None` when it does not say.
    pub registered: Option<bool>,
    /// What became of the one we told: kept, or why not; `None` when none was told just now. One
    /// that came too soon is told again by itself.
    pub answer: Option<Result<(), LocationRefusal>>,
}

/// The line to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Not signed in.
    Offline,
    /// On the way.
    Connecting,
    /// Connected and registered.
    Online,
    /// Lost; a running call's picture and sound go on.
    Retrying {
        /// The next try comes in this many seconds.
        in_s: u32,
    },
}

/// Why a sign-in failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInProblem {
    /// The server does not accept account and password.
    WrongPassword,
    /// The server knows the account and does not let it in.
    Forbidden,
    /// No connection.
    Unreachable {
        /// What the system said; may name the server, never the account.
        detail: String,
    },
    /// The server's certificate is not trusted.
    NotTrusted {
        /// What is wrong with it.
        detail: String,
    },
    /// The server refused with a SIP status that has no better name here.
    Server {
        /// The status.
        status: u16,
    },
}

/// Who has which seat beside the lead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seats {
    /// Stands ready to take over.
    pub relief: Option<CaId>,
    /// The second interpreter.
    pub team: Option<CaId>,
    /// The supervisor who assists.
    pub supervisor: Option<CaId>,
}

/// A request for another interpreter that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRefusal {
    /// What was asked for.
    pub seat: Seat,
    /// Why not, in the server's words.
    pub why: String,
}

/// A call that is ringing here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invitation {
    /// The session it belongs to, when the server says so.
    pub session: Option<SessionId>,
    /// What kind of call it is.
    pub kind: Option<CallKind>,
    /// How urgent it is.
    pub urgency: Option<Urgency>,
    /// For interpreters: the seat they are asked to take.
    pub seat: Option<Seat>,
    /// For interpreters: who calls, unless they withhold it.
    pub caller: Option<PhoneNumber>,
    /// For interpreters: the number that is called.
    pub number: Option<PhoneNumber>,
    /// Between which languages.
    pub languages: Option<LanguagePair>,
    /// Which assignment of the session this is.
    pub epoch: Option<Epoch>,
    /// For interpreters: after this time the next one is asked.
    pub answer_within: Option<Duration>,
    /// Who calls: display name or user part of the SIP address.
    pub from: String,
}

/// Who began the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We did.
    Outgoing,
    /// The other end did.
    Incoming,
}

/// The call as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct CallView {
    /// Who began it.
    pub direction: Direction,
    /// Which leg of the session is ours.
    pub leg: Leg,
    /// The session's state, as far as the server told us.
    pub state: Option<SessionState>,
    /// The session.
    pub session: Option<SessionId>,
    /// Answered and not yet ended.
    pub connected: bool,
    /// Picture, sound and text have a path.
    pub media_connected: bool,
    /// What the telephone is doing.
    pub telephone: TelephoneState,
    /// What its line sounds like, as the server tells it.
    pub line: LineReport,
    /// Who interprets.
    pub interpreter: Option<CaId>,
    /// What kind of call it is, as far as the server told us.
    pub kind: Option<CallKind>,
    /// How urgent it is.
    pub urgency: Option<Urgency>,
    /// Who else interprets or helps.
    pub seats: Seats,
    /// Who put the call on hold, as the server tells it.
    pub held: Vec<Leg>,
    /// Who is there and sends neither picture nor sound, as the server tells it.
    pub silent: Vec<Leg>,
    /// We put it on hold.
    pub on_hold: bool,
    /// Who called us; nobody when we called.
    pub from: Option<String>,
    /// Parties of an emergency call that were lost and are being called back.
    pub missing: Vec<Leg>,
    /// For how long nobody is sent to an interpreter after the call, where there is such a time.
    pub wrap_up: Option<Duration>,
    /// What we asked for and did not get, until the next report of the server.
    pub refused: Option<SeatRefusal>,
    /// The number called.
    pub number: Option<PhoneNumber>,
    /// How many are in front of us, 1 for next; only while waiting.
    pub queue_position: Option<u32>,
    /// When the session began.
    pub started: Option<Instant>,
    /// When the conversation with the telephone began.
    pub conversation_started: Option<Instant>,
    /// Silence is sent.
    pub microphone_muted: bool,
    /// Silence is played.
    pub speaker_muted: bool,
    /// A grey picture is sent.
    pub camera_off: bool,
}

impl CallView {
    /// Whether it is about life and death: nothing may come between.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        self.urgency == Some(Urgency::Emergency)
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEnd {
    /// The reason by its name, when the server gave one or it is plain.
    pub reason: Option<EndReason>,
    /// The SIP status that ended it, when there was one.
    pub status: Option<u16>,
    /// We ended it: hung up, declined or gave up.
    pub by_us: bool,
    /// What the server wrote for people; may be empty.
    pub text: String,
    /// From the first request to the end, in seconds.
    pub duration_s: u64,
}

/// Figures of a call, for the report and the window's details page. Nothing in it names a person or an address.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CallStats {
    /// Pictures the camera gave for this call.
    pub frames_captured: u64,
    /// Pictures coded, grey ones included.
    pub frames_encoded: u64,
    /// Coded pictures that went out: all since the connection stood.
    pub frames_sent: u64,
    /// Whole coded pictures received.
    pub frames_received: u64,
    /// Pictures decoded and shown.
    pub frames_decoded: u64,
    /// Median of capture to decoded, in milliseconds, from the synthetic camera's clock strip;
    /// right only when both ends run by the same clock.
    pub delay_ms_p50: Option<f32>,
    /// 95th percentile of the same.
    pub delay_ms_p95: Option<f32>,
    /// Round trip to the server's media end, in milliseconds.
    pub rtt_ms: Option<f32>,
    /// Kilobits of pictures a second that the path from here takes; `None`: as many as there are.
    pub path_kbps: Option<u32>,
    /// Width of the last picture that was shown, in pixels.
    pub seen_width: Option<u32>,
    /// Height of the same.
    pub seen_height: Option<u32>,
    /// RTP packets that never came.
    pub packets_lost: u64,
    /// Requests for retransmission sent.
    pub nacks_sent: u64,
    /// Requests for a key frame sent.
    pub plis_sent: u64,
    /// Strongest frequency of the last sound that had one, in Hz.
    pub heard_hz: Option<f32>,
    /// How loud it was then, in dBFS.
    pub level_dbfs: Option<f32>,
    /// `H264` when video was agreed.
    pub codec_video: Option<String>,
    /// `opus` when audio was agreed.
    pub codec_audio: Option<String>,
    /// The SRTP protection profile.
    pub srtp_profile: Option<String>,
    /// The DTLS cipher suite.
    pub cipher_suite: Option<String>,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub candidate_type: Option<String>,
    /// Times that another path was taken in the call.
    pub ice_restarts: u32,
    /// Each state the session was in, and when it came.
    pub states: Vec<StateAt>,
}

/// A state and when it was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateAt {
    /// The state's word.
    pub state: String,
    /// Milliseconds since the call began here.
    pub ms: u64,
}
