//! Somebody with a connection: a subscriber's app, an interpreter's, or a gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use relay_server::edge::{Arrival, Opened};
use tokio::sync::mpsc;
use tokio::time::Instant;
use vrs_sip::{
    Body, CallHandle, Credentials, Enclosure, Endpoint, EndpointConfig, Event, FlowAddress, FlowId,
    FlowKind, Headers, InviteParams, NameAddr, Output, RegisterParams, RegistrationHandle, Request,
    Role, Uri,
};

use super::office::{ANA, CALLER, DOMAIN, Office, PASSWORD, TRUNKS, pass, seconds};

const PATIENCE: Duration = Duration::from_secs(400);
const STREAM: FlowKind = FlowKind::Reliable {
    websocket: true,
    tls: true,
};

type Order = Box<dyn FnOnce(&mut Endpoint) + Send>;

/// A user agent; while it has a connection a task works for it, so that what needs no decision
/// is answered at once.
pub(crate) struct Party {
    pub(crate) account: &'static str,
    /// Without a connection.
    idle: Option<Endpoint>,
    line: Option<Line>,
    taken: Vec<CallHandle>,
    placed: Option<CallHandle>,
    /// What its connections run over.
    pub(crate) kind: FlowKind,
    /// The media it offers with the calls it places.
    pub(crate) offer: &'static str,
    /// What goes along with the calls it places.
    pub(crate) headers: Vec<(String, String)>,
    /// What goes along when it signs in.
    pub(crate) enclosure: Option<Enclosure>,
    registration: Option<RegistrationHandle>,
}

struct Line {
    flow: FlowId,
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<Event>,
    /// Ends the task and gives the endpoint back.
    task: tokio::task::JoinHandle<Endpoint>,
    arrivals: mpsc::Sender<Arrival>,
    seen: Vec<Event>,
    deaf: Arc<AtomicBool>,
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

impl Party {
    pub(crate) fn new(account: &'static str) -> Self {
        let mut seed = [0; 32];
        seed[..account.len()].copy_from_slice(account.as_bytes());
        let config = EndpointConfig {
            user_agent: "test".into(),
            seed,
            role: Role::Client,
            info_packages: vec!["vrs-status".into()],
        };
        Self {
            account,
            idle: Some(Endpoint::new(config, now())),
            line: None,
            taken: Vec::new(),
            placed: None,
            kind: STREAM,
            offer: "v=0 test",
            headers: vec![("Recv-Info".into(), "vrs-status".into())],
            enclosure: None,
            registration: None,
        }
    }

    pub(crate) async fn connect(&mut self, office: &mut Office, trunk: Option<&str>) {
        let flow = FlowId(office.next_flow());
        let (outbox, incoming) = mpsc::channel(256);
        let opened = Opened {
            flow,
            kind: self.kind,
            local: DOMAIN.into(),
            peer: "192.0.2.7:4000".parse().unwrap(),
            trunk: trunk.map(str::to_owned),
            dialled: trunk.is_some(),
            outbox,
        };
        let arrivals = office.arrivals();
        arrivals.send(Arrival::Opened(opened)).await.unwrap();
        let mut endpoint = self.idle.take().expect("cut before it connects again");
        let address = FlowAddress {
            via_sent_by: "x.invalid".into(),
            contact_host_port: "x.invalid".into(),
        };
        endpoint.open_flow(flow, self.kind, address);
        for call in self.taken.iter().copied().chain(self.placed) {
            endpoint.move_call(call, flow);
        }
        let (orders, ordered) = mpsc::channel(64);
        let (tell, events) = mpsc::channel(256);
        let deaf = Arc::<AtomicBool>::default();
        let way = Way {
            flow,
            arrivals: arrivals.clone(),
            incoming,
            deaf: Arc::clone(&deaf),
        };
        let task = tokio::spawn(work(endpoint, way, ordered, tell));
        self.line = Some(Line {
            flow,
            orders,
            events,
            task,
            arrivals,
            seen: Vec::new(),
            deaf,
        });
    }

    pub(crate) async fn sign_in(&mut self, office: &mut Office) {
        self.connect(office, None).await;
        let register = RegisterParams {
            registrar: Uri::parse(&format!("sip:{DOMAIN}")).unwrap(),
            aor: NameAddr::new(Uri::sip(self.account, DOMAIN)),
            contact_user: self.account.into(),
            instance: Some(format!("urn:uuid:{}", self.account)),
            reg_id: Some(1),
            expires_s: 600,
            headers: Vec::new(),
            enclosure: self.enclosure.clone(),
            credentials: Some(self.credentials()),
        };
        let flow = self.line().flow;
        let (tell, told) = tokio::sync::oneshot::channel();
        self.order(move |endpoint| {
            tell.send(endpoint.register(now(), flow, register)).ok();
        })
        .await;
        self.registration = Some(told.await.unwrap());
        if self.enclosure.is_none() {
            self.granted().await;
        }
    }

