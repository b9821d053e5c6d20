//! A SIP user agent that does what a test says, and otherwise says yes.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use vrs_sim::cast::{DOMAIN, PASSWORD, TRUNK};
use vrs_sim::network::{Connection, Network, STREAM};
use vrs_sip::{
    Body, CallHandle, Credentials, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, FlowKind,
    InviteParams, NameAddr, Output, RegisterParams, Role, Uri,
};

/// Whatever a test waits for comes within this time.
const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: &str = "v=0 answer";

/// What a phone does with an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Accepts,
    Declines,
    LetsItRing,
}

pub(crate) struct Phone {
    network: Network,
    endpoint: Endpoint,
    connection: Option<Connection>,
    flow: Option<FlowId>,
    /// `None` is the gateway.
    account: Option<String>,
    habit: Habit,
    call: Option<CallHandle>,
}

impl Phone {
    fn new(network: &Network, seed: u8, account: Option<String>) -> Self {
        let role = if account.is_some() {
            Role::Client
        } else {
            Role::Server
        };
        let config = EndpointConfig {
            user_agent: "test".into(),
            seed: [seed; 32],
            role,
            info_packages: vec!["vrs-status".into()],
        };
        Self {
            network: network.clone(),
            endpoint: Endpoint::new(config, now()),
            connection: None,
            flow: None,
            account,
            habit: Habit::Accepts,
            call: None,
        }
    }

    /// The gateway behind the trunk.
    pub(crate) async fn gateway(network: &Network) -> Self {
        let mut phone = Self::new(network, 99, None);
        phone.connect().await;
        phone
    }

    /// A subscriber or an interpreter who has signed in.
    pub(crate) async fn signed_in(network: &Network, account: &str, seed: u8) -> Self {
        let mut phone = Self::new(network, seed, Some(account.to_owned()));
        phone.sign_in().await;
        phone
    }

    pub(crate) fn with(mut self, habit: Habit) -> Self {
        self.habit = habit;
        self
    }

    /// Connects to whatever server there is, and registers.
    pub(crate) async fn sign_in(&mut self) {
        self.connect().await;
        let (account, flow) = (self.account.clone(), self.flow);
        let (Some(account), Some(flow)) = (account, flow) else {
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
            enclosure: None,
            credentials: Some(credentials(&account)),
        };
        self.endpoint.register(now(), flow, params);
        self.until("registered", |event| {
            matches!(event, Event::Registered { .. }).then_some(())
        })
        .await;
        if let Some(call) = self.call {
            self.endpoint.move_call(call, flow);
        }
    }

    async fn connect(&mut self) {
        let gateway = self.account.is_none();
        let kind = if gateway { FlowKind::Datagram } else { STREAM };
        let trunk = gateway.then_some(TRUNK);
        let connection = self.network.connect(kind, trunk).await.expect("a server");
        // To a gateway, which speaks by datagrams, the server of today is that of yesterday.
        if !gateway || self.flow.is_none() {
            let host = "phone.test".to_owned();
            let address = FlowAddress {
                via_sent_by: host.clone(),
                contact_host_port: host,
            };
            self.endpoint.open_flow(connection.flow, kind, address);
            self.flow = Some(connection.flow);
        }
        self.connection = Some(connection);
    }

