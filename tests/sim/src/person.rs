//! People and their SIP user agents: callers, interpreters, and the gateway with its telephones.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use vrs_domain::Leg;
use vrs_sip::{
    Body, CallHandle, Credentials, Endpoint, EndpointConfig, Event, FlowAddress, FlowKind, Headers,
    InviteParams, NameAddr, Output, RegisterParams, Role, Uri,
};

use crate::check::Witness;
use crate::media::NO_MEDIA;
use crate::network::{Connection, Network, STREAM};
use crate::plan::{CallPlan, Habit, InterpreterPlan, TelephonePlan};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";
/// Everybody's domain.
pub const DOMAIN: &str = "vrs.test";
/// The trunk's name.
pub const TRUNK: &str = "carrier";
/// Between attempts to connect.
const CONNECT_AGAIN: Duration = Duration::from_millis(700);
/// A picture that stands still is looked at for so long.
const FROZEN: Duration = Duration::from_secs(35);
/// A call that cannot be is refused within this time, in milliseconds.
const REFUSED_WITHIN_MS: u64 = 40_000;
/// After this many attempts somebody without a server gives up.
const CONNECTS_MAX: u32 = 120;

/// Where people are.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The way to the server.
    pub network: Network,
    /// Who watches.
    pub witness: Witness,
    /// Cancelled when the run is over.
    pub over: CancellationToken,
    /// The run's seed.
    pub seed: u64,
    /// Nothing ever stands still so long that a transaction times out (RFC 3261, timer B): then
    /// a party may think itself in a call that the other has given up.
    pub unparted: bool,
}

/// The number of a caller, or of the telephone that the caller dials.
#[must_use]
pub fn number(area: u32, index: u32) -> String {
    format!("+1555{area:03}{index:04}")
}

/// The CA id of an interpreter.
#[must_use]
pub fn ca_id(index: u32) -> String {
    format!("{}", 1000 + index)
}

/// What a user agent has to tell.
enum Happening {
    Event(Box<Event>),
    /// The connection is gone.
    Closed,
    /// The time that was asked for has come.
    Time,
}

/// A SIP user agent on one connection.
struct Agent {
    place: Surroundings,
    endpoint: Endpoint,
    kind: FlowKind,
    account: Option<String>,
    connection: Option<Connection>,
}

impl Agent {
    fn new(place: &Surroundings, salt: u64, kind: FlowKind, account: Option<String>) -> Self {
        let mut dice = StdRng::seed_from_u64(place.seed.wrapping_mul(31).wrapping_add(salt));
        let config = EndpointConfig {
            user_agent: "sim".into(),
            seed: dice.random(),
            role: if account.is_some() {
                Role::Client
            } else {
                Role::Server
            },
            info_packages: vec!["vrs-status".into()],
        };
        Self {
            place: place.clone(),
            endpoint: Endpoint::new(config, now()),
            kind,
            account,
            connection: None,
        }
    }

    /// Connects, however often it takes; `false` when there is no server to be had.
    async fn connect(&mut self) -> bool {
        let trunk = self.account.is_none().then_some(TRUNK);
        for _ in 0..CONNECTS_MAX {
            if let Some(connection) = self.place.network.connect(self.kind, trunk).await {
                let host = format!("{}.test", self.account.as_deref().unwrap_or("gateway"));
                let host = host.trim_start_matches('+').to_owned();
                let address = FlowAddress {
                    via_sent_by: host.clone(),
                    contact_host_port: host,
                };
                self.endpoint.open_flow(connection.flow, self.kind, address);
                self.connection = Some(connection);
                return true;
            }
            sleep(CONNECT_AGAIN).await;
        }
        false
    }

    fn register(&mut self) {
        let (Some(connection), Some(account)) = (&self.connection, self.account.clone()) else {
            return;
        };
        let params = RegisterParams {
            registrar: Uri::parse(&format!("sip:{DOMAIN}")).expect("a URI"),
            aor: NameAddr::new(Uri::sip(&account, DOMAIN)),
            contact_user: account.clone(),
            instance: Some(format!("urn:uuid:{account}")),
            reg_id: Some(1),
            expires_s: 600,
            headers: Vec::new(),
            credentials: Some(credentials(&account)),
        };
        self.endpoint.register(now(), connection.flow, params);
    }

