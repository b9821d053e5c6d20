//! Legs that outlive the process: what the journal keeps of them, and how they come back.
//!
//! A restored leg waits for its device to register, or for its trunk to connect; then its media
//! is offered anew. Who does not come back in time is lost like anybody else.

use std::time::{Duration, Instant};

use relay_core::queue::Match;
use relay_core::session::Dialog;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use vrs_domain::{EndReason, Leg, SessionId};
use vrs_sip::{CallHandle, SavedCall};

use super::actor::{Actor, Use};
use crate::session::{Message, News, Speaker};

/// After a restart everybody has this long to come back: apps wait longer between their tries
/// the longer the server is away.
const RESUME_GRACE: Duration = Duration::from_secs(90);

/// Longest written form, in bytes. In a record every character of it takes two at most, and a
/// record has a limit (`limit::JOURNAL_RECORD_BYTES_MAX`).
const WRITTEN_BYTES_MAX: usize = 7 * 1024;

/// The written form, JSON in the journal.
#[derive(Serialize, Deserialize)]
struct Written {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<String>,
    local_cseq: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_cseq: Option<u32>,
    contact_user: String,
    #[serde(default)]
    caller: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trunk: Option<String>,
    #[serde(default)]
    incoming: bool,
    #[serde(default)]
    wants_status: bool,
    #[serde(default)]
    emergency: bool,
}

/// A leg that the journal knows.
#[derive(Debug)]
pub struct Restored {
    /// Whose.
    pub session: SessionId,
    /// Which.
    pub leg: Leg,
    /// What was written.
    pub dialog: Dialog,
    /// For interpreters: what they took.
    pub seat: Option<Match>,
}

impl Actor {
    /// Tells the session what is to be kept of a leg that was just answered.
    pub(super) fn bind_leg(&self, call: CallHandle) {
        let (Some(used), Some(saved)) = (self.calls.get(&call), self.endpoint.save_call(call))
        else {
            return;
        };
        let Ok(text) = serde_json::to_string(&written(used, saved)) else {
            return;
        };
        if text.len() > WRITTEN_BYTES_MAX {
            // Somebody sends kilobytes of Record-Route: that is no reason to lose the call.
            let (session, leg, bytes) = (used.session, used.leg, text.len());
            return warn!(%session, %leg, bytes, "a leg too long to be kept: a restart ends it");
        }
        let dialog = Dialog(text);
        self.tell_of(used, News::Bound { dialog });
    }

    /// Takes a leg up again; its session hears at once when that cannot be.
    pub(super) fn restore(&mut self, now: Instant, restored: Restored) {
        let (session, leg) = (restored.session, restored.leg);
        let Some((call, mut used)) = self.take_up(&restored) else {
            let epoch = restored.seat.map(|taken| taken.epoch);
            let who = Speaker { leg, epoch };
            let news = News::Lost;
            return self.directory().tell(session, Message::Party { who, news });
        };
        used.invited = restored.seat;
        used.gone_until = Some(now + RESUME_GRACE);
        used.restored = true;
        info!(%session, %leg, "waits for its party after the restart");
        self.remember(call, used);
        // What is sent from here on has other numbers than what the record knows: should this
        // server be killed, too, the next one must not use them again.
        self.bind_leg(call);
        self.meet(call);
    }

    /// Hangs up on a leg that nobody takes up: its session did not outlive the process.
    pub(super) fn see_off_restored(
        &mut self,
        now: Instant,
        restored: &Restored,
        reason: EndReason,
    ) {
        if let Some((call, used)) = self.take_up(restored) {
            self.end(now, call, used, reason);
        }
    }

    /// Seconds since 1970, as far as a CSeq goes (2038).
    fn utc_s(&self) -> u32 {
        let seconds = self.services.clock.now().utc_ms / 1_000;
        u32::try_from(seconds).map_or(0, |seconds| seconds & 0x7fff_ffff)
    }

