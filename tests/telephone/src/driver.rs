//! The one loop that owns the SIP endpoint and all calls.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::mpsc;
use vrs_domain::LineSignal;
use vrs_sip::{
    Body, CallHandle, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, InviteParams, Method,
    NameAddr, Output, Request, Role, TransactionHandle, Uri,
};

use crate::line::Line;
use crate::network::{Input, Outbox};
use crate::phone::{Behaviour, Happening, Settings, Wish};
use crate::report::Report;
use crate::signals::Signal;
use crate::told::{self, Told};

/// Calls at once; the telephone is busy for more.
const CALLS_MAX: usize = 64;
const SDP: &str = "application/sdp";

/// One call and where it stands.
struct Call {
    number: u32,
    line: Line,
    phase: Phase,
    told: Option<Told>,
}

enum Phase {
    /// We called and wait for the answer.
    Calling,
    /// Rings; answers with this SDP at that time, if at all.
    Ringing { answer: String, at: Option<Instant> },
    /// Answered; hangs up at that time, if by itself.
    Talking { hang_up_at: Option<Instant> },
}

/// The owner of everything.
pub(crate) struct Driver {
    settings: Settings,
    address: SocketAddr,
    endpoint: Endpoint,
    flows: HashMap<FlowId, Outbox>,
    calls: HashMap<CallHandle, Call>,
    inputs: mpsc::Sender<Input>,
    tell: mpsc::Sender<Happening>,
    count: u32,
    /// Asks for a flow to this address.
    wanted: mpsc::Sender<SocketAddr>,
    /// Flows to gateways, and calls that wait for one.
    gateways: HashMap<SocketAddr, FlowId>,
    waiting: Vec<Outgoing>,
}

/// A call to be placed.
struct Outgoing {
    to: String,
    from: Option<String>,
    at: SocketAddr,
}

