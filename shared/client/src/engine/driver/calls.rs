//! Placing, taking and ending calls. What two of them are to each other is in [`super::hold`].

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use vrs_domain::{EndReason, PhoneNumber, ReliefReason, Seat, Sensitive};
use vrs_sip::{Body, CallHandle, Headers, Method, Reason, Request, Response, TransactionHandle};

use super::again::Again;
use super::prepare::{NOT_PLACED, Preparing, Purpose};
use super::restart::Restart;
use super::{Driver, Line};
use crate::capture::camera::Captured;
use crate::engine::call::{Call, Phase};
use crate::engine::media::{MediaProblem, MediaSession};
use crate::engine::sign_in::recv_info;
use crate::engine::status::{SEAT_PACKAGE, SessionHeaders, Status};
use crate::engine::{CallEnd, CallView, Event, Role};
use crate::newest::Newest;
use crate::transport::network::Network;

/// What we can be asked inside and outside calls (RFC 3261 section 20.5).
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS";
/// A call waits for so long for a server that was lost, or for its media.
const BACK_WITHIN: Duration = Duration::from_secs(120);
/// Most text taken from the window at once, in bytes.
const TEXT_BYTES_MAX: usize = vrs_domain::limit::TEXT_PENDING_BYTES_MAX;

/// Where a call stands among those there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The one the user is in.
    Current,
    /// On hold beside it.
    Parked,
    /// Ringing beside it.
    Waiting,
}

/// A call and what belongs to it.
pub(super) struct ActiveCall {
    pub(super) call: Call,
    pub(super) media: Option<MediaSession>,
    /// Where the camera's pictures go once the encoder runs.
    pub(super) mailbox: Option<Newest<Captured>>,
    /// Its next network, until that is gathered.
    pub(super) preparing: Option<Preparing>,
    /// Its search for another path.
    pub(super) restart: Restart,
    /// The offer of a call that rings, empty when it came without one.
    pub(super) offer: Vec<u8>,
    /// The ACK will bring the answer to our offer (RFC 3264 after an INVITE without one).
    pub(super) answer_comes_with_ack: bool,
    pub(super) captured_before: u64,
    pub(super) last_view: Option<CallView>,
    /// The server was lost: its media may fail and come back until then.
    pub(super) kept_until: Option<Instant>,
    /// What the other end last agreed to about hold.
    pub(super) hold_agreed: bool,
    /// What it is being asked.
    pub(super) hold_asked: Option<bool>,
    /// When it is to be asked again.
    pub(super) hold_again: Option<Instant>,
    /// It waits for the next connection to be placed again.
    pub(super) again: Option<Again>,
}

impl ActiveCall {
    fn new(call: Call, captured_before: u64) -> Self {
        Self {
            call,
            media: None,
            mailbox: None,
            preparing: None,
            restart: Restart::default(),
            offer: Vec::new(),
            answer_comes_with_ack: false,
            captured_before,
            last_view: None,
            kept_until: None,
            hold_agreed: false,
            hold_asked: None,
            hold_again: None,
            again: None,
        }
    }

    /// Ends its media, and what was to become of it.
    pub(super) fn close_media(&mut self, now: Instant) {
        if let Some(mut preparing) = self.preparing.take() {
            preparing.network.close(now);
        }
        if let Some(media) = &mut self.media {
            media.close(now);
        }
    }
}

pub(super) fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// A reason to tell the other end (RFC 3326), with our own word for it beside it.
pub(super) fn reason_headers(reason: EndReason) -> (Option<Reason>, Vec<(String, String)>) {
    let words = reason.word().replace('_', " ");
    (
        Some(Reason::sip(reason.sip_status(), words)),
        vec![("VRS-Reason".into(), reason.word().into())],
    )
}

impl Driver {
    /// The call of this handle.
    pub(super) fn call_of(&mut self, handle: CallHandle) -> Option<&mut ActiveCall> {
        let calls = [&mut self.call, &mut self.parked, &mut self.waiting];
        calls
            .into_iter()
            .flatten()
            .find(|active| active.call.handle == handle)
    }

