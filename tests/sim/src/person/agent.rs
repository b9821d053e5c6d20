//! A SIP user agent on one connection.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};
use vrs_sip::{
    CallHandle, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, FlowKind, Headers, NameAddr,
    Output, RegisterParams, RegistrationHandle, Role, Uri,
};

use super::{CONNECT_AGAIN, CONNECTS_MAX, Surroundings, credentials, now, wait};
use crate::cast::{DOMAIN, TRUNK};
use crate::check::Status;
use crate::network::Connection;

/// The longest wait between two attempts to connect, before it is shortened at random.
const CONNECT_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Whoever is not registered by then will not be.
const REGISTERED_WITHIN: Duration = Duration::from_secs(40);

/// What a user agent has to tell.
pub(super) enum Happening {
    Event(Box<Event>),
    /// The connection is gone.
    Closed,
    /// The time that was asked for has come.
    Time,
}

/// A SIP user agent on one connection.
pub(super) struct Agent {
    pub(super) place: Surroundings,
    pub(super) endpoint: Endpoint,
    kind: FlowKind,
    pub(super) account: Option<String>,
    /// `+sip.instance`.
    instance: String,
    pub(super) connection: Option<Connection>,
    /// What the endpoint knows the connection by. To a gateway, which speaks by datagrams, the
    /// server of today is that of yesterday.
    pub(super) flow: Option<FlowId>,
    /// When a gateway without a server looks again.
    retry_at: Instant,
    registration: Option<RegistrationHandle>,
    dice: StdRng,
}

