//! The façade: many flows, calls, registrations and requests in one machine.
//!
//! What it is: it routes what comes in to the transaction, dialog or registration it belongs to,
//! answers what no application need see, and keeps the index of deadlines.
//! What it is not: a policy. Whom to let in, what to offer and when to hang up is said from
//! outside.
//!
//! Files by concern: `receive` (dispatch), `uac` (calls we place), `uas` (calls we take),
//! `in_dialog` (BYE, INFO, re-INVITE), `register`, `standalone` (requests outside dialogs),
//! `farewell` (hang-ups that wait for a connection), `saved` (calls that outlive the process),
//! `flows` (connections), `timers` (deadlines), `compose` (what we write).
//! Start reading at [`Endpoint`].

mod api;
mod call;
mod compose;
mod farewell;
mod flows;
mod in_dialog;
mod receive;
mod register;
mod saved;
mod standalone;
mod timers;
mod transactions;
mod uac;
mod uas;

pub use api::{
    Body, CallHandle, ClientTransactionHandle, Enclosure, EndpointConfig, Event, FlowAddress,
    FlowId, FlowKind, InviteParams, Output, RegisterParams, RegistrationHandle, RequestParams,
    Role, TransactionHandle,
};

pub use saved::SavedCall;

use crate::dialog::{Dialog, DialogId};
use crate::random::Random;
use crate::registration::Registration;
use crate::transaction::{ClientKey, ServerKey};
use call::Call;
use flows::Flow;
use standalone::Standalone;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;
use timers::{Deadlines, Owner};
use transactions::Transaction;

/// One SIP user agent, client or server, over any number of flows.
pub struct Endpoint {
    config: EndpointConfig,
    random: Random,
    flows: BTreeMap<FlowId, Flow>,
    transactions: BTreeMap<u64, Transaction>,
    server_keys: BTreeMap<ServerKey, u64>,
    client_keys: BTreeMap<ClientKey, u64>,
    calls: BTreeMap<CallHandle, Call>,
    dialogs: BTreeMap<DialogId, CallHandle>,
    registrations: BTreeMap<RegistrationHandle, Registration>,
    standalones: BTreeMap<ClientTransactionHandle, Standalone>,
    deadlines: Deadlines,
    output: VecDeque<Output>,
    next_id: u64,
}

impl Endpoint {
    /// An endpoint without flows. Nothing is due before the first flow is used, so `_now` is not
    /// kept; it stands here so that every entry point is told the time.
    pub fn new(config: EndpointConfig, _now: Instant) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            flows: BTreeMap::new(),
            transactions: BTreeMap::new(),
            server_keys: BTreeMap::new(),
            client_keys: BTreeMap::new(),
            calls: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            registrations: BTreeMap::new(),
            standalones: BTreeMap::new(),
            deadlines: Deadlines::default(),
            output: VecDeque::new(),
            next_id: 0,
        }
    }

    /// The next thing to send or to know. Drain it after every call that takes `now`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When [`Endpoint::handle_timeout`] is due. May change after every call that takes `now`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Does everything that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.deadlines.pop(now) {
            match owner {
                Owner::Transaction(id) => self.transaction_timeout(now, id),
                Owner::Call(call) => self.call_timeout(now, call),
                Owner::Registration(registration) => self.registration_timeout(now, registration),
            }
        }
    }

    /// The dialog of a call, early or established; `None` before one exists.
    pub fn dialog(&self, call: CallHandle) -> Option<&Dialog> {
        self.calls.get(&call)?.dialog.as_ref()
    }

    /// The flow a call's requests go out on.
    pub fn call_flow(&self, call: CallHandle) -> Option<FlowId> {
        Some(self.calls.get(&call)?.flow)
    }

    /// Live calls, transactions and registrations: for metrics and leak tests.
    pub fn counts(&self) -> (usize, usize, usize) {
        (
            self.calls.len(),
            self.transactions.len(),
            self.registrations.len(),
        )
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn emit(&mut self, event: Event) {
        self.output.push_back(Output::Event(event));
    }
}