    /// The headers of the 200 to a REGISTER.
    pub(crate) async fn granted(&mut self) -> Headers {
        self.until(|event| match event {
            Event::Registered { response, .. } => Some(response.headers.clone()),
            _ => None,
        })
        .await
    }

    /// Registers again and says what an interpreter does.
    pub(crate) async fn choose(&mut self, chosen: &'static str) {
        let registration = self.registration.unwrap();
        let headers = vec![("VRS-Availability".into(), chosen.into())];
        self.order(move |endpoint| endpoint.update_headers(now(), registration, headers))
            .await;
        self.granted().await;
    }

    /// Registers again with this; the headers of the 200.
    pub(crate) async fn enclose(&mut self, enclosure: Enclosure) -> Headers {
        let registration = self.registration.unwrap();
        self.order(move |endpoint| endpoint.enclose(now(), registration, enclosure))
            .await;
        self.granted().await
    }

    /// The connection breaks, at both ends at once.
    pub(crate) async fn cut(&mut self) {
        let line = self.line.take().unwrap();
        let Line {
            flow,
            orders,
            events,
            task,
            arrivals,
            ..
        } = line;
        // Gone when the server is.
        arrivals.send(Arrival::Closed { flow }).await.ok();
        drop((orders, events));
        let mut endpoint = task.await.unwrap();
        endpoint.close_flow(now(), flow);
        while endpoint.poll_output().is_some() {}
        self.idle = Some(endpoint);
    }

    fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("connected")
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            username: self.account.to_owned(),
            password: PASSWORD.into(),
        }
    }

    pub(crate) async fn order(&mut self, order: impl FnOnce(&mut Endpoint) + Send + 'static) {
        assert!(self.line().orders.send(Box::new(order)).await.is_ok());
    }

    /// Waits for an event that fits; what came before it and did not is kept for later.
    pub(crate) async fn until<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        self.within(PATIENCE, pick).await.expect("it happens")
    }

    /// As [`Self::until`], if it happens in that time.
    pub(crate) async fn within<T>(
        &mut self,
        time: Duration,
        pick: impl Fn(&Event) -> Option<T>,
    ) -> Option<T> {
        let line = self.line();
        for (place, event) in line.seen.iter().enumerate() {
            if let Some(picked) = pick(event) {
                line.seen.remove(place);
                return Some(picked);
            }
        }
        let end = Instant::now() + time;
        loop {
            let event = tokio::time::timeout_at(end, line.events.recv())
                .await
                .ok()??;
            if let Some(picked) = pick(&event) {
                return Some(picked);
            }
            line.seen.push(event);
        }
    }

    pub(crate) async fn call(&mut self, number: &str) -> CallHandle {
        self.call_named(number, None).await
    }

    /// Calls with this display name for itself and for whom it calls.
    pub(crate) async fn call_named(&mut self, number: &str, name: Option<&str>) -> CallHandle {
        let from = Uri::sip(self.account, DOMAIN);
        self.call_as(from, Uri::sip(number, DOMAIN), name).await
    }

    /// Calls an address in somebody's name.
    pub(crate) async fn call_as(
        &mut self,
        from: Uri,
        target: Uri,
        name: Option<&str>,
    ) -> CallHandle {
        let named = |uri| NameAddr {
            display: name.map(str::to_owned),
            ..NameAddr::new(uri)
        };
        let invite = InviteParams {
            to: named(target.clone()),
            target,
            from: named(from),
            contact_user: name.unwrap_or(self.account).into(),
            headers: self.headers.clone(),
            body: Body::sdp(self.offer),
            credentials: Some(self.credentials()),
        };
        let flow = self.line().flow;
        let (tell, told) = tokio::sync::oneshot::channel();
        self.order(move |endpoint| {
            tell.send(endpoint.invite(now(), flow, invite)).ok();
        })
        .await;
        let call = told.await.unwrap();
        self.placed = Some(call);
        call
    }

    pub(crate) async fn incoming(&mut self) -> (CallHandle, Request) {
        self.until(incoming).await
    }

    pub(crate) async fn accept(&mut self, call: CallHandle, sdp: &'static str) {
        let headers = self.headers.clone();
        self.order(move |endpoint| endpoint.accept(now(), call, headers, Body::sdp(sdp)))
            .await;
    }

    pub(crate) async fn reject(&mut self, call: CallHandle, status: u16) {
        self.order(move |endpoint| endpoint.reject(now(), call, status, Vec::new()))
            .await;
    }

    pub(crate) async fn ring(&mut self, call: CallHandle) {
        self.order(move |endpoint| endpoint.progress(now(), call, 180, Vec::new(), None))
            .await;
    }

    /// Asks for another interpreter within a call.
    pub(crate) async fn ask_for(&mut self, call: CallHandle, seat: &str, reason: &str) {
        let package = vec![("Info-Package".to_owned(), "vrs-seat".to_owned())];
        let asked = format!(r#"{{"seat":"{seat}","reason":"{reason}"}}"#);
        let body = Body::new("application/json", asked);
        self.order(move |endpoint| endpoint.info(now(), call, package, body))
            .await;
    }

    /// Changes the media of a call; gives the status of the answer.
    pub(crate) async fn reinvite(&mut self, call: CallHandle, sdp: &'static str) -> u16 {
        self.order(move |endpoint| endpoint.reinvite(now(), call, Body::sdp(sdp)))
            .await;
        self.until(|event| match event {
            Event::ReinviteResult {
                call: c, status, ..
            } if *c == call => Some(*status),
            _ => None,
        })
        .await
    }

    pub(crate) async fn hang_up(&mut self, call: CallHandle) {
        self.order(move |endpoint| endpoint.hang_up(now(), call, None))
            .await;
    }

    /// Takes the next call that comes in.
    pub(crate) async fn answer_next(&mut self) -> CallHandle {
        let (call, _) = self.incoming().await;
        self.accept(call, "v=0 test").await;
        self.taken.push(call);
        call
    }

    /// The call that was placed last.
    pub(crate) fn placed(&self) -> CallHandle {
        self.placed.unwrap()
    }

    /// From now on it hears nothing, until it connects again or [`Self::undeafen`].
    pub(crate) async fn deafen(&mut self) {
        let deaf = &self.line().deaf;
        deaf.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn undeafen(&mut self) {
        let deaf = &self.line().deaf;
        deaf.store(false, Ordering::Relaxed);
    }

    /// The calls that were taken so.
    pub(crate) fn calls(&self) -> &[CallHandle] {
        &self.taken
    }

    pub(crate) async fn answered(&mut self, call: CallHandle) {
        self.until(|event| {
            matches!(event, Event::Answered { call: c, .. } if *c == call).then_some(())
        })
        .await;
    }

    /// The status the call was refused with.
    pub(crate) async fn refused(&mut self, call: CallHandle) -> (u16, Option<String>) {
        self.until(|event| match event {
            Event::Failed {
                call: c,
                status,
                response,
            } if *c == call => {
                let reason = response.as_ref();
                let reason = reason.and_then(|r| r.headers.get("VRS-Reason").map(str::to_owned));
                Some((*status, reason))
            }
            _ => None,
        })
        .await
    }

    /// Whether the server ends this call within `time`.
    pub(crate) async fn is_ended(&mut self, call: CallHandle, time: Duration) -> bool {
        self.within(time, |event| {
            let over = matches!(
                event,
                Event::Ended { call: c, .. } | Event::Cancelled { call: c, .. } if *c == call
            );
            over.then_some(())
        })
        .await
        .is_some()
    }
}

/// A caller talks to a telephone through Ana.
pub(crate) async fn talking(office: &mut Office, number: &str) -> (Party, Party, Party) {
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut caller = office.sign_in(CALLER).await;
    let call = caller.call(number).await;
    ana.answer_next().await;
    gateway.answer_next().await;
    caller.answered(call).await;
    pass(seconds(5)).await;
    (caller, ana, gateway)
}

/// A caller who was answered by Ana; the telephone is being called.
pub(crate) async fn caller_with_interpreter(office: &mut Office, number: &str) -> (Party, Party) {
    let mut ana = office.sign_in(ANA).await;
    let mut caller = office.sign_in(CALLER).await;
    caller.call(number).await;
    ana.answer_next().await;
    (caller, ana)
}

/// Nothing has ended yet, and it ends when the caller wants it to.
pub(crate) async fn goes_on_until_hung_up(office: &Office, caller: &mut Party) {
    pass(seconds(5)).await;
    assert_eq!(office.ends(), [""; 0]);
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["caller_hung_up"]);
}