    /// The connection breaks without a word.
    fn vanish(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.cut();
            self.endpoint.close_flow(now(), connection.flow);
        }
    }

    /// The next thing that happens, at `until` at the latest.
    async fn next(&mut self, until: Option<Instant>) -> Happening {
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => {
                        if let Some(connection) = &self.connection {
                            tracing::debug!(from = self.account, line = first_line(&bytes));
                            connection.send(bytes);
                        }
                    }
                    Output::Event(event) => return Happening::Event(Box::new(event)),
                }
            }
            let timer = self.endpoint.poll_timeout().map(Instant::from_std);
            let Some(connection) = &mut self.connection else {
                sleep_until(until.unwrap_or_else(Instant::now)).await;
                return Happening::Time;
            };
            let bytes = tokio::select! {
                biased;
                bytes = connection.incoming.recv() => Some(bytes),
                () = wait(until) => return Happening::Time,
                () = wait(timer) => None,
            };
            match bytes {
                Some(Some(bytes)) => {
                    tracing::debug!(to = self.account, line = first_line(&bytes));
                    let flow = connection.flow;
                    self.endpoint.receive(now(), flow, &bytes);
                }
                Some(None) => {
                    self.vanish();
                    return Happening::Closed;
                }
                None => self.endpoint.handle_timeout(now()),
            }
        }
    }

    fn life(&self) -> u32 {
        self.connection.as_ref().map_or(0, |c| c.life)
    }

    /// What the server tells about a session.
    fn notice(&self, headers: &Headers, state: &str) {
        if let Some(session) = headers.get("VRS-Session") {
            self.place.witness.told(session, state, self.life());
        }
    }

    fn notice_status(&self, body: &[u8]) -> Option<String> {
        let status: serde_json::Value = serde_json::from_slice(body).ok()?;
        let (session, state) = (status["session"].as_str()?, status["state"].as_str()?);
        self.place.witness.told(session, state, self.life());
        Some(state.to_owned())
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\r').next();
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}

fn credentials(account: &str) -> Credentials {
    Credentials {
        username: account.to_owned(),
        password: PASSWORD.into(),
    }
}

fn wants_status() -> Vec<(String, String)> {
    vec![("Recv-Info".into(), "vrs-status".into())]
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One caller with one call, from starting the app to closing it.
pub async fn caller(place: Surroundings, plan: CallPlan) {
    sleep(ms(plan.at_ms)).await;
    let account = number(1, plan.index);
    let mut agent = Agent::new(&place, u64::from(plan.index), STREAM, Some(account.clone()));
    if !agent.connect().await {
        return;
    }
    agent.register();
    if !registered(&mut agent).await {
        return;
    }
    place.witness.called();
    let call = place_call(&mut agent, &account, &plan);
    let mut story = Story {
        call,
        session: String::new(),
        look: None,
        deadline: Instant::now() + ms(plan.patience_ms),
        cut: plan.cut.map(|(after, _)| Instant::now() + ms(after)),
    };
    while story.goes_on(&mut agent, &plan).await {}
    // The app stays a moment, as apps do, and is closed.
    let close = Instant::now() + Duration::from_secs(40);
    while !matches!(agent.next(Some(close)).await, Happening::Time) {}
    let (calls, _, _) = agent.endpoint.counts();
    if calls > 0 && agent.connection.is_some() && place.unparted {
        let what = format!("{account} still has {calls} calls at the end");
        place.witness.violation(what);
    }
    agent.vanish();
}

async fn registered(agent: &mut Agent) -> bool {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        match agent.next(Some(end)).await {
            Happening::Event(event) => match *event {
                Event::Registered { .. } => return true,
                Event::RegistrationFailed { .. } => return false,
                _ => {}
            },
            Happening::Closed | Happening::Time => return false,
        }
    }
}