impl Agent {
    pub(super) fn new(
        place: &Surroundings,
        salt: u64,
        kind: FlowKind,
        account: Option<String>,
    ) -> Self {
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
            instance: format!("urn:uuid:{}-{salt}", account.as_deref().unwrap_or_default()),
            account,
            connection: None,
            flow: None,
            retry_at: Instant::now(),
            registration: None,
            dice,
        }
    }

    /// Connects, however often it takes, with growing pauses as the apps make them (RFC 5626
    /// section 4.5); `false` when there is no server to be had.
    pub(super) async fn connect(&mut self) -> bool {
        let mut pause = CONNECT_AGAIN;
        for _ in 0..CONNECTS_MAX {
            if self.try_connect().await {
                return true;
            }
            sleep(pause.mul_f64(self.dice.random_range(0.5..1.0))).await;
            pause = (pause * 2).min(CONNECT_PAUSE_MAX);
        }
        false
    }

    async fn try_connect(&mut self) -> bool {
        let trunk = self.account.is_none().then_some(TRUNK);
        let Some(connection) = self.place.network.connect(self.kind, trunk).await else {
            return false;
        };
        if self.kind.is_reliable() || self.flow.is_none() {
            let host = format!("{}.test", self.account.as_deref().unwrap_or("gateway"));
            let host = host.trim_start_matches('+').to_owned();
            let address = FlowAddress {
                via_sent_by: host.clone(),
                contact_host_port: host,
            };
            self.endpoint.open_flow(connection.flow, self.kind, address);
            self.flow = Some(connection.flow);
        }
        self.connection = Some(connection);
        true
    }

    pub(super) fn register(&mut self) {
        let (Some(flow), Some(account)) = (self.flow, self.account.clone()) else {
            return;
        };
        let params = RegisterParams {
            registrar: Uri::parse(&format!("sip:{DOMAIN}")).expect("a URI"),
            aor: NameAddr::new(Uri::sip(&account, DOMAIN)),
            contact_user: account.clone(),
            instance: Some(self.instance.clone()),
            reg_id: Some(1),
            expires_s: 600,
            headers: Vec::new(),
            enclosure: None,
            credentials: Some(credentials(&account)),
        };
        self.registration = Some(self.endpoint.register(now(), flow, params));
    }

    /// The registration on this connection failed: once more. What became of one on an earlier
    /// connection is no matter.
    pub(super) fn register_again(&mut self, failed: RegistrationHandle) {
        if self.registration == Some(failed) {
            self.register();
        }
    }

    /// An interpreter chooses what to do.
    pub(super) fn choose(&mut self, activity: &str) {
        if let Some(registration) = self.registration {
            let headers = vec![("VRS-Availability".to_owned(), activity.to_owned())];
            self.endpoint.update_headers(now(), registration, headers);
        }
    }

    /// Connects and registers; `false` when it does not come about.
    pub(super) async fn sign_in(&mut self) -> bool {
        if !self.connect().await {
            return false;
        }
        self.register();
        let end = Instant::now() + REGISTERED_WITHIN;
        loop {
            match self.next(Some(end)).await {
                Happening::Event(event) => match *event {
                    Event::Registered { .. } => return true,
                    Event::RegistrationFailed { .. } => return false,
                    _ => {}
                },
                Happening::Closed | Happening::Time => return false,
            }
        }
    }

    /// After a broken connection: an answered call goes on on the next one.
    pub(super) async fn come_back(&mut self, after: Duration) -> bool {
        sleep(after).await;
        let there = self.connect().await;
        self.register();
        there
    }

    /// The connection breaks without a word.
    pub(super) fn vanish(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.cut();
        }
        if let Some(flow) = self.flow.take() {
            self.endpoint.close_flow(now(), flow);
        }
    }

    /// A gateway without a server: what it sends is lost, what it waits for does not come, and
    /// after a moment it looks again. Whether `until` has come.
    async fn alone(&mut self, until: Option<Instant>, timer: Option<Instant>) -> bool {
        tokio::select! {
            biased;
            () = wait(until) => return true,
            () = wait(timer) => self.endpoint.handle_timeout(now()),
            () = sleep_until(self.retry_at) => {
                self.retry_at = Instant::now() + CONNECT_AGAIN;
                self.try_connect().await;
            }
        }
        false
    }

    /// The connection on which an established call is not yet, if there is one.
    pub(super) fn other_flow(&self, call: CallHandle) -> Option<FlowId> {
        let theirs = self.endpoint.call_flow(call)?;
        self.flow.filter(|flow| *flow != theirs)
    }

    /// The next thing that happens, at `until` at the latest.
    pub(super) async fn next(&mut self, until: Option<Instant>) -> Happening {
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
            if self.connection.is_none() && !self.kind.is_reliable() {
                if self.alone(until, timer).await {
                    return Happening::Time;
                }
                continue;
            }
            let (Some(connection), Some(flow)) = (&mut self.connection, self.flow) else {
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
                    self.endpoint.receive(now(), flow, &bytes);
                }
                Some(None) => {
                    if self.kind.is_reliable() {
                        self.vanish();
                    } else {
                        self.connection = None;
                        self.retry_at = Instant::now() + CONNECT_AGAIN;
                    }
                    return Happening::Closed;
                }
                None => self.endpoint.handle_timeout(now()),
            }
        }
    }

    pub(super) fn life(&self) -> u32 {
        self.connection.as_ref().map_or(0, |c| c.life)
    }

    /// Whoever is gone for good has no call left, unless a partition kept them from hearing of
    /// its end.
    pub(super) fn is_rid_of_calls(&self) {
        let (calls, _, _) = self.endpoint.counts();
        if calls > 0 && self.connection.is_some() && self.place.unparted {
            let who = self.account.as_deref().unwrap_or("the gateway");
            let what = format!("{who} still has {calls} calls at the end");
            self.place.witness.violation(what);
        }
    }

    /// What the server tells about a session.
    pub(super) fn notice(&self, headers: &Headers, state: &str) {
        if let Some(session) = headers.get("VRS-Session") {
            self.place.witness.told(session, state, self.life());
        }
    }

    pub(super) fn notice_status(&self, body: &[u8]) -> Option<Status> {
        match serde_json::from_slice::<Status>(body) {
            Ok(status) => {
                let witness = &self.place.witness;
                witness.told_status(status.clone(), self.life());
                Some(status)
            }
            Err(error) => {
                let what = format!("a status that nobody can read: {error}");
                self.place.witness.violation(what);
                None
            }
        }
    }
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\r').next();
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}
