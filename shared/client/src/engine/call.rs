//! One call as the user sees it: pure. SIP and status events go in, a [`CallView`] comes out.
//!
//! ```text
//! outgoing:  Calling ──answered──► Up ──► Ended
//! incoming:  Ringing ──answered──► Up ──► Ended
//! ```
//! The session's own five states are the server's; they are data here, never decided here.

use std::time::{Duration, Instant};

use vrs_domain::{
    CaId, CallKind, EndReason, Leg, LineReport, PhoneNumber, Seat, SessionId, SessionState,
    TelephoneState, Urgency,
};
use vrs_sip::{CallHandle, Headers, Request};

use super::status::{SessionHeaders, Status, end_reason};
use super::{CallEnd, CallView, Direction, Invitation, Role, SeatRefusal, Seats, StateAt};

/// Most transitions kept for the report; a session has five states, a strange server may say more.
const STATES_MAX: usize = 64;
/// Longest text of the server shown to the user, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// What the user switched on and off; outlives calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Switches {
    pub(super) microphone_muted: bool,
    pub(super) speaker_muted: bool,
    pub(super) camera_off: bool,
}

impl Switches {
    /// A caller's voice is off until they choose to speak.
    pub(super) fn of_role(role: Role) -> Self {
        Self {
            microphone_muted: role == Role::Caller,
            speaker_muted: false,
            camera_off: false,
        }
    }
}

/// How far the dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// We placed it; no answer yet.
    Calling,
    /// It rings here.
    Ringing,
    /// Answered.
    Up,
}

/// A call from its first message to its end.
pub(super) struct Call {
    pub(super) handle: CallHandle,
    pub(super) phase: Phase,
    role: Role,
    direction: Direction,
    began: Instant,
    state: Option<SessionState>,
    pub(super) session: Option<SessionId>,
    kind: Option<CallKind>,
    /// For interpreters: the seat they were asked to take.
    seat: Option<Seat>,
    urgency: Option<Urgency>,
    seats: Seats,
    missing: Vec<Leg>,
    /// Who put the call on hold, as the server tells it.
    held: Vec<Leg>,
    /// Who sends neither picture nor sound, as the server tells it.
    silent: Vec<Leg>,
    /// We did.
    pub(super) on_hold: bool,
    refused: Option<SeatRefusal>,
    wrap_up: Option<Duration>,
    media_connected: bool,
    telephone: TelephoneState,
    line: LineReport,
    interpreter: Option<CaId>,
    /// Who called us.
    from: Option<String>,
    number: Option<PhoneNumber>,
    queue_position: Option<u32>,
    started: Instant,
    conversation_started: Option<Instant>,
    states: Vec<StateAt>,
}

impl Call {
    /// A call we place.
    pub(super) fn outgoing(
        now: Instant,
        handle: CallHandle,
        role: Role,
        number: PhoneNumber,
    ) -> Self {
        Self::new(
            now,
            handle,
            role,
            Direction::Outgoing,
            Phase::Calling,
            Some(number),
        )
    }

    /// A call that rings here, and what the window should know about it.
    pub(super) fn incoming(
        now: Instant,
        handle: CallHandle,
        role: Role,
        request: &Request,
    ) -> (Self, Invitation) {
        let headers = SessionHeaders::of(&request.headers);
        let from = request.headers.from().map(|from| {
            let user = from.uri.user_decoded().unwrap_or_default();
            from.display
                .filter(|display| !display.is_empty())
                .unwrap_or(user)
        });
        let mut call = Self::new(
            now,
            handle,
            role,
            Direction::Incoming,
            Phase::Ringing,
            headers.number.clone(),
        );
        let from = cut(&from.unwrap_or_default());
        call.from = Some(from.clone());
        call.session = headers.session;
        call.kind = headers.kind;
        call.seat = headers.seat;
        call.urgency = headers.urgency;
        let invitation = Invitation {
            session: headers.session,
            kind: headers.kind,
            urgency: headers.urgency,
            seat: headers.seat,
            caller: headers.caller,
            number: headers.number,
            languages: headers.languages,
            epoch: headers.epoch,
            answer_within: headers.answer_within,
            from,
        };
        (call, invitation)
    }