    /// Where the call of this handle stands.
    pub(super) fn place_of(&self, handle: CallHandle) -> Option<Place> {
        let is = |call: &Option<ActiveCall>| {
            call.as_ref()
                .is_some_and(|active| active.call.handle == handle)
        };
        if is(&self.call) {
            Some(Place::Current)
        } else if is(&self.parked) {
            Some(Place::Parked)
        } else {
            is(&self.waiting).then_some(Place::Waiting)
        }
    }

    pub(super) fn server_address(&self) -> Option<SocketAddr> {
        match &self.line {
            Line::Up(link) => Some(link.server),
            Line::Idle | Line::Connecting(_) | Line::Waiting(_) => None,
        }
    }

    pub(super) fn place_call(&mut self, now: Instant, number: PhoneNumber) {
        if number.is_emergency() && self.waiting.is_some() {
            self.decline_call(now);
        }
        if self.leaving.is_some() || !self.may_call() {
            return;
        }
        if self.server_address().is_none() || self.flow.is_none() || self.sign_in.is_none() {
            // Not connected: the window greys the button out, a late click lands here.
            let end = CallEnd {
                reason: None,
                status: Some(503),
                by_us: false,
                text: "Not connected".into(),
                duration_s: 0,
            };
            return self.outlet.tell(Event::CallEnded(end));
        }
        self.park(now);
        let call = Call::outgoing(now, NOT_PLACED, self.config.role, number);
        self.call = Some(ActiveCall::new(call, self.camera.captured()));
        self.tell_call();
        if let Err(problem) = self.prepare(now, Place::Current, Purpose::Invite) {
            self.end_by_media(now, NOT_PLACED, &problem.to_string());
        }
    }

