//! A call whose connection broke before anybody answered: the server keeps its place for a while,
//! and it is placed again without the user's doing anything.

use std::time::{Duration, Instant};

use vrs_sip::{CallHandle, Headers};

use super::Driver;
use super::calls::{ActiveCall, Place};
use super::prepare::Purpose;
use crate::engine::call::Phase;

/// The server keeps a place in the queue for this long.
const PLACE_KEPT: Duration = Duration::from_secs(10);
/// That of an emergency call.
const EMERGENCY_PLACE_KEPT: Duration = Duration::from_secs(600);
/// An emergency call may have found its interpreter meanwhile; then the server calls us, and we
/// must not call a second time.
const CALLED_BACK_WITHIN: Duration = Duration::from_secs(1);

/// Waits for the next connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    /// How long it is worth it.
    until: Instant,
    /// When to place it, once there is a connection.
    at: Option<Instant>,
}

impl Driver {
    /// Whether a call that failed without an answer did so because the connection is gone; then
    /// it waits for the next one.
    pub(super) fn waits_for_line(&mut self, now: Instant, handle: CallHandle) -> bool {
        let gone = self.flow.is_none() && self.sign_in.is_some() && self.leaving.is_none();
        let current = self.place_of(handle) == Some(Place::Current);
        let calling = |active: &&mut ActiveCall| active.call.phase == Phase::Calling;
        let active = self.call.as_mut().filter(calling);
        let Some(active) = active.filter(|_| gone && current) else {
            return false;
        };
        active.close_media(now);
        active.media = None;
        self.wait_for_line(now);
        true
    }

    /// The current call is placed once there is a connection.
    pub(super) fn wait_for_line(&mut self, now: Instant) {
        let Some(active) = &mut self.call else { return };
        let kept = if active.call.is_emergency() {
            EMERGENCY_PLACE_KEPT
        } else {
            PLACE_KEPT
        };
        let until = now + kept;
        active.again = Some(Again { until, at: None });
        self.tell_call();
    }

    /// There is a connection again.
    pub(super) fn line_is_back(&mut self, now: Instant) {
        if let Some(active) = &mut self.call
            && let Some(again) = &mut active.again
        {
            let pause = if active.call.is_emergency() {
                CALLED_BACK_WITHIN
            } else {
                Duration::ZERO
            };
            again.at = Some(now + pause);
        }
        self.call_again(now);
    }

    /// Places the call again when it is time to, or gives it up.
    pub(super) fn call_again(&mut self, now: Instant) {
        let Some(active) = &mut self.call else { return };
        let Some(again) = active.again else { return };
        let handle = active.call.handle;
        if again.until <= now {
            return self.end_of(now, handle, |call| {
                call.end_by_peer(now, &Headers::new(), Some(503), "Not connected")
            });
        }
        let due = again.at.is_some_and(|at| at <= now);
        if !due || self.server_address().is_none() || self.flow.is_none() {
            return;
        }
        tracing::info!("calling again on the new connection");
        if let Some(active) = &mut self.call {
            active.again = None;
        }
        if self.prepare(now, Place::Current, Purpose::Invite).is_err() {
            self.end_of(now, handle, |call| call.end_by_media(now, "no path"));
        }
    }
}