    fn new(
        now: Instant,
        handle: CallHandle,
        role: Role,
        direction: Direction,
        phase: Phase,
        number: Option<PhoneNumber>,
    ) -> Self {
        Self {
            handle,
            phase,
            role,
            direction,
            began: now,
            state: None,
            session: None,
            kind: None,
            seat: None,
            // Known before the server says so: from the first moment nothing comes between.
            urgency: number
                .as_ref()
                .filter(|number| number.is_emergency())
                .map(|_| Urgency::Emergency),
            seats: Seats::default(),
            missing: Vec::new(),
            held: Vec::new(),
            silent: Vec::new(),
            on_hold: false,
            refused: None,
            wrap_up: None,
            media_connected: false,
            telephone: TelephoneState::Idle,
            line: LineReport::default(),
            interpreter: None,
            from: None,
            number,
            queue_position: None,
            started: now,
            conversation_started: None,
            states: Vec::new(),
        }
    }

    /// A provisional response: the server took the request, and may say our place in the queue.
    pub(super) fn on_progress(&mut self, now: Instant, status: u16, headers: &Headers) {
        let said = SessionHeaders::of(headers);
        self.session = said.session.or(self.session);
        self.kind = said.kind.or(self.kind);
        self.urgency = said.urgency.or(self.urgency);
        if said.queue_position.is_some() {
            self.queue_position = said.queue_position;
        }
        // A server that is no relay service says only that it rings.
        if status == 182 || said.session.is_some() {
            self.enter(now, SessionState::RequestReceived);
        } else if status == 180 {
            self.telephone = TelephoneState::Ringing;
        }
    }

    /// Our call was answered, or we answered.
    pub(super) fn on_answered(&mut self, now: Instant, headers: &Headers) {
        self.phase = Phase::Up;
        self.queue_position = None;
        let said = SessionHeaders::of(headers);
        self.session = said.session.or(self.session);
        self.enter(now, SessionState::InterpreterAssigned);
    }

    /// A status report of the server.
    pub(super) fn on_status(&mut self, now: Instant, status: Status) {
        self.session = status.session.or(self.session);
        self.interpreter = status.interpreter.or_else(|| self.interpreter.take());
        self.number = status.number.or_else(|| self.number.take());
        self.telephone = status.telephone.unwrap_or(self.telephone);
        self.line = status.line;
        self.queue_position = status.queue_position;
        self.kind = status.kind.or(self.kind);
        self.urgency = status.urgency.or(self.urgency);
        self.seats = status.seats;
        self.missing = status.missing;
        self.held = status.held;
        self.silent = status.silent;
        self.refused = status.refused;
        self.wrap_up = status.wrap_up_s.map(Duration::from_secs);
        let ago = |ms: u64| now.checked_sub(Duration::from_millis(ms));
        if let Some(started) = status.session_ms.and_then(ago) {
            self.started = started;
        }
        if let Some(started) = status.conversation_ms.and_then(ago) {
            self.conversation_started = Some(started);
        }
        if let Some(state) = status.state {
            if state == SessionState::RelayActive && self.conversation_started.is_none() {
                self.conversation_started = Some(now);
            }
            self.enter(now, state);
        }
    }

    /// Whom we called.
    pub(super) const fn number(&self) -> Option<&PhoneNumber> {
        self.number.as_ref()
    }

    /// Whether it is about life and death: nothing may come between.
    pub(super) fn is_emergency(&self) -> bool {
        self.urgency == Some(Urgency::Emergency)
    }

    /// The same session, called again by the server after it was lost: what the window shows goes
    /// on where it was.
    pub(super) fn called_back(self, handle: CallHandle) -> Self {
        Self {
            handle,
            phase: Phase::Ringing,
            media_connected: false,
            ..self
        }
    }

