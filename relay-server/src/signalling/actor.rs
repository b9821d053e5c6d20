//! The signalling task: owns the SIP endpoint and everything that hangs on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay_core::admission::Key;
use relay_core::queue::Match;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;
use uuid::Uuid;
use vrs_domain::{CallKind, Leg, PhoneNumber, Seat, SessionId, Urgency};
use vrs_sip::{CallHandle, Endpoint, EndpointConfig, FlowAddress, FlowId, Output, Role};

use super::auth::Auth;
use super::away::Away;
use super::emergency::bare::Enclosed;
use super::farewell::Departing;
use super::flows::Flows;
use super::invitations::Closing;
use super::registrar::Registrar;
use super::ringing::Rung;
use super::whereabouts::Relocated;
use super::{Command, outgoing, wire};
use crate::config::{Emergency, Numbers};
use crate::edge::{Arrival, Opened};
use crate::session::clock;
use crate::session::driver::Services;
use crate::session::queue::QueueHandle;
use crate::session::{Directory, Message, News, Speaker};
use crate::turn::Told;

/// A party whose connection broke has this long to come back (R15).
const FLOW_GRACE: Duration = Duration::from_secs(30);

/// So long for interpreters: another one can take over.
const INTERPRETER_GRACE: Duration = Duration::from_secs(10);
/// So long, in an emergency, before they are called back (F21).
const EMERGENCY_GRACE: Duration = Duration::from_secs(3);

/// What a SIP call is to us.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) session: SessionId,
    pub(super) leg: Leg,
    /// Whose call it is; found again by this when they reconnect.
    pub(super) account: Option<String>,
    /// On which of their devices; the call follows it to a new connection.
    pub(super) instance: Option<String>,
    /// The caller's `Session-ID`, in its own leg.
    pub(super) correlation: Option<String>,
    /// Over which trunk; the call follows it to a new connection.
    pub(super) trunk: Option<String>,
    /// For invitations: who was asked, for what.
    pub(super) invited: Option<Match>,
    /// For invitations: whether they count as away by missing it.
    pub(super) away: bool,
    /// Whether the peer takes `vrs-status`.
    pub(super) wants_status: bool,
    /// For who called us: what kind of call it is, and how urgent.
    pub(super) placed: Option<(CallKind, Urgency)>,
    /// Whether it is a party of an emergency call: it is not waited for but called back (F21).
    pub(super) emergency: bool,
    /// For a call to a telephone in an emergency, until it is answered or refused.
    pub(super) enclosed: Option<Box<Enclosed>>,
    /// Whether they called us.
    pub(super) incoming: bool,
    /// Whom they called, if another INVITE to the same number takes this call up.
    pub(super) resumes: Option<PhoneNumber>,
    /// Which of the leg's offers came with it: 0, or later ones after a lost connection.
    pub(super) offered: u32,
    /// Whether the final answer is given: from then on it ends by BYE.
    pub(super) answered: bool,
    /// When the grace ends, while the connection is gone.
    pub(super) gone_until: Option<Instant>,
    /// It comes from an earlier process and has no media yet.
    pub(super) restored: bool,
}

