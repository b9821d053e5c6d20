//! What the endpoint remembers of one call.

use super::api::Body;
use super::farewell::Patience;
use super::timers::Owner;
use super::{CallHandle, Endpoint, FlowId};
use crate::dialog::Dialog;
use crate::digest::DigestSession;
use crate::message::{NameAddr, Request};
use std::time::{Duration, Instant};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Our INVITE has no final answer.
    Inviting,
    /// Their INVITE has no final answer.
    Incoming,
    /// A 2xx was sent or received.
    Confirmed,
    /// Our BYE is on its way.
    Ending,
}

/// A 2xx of ours that is repeated until its ACK (RFC 3261 section 13.3.1.4).
pub(super) struct Accepted {
    pub(super) response: Vec<u8>,
    pub(super) flow: FlowId,
    pub(super) cseq: u32,
    pub(super) copy_at: Instant,
    pub(super) copy_after: Duration,
    pub(super) give_up_at: Instant,
}

/// Our wish to end a call before it is answered.
pub(super) struct Cancelling {
    /// Reason and other headers of the CANCEL or BYE.
    pub(super) headers: Vec<(String, String)>,
    pub(super) sent: bool,
    /// The peer answers neither the INVITE nor the CANCEL: give up then.
    pub(super) give_up_at: Option<Instant>,
}

/// Our re-INVITE.
pub(super) struct Reinviting {
    pub(super) body: Body,
    pub(super) tries: u32,
    /// After 491: when to try again. `None`: it is on its way.
    pub(super) retry_at: Option<Instant>,
}

/// One INVITE usage.
pub(super) struct Call {
    pub(super) flow: FlowId,
    pub(super) phase: Phase,
    /// Their INVITE (without body), or ours as last sent.
    pub(super) invite: Request,
    /// The transaction of that INVITE.
    pub(super) transaction: Option<u64>,
    pub(super) dialog: Option<Dialog>,
    pub(super) contact: NameAddr,
    pub(super) contact_user: String,
    pub(super) digest: Option<DigestSession>,
    /// We are the caller.
    pub(super) caller: bool,
    pub(super) provisional_seen: bool,
    pub(super) cancelling: Option<Cancelling>,
    /// Our last ACK of a 2xx and its CSeq, for copies of the 2xx.
    pub(super) ack: Option<(u32, Vec<u8>)>,
    pub(super) accepted: Option<Accepted>,
    /// hang_up came before the ACK: send BYE with these headers once it is there.
    pub(super) bye_wanted: Option<Vec<(String, String)>>,
    /// When to repeat the last provisional, so that proxies keep the INVITE alive.
    pub(super) repeat_at: Option<Instant>,
    pub(super) reinvite_out: Option<Reinviting>,
    pub(super) reinvite_in: Option<u64>,
    /// The dialog is dead already (BYE without ACK): its BYE reports nothing.
    pub(super) silent: bool,
    /// The hang-up outlives its connection.
    pub(super) patience: Option<Patience>,
}

impl Call {
    pub(super) fn new(
        flow: FlowId,
        phase: Phase,
        invite: Request,
        contact: NameAddr,
        contact_user: String,
    ) -> Self {
        Self {
            flow,
            phase,
            invite,
            transaction: None,
            dialog: None,
            contact,
            contact_user,
            digest: None,
            caller: phase == Phase::Inviting,
            provisional_seen: false,
            cancelling: None,
            ack: None,
            accepted: None,
            bye_wanted: None,
            repeat_at: None,
            reinvite_out: None,
            reinvite_in: None,
            silent: false,
            patience: None,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let accepted = self
            .accepted
            .as_ref()
            .map(|accepted| accepted.copy_at.min(accepted.give_up_at));
        let cancelling = self
            .cancelling
            .as_ref()
            .and_then(|cancelling| cancelling.give_up_at);
        let retry = self
            .reinvite_out
            .as_ref()
            .and_then(|reinvite| reinvite.retry_at);
        let farewell = self.patience.as_ref().and_then(Patience::deadline);
        [accepted, cancelling, retry, self.repeat_at, farewell]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Endpoint {
    /// Brings a call's place in the index of deadlines up to date.
    pub(super) fn reschedule_call(&mut self, handle: CallHandle) {
        let at = self.calls.get(&handle).and_then(Call::poll_timeout);
        self.deadlines.set(Owner::Call(handle), at);
    }

    /// Fires what is due in a call, one thing at a time.
    pub(super) fn call_timeout(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(call.accepted.as_ref().map(|accepted| accepted.give_up_at)) {
            self.never_acknowledged(now, handle);
        } else if due(call.accepted.as_ref().map(|accepted| accepted.copy_at)) {
            self.repeat_accepted(now, handle);
        } else if due(call
            .cancelling
            .as_ref()
            .and_then(|cancelling| cancelling.give_up_at))
        {
            self.cancel_unanswered(handle);
        } else if due(call
            .reinvite_out
            .as_ref()
            .and_then(|reinvite| reinvite.retry_at))
        {
            self.retry_reinvite(now, handle);
        } else if due(call.repeat_at) {
            self.repeat_provisional(now, handle);
        } else if due(call.patience.as_ref().and_then(Patience::deadline)) {
            self.finish_hang_up(now, handle);
        }
        self.reschedule_call(handle);
    }
}