fn place_call(agent: &mut Agent, account: &str, plan: &CallPlan) -> CallHandle {
    let dialled = if plan.emergency {
        "911".to_owned()
    } else {
        number(2, plan.index)
    };
    let target = Uri::sip(&dialled, DOMAIN);
    let offer = if plan.no_media == Some(0) {
        NO_MEDIA
    } else {
        "v=0 offer"
    };
    let params = InviteParams {
        to: NameAddr::new(target.clone()),
        target,
        from: NameAddr::new(Uri::sip(account, DOMAIN)),
        contact_user: account.to_owned(),
        headers: if plan.foreign {
            vec![("VRS-Languages".into(), "ase/es".into())]
        } else {
            wants_status()
        },
        body: Body::sdp(offer),
        credentials: Some(credentials(account)),
    };
    let flow = agent.connection.as_ref().expect("registered").flow;
    agent.endpoint.invite(now(), flow, params)
}

struct Story {
    call: CallHandle,
    session: String,
    /// The connection broke and a new one stands: is there still a picture?
    look: Option<Instant>,
    /// When the caller has had enough, of waiting or of talking.
    deadline: Instant,
    cut: Option<Instant>,
}

impl Story {
    async fn goes_on(&mut self, agent: &mut Agent, plan: &CallPlan) -> bool {
        let until = [self.cut, self.look].into_iter().flatten();
        let until = until.fold(self.deadline, Instant::min);
        match agent.next(Some(until)).await {
            Happening::Event(event) => self.on_event(agent, plan, &event),
            Happening::Closed => self.come_back(agent, Some(700)).await,
            Happening::Time if self.cut.is_some_and(|cut| cut <= Instant::now()) => {
                self.cut = None;
                agent.vanish();
                let back = plan.cut.and_then(|(_, back)| back);
                self.come_back(agent, back).await
            }
            Happening::Time if self.look.is_some_and(|look| look <= Instant::now()) => {
                self.look = None;
                if !agent.place.network.shows(&self.session, Leg::Caller) {
                    agent.endpoint.hang_up(now(), self.call, None);
                }
                true
            }
            Happening::Time => {
                if plan.foreign && plan.patience_ms > REFUSED_WITHIN_MS && agent.place.unparted {
                    let what = format!("caller {} was never refused", plan.index);
                    agent.place.witness.violation(what);
                }
                agent.endpoint.hang_up(now(), self.call, None);
                self.deadline = Instant::now() + Duration::from_secs(3600);
                true
            }
        }
    }

    fn on_event(&mut self, agent: &mut Agent, plan: &CallPlan, event: &Event) -> bool {
        match event {
            Event::Progress { response, .. } => {
                agent.notice(&response.headers, "request_received");
                true
            }
            Event::Answered { response, .. } => {
                agent.notice(&response.headers, "interpreter_assigned");
                let session = response.headers.get("VRS-Session");
                self.session = session.unwrap_or_default().to_owned();
                self.deadline = Instant::now() + Duration::from_secs(400);
                true
            }
            Event::Info { request, .. } => {
                let state = agent.notice_status(&request.body);
                if state.as_deref() == Some("relay_active") {
                    self.deadline = Instant::now() + ms(plan.talk_ms);
                }
                true
            }
            Event::Registered { .. } => {
                if let Some(connection) = &agent.connection {
                    agent.endpoint.move_call(self.call, connection.flow);
                }
                self.look = Some(Instant::now() + FROZEN);
                true
            }
            // Lost in an emergency, and called back.
            Event::IncomingInvite { call, request, .. } => {
                self.called_back(agent, *call, &request.headers);
                true
            }
            Event::Failed { call, .. } | Event::Ended { call, .. } | Event::HungUp { call } => {
                *call != self.call
            }
            _ => true,
        }
    }

    fn called_back(&mut self, agent: &mut Agent, call: CallHandle, headers: &Headers) {
        agent.endpoint.hang_up(now(), self.call, None);
        let body = Body::sdp("v=0 answer");
        agent.endpoint.accept(now(), call, wants_status(), body);
        self.call = call;
        self.look = None;
        if let Some(session) = headers.get("VRS-Session") {
            session.clone_into(&mut self.session);
        }
        self.deadline = Instant::now() + Duration::from_secs(60);
    }

    /// After a broken connection: an answered call goes on on the next one.
    async fn come_back(&mut self, agent: &mut Agent, back_ms: Option<u64>) -> bool {
        let Some(back_ms) = back_ms else { return false };
        sleep(ms(back_ms)).await;
        if !agent.connect().await {
            return false;
        }
        agent.register();
        true
    }
}