    /// The call that was written down; it has no connection yet.
    fn take_up(&mut self, restored: &Restored) -> Option<(CallHandle, Use)> {
        let (session, leg) = (restored.session, restored.leg);
        let written: Option<Written> = serde_json::from_str(&restored.dialog.0).ok();
        let call = written
            .as_ref()
            .and_then(|written| self.endpoint.restore_call(&saved(written, self.utc_s())));
        let (Some(written), Some(call)) = (written, call) else {
            warn!(%session, %leg, "what was kept of a leg cannot be understood");
            return None;
        };
        let mut used = Use::new(session, leg, written.account);
        used.instance = written.instance;
        used.correlation = written.correlation;
        used.trunk = written.trunk;
        used.wants_status = written.wants_status;
        used.emergency = written.emergency;
        used.incoming = written.incoming;
        used.answered = true;
        Some((call, used))
    }

    /// Whoever is there already does not have to come back.
    fn meet(&mut self, call: CallHandle) {
        let Some(used) = self.calls.get(&call) else {
            return;
        };
        let trunk = used.trunk.as_ref().and_then(|name| self.flows.trunk(name));
        let device = used.account.as_ref().zip(used.instance.as_ref());
        let device = device.and_then(|(user, instance)| self.registrar.flow_of(user, instance));
        if let Some(flow) = trunk.or(device) {
            self.go_on(call, flow);
        }
    }

    /// A leg whose connection was gone has another one.
    pub(super) fn go_on(&mut self, call: CallHandle, flow: vrs_sip::FlowId) {
        self.endpoint.move_call(call, flow);
        let Some(used) = self.calls.get_mut(&call) else {
            return;
        };
        used.gone_until = None;
        let (session, leg, trunk) = (used.session, used.leg, used.trunk.clone());
        let restored = std::mem::take(&mut used.restored);
        info!(%session, %leg, restored, "goes on on a new connection");
        if restored && let Some(used) = self.calls.get(&call) {
            self.tell_of(used, News::Back { trunk });
        }
    }
}

fn written(used: &Use, saved: SavedCall) -> Written {
    Written {
        call_id: saved.call_id,
        local: saved.local,
        remote: saved.remote,
        target: saved.target,
        routes: saved.routes,
        local_cseq: saved.local_cseq,
        remote_cseq: saved.remote_cseq,
        contact_user: saved.contact_user,
        caller: saved.caller,
        account: used.account.clone(),
        instance: used.instance.clone(),
        correlation: used.correlation.clone(),
        trunk: used.trunk.clone(),
        incoming: used.incoming,
        wants_status: used.wants_status,
        emergency: used.emergency,
    }
}

/// A server that died twice while the disk was full has used numbers that no record knows: the
/// numbers go by the clock then, as RFC 3261 section 8.1.1.5 suggests.
fn saved(written: &Written, utc_s: u32) -> SavedCall {
    SavedCall {
        call_id: written.call_id.clone(),
        local: written.local.clone(),
        remote: written.remote.clone(),
        target: written.target.clone(),
        routes: written.routes.clone(),
        local_cseq: written.local_cseq.max(utc_s),
        remote_cseq: written.remote_cseq,
        contact_user: written.contact_user.clone(),
        caller: written.caller,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r02_requests_of_a_restored_leg_have_numbers_that_no_earlier_process_used() {
        let text = r#"{"call_id":"c","local":"<sip:a@x>;tag=1","remote":"<sip:b@x>;tag=2",
            "target":"sip:b@x","routes":[],"local_cseq":7,"contact_user":"relay","caller":false}"#;
        let mut written: Written = serde_json::from_str(text).expect("a leg");
        assert_eq!(saved(&written, 1_767_225_600).local_cseq, 1_767_225_600);
        written.local_cseq = 1_900_000_000;
        assert_eq!(saved(&written, 1_767_225_600).local_cseq, 1_900_000_000);
    }
}
