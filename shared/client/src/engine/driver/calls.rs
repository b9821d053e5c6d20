//! The one call there may be: placing, taking, ending it, and its media.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use vrs_domain::{EndReason, PhoneNumber, ReliefReason, Seat};
use vrs_sip::{Body, CallHandle, Headers, Method, Reason, Request, Response, TransactionHandle};

use super::{Driver, Line};
use crate::capture::camera::Captured;
use crate::engine::call::{Call, Phase};
use crate::engine::media::{MediaInput, MediaNotice, MediaProblem, MediaSession};
use crate::engine::sign_in::recv_info;
use crate::engine::status::{SEAT_PACKAGE, SessionHeaders, Status};
use crate::engine::{CallEnd, CallStats, CallView, Event, Role, reinvite};
use crate::newest::Newest;

/// What we can be asked inside and outside calls (RFC 3261 section 20.5).
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS";
/// A call waits for so long for a server that was lost, or for its media.
const BACK_WITHIN: Duration = Duration::from_secs(120);
/// Most text taken from the window at once, in bytes.
const TEXT_BYTES_MAX: usize = vrs_domain::limit::TEXT_PENDING_BYTES_MAX;

/// The call and what belongs to it.
pub(super) struct ActiveCall {
    pub(super) call: Call,
    pub(super) media: Option<MediaSession>,
    /// Where the camera's pictures go once the encoder runs.
    pub(super) mailbox: Option<Newest<Captured>>,
    /// The offer of a call that rings, empty when it came without one.
    offer: Vec<u8>,
    /// The other end's session description, to recognise a re-INVITE that changes nothing.
    remote_sdp: String,
    /// The ACK will bring the answer to our offer (RFC 3264 after an INVITE without one).
    answer_comes_with_ack: bool,
    captured_before: u64,
    last_view: Option<CallView>,
    /// The server was lost: its media may fail and come back until then.
    held_until: Option<Instant>,
}

impl ActiveCall {
    fn new(call: Call, captured_before: u64) -> Self {
        Self {
            call,
            media: None,
            mailbox: None,
            offer: Vec::new(),
            remote_sdp: String::new(),
            answer_comes_with_ack: false,
            captured_before,
            last_view: None,
            held_until: None,
        }
    }
}

fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// A reason to tell the other end (RFC 3326), with our own word for it beside it.
fn reason_headers(reason: EndReason) -> (Option<Reason>, Vec<(String, String)>) {
    let words = reason.word().replace('_', " ");
    (
        Some(Reason::sip(reason.sip_status(), words)),
        vec![("VRS-Reason".into(), reason.word().into())],
    )
}

impl Driver {
    /// The call, if `handle` is its.
    fn call_of(&mut self, handle: CallHandle) -> Option<&mut ActiveCall> {
        self.call
            .as_mut()
            .filter(|active| active.call.handle == handle)
    }

    fn server_address(&self) -> Option<SocketAddr> {
        match &self.line {
            Line::Up(link) => Some(link.server),
            Line::Idle | Line::Connecting(_) | Line::Waiting(_) => None,
        }
    }

    pub(super) fn place_call(&mut self, now: Instant, number: PhoneNumber) {
        if self.call.is_some() || self.leaving.is_some() {
            return;
        }
        let (Some(server), Some(flow), Some(sign_in)) =
            (self.server_address(), self.flow, &self.sign_in)
        else {
            // Not connected: the window greys the button out, a late click lands here.
            let end = CallEnd {
                reason: None,
                status: Some(503),
                by_us: false,
                text: "Not connected".into(),
                duration_s: 0,
            };
            return self.outlet.tell(Event::CallEnded(end));
        };
        match MediaSession::offer(now, server) {
            Ok(media) => {
                let id = uuid::Uuid::new_v4();
                tracing::info!(correlation = %id.simple(), "calling");
                let invite = sign_in.invite(&number, media.local_sdp(), id);
                let handle = self.endpoint.invite(now, flow, invite);
                let call = Call::outgoing(now, handle, self.config.role, number);
                let mut active = ActiveCall::new(call, self.camera.captured());
                active.media = Some(media);
                self.call = Some(active);
                self.tell_call();
            }
            Err(problem) => {
                let text = problem.to_string();
                let reason = Some(EndReason::MediaFailed);
                self.outlet.tell(Event::CallEnded(CallEnd {
                    reason,
                    status: None,
                    by_us: false,
                    text,
                    duration_s: 0,
                }));
            }
        }
    }