    /// The media path came up or broke.
    pub(super) fn set_media_connected(&mut self, connected: bool) {
        self.media_connected = connected;
    }

    /// Whether picture and sound have a path.
    pub(super) const fn has_media(&self) -> bool {
        self.media_connected
    }

    fn enter(&mut self, now: Instant, state: SessionState) {
        if self.state == Some(state) {
            return;
        }
        self.state = Some(state);
        if self.states.len() < STATES_MAX {
            let ms = u64::try_from(now.saturating_duration_since(self.began).as_millis())
                .unwrap_or(u64::MAX);
            self.states.push(StateAt {
                state: state.word().to_owned(),
                ms,
            });
        }
    }

    /// Every state so far and when it came.
    pub(super) fn states(&self) -> &[StateAt] {
        &self.states
    }

    /// Which leg of the session is ours.
    fn leg(&self) -> Leg {
        match (self.role, self.direction, self.kind) {
            (Role::Interpreter, ..) => self.seat.unwrap_or(Seat::Lead).leg(),
            (Role::Caller, Direction::Incoming, Some(CallKind::PointToPoint)) => Leg::Callee,
            (Role::Caller, ..) => Leg::Caller,
        }
    }

    /// The whole call for the window.
    pub(super) fn view(&self, switches: Switches) -> CallView {
        CallView {
            direction: self.direction,
            leg: self.leg(),
            state: self.state,
            session: self.session,
            connected: self.phase == Phase::Up,
            media_connected: self.media_connected,
            telephone: self.telephone,
            line: self.line,
            kind: self.kind,
            urgency: self.urgency,
            seats: self.seats.clone(),
            missing: self.missing.clone(),
            held: self.held.clone(),
            silent: self.silent.clone(),
            wrap_up: self.wrap_up,
            on_hold: self.on_hold,
            from: self.from.clone(),
            refused: self.refused.clone(),
            interpreter: self.interpreter.clone(),
            number: self.number.clone(),
            queue_position: self.queue_position,
            started: Some(self.started),
            conversation_started: self.conversation_started,
            microphone_muted: switches.microphone_muted,
            speaker_muted: switches.speaker_muted,
            camera_off: switches.camera_off,
        }
    }

    /// We ended it.
    pub(super) fn end_by_us(&mut self, now: Instant) -> CallEnd {
        let reason = match (self.phase, self.role) {
            (Phase::Up, Role::Caller) => Some(EndReason::CallerHungUp),
            (Phase::Up, Role::Interpreter) => Some(EndReason::InterpreterHungUp),
            (Phase::Calling, _) => Some(EndReason::CallerCancelled),
            (Phase::Ringing, _) => None,
        };
        self.end(now, reason, None, true, "")
    }

    /// The other end, or the network, ended it. `status` is that of the response, `phrase` its words.
    pub(super) fn end_by_peer(
        &mut self,
        now: Instant,
        headers: &Headers,
        status: Option<u16>,
        phrase: &str,
    ) -> CallEnd {
        let (reason, cause, text) = end_reason(headers);
        let text = if text.is_empty() { phrase } else { &text };
        self.end(now, reason, status.or(cause), false, text)
    }

    /// Picture and sound could not be agreed or connected.
    pub(super) fn end_by_media(&mut self, now: Instant, text: &str) -> CallEnd {
        self.end(now, Some(EndReason::MediaFailed), None, false, text)
    }

    fn end(
        &mut self,
        now: Instant,
        reason: Option<EndReason>,
        status: Option<u16>,
        by_us: bool,
        text: &str,
    ) -> CallEnd {
        self.enter(now, SessionState::CallEnded);
        let duration_s = now.saturating_duration_since(self.began).as_secs();
        CallEnd {
            reason,
            status,
            by_us,
            text: cut(text),
            duration_s,
        }
    }
}