impl Use {
    pub(super) fn new(session: SessionId, leg: Leg, account: Option<String>) -> Self {
        Self {
            session,
            leg,
            account,
            instance: None,
            correlation: None,
            trunk: None,
            invited: None,
            away: false,
            placed: None,
            wants_status: false,
            emergency: false,
            enclosed: None,
            incoming: false,
            offered: 0,
            resumes: None,
            answered: false,
            gone_until: None,
            restored: false,
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
    pub(super) stopping: CancellationToken,
    pub(super) calls: BTreeMap<CallHandle, Use>,
    pub(super) legs: BTreeMap<(SessionId, Leg), CallHandle>,
    pub(super) closing: Closing,
    /// Callers whose connection broke before their call was answered.
    pub(super) away: Away,
    /// How many callers took up their place so far; numbers their offers.
    pub(super) taken_up_times: u32,
    /// Legs whose peers are being told that they are over.
    pub(super) departing: Departing,
    /// Subscribers whose devices ring.
    pub(super) rung: BTreeMap<(SessionId, Leg), Rung>,
    /// Which numbers are more urgent than others.
    pub(super) numbers: Numbers,
    /// What emergency services are told of the service.
    pub(super) emergency: Emergency,
    /// What devices are told of STUN and TURN, where we serve them.
    pub(super) turn: Option<Told>,
    /// UDP trunks that answered nothing to an INVITE of many bytes: they get a small one next.
    pub(super) silent_trunks: BTreeSet<String>,
    /// Locations on their way to the disk.
    pub(super) relocations: JoinSet<Relocated>,
    /// What session ids are made from.
    random: StdRng,
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
    /// Cancelled when no new calls are to be taken.
    pub stopping: CancellationToken,
    /// Which numbers are more urgent than others.
    pub numbers: Numbers,
    /// What emergency services are told of the service.
    pub emergency: Emergency,
    /// What devices are told of STUN and TURN, where we serve them.
    pub turn: Option<Told>,
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
            info_packages: vec![wire::SEAT_PACKAGE.to_owned()],
        };
        Self {
            endpoint: Endpoint::new(endpoint, clock::instant()),
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
            stopping: config.stopping,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            closing: Closing::default(),
            away: Away::default(),
            taken_up_times: 0,
            departing: Departing::default(),
            rung: BTreeMap::new(),
            numbers: config.numbers,
            emergency: config.emergency,
            turn: config.turn,
            silent_trunks: BTreeSet::new(),
            relocations: JoinSet::new(),
            random: StdRng::from_seed(Sha256::digest(config.seed).into()),
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
                biased;
                () = stop.cancelled() => return,
                () = sleep_until(next) => self.on_deadline(clock::instant()),
                // One that panicked answers nothing: the device asks again.
                Some(Ok(done)) = self.relocations.join_next() => {
                    self.on_relocated(clock::instant(), done);
                }
                command = commands.recv() => match command {
                    Some(command) => outgoing::on_command(&mut self, clock::instant(), command),
                    None => return,
                },
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => self.on_arrival(clock::instant(), arrival),
                    None => return,
                },
            }
            self.settle(clock::instant());
        }
    }

    /// A random UUID (RFC 9562 section 5.4) from this run's seed.
    pub(super) fn new_uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid()
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.services.directory
    }

    /// Tells a session what becomes of one of its legs.
    pub(super) fn tell_of(&self, used: &Use, news: News) {
        let epoch = used.invited.as_ref().map(|asked| asked.epoch);
        let leg = used.leg;
        let who = Speaker { leg, epoch };
        self.directory()
            .tell(used.session, Message::Party { who, news });
    }

    /// The same about a party of the call who has no call of ours any more.
    pub(super) fn tell_party(&self, session: SessionId, leg: Leg, news: News) {
        let who = Speaker { leg, epoch: None };
        self.directory().tell(session, Message::Party { who, news });
    }

    pub(super) fn queue(&self) -> &QueueHandle {
        &self.services.queue
    }

    fn on_arrival(&mut self, now: Instant, arrival: Arrival) {
        match arrival {
            Arrival::Opened(opened) => self.open_flow(now, opened),
            Arrival::Received { flow, bytes } => {
                if self.is_flooding(now, flow) {
                    info!(flow = flow.0, "cut a connection that sends too much");
                    metrics::counter!("visavis_flows_cut_total", "why" => "flood").increment(1);
                    return self.close_flow(now, flow);
                }
                self.endpoint.receive(now, flow, &bytes);
            }
            Arrival::Closed { flow } => self.close_flow(now, flow),
        }
    }

    /// A05: what a stranger sends counts for their address, what we know the sender of for them;
    /// trunks send as much as they like.
    fn is_flooding(&mut self, now: Instant, flow: FlowId) -> bool {
        let Some(open) = self.flows.get(flow).filter(|open| open.trunk.is_none()) else {
            return false;
        };
        let key = match &open.user {
            Some(user) => Key::account(user),
            None => Key::address(open.peer.ip()),
        };
        self.auth.is_too_much(now, key)
    }

    fn open_flow(&mut self, now: Instant, opened: Opened) {
        let local = opened.local.clone();
        let address = FlowAddress {
            via_sent_by: local.clone(),
            contact_host_port: local,
        };
        self.endpoint.open_flow(opened.flow, opened.kind, address);
        self.endpoint.set_peer_address(opened.flow, opened.peer);
        if let Some(trunk) = &opened.trunk {
            self.resume_trunk(trunk, opened.flow);
        }
        self.flows.open(opened);
        self.see_off(now);
        metrics::gauge!("visavis_flows").increment(1.0);
    }

    pub(super) fn close_flow(&mut self, now: Instant, flow: FlowId) {
        if self.flows.close(flow).is_none() {
            return;
        }
        metrics::gauge!("visavis_flows").decrement(1.0);
        self.endpoint.close_flow(now, flow);
        let gone = self.registrar.close_flow(flow);
        self.gone(gone);
        self.see_off(now);
    }

    /// Sends what the endpoint wants sent and acts on what it reports, until it is quiet.
    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    if self.flows.is_clogged_by(flow, bytes) {
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
            self.away.next_deadline(),
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
        self.away_for_good(now);
        let over = |used: &Use| used.gone_until.is_some_and(|until| until <= now);
        let lost: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, used)| over(used))
            .map(|(call, _)| *call)
            .collect();
        for call in lost {
            // The session ends the leg, and with it the SIP call.
            if let Some(used) = self.calls.get_mut(&call) {
                used.gone_until = None;
            }
            if let Some(used) = self.leg_of(call) {
                self.tell_of(used, News::Lost);
            }
        }
    }

    /// The header that finds the session in a peer's log, if it is still there.
    pub(super) fn correlation_header(&self, session: SessionId) -> Option<(String, String)> {
        let calling = [Leg::Caller, Leg::Hearing].into_iter().find_map(|leg| {
            let used = self.calls.get(self.legs.get(&(session, leg))?)?;
            used.correlation.as_ref()
        });
        let correlation = calling?;
        Some(wire::correlation_header(correlation))
    }

    /// Whether this is the call of its leg now.
    pub(super) fn is_leg(&self, call: CallHandle) -> bool {
        let used = self.calls.get(&call);
        used.is_some_and(|used| self.legs.get(&(used.session, used.leg)) == Some(&call))
    }

    /// What a call is to us, if it is the call of its leg now.
    pub(super) fn leg_of(&self, call: CallHandle) -> Option<&Use> {
        self.calls.get(&call).filter(|_| self.is_leg(call))
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

    /// The relief's leg is the interpreter's from here on.
    pub(super) fn relieve(&mut self, session: SessionId) {
        if let Some(call) = self.legs.remove(&(session, Leg::Relief))
            && let Some(used) = self.calls.get_mut(&call)
        {
            used.leg = Leg::Interpreter;
            if let Some(asked) = &mut used.invited {
                asked.seat = Seat::Lead;
            }
            self.legs.insert((session, Leg::Interpreter), call);
        }
    }

    /// The connection under a call broke; media may well go on, so the party may come back, or
    /// is back already.
    pub(super) fn on_call_flow_lost(&mut self, now: Instant, call: CallHandle) {
        let Some(used) = self.calls.get_mut(&call) else {
            return;
        };
        let device = used.account.as_ref().zip(used.instance.as_ref());
        match device.and_then(|(user, instance)| self.registrar.flow_of(user, instance)) {
            Some(flow) => self.go_on(call, flow),
            None => {
                let grace = match (used.emergency, used.leg.seat()) {
                    (true, None) => EMERGENCY_GRACE,
                    (_, Some(_)) => INTERPRETER_GRACE,
                    (false, None) => FLOW_GRACE,
                };
                used.gone_until = Some(now + grace);
            }
        }
    }

    /// A device registered on `flow`: the calls whose connection it lost go on there (R14, R15).
    pub(super) fn resume_calls(&mut self, user: &str, flow: FlowId) {
        let instance = self.registrar.instance_on(flow);
        self.resume(flow, |used| {
            used.account.as_deref() == Some(user) && used.instance == instance
        });
    }

    /// A trunk's connection is back: the telephones it carried go on there.
    fn resume_trunk(&mut self, trunk: &str, flow: FlowId) {
        self.resume(flow, |used| used.trunk.as_deref() == Some(trunk));
    }

    fn resume(&mut self, flow: FlowId, theirs: impl Fn(&Use) -> bool) {
        let gone = |used: &Use| used.gone_until.is_some() && theirs(used);
        let calls = self.calls.iter().filter(|(_, used)| gone(used));
        let calls: Vec<_> = calls.map(|(call, _)| *call).collect();
        for call in calls {
            self.go_on(call, flow);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