    pub(super) fn on_invite(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        if self.leaving.is_some() {
            return self.endpoint.reject(now, handle, 480, Vec::new());
        }
        if self.is_called_back(request) {
            return self.called_back(now, handle, request);
        }
        if self.call.is_some() {
            return self.endpoint.reject(now, handle, 486, Vec::new());
        }
        let is_sdp = request.body.is_empty()
            || request.headers.content_type().as_deref() == Some("application/sdp");
        if !is_sdp {
            return self.endpoint.reject(
                now,
                handle,
                415,
                vec![("Accept".into(), "application/sdp".into())],
            );
        }
        let (call, invitation) = Call::incoming(now, handle, self.config.role, request);
        let mut active = ActiveCall::new(call, self.camera.captured());
        active.offer.clone_from(&request.body);
        self.call = Some(active);
        self.endpoint
            .progress(now, handle, 180, vec![recv_info()], None);
        self.outlet.tell(Event::Incoming(invitation));
        self.tell_call();
    }

    pub(super) fn answer_call(&mut self, now: Instant) {
        let server = self.server_address();
        let Some(active) = self
            .call
            .as_mut()
            .filter(|active| active.call.phase == Phase::Ringing)
        else {
            return;
        };
        let handle = active.call.handle;
        let Some(server) = server else { return };
        let offer = text_of(&std::mem::take(&mut active.offer));
        let media = if offer.is_empty() {
            active.answer_comes_with_ack = true;
            MediaSession::offer(now, server)
        } else {
            MediaSession::answer(now, server, &offer)
        };
        match media {
            Ok(media) => {
                let body = Body::sdp(media.local_sdp());
                active.remote_sdp = offer;
                active.media = Some(media);
                active.call.on_answered(now, &Headers::new());
                self.endpoint.accept(now, handle, vec![recv_info()], body);
                self.tell_call();
            }
            Err(problem) => {
                let (reason, mut headers) = reason_headers(EndReason::MediaFailed);
                headers.extend(reason.map(|reason| ("Reason".to_owned(), reason.to_string())));
                self.endpoint.reject(now, handle, 488, headers);
                self.end_with(now, |call| call.end_by_media(now, &problem.to_string()));
            }
        }
    }

    /// Whether the server calls for the very call that we are in: it lost us in an emergency.
    fn is_called_back(&self, request: &Request) -> bool {
        let session = SessionHeaders::of(&request.headers).session;
        let priority = request.headers.get("Priority").map(str::trim);
        let ours = self.call.as_ref().and_then(|active| active.call.session);
        session.is_some() && session == ours && priority == Some("emergency")
    }

    /// The server lost us in a call and calls us back: it is taken at once, in the place of the
    /// old leg.
    fn called_back(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        let Some(mut old) = self.call.take() else {
            return;
        };
        tracing::info!("called back into the call");
        if let Some(media) = &mut old.media {
            media.close(now);
        }
        self.endpoint.hang_up(now, old.call.handle, None);
        let mut active = ActiveCall::new(old.call.called_back(handle), old.captured_before);
        active.offer.clone_from(&request.body);
        self.call = Some(active);
        self.answer_call(now);
    }

    pub(super) fn decline_call(&mut self, now: Instant) {
        let Some(active) = self
            .call
            .as_ref()
            .filter(|active| active.call.phase == Phase::Ringing)
        else {
            return;
        };
        self.endpoint
            .reject(now, active.call.handle, 603, Vec::new());
        self.end_with(now, |call| call.end_by_us(now));
    }

    pub(super) fn hang_up(&mut self, now: Instant) {
        let ringing = self
            .call
            .as_ref()
            .is_some_and(|active| active.call.phase == Phase::Ringing);
        if ringing {
            self.decline_call(now)
        } else {
            self.end_call_by_us(now)
        }
    }