/// One interpreter, from the beginning of the run to its end.
pub async fn interpreter(place: Surroundings, plan: InterpreterPlan) {
    let account = ca_id(plan.index);
    let salt = 10_000 + u64::from(plan.index);
    let agent = Agent::new(&place, salt, STREAM, Some(account));
    let mut seat = Seat {
        agent,
        habits: plan.habits,
        turn: 0,
        id: String::new(),
        session: None,
        due: None,
    };
    place.over.run_until_cancelled(seat.work()).await;
    let (calls, _, _) = seat.agent.endpoint.counts();
    if calls > 0 && seat.agent.connection.is_some() && place.unparted {
        let what = format!(
            "interpreter {} still has {calls} calls at the end",
            plan.index
        );
        place.witness.violation(what);
    }
}

struct Seat {
    agent: Agent,
    habits: Vec<Habit>,
    turn: usize,
    id: String,
    /// The call, which life of the server it came from, and whether it was taken.
    session: Option<(CallHandle, u32, bool)>,
    due: Option<(Instant, Todo)>,
}

#[derive(Debug, Clone, Copy)]
enum Todo {
    Accept { hang_up_ms: Option<u64> },
    Decline,
    HangUp,
    Look,
    Vanish { back_ms: u64 },
}

impl Seat {
    async fn work(&mut self) {
        if !self.sign_in().await {
            return;
        }
        loop {
            let until = self.due.map(|(at, _)| at);
            match self.agent.next(until).await {
                Happening::Event(event) => self.on_event(*event),
                Happening::Closed => {
                    sleep(CONNECT_AGAIN).await;
                    if !self.sign_in().await {
                        return;
                    }
                }
                Happening::Time => {
                    let Some((_, todo)) = self.due.take() else {
                        continue;
                    };
                    if !self.act(todo).await {
                        return;
                    }
                }
            }
        }
    }

    async fn sign_in(&mut self) -> bool {
        let there = self.agent.connect().await;
        self.agent.register();
        there
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::IncomingInvite { call, request, .. } => {
                self.agent.notice(&request.headers, "request_received");
                self.invited(call, request.headers.get("VRS-Session").unwrap_or_default());
            }
            Event::Info { request, .. } => {
                self.agent.notice_status(&request.body);
            }
            Event::Registered { .. } => {
                if let (Some((call, _, true)), Some(connection)) =
                    (self.session, &self.agent.connection)
                {
                    self.agent.endpoint.move_call(call, connection.flow);
                    self.due = Some((Instant::now() + FROZEN, Todo::Look));
                }
            }
            Event::RegistrationFailed { .. } => self.agent.register(),
            Event::Cancelled { call, .. }
            | Event::Ended { call, .. }
            | Event::HungUp { call }
            | Event::Failed { call, .. }
                if self.session.is_some_and(|(ours, _, _)| ours == call) =>
            {
                self.session = None;
                self.due = None;
            }
            _ => {}
        }
    }

    fn invited(&mut self, call: CallHandle, session: &str) {
        let life = self.agent.life();
        if let Some((_, its, _)) = self.session {
            if its == life && self.agent.place.unparted {
                let account = self.agent.account.clone().unwrap_or_default();
                let what = format!("Q2: {account} got a second invitation");
                self.agent.place.witness.violation(what);
            }
            self.agent.endpoint.reject(now(), call, 486, Vec::new());
            return;
        }
        self.session = Some((call, life, false));
        self.id = session.to_owned();
        self.agent
            .endpoint
            .progress(now(), call, 180, wants_status(), None);
        let habit = self.habits[self.turn % self.habits.len()];
        self.turn += 1;
        self.due = match habit {
            Habit::Accept {
                after_ms,
                hang_up_ms,
            } => Some((after_ms, Todo::Accept { hang_up_ms })),
            Habit::Decline { after_ms } => Some((after_ms, Todo::Decline)),
            Habit::Sleep => None,
            Habit::Vanish { after_ms, back_ms } => Some((after_ms, Todo::Vanish { back_ms })),
        }
        .map(|(after, todo)| (Instant::now() + ms(after), todo));
    }

    async fn act(&mut self, todo: Todo) -> bool {
        let Some((call, life, _)) = self.session else {
            return true;
        };
        match todo {
            Todo::Accept { hang_up_ms } => {
                let body = Body::sdp("v=0 answer");
                self.agent
                    .endpoint
                    .accept(now(), call, wants_status(), body);
                self.session = Some((call, life, true));
                self.due = hang_up_ms.map(|after| (Instant::now() + ms(after), Todo::HangUp));
            }
            Todo::Decline => {
                self.agent.endpoint.reject(now(), call, 603, Vec::new());
                self.session = None;
            }
            Todo::Look if self.agent.place.network.shows(&self.id, Leg::Interpreter) => {}
            Todo::HangUp | Todo::Look => self.agent.endpoint.hang_up(now(), call, None),
            Todo::Vanish { back_ms } => {
                self.agent.vanish();
                sleep(ms(back_ms)).await;
                return self.sign_in().await;
            }
        }
        true
    }
}

