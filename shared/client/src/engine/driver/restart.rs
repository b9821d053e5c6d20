//! Another path in the middle of a call (ICE restart, RFC 8445 section 9): when ours is lost, or
//! when our address is another one than before (from Wi-Fi to a cable). Media stays on the old
//! path, if it still carries any, until the new one is proven.

use std::time::{Duration, Instant};

use vrs_sip::{Body, CallHandle, Response};

use super::Driver;
use super::calls::{ActiveCall, Place};
use super::hold::ASK_AGAIN_AFTER;
use super::prepare::Purpose;
use crate::engine::call::Phase;
use crate::engine::media::MediaSession;
use crate::transport::network::Network;
use crate::transport::udp::local_address_toward;

/// A restart that brought no path is tried again after this time.
const RESTART_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The other end knows no restarts; the path may still come back by itself.
const NOT_ACCEPTABLE: u16 = 488;

/// A call's search for another path.
#[derive(Debug, Default)]
pub(super) struct Restart {
    /// The other end is being asked.
    pub(super) asked: bool,
    /// The path is lost, or was when this was last looked at; when to try (again).
    due: Option<Instant>,
}

impl Driver {
    /// The path of this call is lost: another one is sought.
    pub(super) fn path_is_lost(&mut self, now: Instant, place: Place) {
        let active = match place {
            Place::Current => self.call.as_mut(),
            Place::Parked => self.parked.as_mut(),
            Place::Waiting => None,
        };
        if let Some(active) = active {
            // A server that was lost, too, may come back and begin anew by itself.
            let server_lost = active.kept_until.is_some();
            let wait = if server_lost {
                RESTART_AGAIN_AFTER
            } else {
                Duration::ZERO
            };
            active.restart.due = Some(now + wait);
        }
        self.restart_what_is_due(now);
    }

    /// There is a connection to the server again: whoever has moved tells so, and whoever lost the
    /// path waits for what the server does.
    pub(super) fn paths_on_new_line(&mut self, now: Instant) {
        let Some(server) = self.server_address() else {
            return;
        };
        for active in [&mut self.call, &mut self.parked].into_iter().flatten() {
            let moved = active
                .media
                .as_ref()
                .is_some_and(|media| media.has_moved(server));
            let lost = active.restart.due.map(|_| now + RESTART_AGAIN_AFTER);
            active.restart.due = if moved { Some(now) } else { lost };
        }
        self.restart_what_is_due(now);
    }

    /// Once a second: whether we are still where we were, and what is to be tried again.
    pub(super) fn look_for_paths(&mut self, now: Instant) {
        self.follow_address(now);
        let Some(server) = self.server_address() else {
            return;
        };
        for active in [&mut self.call, &mut self.parked].into_iter().flatten() {
            let moved = |media: &MediaSession| !media.is_restarting() && media.has_moved(server);
            if active.media.as_ref().is_some_and(moved) {
                active.restart.due.get_or_insert(now);
            } else if active.call.has_media() {
                active.restart.due = None;
            }
        }
        self.restart_what_is_due(now);
    }

    /// A connection from an address that is no longer ours is dead, but would not say so for long.
    fn follow_address(&mut self, now: Instant) {
        let Some((server, here)) = self.line.ends() else {
            return;
        };
        let moved = local_address_toward(server).is_ok_and(|now_here| now_here != here);
        if moved {
            tracing::info!("our address has changed");
            self.on_line_lost(now, "our address has changed");
            if self.line.retry_at().is_some() {
                self.connect();
            }
        }
    }

    fn restart_what_is_due(&mut self, now: Instant) {
        if self.flow.is_none() || self.registration.is_none() {
            return;
        }
        for place in [Place::Current, Place::Parked] {
            let active = match place {
                Place::Current => self.call.as_mut(),
                Place::Parked | Place::Waiting => self.parked.as_mut(),
            };
            let Some(active) = active.filter(|active| may_restart(active, now)) else {
                continue;
            };
            active.restart.due = Some(now + RESTART_AGAIN_AFTER);
            if let Err(error) = self.prepare(now, place, Purpose::Restart) {
                tracing::info!(%error, "no other path can be sought");
            }
        }
    }

    /// The network of a restart is there: the other end is asked.
    pub(super) fn offer_restart(&mut self, now: Instant, handle: CallHandle, mut network: Network) {
        let active = self.call_of(handle);
        let free = |active: &&mut ActiveCall| !is_asked(active) && active.call.phase == Phase::Up;
        let Some(active) = active.filter(free) else {
            return network.close(now);
        };
        let Some(media) = active.media.as_mut() else {
            return network.close(now);
        };
        match media.restart(now, network) {
            Ok(offer) => {
                tracing::info!("another path is sought");
                active.restart.asked = true;
                self.endpoint.reinvite(now, handle, Body::sdp(&offer));
            }
            Err(error) => tracing::info!(%error, "no other path can be sought"),
        }
    }

    /// The other end answered a re-INVITE of ours.
    pub(super) fn on_reinvite_result(
        &mut self,
        now: Instant,
        handle: CallHandle,
        status: u16,
        response: Option<&Response>,
    ) {
        let Some(active) = self.call_of(handle) else {
            return;
        };
        if !std::mem::take(&mut active.restart.asked) {
            return self.on_hold_answered(now, handle, status, response);
        }
        let answer = response
            .filter(|_| (200..300).contains(&status))
            .map(|response| String::from_utf8_lossy(&response.body).into_owned());
        if let Some(media) = active.media.as_mut() {
            let accepted = answer.map(|answer| media.hold_answered(now, &answer));
            if !matches!(accepted, Some(Ok(()))) {
                tracing::info!(status, "the other end seeks no other path");
                media.restart_refused(now);
                let again = (status != NOT_ACCEPTABLE).then_some(now + ASK_AGAIN_AFTER);
                active.restart.due = again;
            }
        }
        // What the user did about hold meanwhile.
        if active.hold_agreed != active.call.on_hold && active.hold_asked.is_none() {
            let held = active.call.on_hold;
            self.send_hold(now, handle, held);
        }
    }
}

/// A re-INVITE of ours is open: one question at a time.
pub(super) fn is_asked(active: &ActiveCall) -> bool {
    active.restart.asked || active.hold_asked.is_some()
}

fn may_restart(active: &ActiveCall, now: Instant) -> bool {
    let stands = active.call.phase == Phase::Up && active.media.is_some();
    let idle = active.preparing.is_none() && !is_asked(active);
    stands && idle && active.restart.due.is_some_and(|due| due <= now)
}