    /// Ends the call in whatever state it is; the window hears of it at once, the server when it can.
    pub(super) fn end_call_by_us(&mut self, now: Instant) {
        let Some(active) = &mut self.call else { return };
        let handle = active.call.handle;
        let end = active.call.end_by_us(now);
        let (reason, headers) = end.reason.map_or((None, Vec::new()), reason_headers);
        self.endpoint.hang_up_with(now, handle, reason, headers);
        self.finish_call(now, end);
    }

    /// Media cannot go on: the dialog is ended too.
    fn end_call_by_media(&mut self, now: Instant, text: &str) {
        let Some(active) = &self.call else { return };
        let (reason, headers) = reason_headers(EndReason::MediaFailed);
        self.endpoint
            .hang_up_with(now, active.call.handle, reason, headers);
        self.end_with(now, |call| call.end_by_media(now, text));
    }

    fn end_with(&mut self, now: Instant, end: impl FnOnce(&mut Call) -> CallEnd) {
        if let Some(active) = &mut self.call {
            let end = end(&mut active.call);
            self.finish_call(now, end);
        }
    }

    /// The last figures, the end, an empty picture.
    fn finish_call(&mut self, now: Instant, end: CallEnd) {
        if let Some(stats) = self.stats() {
            self.outlet.tell(Event::Stats(stats));
        }
        if let Some(mut active) = self.call.take()
            && let Some(media) = &mut active.media
        {
            media.close(now);
        }
        self.remote.clear();
        self.order_camera();
        self.outlet.tell(Event::CallEnded(end));
    }

    pub(super) fn on_progress(&mut self, now: Instant, handle: CallHandle, response: &Response) {
        if let Some(active) = self.call_of(handle) {
            active
                .call
                .on_progress(now, response.status, &response.headers);
            self.tell_call();
        }
    }

