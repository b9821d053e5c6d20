//! Two calls at once: one that the user is in, and one beside it that is parked or waiting.
//!
//! Hold is a re-INVITE (RFC 3264 section 8.4). The devices are the current call's alone; a parked
//! call keeps its path and sends nothing. Nobody is left on hold by accident: when the current call
//! ends, the parked one is taken back.

use std::time::{Duration, Instant};

use vrs_sip::{Body, CallHandle, Response};

use super::Driver;
use super::calls::{ActiveCall, Place};
use super::restart::is_asked;
use crate::engine::call::Phase;
use crate::engine::{CallEnd, Event, Role};

/// What the other end did not take is asked again after this time: it was away, or asked us
/// something itself (RFC 3261 section 14.1).
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);

impl Driver {
    /// Whether a call may be placed: there is none, or one that can be parked; and none waits.
    pub(super) fn may_call(&self) -> bool {
        let can_park =
            |active: &ActiveCall| active.call.phase == Phase::Up && !active.call.is_emergency();
        let beside = self.parked.is_none() && self.waiting.is_none();
        beside && self.call.as_ref().is_none_or(can_park)
    }

    /// Whether another call may ring here: beside one call at most, never beside an emergency
    /// call, and interpreters have one call at a time.
    pub(super) fn may_ring(&self) -> bool {
        let beside = |active: &ActiveCall| {
            self.config.role == Role::Caller
                && active.call.phase != Phase::Ringing
                && !active.call.is_emergency()
        };
        self.parked.is_none() && self.waiting.is_none() && self.call.as_ref().is_none_or(beside)
    }

    /// The call that is waiting becomes the one to be answered: what there is is parked, or ended
    /// if nobody has answered it.
    pub(super) fn make_way(&mut self, now: Instant) {
        if self.waiting.is_none() {
            return;
        }
        let is_up = |active: &ActiveCall| active.call.phase == Phase::Up;
        if self.call.as_ref().is_some_and(is_up) {
            self.park(now);
            self.call = self.waiting.take();
        } else {
            // Its end makes the waiting one the call.
            self.end_call_by_us(now);
        }
    }

    /// Puts the call on hold beside the next one.
    pub(super) fn park(&mut self, now: Instant) {
        let Some(active) = &self.call else { return };
        self.send_hold(now, active.call.handle, true);
        self.parked = self.call.take();
        self.remote.clear();
        self.order_camera();
        self.tell_call();
    }

    pub(super) fn swap(&mut self, now: Instant) {
        let is_up = |active: &ActiveCall| active.call.phase == Phase::Up;
        if self.parked.is_none() || !self.call.as_ref().is_some_and(is_up) {
            return;
        }
        let back = self.parked.take();
        self.park(now);
        self.call = back;
        self.take_back(now);
    }

    pub(super) fn hold(&mut self, now: Instant, held: bool) {
        let Some(active) = &self.call else { return };
        let may = active.call.phase == Phase::Up && !active.call.is_emergency();
        if !may || active.call.on_hold == held {
            return;
        }
        if held {
            let handle = active.call.handle;
            self.send_hold(now, handle, true);
            self.remote.clear();
            self.order_camera();
            self.tell_call();
        } else {
            self.take_back(now);
        }
    }

    /// The call that was on hold is the one the user is in.
    fn take_back(&mut self, now: Instant) {
        let Some(active) = &mut self.call else { return };
        // The window has seen it in another place.
        active.last_view = None;
        let handle = active.call.handle;
        self.send_hold(now, handle, false);
        self.start_media(now);
        self.order_camera();
        self.tell_call();
    }

    /// Tells the other end; on our side it is so at once.
    pub(super) fn send_hold(&mut self, now: Instant, handle: CallHandle, held: bool) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        active.call.on_hold = held;
        active.mailbox = None;
        let Some(media) = active.media.as_mut() else {
            return;
        };
        match media.hold(now, held) {
            // One question at a time; this one follows when that one is answered.
            Ok(_) if active.hold_asked.is_some() || active.restart.asked => {}
            Ok(offer) => {
                active.hold_asked = Some(held);
                active.hold_again = None;
                self.endpoint.reinvite(now, handle, Body::sdp(&offer));
            }
            Err(error) => tracing::info!(%error, "hold cannot be told to the other end"),
        }
    }

    /// The other end heard of hold, or of its end.
    pub(super) fn on_hold_answered(
        &mut self,
        now: Instant,
        handle: CallHandle,
        status: u16,
        response: Option<&Response>,
    ) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        let (Some(asked), wanted) = (active.hold_asked.take(), active.call.on_hold) else {
            return;
        };
        let answer = response
            .filter(|_| (200..300).contains(&status))
            .map(|response| String::from_utf8_lossy(&response.body).into_owned());
        match (answer, active.media.as_mut()) {
            (Some(answer), Some(media)) => {
                active.hold_agreed = asked;
                if let Err(error) = media.hold_answered(now, &answer) {
                    tracing::info!(%error, "the answer to hold cannot be read");
                }
            }
            (None, _) => {
                tracing::info!(status, "hold was not taken by the other end");
                active.hold_again = Some(now + ASK_AGAIN_AFTER);
                return;
            }
            (Some(_), None) => {}
        }
        // The user has changed their mind meanwhile.
        if wanted != asked {
            self.send_hold(now, handle, wanted);
        }
    }

    /// On a new connection: what the other end could not be told on the old one.
    pub(super) fn tell_hold_again(&mut self, now: Instant) {
        self.tell_hold_where(now, |_| true);
    }

    /// What the other end did not take, when it is time to ask again.
    pub(super) fn ask_hold_again(&mut self, now: Instant) {
        self.tell_hold_where(now, |active| active.hold_again.is_some_and(|at| at <= now));
    }

    fn tell_hold_where(&mut self, now: Instant, is_due: impl Fn(&ActiveCall) -> bool) {
        let calls = [&self.call, &self.parked].into_iter().flatten();
        let untold = |active: &&ActiveCall| {
            !is_asked(active) && active.hold_agreed != active.call.on_hold && is_due(active)
        };
        let untold = calls
            .filter(untold)
            .map(|active| (active.call.handle, active.call.on_hold));
        for (handle, held) in untold.collect::<Vec<_>>() {
            self.send_hold(now, handle, held);
        }
    }

    /// After the end of the call: the one beside it takes its place.
    pub(super) fn go_on_with_the_other(&mut self, now: Instant) {
        if let Some(back) = self.parked.take() {
            self.outlet.tell(Event::Parked(None));
            self.call = Some(back);
            self.take_back(now);
        } else if let Some(waiting) = self.waiting.take() {
            self.call = Some(waiting);
            self.tell_call();
        }
    }

    /// A call beside the current one is over.
    pub(super) fn finish_beside(
        &mut self,
        now: Instant,
        place: Place,
        call: Option<ActiveCall>,
        end: CallEnd,
    ) {
        if let Some(mut active) = call {
            active.close_media(now);
        }
        if place == Place::Parked {
            self.outlet.tell(Event::ParkedEnded(end));
            self.outlet.tell(Event::Parked(None));
        } else {
            self.outlet.tell(Event::WaitingEnded(end));
        }
    }
}