pub(crate) fn incoming(event: &Event) -> Option<(CallHandle, Request)> {
    match event {
        Event::IncomingInvite { call, request, .. } => Some((*call, request.clone())),
        _ => None,
    }
}

/// To and from the server.
struct Way {
    flow: FlowId,
    arrivals: mpsc::Sender<Arrival>,
    incoming: mpsc::Receiver<Vec<u8>>,
    deaf: Arc<AtomicBool>,
}

async fn work(
    mut endpoint: Endpoint,
    mut way: Way,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
) -> Endpoint {
    let flow = way.flow;
    let mut open = true;
    loop {
        while let Some(output) = endpoint.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    let sent = Arrival::Received { flow, bytes };
                    way.arrivals.send(sent).await.ok();
                }
                Output::Event(event) => {
                    // A changed session is agreed to.
                    if let Event::Reinvite { call, .. } = &event {
                        let body = Some(Body::sdp("v=0 test"));
                        endpoint.answer_reinvite(now(), *call, 200, body);
                    }
                    events.try_send(event).ok();
                }
            }
        }
        let due = endpoint.poll_timeout();
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(order) => order(&mut endpoint),
                None => return endpoint,
            },
            bytes = way.incoming.recv(), if open => match bytes {
                Some(_) if way.deaf.load(Ordering::Relaxed) => {}
                Some(bytes) => endpoint.receive(now(), flow, &bytes),
                None => open = false,
            },
            () = sleep_until(due) => endpoint.handle_timeout(now()),
        }
    }
}

async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