    pub(super) fn on_invite(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        if self.leaving.is_some() {
            return self.endpoint.reject(now, handle, 480, Vec::new());
        }
        if self.is_called_back(request) {
            return self.called_back(now, handle, request);
        }
        if !self.may_ring() {
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
        if self.call.is_some() {
            self.waiting = Some(active);
        } else {
            self.call = Some(active);
        }
        self.endpoint
            .progress(now, handle, 180, vec![recv_info()], None);
        self.outlet.tell(Event::Incoming(invitation));
        self.tell_call();
    }

    pub(super) fn answer_call(&mut self, now: Instant) {
        self.make_way(now);
        let connected = self.server_address().is_some();
        let ringing = |active: &&ActiveCall| {
            active.call.phase == Phase::Ringing && active.preparing.is_none()
        };
        let Some(active) = self.call.as_ref().filter(ringing).filter(|_| connected) else {
            return;
        };
        let handle = active.call.handle;
        if let Err(problem) = self.prepare(now, Place::Current, Purpose::Answer) {
            self.cannot_take(now, handle, &problem);
        }
    }

    /// Whether the server calls for the very call that we are in: it lost us in an emergency.
    fn is_called_back(&self, request: &Request) -> bool {
        let session = SessionHeaders::of(&request.headers).session;
        let priority = request.headers.get("Priority").map(str::trim);
        let ours = |active: &ActiveCall| {
            // Who lost the connection at once may not know their session.
            let unknown = active.call.session.is_none() && active.again.is_some();
            active.call.session == session || unknown && active.call.is_emergency()
        };
        let ours = self.call.as_ref().is_some_and(ours);
        session.is_some() && ours && priority == Some("emergency")
    }

    /// The server lost us in a call and calls us back: it is taken at once, in the place of the
    /// old leg.
    fn called_back(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        let Some(mut old) = self.call.take() else {
            return;
        };
        tracing::info!("called back into the call");
        old.close_media(now);
        self.endpoint.hang_up(now, old.call.handle, None);
        let mut active = ActiveCall::new(old.call.called_back(handle), old.captured_before);
        active.offer.clone_from(&request.body);
        self.call = Some(active);
        self.answer_call(now);
    }

    pub(super) fn decline_call(&mut self, now: Instant) {
        let is_ringing = |active: &&ActiveCall| active.call.phase == Phase::Ringing;
        let calls = [self.waiting.as_ref(), self.call.as_ref()];
        let ringing = calls.into_iter().flatten().find(is_ringing);
        let Some(handle) = ringing.map(|active| active.call.handle) else {
            return;
        };
        self.endpoint.reject(now, handle, 603, Vec::new());
        self.end_of(now, handle, |call| call.end_by_us(now));
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

    /// Ends every call there is.
    pub(super) fn end_all_calls(&mut self, now: Instant) {
        // Otherwise what is parked would be taken back for a moment.
        let others = [self.waiting.take(), self.parked.take()];
        for mut active in others.into_iter().flatten() {
            self.endpoint.hang_up(now, active.call.handle, None);
            let place = if active.call.phase == Phase::Ringing {
                Place::Waiting
            } else {
                Place::Parked
            };
            let end = active.call.end_by_us(now);
            self.finish_beside(now, place, Some(active), end);
        }
        self.end_call_by_us(now);
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
    pub(super) fn end_by_media(&mut self, now: Instant, handle: CallHandle, text: &str) {
        let (reason, headers) = reason_headers(EndReason::MediaFailed);
        self.endpoint.hang_up_with(now, handle, reason, headers);
        self.end_of(now, handle, |call| call.end_by_media(now, text));
    }

    /// Ends the call of this handle, wherever it stands.
    pub(super) fn end_of(
        &mut self,
        now: Instant,
        handle: CallHandle,
        end: impl FnOnce(&mut Call) -> CallEnd,
    ) {
        let (Some(place), Some(active)) = (self.place_of(handle), self.call_of(handle)) else {
            return;
        };
        let end = end(&mut active.call);
        match place {
            Place::Current => self.finish_call(now, end),
            Place::Parked => {
                let parked = self.parked.take();
                self.finish_beside(now, place, parked, end);
            }
            Place::Waiting => {
                let waiting = self.waiting.take();
                self.finish_beside(now, place, waiting, end);
            }
        }
    }

    /// The last figures, the end, an empty picture.
    fn finish_call(&mut self, now: Instant, end: CallEnd) {
        if let Some(stats) = self.stats() {
            self.outlet.tell(Event::Stats(stats));
        }
        if let Some(mut active) = self.call.take() {
            active.close_media(now);
        }
        self.remote.clear();
        self.outlet.tell(Event::CallEnded(end));
        self.go_on_with_the_other(now);
        self.order_camera();
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
        let answer = text_of(&response.body);
        let media = active.media.as_mut();
        let accepted = media.map(|media| media.accept_answer(now, &answer));
        self.tell_call();
        self.after_answer(now, handle, accepted);
    }

    pub(super) fn on_acked(&mut self, now: Instant, handle: CallHandle, body: Option<Vec<u8>>) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        if !std::mem::replace(&mut active.answer_comes_with_ack, false) {
            return;
        }
        let answer = text_of(&body.unwrap_or_default());
        let media = active.media.as_mut();
        let accepted = media.map(|media| media.accept_answer(now, &answer));
        self.after_answer(now, handle, accepted);
    }

    fn after_answer(
        &mut self,
        now: Instant,
        handle: CallHandle,
        accepted: Option<Result<(), MediaProblem>>,
    ) {
        if let Some(Err(problem)) = accepted {
            self.end_by_media(now, handle, &problem.to_string());
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
        if response.is_none() && self.waits_for_line(now, handle) {
            return;
        }
        let nothing = Headers::new();
        let (headers, phrase) = response.map_or((&nothing, ""), |response| {
            (&response.headers, response.reason.as_str())
        });
        self.end_of(now, handle, |call| {
            call.end_by_peer(now, headers, Some(status), phrase)
        });
    }

    pub(super) fn on_cancelled(&mut self, now: Instant, handle: CallHandle, headers: &Headers) {
        let activity = headers.get("VRS-Availability");
        if let Some(activity) = activity.and_then(|word| word.trim().parse().ok())
            && self.config.role == Role::Interpreter
        {
            self.set_activity(now, activity);
            self.outlet.tell(Event::Activity(activity));
        }
        self.end_of(now, handle, |call| {
            call.end_by_peer(now, headers, Some(487), "")
        });
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
        self.end_of(now, handle, |call| {
            call.end_by_peer(now, &headers, None, "")
        });
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

    /// An offer that changes no more than directions and path is a refresh, hold, or a restart of
    /// ICE. Any other comes from a server that was restarted, or moved the call: picture and sound
    /// begin anew with it.
    pub(super) fn on_reinvite(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        let connected = self.server_address().is_some();
        let Some(active) = self.call_of(handle) else {
            return;
        };
        let offer = text_of(&request.body);
        let same = active
            .media
            .as_mut()
            .and_then(|media| media.reoffered(now, &offer).ok());
        if let Some(sdp) = same {
            let body = Some(Body::sdp(&sdp));
            return self.endpoint.answer_reinvite(now, handle, 200, body);
        }
        let place = self.place_of(handle).filter(|_| connected);
        let prepared = place.map(|place| self.prepare(now, place, Purpose::Reanswer(offer)));
        if !matches!(prepared, Some(Ok(()))) {
            self.endpoint.answer_reinvite(now, handle, 488, None);
        }
    }

    /// The network for an offer that begins anew is there.
    pub(super) fn begin_anew(
        &mut self,
        now: Instant,
        handle: CallHandle,
        network: Network,
        offer: &str,
    ) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        let Ok(media) = MediaSession::answer(now, network, offer) else {
            return self.endpoint.answer_reinvite(now, handle, 488, None);
        };
        tracing::info!("picture and sound begin anew");
        let body = Body::sdp(media.local_sdp());
        if let Some(mut old) = active.media.replace(media) {
            old.close(now);
        }
        active.mailbox = None;
        active.restart = Restart::default();
        active.hold_agreed = false;
        active.call.set_media_connected(false);
        active.kept_until = Some(now + BACK_WITHIN);
        self.endpoint.answer_reinvite(now, handle, 200, Some(body));
        self.order_camera();
        self.tell_call();
    }

    /// The connection to the server is lost: an answered call waits for it.
    pub(super) fn keep_calls(&mut self, now: Instant) {
        for active in [&mut self.call, &mut self.parked].into_iter().flatten() {
            if active.call.phase == Phase::Up {
                active.kept_until = Some(now + BACK_WITHIN);
            }
        }
    }

    /// A call whose server did not come back, or came back without its media.
    pub(super) fn end_what_did_not_come_back(&mut self, now: Instant) {
        let mut lost = Vec::new();
        for active in [&mut self.call, &mut self.parked].into_iter().flatten() {
            if active.kept_until.is_some_and(|until| until <= now) {
                active.kept_until = None;
                let gone = !active.call.has_media();
                lost.extend(gone.then_some(active.call.handle));
            }
        }
        for handle in lost {
            self.end_by_media(now, handle, "the connection did not come back");
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
    pub(super) fn move_call_to_line(&mut self, now: Instant) {
        let Some(flow) = self.flow else { return };
        let calls = [&self.call, &self.parked, &self.waiting];
        for active in calls.into_iter().flatten() {
            let handle = active.call.handle;
            if self
                .endpoint
                .call_flow(handle)
                .is_some_and(|old| old != flow)
            {
                tracing::info!("the call moved to the new connection");
                self.endpoint.move_call(handle, flow);
            }
        }
        self.tell_hold_again(now);
        self.paths_on_new_line(now);
        self.line_is_back(now);
    }

    pub(super) fn send_text(&mut self, now: Instant, text: &str) {
        if let Some(media) = self.call.as_mut().and_then(|active| active.media.as_mut())
            && text.len() <= TEXT_BYTES_MAX
        {
            media.send_text(now, text);
        }
    }

    pub(super) fn send_key(&mut self, now: Instant, key: Sensitive<char>) {
        if let Some(media) = self.call.as_mut().and_then(|active| active.media.as_mut()) {
            media.send_key(now, key);
        }
    }
}