    /// The cable is pulled.
    pub(crate) fn vanish(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.cut();
        }
        if let Some(flow) = self.flow.take() {
            self.endpoint.close_flow(now(), flow);
        }
    }

    pub(crate) fn call(&mut self, dialled: &str) {
        let account = self.account.clone().expect("a subscriber");
        let target = Uri::sip(dialled, DOMAIN);
        let params = InviteParams {
            to: NameAddr::new(target.clone()),
            target,
            from: NameAddr::new(Uri::sip(&account, DOMAIN)),
            contact_user: account.clone(),
            headers: Vec::new(),
            body: Body::sdp("v=0 offer"),
            credentials: Some(credentials(&account)),
        };
        let flow = self.flow.expect("signed in");
        self.call = Some(self.endpoint.invite(now(), flow, params));
    }

    pub(crate) fn hang_up(&mut self) {
        let call = self.call.take().expect("a call");
        self.endpoint.hang_up(now(), call, None);
    }

    /// Waits until the call is answered.
    pub(crate) async fn answered(&mut self) {
        self.until("answered", |event| match event {
            Event::Answered { .. } => Some(()),
            Event::Failed { status, .. } => panic!("failed with {status}"),
            _ => None,
        })
        .await;
    }

    /// Waits until the call is refused; with which status and which word.
    pub(crate) async fn refused(&mut self) -> (u16, String) {
        self.call = None;
        self.until("refused", |event| match event {
            Event::Failed {
                status, response, ..
            } => {
                let word = response.as_ref().and_then(|r| r.headers.get("VRS-Reason"));
                Some((*status, word.unwrap_or_default().to_owned()))
            }
            Event::Answered { .. } => panic!("answered"),
            _ => None,
        })
        .await
    }

    /// Waits until somebody is invited.
    pub(crate) async fn invited(&mut self) {
        self.until("invited", |event| {
            matches!(event, Event::IncomingInvite { .. }).then_some(())
        })
        .await;
    }

    /// Does as it is used to for a while; whether a call of its own was over by then.
    pub(crate) async fn idle(&mut self, seconds: u64) -> bool {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut over = false;
        while let Some(event) = self.next(until).await {
            over |= matches!(event, Event::Ended { .. });
        }
        over
    }

    /// Lives on by itself; a gateway finds the server that comes after the one that died.
    pub(crate) fn lives(mut self) {
        tokio::spawn(async move {
            loop {
                self.idle(1).await;
                if self.connection.is_none() && self.network.is_served() {
                    self.connect().await;
                }
            }
        });
    }

    async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let waits = async {
            loop {
                let far = Instant::now() + PATIENCE * 2;
                if let Some(event) = self.next(far).await
                    && let Some(found) = pick(&event)
                {
                    return found;
                }
            }
        };
        let found = timeout(PATIENCE, waits).await;
        found.unwrap_or_else(|_| panic!("not {what} within a minute"))
    }

    async fn next(&mut self, until: Instant) -> Option<Event> {
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => {
                        if let Some(connection) = &self.connection {
                            connection.send(bytes);
                        }
                    }
                    Output::Event(event) => {
                        self.on_event(&event);
                        return Some(event);
                    }
                }
            }
            let timer = self.endpoint.poll_timeout().map(Instant::from_std);
            let due = timer.unwrap_or(until).min(until);
            let (Some(connection), Some(flow)) = (&mut self.connection, self.flow) else {
                sleep_until(until).await;
                return None;
            };
            tokio::select! {
                biased;
                bytes = connection.incoming.recv() => match bytes {
                    Some(bytes) => self.endpoint.receive(now(), flow, &bytes),
                    None if self.account.is_none() => self.connection = None,
                    None => self.vanish(),
                },
                () = sleep_until(due) => {
                    if Instant::now() >= until {
                        return None;
                    }
                    self.endpoint.handle_timeout(now());
                }
            }
        }
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::IncomingInvite { call, .. } => match self.habit {
                Habit::Accepts => {
                    let body = Body::sdp(ANSWER);
                    self.endpoint.accept(now(), *call, Vec::new(), body);
                    self.call = Some(*call);
                }
                Habit::Declines => self.endpoint.reject(now(), *call, 603, Vec::new()),
                Habit::LetsItRing => {}
            },
            Event::Reinvite { call, .. } => {
                let body = Some(Body::sdp(ANSWER));
                self.endpoint.answer_reinvite(now(), *call, 200, body);
            }
            _ => {}
        }
    }
}

fn credentials(account: &str) -> Credentials {
    Credentials {
        username: account.to_owned(),
        password: PASSWORD.into(),
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
