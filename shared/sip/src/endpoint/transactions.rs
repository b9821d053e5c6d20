//! The table of transactions: starting them, feeding them, forgetting them.

use super::timers::Owner;
use super::{CallHandle, ClientTransactionHandle, Endpoint, FlowId, RegistrationHandle};
use crate::message::{Method, Request, Response, Via};
use crate::transaction::{
    Client, ClientKey, InviteClient, InviteServer, Reaction, Server, ServerKey,
};
use std::time::Instant;

/// One of the four machines.
pub(super) enum Machine {
    InviteClient(InviteClient),
    InviteServer(InviteServer),
    Client(Client),
    Server(Server),
}

/// Whom a transaction serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Our first INVITE of a call.
    Invite(CallHandle),
    /// Our re-INVITE.
    Reinvite(CallHandle),
    /// Our BYE.
    Bye(CallHandle),
    /// Our INFO.
    Info(CallHandle),
    /// Our REGISTER.
    Register(RegistrationHandle),
    /// Our request outside dialogs.
    Standalone(ClientTransactionHandle),
    /// Our CANCEL, or a BYE whose call is gone: the answer interests nobody.
    Nobody,
    /// The peer's first INVITE of a call.
    IncomingInvite(CallHandle),
    /// The peer's re-INVITE.
    IncomingReinvite(CallHandle),
    /// A request the application or we answer.
    Incoming,
}

enum Key {
    Client(ClientKey),
    Server(ServerKey),
}

/// A transaction with its place in the world.
pub(super) struct Transaction {
    pub(super) flow: FlowId,
    pub(super) machine: Machine,
    /// As sent (with Via) or as received (without body).
    pub(super) request: Request,
    pub(super) serves: Use,
    /// Tag of our responses.
    pub(super) local_tag: String,
    key: Key,
}

impl Transaction {
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::InviteClient(machine) => machine.poll_timeout(),
            Machine::InviteServer(machine) => machine.poll_timeout(),
            Machine::Client(machine) => machine.poll_timeout(),
            Machine::Server(machine) => machine.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::InviteClient(machine) => machine.is_terminated(),
            Machine::InviteServer(machine) => machine.is_terminated(),
            Machine::Client(machine) => machine.is_terminated(),
            Machine::Server(machine) => machine.is_terminated(),
        }
    }
}

impl Endpoint {
    /// Sends a request in a new client transaction. `None`: the flow is gone and the user was
    /// told so.
    pub(super) fn start_client(
        &mut self,
        now: Instant,
        flow: FlowId,
        request: Request,
        serves: Use,
    ) -> Option<u64> {
        let mut request = request;
        let branch = format!("z9hG4bK{}", self.random.word());
        let reliable = match self.flows.get(&flow) {
            Some(open) => open.kind.is_reliable(),
            None => {
                self.client_failed(now, serves, 503);
                return None;
            }
        };
        self.add_via(flow, &mut request, &branch);
        self.add_product("User-Agent", &mut request.headers);
        let key = ClientKey::new(flow, &branch, request.method.clone());
        Some(self.insert_client(now, flow, reliable, request, serves, key))
    }

    /// Sends a CANCEL: same branch as its INVITE.
    pub(super) fn start_cancel(&mut self, now: Instant, flow: FlowId, cancel: Request) {
        let branch = cancel
            .headers
            .top_via()
            .and_then(|via: Via| via.branch().map(ToOwned::to_owned));
        let (Some(branch), Some(open)) = (branch, self.flows.get(&flow)) else {
            return;
        };
        let reliable = open.kind.is_reliable();
        let key = ClientKey::new(flow, &branch, Method::Cancel);
        self.insert_client(now, flow, reliable, cancel, Use::Nobody, key);
    }

    fn insert_client(
        &mut self,
        now: Instant,
        flow: FlowId,
        reliable: bool,
        request: Request,
        serves: Use,
        key: ClientKey,
    ) -> u64 {
        let id = self.new_id();
        let bytes = request.to_bytes();
        let (machine, reaction) = if request.method == Method::Invite {
            let (machine, reaction) = InviteClient::start(now, reliable, bytes);
            (Machine::InviteClient(machine), reaction)
        } else {
            let (machine, reaction) = Client::start(now, reliable, bytes);
            (Machine::Client(machine), reaction)
        };
        self.client_keys.insert(key.clone(), id);
        self.insert(
            id,
            Transaction {
                flow,
                machine,
                request,
                serves,
                local_tag: String::new(),
                key: Key::Client(key),
            },
        );
        self.transmit(flow, &reaction);
        self.settle(id);
        id
    }

