//! The signalling task: owns the SIP endpoint and everything that hangs on it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;
use vrs_domain::{Leg, SessionId};
use vrs_sip::{CallHandle, Endpoint, EndpointConfig, FlowAddress, FlowId, Output, Role};

use super::auth::Auth;
use super::flows::Flows;
use super::intake::Invited;
use super::registrar::Registrar;
use super::{Command, outgoing};
use crate::edge::{Arrival, Opened};
use crate::session::driver::Services;
use crate::session::queue::QueueHandle;
use crate::session::{Directory, Message};

/// A party whose connection broke has this long to come back (R15).
const FLOW_GRACE: Duration = Duration::from_secs(30);

/// What a SIP call is to us.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) session: SessionId,
    pub(super) leg: Leg,
    /// Whose call it is; found again by this when they reconnect.
    pub(super) account: Option<String>,
    /// For invitations: who was asked, for which assignment.
    pub(super) invited: Option<Invited>,
    /// Whether the peer takes `vrs-status`.
    pub(super) wants_status: bool,
    /// Whether our final answer is given: from then on it ends by BYE.
    pub(super) answered: bool,
    /// When the grace ends, while the connection is gone.
    pub(super) gone_until: Option<Instant>,
}

impl Use {
    pub(super) fn new(session: SessionId, leg: Leg, account: Option<String>) -> Self {
        Self {
            session,
            leg,
            account,
            invited: None,
            wants_status: false,
            answered: false,
            gone_until: None,
        }
    }
}

/// Owns the endpoint; runs as one task.
pub struct Actor {
    pub(super) endpoint: Endpoint,
    pub(super) flows: Flows,
    pub(super) registrar: Registrar,
    pub(super) auth: Auth,
    pub(super) domain: String,
    pub(super) services: Services,
    pub(super) calls: HashMap<CallHandle, Use>,
    pub(super) legs: HashMap<(SessionId, Leg), CallHandle>,
}

/// What the signalling task is made of.
pub struct ActorConfig<'a> {
    /// The domain of accounts.
    pub domain: String,
    /// Digest realm.
    pub realm: &'a str,
    /// What the digest nonces are made from.
    pub nonce_seeds: [[u8; 32]; 2],
    /// Whether MD5 is offered last.
    pub allow_md5: bool,
    /// Who may sign in.
    pub accounts: std::sync::Arc<crate::accounts::AccountStore>,
    /// `Server` and `User-Agent`.
    pub product: String,
    /// Randomness of this run.
    pub seed: [u8; 32],
}

impl Actor {
    /// An actor without flows.
    #[must_use]
    pub fn new(config: ActorConfig<'_>, services: Services) -> Self {
        let endpoint = EndpointConfig {
            user_agent: config.product,
            seed: config.seed,
            role: Role::Server,
        };
        Self {
            endpoint: Endpoint::new(endpoint, Instant::now()),
            flows: Flows::default(),
            registrar: Registrar::default(),
            auth: Auth::new(
                config.realm,
                config.nonce_seeds,
                config.allow_md5,
                config.accounts,
            ),
            domain: config.domain,
            services,
            calls: HashMap::new(),
            legs: HashMap::new(),
        }
    }

    /// Serves until `stop` is cancelled and every flow has had its last message.
    pub async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Arrival>,
        mut commands: mpsc::Receiver<Command>,
        stop: CancellationToken,
    ) {
        loop {
            let next = self.next_deadline();
            tokio::select! {
                () = stop.cancelled() => return,
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => self.on_arrival(Instant::now(), arrival),
                    None => return,
                },
                command = commands.recv() => match command {
                    Some(command) => outgoing::on_command(&mut self, Instant::now(), command),
                    None => return,
                },
                () = sleep_until(next) => self.on_deadline(Instant::now()),
            }
            self.settle(Instant::now());
        }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.services.directory
    }

    pub(super) fn queue(&self) -> &QueueHandle {
        &self.services.queue
    }

    fn on_arrival(&mut self, now: Instant, arrival: Arrival) {
        match arrival {
            Arrival::Opened(opened) => self.open_flow(opened),
            Arrival::Received { flow, bytes } => self.endpoint.receive(now, flow, &bytes),
            Arrival::Closed { flow } => self.close_flow(now, flow),
        }
    }

    fn open_flow(&mut self, opened: Opened) {
        let local = opened.local.clone();
        let address = FlowAddress {
            via_sent_by: local.clone(),
            contact_host_port: local,
        };
        self.endpoint.open_flow(opened.flow, opened.kind, address);
        self.endpoint.set_peer_address(opened.flow, opened.peer);
        self.flows.open(opened);
        metrics::gauge!("visavis_flows").increment(1.0);
    }

    fn close_flow(&mut self, now: Instant, flow: FlowId) {
        self.flows.close(flow);
        metrics::gauge!("visavis_flows").decrement(1.0);
        self.endpoint.close_flow(now, flow);
        let gone = self.registrar.close_flow(flow);
        self.gone(gone);
    }

    /// Sends what the endpoint wants sent and acts on what it reports, until it is quiet.
    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    if !self.flows.send(flow, bytes) {
                        info!(flow = flow.0, "cut a connection that reads too slowly");
                        self.close_flow(now, flow);
                    }
                }
                Output::Event(event) => self.on_event(now, event),
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let grace = self.calls.values().filter_map(|used| used.gone_until).min();
        [
            self.endpoint.poll_timeout(),
            grace,
            self.registrar.next_expiry(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn on_deadline(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        let gone = self.registrar.expire(now);
        self.gone(gone);
        let over = |used: &Use| used.gone_until.is_some_and(|until| until <= now);
        let lost: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, used)| over(used))
            .map(|(call, _)| *call)
            .collect();
        for call in lost {
            if let Some(used) = self.forget(call) {
                self.directory().tell(used.session, Message::Lost(used.leg));
            }
        }
    }

    pub(super) fn remember(&mut self, call: CallHandle, used: Use) {
        self.legs.insert((used.session, used.leg), call);
        self.calls.insert(call, used);
    }

    pub(super) fn forget(&mut self, call: CallHandle) -> Option<Use> {
        let used = self.calls.remove(&call)?;
        if self.legs.get(&(used.session, used.leg)) == Some(&call) {
            self.legs.remove(&(used.session, used.leg));
        }
        Some(used)
    }

    /// The connection under a call broke; media may well go on, so the party may come back.
    pub(super) fn on_call_flow_lost(&mut self, now: Instant, call: CallHandle) {
        if let Some(used) = self.calls.get_mut(&call) {
            used.gone_until = Some(now + FLOW_GRACE);
        }
    }

    /// An account came back on a new connection: its calls go on there.
    pub(super) fn resume_calls(&mut self, _now: Instant, user: &str, flow: FlowId) {
        for (call, used) in &mut self.calls {
            if used.gone_until.is_some() && used.account.as_deref() == Some(user) {
                used.gone_until = None;
                self.endpoint.move_call(*call, flow);
                info!(session = %used.session, leg = %used.leg, "resumed after a lost connection");
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