    pub(super) fn on_answered(&mut self, now: Instant, handle: CallHandle, response: &Response) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        active.call.on_answered(now, &response.headers);
        active.remote_sdp = text_of(&response.body);
        let accepted = active
            .media
            .as_mut()
            .map(|media| media.accept_answer(now, &active.remote_sdp));
        self.tell_call();
        self.after_answer(now, accepted);
    }

    pub(super) fn on_acked(&mut self, now: Instant, handle: CallHandle, body: Option<Vec<u8>>) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        if !std::mem::replace(&mut active.answer_comes_with_ack, false) {
            return;
        }
        active.remote_sdp = text_of(&body.unwrap_or_default());
        let accepted = active
            .media
            .as_mut()
            .map(|media| media.accept_answer(now, &active.remote_sdp));
        self.after_answer(now, accepted);
    }

    fn after_answer(&mut self, now: Instant, accepted: Option<Result<(), MediaProblem>>) {
        if let Some(Err(problem)) = accepted {
            self.end_call_by_media(now, &problem.to_string());
        }
    }

    pub(super) fn on_failed(
        &mut self,
        now: Instant,
        handle: CallHandle,
        status: u16,
        response: Option<&Response>,
    ) {
        if self.call_of(handle).is_none() {
            return;
        }
        let nothing = Headers::new();
        let (headers, phrase) = response.map_or((&nothing, ""), |response| {
            (&response.headers, response.reason.as_str())
        });
        self.end_with(now, |call| {
            call.end_by_peer(now, headers, Some(status), phrase)
        });
    }

    pub(super) fn on_cancelled(&mut self, now: Instant, handle: CallHandle, headers: &Headers) {
        if self.call_of(handle).is_some() {
            self.end_with(now, |call| call.end_by_peer(now, headers, Some(487), ""));
        }
    }

    pub(super) fn on_ended(
        &mut self,
        now: Instant,
        handle: CallHandle,
        reason: Option<&Reason>,
        headers: Headers,
    ) {
        if self.call_of(handle).is_none() {
            return;
        }
        let mut headers = headers;
        if let Some(reason) = reason
            && !headers.has("Reason")
        {
            headers.push("Reason", &reason.to_string());
        }
        self.end_with(now, |call| call.end_by_peer(now, &headers, None, ""));
    }

    pub(super) fn on_info(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        if let Some(status) = Status::of_info(&request.headers, &request.body) {
            active.call.on_status(now, status);
            self.tell_call();
        }
    }

    /// An offer that changes nothing gets what we said before. Any other comes from a server that
    /// was restarted, or moved the call: picture and sound begin anew with it.
    pub(super) fn on_reinvite(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        let server = self.server_address();
        let Some(active) = self.call_of(handle) else {
            return;
        };
        let offer = text_of(&request.body);
        let same = active
            .media
            .as_ref()
            .and_then(|media| reinvite::answer(media.local_sdp(), &active.remote_sdp, &offer));
        if let Some(sdp) = same {
            let body = Some(Body::sdp(&sdp));
            return self.endpoint.answer_reinvite(now, handle, 200, body);
        }
        let media = server.map(|server| MediaSession::answer(now, server, &offer));
        let Some(Ok(media)) = media else {
            return self.endpoint.answer_reinvite(now, handle, 488, None);
        };
        tracing::info!("picture and sound begin anew");
        let body = Body::sdp(media.local_sdp());
        if let Some(mut old) = active.media.replace(media) {
            old.close(now);
        }
        active.remote_sdp = offer;
        active.mailbox = None;
        active.call.set_media_connected(false);
        active.held_until = Some(now + BACK_WITHIN);
        self.endpoint.answer_reinvite(now, handle, 200, Some(body));
        self.order_camera();
        self.tell_call();
    }

    /// The connection to the server is lost: an answered call waits for it.
    pub(super) fn hold_call(&mut self, now: Instant) {
        if let Some(active) = &mut self.call
            && active.call.phase == Phase::Up
        {
            active.held_until = Some(now + BACK_WITHIN);
        }
    }

    /// A call whose server did not come back, or came back without its media.
    pub(super) fn end_what_did_not_come_back(&mut self, now: Instant) {
        let over = |active: &ActiveCall| active.held_until.is_some_and(|until| until <= now);
        let Some(active) = self.call.as_mut().filter(|active| over(active)) else {
            return;
        };
        active.held_until = None;
        if !active.call.has_media() {
            self.end_call_by_media(now, "the connection did not come back");
        }
    }

    /// Asks the server for another interpreter; its status report says what came of it.
    pub(super) fn ask_seat(&mut self, now: Instant, seat: Seat, reason: Option<ReliefReason>) {
        let reason = reason.map(ReliefReason::word);
        let body = serde_json::json!({ "seat": seat.word(), "reason": reason });
        self.send_seat_request(now, &body);
    }

    pub(super) fn withdraw_seat(&mut self, now: Instant, seat: Seat) {
        let body = serde_json::json!({ "seat": seat.word(), "withdraw": true });
        self.send_seat_request(now, &body);
    }

    fn send_seat_request(&mut self, now: Instant, body: &serde_json::Value) {
        let Some(active) = self.call.as_ref() else {
            return;
        };
        if active.call.phase != Phase::Up || self.config.role != Role::Interpreter {
            return;
        }
        let headers = vec![("Info-Package".to_owned(), SEAT_PACKAGE.to_owned())];
        let body = Body::new("application/vrs-seat+json", body.to_string());
        self.endpoint.info(now, active.call.handle, headers, body);
    }

    /// Requests outside calls: we say what we can, and no to the rest.
    pub(super) fn on_request(&mut self, now: Instant, txn: TransactionHandle, request: &Request) {
        let status = if request.method == Method::Options {
            200
        } else {
            405
        };
        self.endpoint
            .respond(now, txn, status, vec![("Allow".into(), ALLOW.into())], None);
    }

    /// After a reconnect the call's requests take the new connection.
    pub(super) fn move_call_to_line(&mut self, _now: Instant) {
        if let (Some(active), Some(flow)) = (&self.call, self.flow)
            && self
                .endpoint
                .call_flow(active.call.handle)
                .is_some_and(|old| old != flow)
        {
            tracing::info!("the call moved to the new connection");
            self.endpoint.move_call(active.call.handle, flow);
        }
    }

    pub(super) fn send_text(&mut self, now: Instant, text: &str) {
        if let Some(media) = self.call.as_mut().and_then(|active| active.media.as_mut())
            && text.len() <= TEXT_BYTES_MAX
        {
            media.send_text(now, text);
        }
    }

    pub(super) fn on_media(&mut self, now: Instant, input: MediaInput) {
        let Some(media) = self.call.as_mut().and_then(|active| active.media.as_mut()) else {
            return;
        };
        match input {
            MediaInput::Readable => media.receive(now),
            MediaInput::Report(report) => {
                if let Some(notice) = media.on_report(now, report) {
                    self.on_notice(now, notice);
                }
            }
        }
    }

    /// Returns whether there was anything to do.
    pub(super) fn flush_media(&mut self, now: Instant) -> bool {
        let Some(media) = self.call.as_mut().and_then(|active| active.media.as_mut()) else {
            return false;
        };
        let notices = media.flush(now);
        let busy = !notices.is_empty();
        for notice in notices {
            self.on_notice(now, notice);
        }
        busy
    }

    fn on_notice(&mut self, now: Instant, notice: MediaNotice) {
        match notice {
            MediaNotice::Connected => self.on_media_connected(now),
            MediaNotice::Disconnected => {
                if let Some(active) = &mut self.call {
                    active.call.set_media_connected(false);
                }
                self.tell_call();
            }
            MediaNotice::Failed(reason) => self.on_media_failed(now, &reason),
            MediaNotice::Text(text) => self.outlet.tell(Event::TextReceived(text)),
            MediaNotice::Problem(text) => self.outlet.tell(Event::DeviceProblem(text)),
            MediaNotice::Levels {
                microphone_dbfs,
                speaker_dbfs,
                heard_hz,
            } => {
                self.outlet.tell(Event::Levels {
                    microphone_dbfs,
                    speaker_dbfs,
                    heard_hz,
                });
            }
        }
    }

    /// While the server is away, its media may fail: both may come back.
    fn on_media_failed(&mut self, now: Instant, reason: &str) {
        let Some(active) = &mut self.call else { return };
        if active.held_until.is_none() {
            return self.end_call_by_media(now, reason);
        }
        tracing::info!(reason, "no media; the call waits for the server");
        active.call.set_media_connected(false);
        self.tell_call();
    }

    /// There is a path: devices and codecs start, once.
    fn on_media_connected(&mut self, now: Instant) {
        let Some(active) = &mut self.call else { return };
        active.call.set_media_connected(true);
        let Some(media) = active.media.as_mut() else {
            return;
        };
        if !media.is_started() {
            match media.start(now, &self.config, self.switches, &self.remote) {
                Ok(mailbox) => active.mailbox = Some(mailbox),
                Err(error) => return self.end_call_by_media(now, &error.to_string()),
            }
            self.order_camera();
        }
        self.tell_call();
    }

    /// Sends the call's snapshot if it differs from the last one.
    pub(super) fn tell_call(&mut self) {
        let Some(active) = &mut self.call else { return };
        let view = active.call.view(self.switches);
        if active.last_view.as_ref() != Some(&view) {
            active.last_view = Some(view.clone());
            self.outlet.tell(Event::Call(view));
        }
    }

    /// Figures once a second, while there is media.
    pub(super) fn tell_stats(&mut self) {
        let started = self
            .call
            .as_ref()
            .and_then(|active| active.media.as_ref())
            .is_some_and(MediaSession::is_started);
        if let Some(stats) = self.stats().filter(|_| started) {
            self.outlet.tell(Event::Stats(stats));
        }
    }

    fn stats(&self) -> Option<CallStats> {
        let active = self.call.as_ref()?;
        let mut stats = active
            .media
            .as_ref()
            .map(MediaSession::stats)
            .unwrap_or_default();
        stats.frames_captured = self
            .camera
            .captured()
            .saturating_sub(active.captured_before);
        stats.states = active.call.states().to_vec();
        Some(stats)
    }
}