    /// Starts a server transaction for a request that came in. `trying`: the 100 of an INVITE.
    pub(super) fn start_server(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        request: &Request,
        serves: Use,
        local_tag: String,
    ) -> u64 {
        let id = self.new_id();
        let reliable = self
            .flows
            .get(&flow)
            .is_none_or(|flow| flow.kind.is_reliable());
        let kept = Request {
            body: Vec::new(),
            ..request.clone()
        };
        let (machine, reaction) = if request.method == Method::Invite {
            let trying = self.response_to(flow, request, 100, "");
            let (machine, reaction) = InviteServer::start(reliable, trying.to_bytes());
            (Machine::InviteServer(machine), reaction)
        } else {
            (
                Machine::Server(Server::start(now, reliable)),
                Reaction::default(),
            )
        };
        self.server_keys.insert(key.clone(), id);
        self.insert(
            id,
            Transaction {
                flow,
                machine,
                request: kept,
                serves,
                local_tag,
                key: Key::Server(key),
            },
        );
        self.transmit(flow, &reaction);
        self.settle(id);
        id
    }

    fn insert(&mut self, id: u64, transaction: Transaction) {
        if let Some(flow) = self.flows.get_mut(&transaction.flow) {
            flow.transactions.insert(id);
        }
        self.transactions.insert(id, transaction);
    }

    /// Gives a server transaction its answer.
    pub(super) fn answer(&mut self, now: Instant, id: u64, response: &Response) {
        let Some(transaction) = self.transactions.get_mut(&id) else {
            return;
        };
        let bytes = response.to_bytes();
        let reaction = match &mut transaction.machine {
            Machine::InviteServer(machine) => machine.respond(now, response.status, bytes),
            Machine::Server(machine) => machine.respond(now, response.status, bytes),
            Machine::InviteClient(_) | Machine::Client(_) => Reaction::default(),
        };
        let flow = transaction.flow;
        self.transmit(flow, &reaction);
        self.settle(id);
    }

    pub(super) fn transmit(&mut self, flow: FlowId, reaction: &Reaction) {
        if let Some(bytes) = &reaction.transmit {
            self.send(flow, bytes.to_vec());
        }
    }

    /// Brings the index of deadlines up to date, or forgets a transaction that has ended.
    pub(super) fn settle(&mut self, id: u64) {
        let Some(transaction) = self.transactions.get(&id) else {
            return;
        };
        if transaction.is_terminated() {
            self.forget(id);
        } else {
            let at = transaction.poll_timeout();
            self.deadlines.set(Owner::Transaction(id), at);
        }
    }

    /// Drops a transaction whatever its state.
    pub(super) fn forget(&mut self, id: u64) {
        let Some(transaction) = self.transactions.remove(&id) else {
            return;
        };
        match &transaction.key {
            Key::Client(key) => {
                self.client_keys.remove(key);
            }
            Key::Server(key) => {
                self.server_keys.remove(key);
            }
        }
        if let Some(flow) = self.flows.get_mut(&transaction.flow) {
            flow.transactions.remove(&id);
        }
        self.deadlines.set(Owner::Transaction(id), None);
    }

    pub(super) fn transaction_timeout(&mut self, now: Instant, id: u64) {
        let Some(transaction) = self.transactions.get_mut(&id) else {
            return;
        };
        let reaction = match &mut transaction.machine {
            Machine::InviteClient(machine) => machine.handle_timeout(now),
            Machine::InviteServer(machine) => machine.handle_timeout(now),
            Machine::Client(machine) => machine.handle_timeout(now),
            Machine::Server(machine) => machine.handle_timeout(now),
        };
        let (flow, serves) = (transaction.flow, transaction.serves);
        self.transmit(flow, &reaction);
        self.settle(id);
        if reaction.timed_out {
            self.client_failed(now, serves, 408);
        }
    }

    /// The flow of a transaction is gone.
    pub(super) fn transaction_lost(&mut self, now: Instant, id: u64) {
        let Some(transaction) = self.transactions.get(&id) else {
            return;
        };
        let serves = transaction.serves;
        self.forget(id);
        self.client_failed(now, serves, 503);
    }

    /// No answer will come to what we sent.
    fn client_failed(&mut self, now: Instant, serves: Use, status: u16) {
        match serves {
            Use::Invite(call) => self.invite_failed(call, status),
            Use::Reinvite(call) => self.reinvite_finished(now, call, status, None),
            Use::Bye(call) if status == 503 && self.waits_for_connection(call) => {}
            Use::Bye(call) => self.finish_hang_up(now, call),
            Use::Info(call) => self.info_finished(now, call, status),
            Use::Register(registration) => self.registration_failed(registration, status, None),
            Use::Standalone(handle) => self.standalone_failed(handle, status),
            // An INVITE of theirs whose refusal is never acknowledged, or lost with its flow: the
            // call is dealt with by its own rules.
            Use::Nobody | Use::IncomingInvite(_) | Use::IncomingReinvite(_) | Use::Incoming => {}
        }
    }
}
