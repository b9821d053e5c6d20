//! Hang-ups that wait for a connection, so that a peer who cannot be reached just now does not
//! hold a call that nobody is in any more.

use super::call::Phase;
use super::{CallHandle, Endpoint, FlowId};
use std::time::Instant;

/// A hang-up that does not give up with its connection.
pub(super) struct Patience {
    /// Of the BYE.
    headers: Vec<(String, String)>,
    /// Afterwards it is over as if the peer had agreed.
    until: Instant,
    /// There is no connection; [`Endpoint::hang_up_on`] is waited for.
    waits: bool,
}

impl Patience {
    /// When waiting ends, while there is something to wait for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waits.then_some(self.until)
    }
}

impl Endpoint {
    /// As [`Endpoint::hang_up_with`]. If an established call has no connection, or loses it before
    /// the peer has agreed, [`crate::Event::HungUp`] does not follow at once: the BYE waits for
    /// [`Endpoint::hang_up_on`] until `until`.
    pub fn hang_up_patiently(
        &mut self,
        now: Instant,
        call: CallHandle,
        headers: Vec<(String, String)>,
        until: Instant,
    ) {
        if let Some(known) = self.calls.get_mut(&call)
            && known.phase == Phase::Confirmed
        {
            known.patience = Some(Patience {
                headers: headers.clone(),
                until,
                waits: false,
            });
        }
        self.hang_up_with(now, call, None, headers);
    }

    /// Whether a call that was hung up waits for a connection.
    #[must_use]
    pub fn waits_to_hang_up(&self, call: CallHandle) -> bool {
        let known = self.calls.get(&call);
        known.is_some_and(|known| known.patience.as_ref().is_some_and(|p| p.waits))
    }

    /// The peer of a call that waits to be hung up can be reached here. As for
    /// [`Endpoint::move_call`], it must be the same, authenticated peer.
    pub fn hang_up_on(&mut self, now: Instant, call: CallHandle, flow: FlowId) {
        let known = self.calls.get_mut(&call);
        let Some(patience) = known.and_then(|known| known.patience.as_mut()) else {
            return;
        };
        if std::mem::take(&mut patience.waits) {
            let headers = patience.headers.clone();
            self.move_call(call, flow);
            self.send_bye(now, call, headers);
        }
    }

    /// The connection of a call that is being hung up is gone. `false`: so is the call.
    pub(super) fn waits_for_connection(&mut self, call: CallHandle) -> bool {
        let Some(known) = self.calls.get_mut(&call) else {
            return false;
        };
        let Some(patience) = &mut known.patience else {
            return false;
        };
        patience.waits = true;
        known.phase = Phase::Ending;
        known.accepted = None;
        known.bye_wanted = None;
        self.reschedule_call(call);
        true
    }
}