impl Driver {
    pub(crate) fn new(
        settings: Settings,
        address: SocketAddr,
        seed: [u8; 32],
        inputs: mpsc::Sender<Input>,
        tell: mpsc::Sender<Happening>,
        wanted: mpsc::Sender<SocketAddr>,
    ) -> Self {
        let user_agent = format!("Visavis-Telephone/{}", env!("CARGO_PKG_VERSION"));
        let endpoint = Endpoint::new(
            EndpointConfig {
                user_agent,
                seed,
                role: Role::Server,
                info_packages: Vec::new(),
            },
            Instant::now(),
        );
        let (flows, calls) = (HashMap::new(), HashMap::new());
        Self {
            settings,
            address,
            endpoint,
            flows,
            calls,
            inputs,
            tell,
            count: 0,
            wanted,
            gateways: HashMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Serves until the telephone is unplugged.
    pub(crate) async fn run(
        mut self,
        mut arrived: mpsc::Receiver<Input>,
        mut wishes: mpsc::Receiver<Wish>,
    ) {
        loop {
            let deadline = self.next_deadline();
            tokio::select! {
                input = arrived.recv() => match input {
                    Some(input) => self.on_input(Instant::now(), input),
                    None => return,
                },
                wish = wishes.recv() => match wish {
                    Some(Wish::HangUp) => self.hang_up_all(Instant::now()),
                    Some(Wish::Press(keys)) => self.press(Instant::now(), &keys),
                    Some(Wish::Play(signal)) => self.play(signal),
                    Some(Wish::Call { to, from, at }) => {
                        self.waiting.push(Outgoing { to, from, at });
                        // Whoever takes it is the telephone itself.
                        self.wanted.send(at).await.ok();
                    }
                    None => return,
                },
                () = sleep_until(deadline) => self.on_deadline(Instant::now()),
            }
            self.place_calls(Instant::now()).await;
            self.settle().await;
        }
    }

    /// Places the calls whose gateway has a flow by now.
    async fn place_calls(&mut self, now: Instant) {
        let gateways = &self.gateways;
        let ready = self
            .waiting
            .extract_if(.., |call| gateways.contains_key(&call.at));
        let ready: Vec<_> = ready.collect();
        for call in ready {
            let flow = self.gateways.get(&call.at).copied();
            if let Some(flow) = flow
                && let Err(error) = self.place(now, flow, &call).await
            {
                tracing::warn!(%error, "the call cannot be placed");
            }
        }
    }

    async fn place(
        &mut self,
        now: Instant,
        flow: FlowId,
        call: &Outgoing,
    ) -> Result<(), crate::line::LineError> {
        self.count += 1;
        let number = self.count;
        let target = Uri::sip_at(&call.to, &call.at.to_string());
        let (from, headers) = match &call.from {
            Some(from) => (
                NameAddr::new(Uri::sip_at(from, &self.address.to_string())),
                Vec::new(),
            ),
            None => (
                NameAddr::new(Uri::sip("anonymous", "anonymous.invalid")),
                vec![("Privacy".to_owned(), "id".to_owned())],
            ),
        };
        let (host, inputs) = (self.address.ip(), self.inputs.clone());
        let voice = self.settings.voice.clone();
        let endpoint = &mut self.endpoint;
        let invite = |offer: &str| {
            let params = InviteParams {
                to: NameAddr::new(target.clone()),
                target,
                from,
                contact_user: "telephone".into(),
                headers,
                body: Body::sdp(offer),
                credentials: None,
            };
            endpoint.invite(now, flow, params)
        };
        let (line, handle) = Line::offer(now, invite, host, voice, inputs).await?;
        let call = Call {
            number,
            line,
            phase: Phase::Calling,
            told: None,
        };
        self.calls.insert(handle, call);
        Ok(())
    }

    /// The call that we placed was answered.
    fn answered(&mut self, now: Instant, handle: CallHandle, answer: &[u8]) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let answer = String::from_utf8_lossy(answer);
        if let Err(error) = call.line.accept_answer(now, &answer) {
            tracing::warn!(%error, "the answer does not fit");
            return self.hang_up(now, handle);
        }
        call.line.talk(now);
        let hang_up_at = self.settings.hang_up_after.map(|after| now + after);
        call.phase = Phase::Talking { hang_up_at };
        drop(self.tell.try_send(Happening::Answered(call.number)));
    }

    fn reoffered(&mut self, now: Instant, handle: CallHandle, offer: &[u8]) {
        let offer = String::from_utf8_lossy(offer).into_owned();
        let call = self.calls.get_mut(&handle);
        let answer = call.and_then(|call| call.line.reoffered(now, &offer).ok());
        let status = if answer.is_some() { 200 } else { 488 };
        let body = answer.as_deref().map(Body::sdp);
        self.endpoint.answer_reinvite(now, handle, status, body);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let of_call = |call: &Call| {
            let phase = match &call.phase {
                Phase::Ringing { at, .. } => *at,
                Phase::Talking { hang_up_at } => *hang_up_at,
                Phase::Calling => None,
            };
            [phase, call.line.poll_timeout()]
                .into_iter()
                .flatten()
                .min()
        };
        let calls = self.calls.values().filter_map(of_call).min();
        [self.endpoint.poll_timeout(), calls]
            .into_iter()
            .flatten()
            .min()
    }

    fn on_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Opened {
                flow,
                kind,
                outbox,
                peer,
            } => {
                self.gateways.extend(peer.map(|peer| (peer, flow)));
                let local = self.address.to_string();
                let (via_sent_by, contact_host_port) = (local.clone(), local);
                self.endpoint.open_flow(
                    flow,
                    kind,
                    FlowAddress {
                        via_sent_by,
                        contact_host_port,
                    },
                );
                self.flows.insert(flow, outbox);
            }
            Input::Received { flow, bytes } => self.endpoint.receive(now, flow, &bytes),
            Input::Closed { flow } => {
                self.flows.remove(&flow);
                self.endpoint.close_flow(now, flow);
            }
            Input::Sound {
                call,
                source,
                bytes,
            } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.line.handle_datagram(now, source, &bytes);
                    if let Some(keys) = call.line.take_keys() {
                        drop(self.tell.try_send(Happening::Keyed(call.number, keys)));
                    }
                }
            }
        }
    }

    fn press(&mut self, now: Instant, keys: &str) {
        for call in self.calls.values_mut() {
            call.line.press(now, keys);
        }
    }

    fn play(&mut self, signal: Option<LineSignal>) {
        for call in self.calls.values_mut() {
            let plan = self.settings.plan;
            call.line.play(signal.map(|kind| Signal::new(kind, plan)));
        }
    }

    fn on_deadline(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        let mut over = Vec::new();
        for (handle, call) in &mut self.calls {
            call.line.handle_timeout(now);
            match &mut call.phase {
                Phase::Ringing {
                    answer,
                    at: Some(at),
                } if *at <= now => {
                    let body = Body {
                        content_type: SDP.into(),
                        bytes: answer.as_bytes().to_vec(),
                    };
                    self.endpoint.accept(now, *handle, Vec::new(), body);
                    call.line.talk(now);
                    let hang_up_at = self.settings.hang_up_after.map(|after| now + after);
                    call.phase = Phase::Talking { hang_up_at };
                    drop(self.tell.try_send(Happening::Answered(call.number)));
                }
                Phase::Talking {
                    hang_up_at: Some(at),
                } if *at <= now => over.push(*handle),
                Phase::Calling | Phase::Ringing { .. } | Phase::Talking { .. } => {}
            }
        }
        for handle in over {
            self.hang_up(now, handle);
        }
    }

    /// Sends what the endpoint wants sent and acts on what it reports, until it is quiet.
    async fn settle(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    if let Some(outbox) = self.flows.get(&flow) {
                        outbox.send(bytes);
                    }
                }
                Output::Event(event) => self.on_event(Instant::now(), event).await,
            }
        }
    }

    async fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::IncomingInvite { call, request, .. } => self.ring(now, call, &request).await,
            Event::IncomingRequest { txn, request, .. } => self.respond(now, txn, &request),
            Event::Cancelled { call, .. } => {
                self.over(call, |call| Report::unanswered(call, "cancelled"))
            }
            Event::Ended { call, .. } => self.ended(now, call, "far_end"),
            Event::Failed {
                call,
                response: Some(response),
                ..
            } => {
                tracing::info!(status = response.status, "refused");
                self.over(call, |call| Report::unanswered(call, "refused"));
            }
            Event::FlowLost { call } | Event::Failed { call, .. } => {
                self.ended(now, call, "transport")
            }
            Event::Reinvite { call, request } => self.reoffered(now, call, &request.body),
            Event::Progress { call, .. } => {
                if let Some(call) = self.calls.get(&call) {
                    drop(self.tell.try_send(Happening::Ringing(call.number)));
                }
            }
            Event::Answered { call, response } => self.answered(now, call, &response.body),
            Event::Malformed { error, .. } => tracing::warn!(%error, "malformed SIP"),
            // Nothing to do, or of calls and registrations that a telephone never makes.
            Event::Acked { .. }
            | Event::HungUp { .. }
            | Event::Info { .. }
            | Event::InfoFailed { .. }
            | Event::ReinviteResult { .. }
            | Event::Registered { .. }
            | Event::EnclosureRefused { .. }
            | Event::RegistrationFailed { .. }
            | Event::Response { .. } => {}
        }
    }

    async fn ring(&mut self, now: Instant, handle: CallHandle, request: &Request) {
        self.count += 1;
        let number = self.count;
        let refusal = match self.settings.behaviour {
            Behaviour::Busy => Some((486, "busy")),
            Behaviour::Reject => Some((603, "rejected")),
            Behaviour::Answer | Behaviour::NoAnswer if self.calls.len() >= CALLS_MAX => {
                Some((486, "busy"))
            }
            Behaviour::Answer | Behaviour::NoAnswer => None,
        };
        let told = told::read(request);
        if let Some((status, outcome)) = refusal {
            self.endpoint.reject(now, handle, status, Vec::new());
            self.write_down(Report::unanswered(number, outcome), told);
            return;
        }
        let offer = told::offer(request);
        let voice = self.settings.voice.clone();
        let (host, inputs) = (self.address.ip(), self.inputs.clone());
        match Line::open(now, handle, host, &offer, voice, inputs).await {
            Ok((mut line, answer)) => {
                if let Some(kind) = self.settings.early {
                    line.preview(now, Signal::new(kind, self.settings.plan));
                    let body = Body::sdp(&answer);
                    self.endpoint
                        .progress(now, handle, 183, Vec::new(), Some(body));
                } else {
                    self.endpoint.progress(now, handle, 180, Vec::new(), None);
                }
                let at = match self.settings.behaviour {
                    Behaviour::Answer => Some(now + self.settings.ring),
                    Behaviour::NoAnswer | Behaviour::Busy | Behaviour::Reject => None,
                };
                self.calls.insert(
                    handle,
                    Call {
                        number,
                        line,
                        phase: Phase::Ringing { answer, at },
                        told,
                    },
                );
                drop(self.tell.try_send(Happening::Ringing(number)));
            }
            Err(error) => {
                tracing::warn!(%error, "the call cannot be taken");
                self.endpoint.reject(now, handle, 488, Vec::new());
                self.write_down(Report::unanswered(number, "not_acceptable"), told);
            }
        }
    }

    /// Answers a request outside a call: a gateway is asked whether it is alive.
    fn respond(&mut self, now: Instant, txn: TransactionHandle, request: &Request) {
        let alive = request.method == Method::Options;
        let allow = vec![(
            "Allow".to_owned(),
            "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO".to_owned(),
        )];
        self.endpoint
            .respond(now, txn, if alive { 200 } else { 405 }, allow, None);
    }

    fn hang_up_all(&mut self, now: Instant) {
        let handles: Vec<_> = self.calls.keys().copied().collect();
        for handle in handles {
            self.hang_up(now, handle);
        }
    }

    fn hang_up(&mut self, now: Instant, handle: CallHandle) {
        self.endpoint.hang_up(now, handle, None);
        self.ended(now, handle, "telephone");
    }

    fn ended(&mut self, now: Instant, handle: CallHandle, by: &'static str) {
        let Some(call) = self.calls.remove(&handle) else {
            return;
        };
        let report = match call.phase {
            Phase::Talking { .. } => call.line.report(now, call.number, by),
            Phase::Calling | Phase::Ringing { .. } => Report::unanswered(call.number, "cancelled"),
        };
        self.write_down(report, call.told);
    }

    fn over(&mut self, handle: CallHandle, report: impl FnOnce(u32) -> Report) {
        if let Some(call) = self.calls.remove(&handle) {
            self.write_down(report(call.number), call.told);
        }
    }

    fn write_down(&self, report: Report, told: Option<Told>) {
        let report = Report {
            emergency: told.map(Box::new),
            ..report
        };
        if let Some(file) = &self.settings.report
            && let Err(error) = report.write(file)
        {
            tracing::warn!(%error, "the report cannot be written");
        }
        drop(self.tell.try_send(Happening::Over(report)));
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