/// Without control signs and not endless: it is shown to people.
fn cut(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT_CHARS_MAX)
        .collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrs_sip::{Method, Uri};

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.push(name, value);
        }
        headers
    }

    fn outgoing(now: Instant) -> Call {
        Call::outgoing(
            now,
            CallHandle(1),
            Role::Caller,
            "+15550100199".parse().unwrap(),
        )
    }

    const SESSION: &str = "000000000000000000000000000000ff";

    #[test]
    fn a_relay_call_passes_through_its_five_states() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut call = outgoing(now);
        call.on_progress(
            at(10),
            182,
            &headers(&[("VRS-Session", SESSION), ("VRS-Queue-Position", "2")]),
        );
        let view = call.view(Switches::of_role(Role::Caller));
        assert_eq!((view.queue_position, view.connected), (Some(2), false));
        assert_eq!(view.session, Some(SessionId(255)));
        assert!(view.microphone_muted);
        call.on_progress(
            at(15),
            182,
            &headers(&[("VRS-Session", SESSION), ("VRS-Queue-Position", "1")]),
        );
        call.on_answered(at(20), &Headers::new());
        let dialing = Status {
            state: Some(SessionState::HearingPartyDialing),
            ..Status::default()
        };
        call.on_status(at(30), dialing.clone());
        call.on_status(at(31), dialing);
        call.on_status(
            at(40),
            Status {
                state: Some(SessionState::RelayActive),
                conversation_ms: Some(5),
                ..Status::default()
            },
        );
        let view = call.view(Switches::of_role(Role::Caller));
        assert_eq!(view.conversation_started, Some(at(35)));
        let end = call.end_by_us(at(2500));
        assert_eq!(
            (end.reason, end.by_us, end.duration_s),
            (Some(EndReason::CallerHungUp), true, 2)
        );
        let words: Vec<_> = call
            .states()
            .iter()
            .map(|s| (s.state.as_str(), s.ms))
            .collect();
        let expected = [
            ("request_received", 10),
            ("interpreter_assigned", 20),
            ("hearing_party_dialing", 30),
            ("relay_active", 40),
            ("call_ended", 2500),
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn an_invitation_carries_what_the_interpreter_needs() {
        let request = Request {
            method: Method::Invite,
            uri: Uri::sip("1234", "relay.example"),
            headers: headers(&[
                ("From", "\"Relay\u{7}\" <sip:relay@relay.example>;tag=1"),
                ("VRS-Session", SESSION),
                ("VRS-Epoch", "3"),
                ("VRS-Called-Number", "+15550100199"),
                ("VRS-Languages", "ase/en"),
            ]),
            body: Vec::new(),
        };
        let (call, invitation) =
            Call::incoming(Instant::now(), CallHandle(2), Role::Interpreter, &request);
        assert_eq!(invitation.session, Some(SessionId(255)));
        assert_eq!(invitation.epoch.map(|e| e.0), Some(3));
        assert_eq!(
            invitation.number.map(|n| n.to_string()),
            Some("+15550100199".into())
        );
        assert_eq!(invitation.from, "Relay");
        assert!(
            !call
                .view(Switches::of_role(Role::Interpreter))
                .microphone_muted
        );
    }

    #[test]
    fn refusals_keep_their_reason_status_and_words() {
        let now = Instant::now();
        let refusal = headers(&[
            ("Reason", "SIP;cause=480;text=\"Nobody is signed in\""),
            ("VRS-Reason", "no_interpreter"),
        ]);
        let end = outgoing(now).end_by_peer(now, &refusal, Some(480), "Temporarily Unavailable");
        assert_eq!(
            (end.reason, end.status, end.by_us),
            (Some(EndReason::NoInterpreter), Some(480), false)
        );
        assert_eq!(end.text, "Nobody is signed in");
        let end = outgoing(now).end_by_peer(now, &Headers::new(), Some(404), "Not Found");
        assert_eq!((end.reason, end.text.as_str()), (None, "Not Found"));
        let end = outgoing(now).end_by_us(now);
        assert_eq!(end.reason, Some(EndReason::CallerCancelled));
    }
}
