//! Connections: opening, losing, and moving calls from a lost one to its successor.

use super::call::Phase;
use super::timers::Owner;
use super::{
    CallHandle, Endpoint, Event, FlowAddress, FlowId, FlowKind, Output, RegistrationHandle, Role,
};
use crate::message::{Headers, NameAddr};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

/// An open flow and what lives on it.
pub(super) struct Flow {
    pub(super) kind: FlowKind,
    pub(super) local: FlowAddress,
    pub(super) peer: Option<SocketAddr>,
    pub(super) transactions: BTreeSet<u64>,
    pub(super) calls: BTreeSet<CallHandle>,
    pub(super) registrations: BTreeSet<RegistrationHandle>,
}

impl Endpoint {
    /// A connection is up, or a datagram peer is known.
    pub fn open_flow(&mut self, flow: FlowId, kind: FlowKind, local: FlowAddress) {
        let mut local = local;
        if local.via_sent_by.is_empty() {
            let word = self.random.word();
            local.via_sent_by = format!("{}.invalid", &word[..12]);
        }
        if local.contact_host_port.is_empty() {
            local.contact_host_port.clone_from(&local.via_sent_by);
        }
        if let Some(open) = self.flows.get_mut(&flow) {
            // Named anew: what lives on it stays.
            open.kind = kind;
            open.local = local;
            return;
        }
        let opened = Flow {
            kind,
            local,
            peer: None,
            transactions: BTreeSet::new(),
            calls: BTreeSet::new(),
            registrations: BTreeSet::new(),
        };
        self.flows.insert(flow, opened);
    }

    /// Tells the peer's address, so that responses carry `received` and `rport` (RFC 3581).
    /// Responses go back on the flow they came from in any case.
    pub fn set_peer_address(&mut self, flow: FlowId, peer: SocketAddr) {
        if let Some(flow) = self.flows.get_mut(&flow) {
            flow.peer = Some(peer);
        }
    }

    /// The transport is gone. Our requests on it fail with 503, unanswered calls end, established
    /// calls report [`Event::FlowLost`] and wait, registrations fail.
    pub fn close_flow(&mut self, now: Instant, flow: FlowId) {
        let Some(lost) = self.flows.remove(&flow) else {
            return;
        };
        for id in lost.transactions {
            self.transaction_lost(now, id);
        }
        for call in lost.calls {
            self.call_flow_lost(now, call);
        }
        for registration in lost.registrations {
            if self.registrations.contains_key(&registration) {
                self.registration_failed(registration, 503, None);
            }
        }
    }

    fn call_flow_lost(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        match call.phase {
            Phase::Inviting => {
                self.remove_call(handle);
                self.emit(Event::Failed {
                    call: handle,
                    status: 503,
                    response: None,
                });
            }
            Phase::Incoming => {
                self.remove_call(handle);
                let headers = Headers::new();
                self.emit(Event::Cancelled {
                    call: handle,
                    headers,
                });
            }
            Phase::Confirmed if call.bye_wanted.is_some() => {
                if !self.waits_for_connection(handle) {
                    self.remove_call(handle);
                    self.emit(Event::HungUp { call: handle });
                }
            }
            Phase::Confirmed => {
                call.reinvite_in = None;
                self.reschedule_call(handle);
                self.emit(Event::FlowLost { call: handle });
            }
            Phase::Ending => {
                if !self.waits_for_connection(handle) {
                    self.finish_hang_up(now, handle);
                }
            }
        }
    }

    /// An established call's peer came back on another connection (it registered again): from now
    /// on the call's requests go out there. Its credentials move with it: only call this for a
    /// connection to the same, authenticated peer.
    pub fn move_call(&mut self, call: CallHandle, flow: FlowId) {
        let Some(moved) = self.calls.get_mut(&call) else {
            return;
        };
        let old = moved.flow;
        moved.flow = flow;
        if let Some(digest) = &mut moved.digest {
            digest.move_to(flow);
        }
        let user = moved.contact_user.clone();
        if let Some(old) = self.flows.get_mut(&old) {
            old.calls.remove(&call);
        }
        if let Some(new) = self.flows.get_mut(&flow) {
            new.calls.insert(call);
        }
        if let Some(contact) = self.contact_on(flow, &user)
            && let Some(moved) = self.calls.get_mut(&call)
        {
            moved.contact = contact;
        }
    }

    /// Whether a flow is open.
    pub fn is_open(&self, flow: FlowId) -> bool {
        self.flows.contains_key(&flow)
    }

    /// Our Contact for calls on a flow.
    pub(super) fn contact_on(&self, flow: FlowId, user: &str) -> Option<NameAddr> {
        let mut contact = self.registered_contact(flow, user)?;
        let reliable = self
            .flows
            .get(&flow)
            .is_some_and(|flow| flow.kind.is_reliable());
        if self.config.role == Role::Client && reliable {
            contact.uri.params.set("ob", None);
        }
        Some(contact)
    }

    /// Our Contact for registrations on a flow.
    pub(super) fn registered_contact(&self, flow: FlowId, user: &str) -> Option<NameAddr> {
        let flow = self.flows.get(&flow)?;
        let mut uri = crate::Uri::sip_at(user, &flow.local.contact_host_port);
        match flow.kind {
            // RFC 7118 section 5.2.4 writes ws for both.
            FlowKind::Reliable {
                websocket: true, ..
            } => uri.params.set("transport", Some("ws")),
            FlowKind::Reliable {
                websocket: false,
                tls: true,
            } => uri.params.set("transport", Some("tls")),
            FlowKind::Reliable {
                websocket: false,
                tls: false,
            } => uri.params.set("transport", Some("tcp")),
            FlowKind::Datagram => {}
        }
        Some(NameAddr::new(uri))
    }

    /// Sends on a flow; octets for a flow that is gone are dropped.
    pub(super) fn send(&mut self, flow: FlowId, bytes: Vec<u8>) {
        if self.flows.contains_key(&flow) {
            self.output.push_back(Output::Transmit { flow, bytes });
        }
    }

    /// Forgets a call: its handle is gone.
    pub(super) fn remove_call(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.remove(&handle) else {
            return;
        };
        if let Some(dialog) = &call.dialog
            && self.dialogs.get(&dialog.id) == Some(&handle)
        {
            self.dialogs.remove(&dialog.id);
        }
        if let Some(flow) = self.flows.get_mut(&call.flow) {
            flow.calls.remove(&handle);
        }
        self.deadlines.set(Owner::Call(handle), None);
    }
}