/// The gateway behind the trunk, with a telephone for every call.
pub async fn gateway(place: Surroundings, plans: Vec<CallPlan>) {
    let agent = Agent::new(&place, 20_000, FlowKind::Datagram, None);
    let mut exchange = Exchange {
        agent,
        telephones: plans
            .iter()
            .map(|plan| (number(2, plan.index), plan.telephone))
            .collect(),
        due: BTreeMap::new(),
        serial: 0,
    };
    place.over.run_until_cancelled(exchange.work()).await;
    let (calls, _, _) = exchange.agent.endpoint.counts();
    if calls > 0 && place.unparted {
        let what = format!("the gateway still has {calls} calls at the end");
        place.witness.violation(what);
    }
}

struct Exchange {
    agent: Agent,
    telephones: BTreeMap<String, TelephonePlan>,
    due: BTreeMap<(Instant, u64), (CallHandle, Ring)>,
    serial: u64,
}

#[derive(Debug, Clone, Copy)]
enum Ring {
    Answer { hang_up_ms: Option<u64> },
    Fail { status: u16 },
    HangUp,
}

impl Exchange {
    async fn work(&mut self) {
        while self.agent.connect().await {
            loop {
                let until = self.due.keys().next().map(|(at, _)| *at);
                match self.agent.next(until).await {
                    Happening::Event(event) => self.on_event(*event),
                    Happening::Closed => break,
                    Happening::Time => self.on_time(),
                }
            }
            sleep(CONNECT_AGAIN).await;
        }
    }

    fn at(&mut self, after_ms: u64, call: CallHandle, ring: Ring) {
        self.serial += 1;
        let key = (Instant::now() + ms(after_ms), self.serial);
        self.due.insert(key, (call, ring));
    }

    fn on_event(&mut self, event: Event) {
        if let Event::FlowLost { call } = event {
            // The server's media is gone with it.
            self.agent.endpoint.hang_up(now(), call, None);
        }
        let Event::IncomingInvite { call, request, .. } = event else {
            return;
        };
        let dialled = request.uri.user_decoded().unwrap_or_default();
        let plan = self.telephones.get(&dialled).copied();
        let plan = plan.unwrap_or(TelephonePlan::Answers {
            ring_ms: 500,
            hang_up_ms: None,
        });
        if !matches!(plan, TelephonePlan::Silent) {
            self.agent
                .endpoint
                .progress(now(), call, 180, Vec::new(), None);
        }
        match plan {
            TelephonePlan::Answers {
                ring_ms,
                hang_up_ms,
            } => self.at(ring_ms, call, Ring::Answer { hang_up_ms }),
            TelephonePlan::Fails { after_ms, status } => {
                self.at(after_ms, call, Ring::Fail { status });
            }
            TelephonePlan::Rings | TelephonePlan::Silent => {}
        }
    }

    fn on_time(&mut self) {
        let Some((_, (call, ring))) = self.due.pop_first() else {
            return;
        };
        match ring {
            Ring::Answer { hang_up_ms } => {
                let body = Body::sdp("v=0 telephone");
                self.agent.endpoint.accept(now(), call, Vec::new(), body);
                if let Some(after) = hang_up_ms {
                    self.at(after, call, Ring::HangUp);
                }
            }
            Ring::Fail { status } => self.agent.endpoint.reject(now(), call, status, Vec::new()),
            Ring::HangUp => self.agent.endpoint.hang_up(now(), call, None),
        }
    }
}
