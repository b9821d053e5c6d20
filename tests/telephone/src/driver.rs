//! The one loop that owns the SIP endpoint and all calls.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::mpsc;
use vrs_sip::{
    Body, CallHandle, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, Method, Output,
    Request, Role, TransactionHandle,
};

use crate::line::Line;
use crate::network::{Input, Outbox};
use crate::phone::{Behaviour, Happening, Settings};
use crate::report::Report;

/// Calls at once; the telephone is busy for more.
const CALLS_MAX: usize = 16;
const SDP: &str = "application/sdp";

/// One call and where it stands.
struct Call {
    number: u32,
    line: Line,
    phase: Phase,
}

enum Phase {
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
}

impl Driver {
    pub(crate) fn new(
        settings: Settings,
        address: SocketAddr,
        seed: [u8; 32],
        inputs: mpsc::Sender<Input>,
        tell: mpsc::Sender<Happening>,
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
        }
    }

    /// Serves until the telephone is unplugged.
    pub(crate) async fn run(
        mut self,
        mut arrived: mpsc::Receiver<Input>,
        mut wishes: mpsc::Receiver<()>,
    ) {
        loop {
            let deadline = self.next_deadline();
            tokio::select! {
                input = arrived.recv() => match input {
                    Some(input) => self.on_input(Instant::now(), input),
                    None => return,
                },
                wish = wishes.recv() => match wish {
                    Some(()) => self.hang_up_all(Instant::now()),
                    None => return,
                },
                () = sleep_until(deadline) => self.on_deadline(Instant::now()),
            }
            self.settle().await;
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let of_call = |call: &Call| {
            let phase = match &call.phase {
                Phase::Ringing { at, .. } => *at,
                Phase::Talking { hang_up_at } => *hang_up_at,
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
            Input::Opened { flow, kind, outbox } => {
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
                }
            }
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
                Phase::Ringing { .. } | Phase::Talking { .. } => {}
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
            Event::Cancelled { call } => {
                self.over(call, |call| Report::unanswered(call, "cancelled"))
            }
            Event::Ended { call, .. } => self.ended(now, call, "far_end"),
            Event::FlowLost { call } | Event::Failed { call, .. } => {
                self.ended(now, call, "transport")
            }
            // Sound cannot be renegotiated at this telephone; the far end keeps what it has.
            Event::Reinvite { call, .. } => self.endpoint.answer_reinvite(now, call, 488, None),
            Event::Malformed { error, .. } => tracing::warn!(%error, "malformed SIP"),
            // Nothing to do, or of calls and registrations that a telephone never makes.
            Event::Acked { .. }
            | Event::HungUp { .. }
            | Event::Info { .. }
            | Event::InfoFailed { .. }
            | Event::Progress { .. }
            | Event::Answered { .. }
            | Event::ReinviteResult { .. }
            | Event::Registered { .. }
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
        if let Some((status, outcome)) = refusal {
            self.endpoint.reject(now, handle, status, Vec::new());
            self.write_down(Report::unanswered(number, outcome));
            return;
        }
        let offer = String::from_utf8_lossy(&request.body).into_owned();
        let voice = self.settings.voice.clone();
        let (host, inputs) = (self.address.ip(), self.inputs.clone());
        match Line::open(now, handle, host, &offer, voice, inputs).await {
            Ok((line, answer)) => {
                self.endpoint.progress(now, handle, 180, Vec::new(), None);
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
                    },
                );
                drop(self.tell.try_send(Happening::Ringing(number)));
            }
            Err(error) => {
                tracing::warn!(%error, "the call cannot be taken");
                self.endpoint.reject(now, handle, 488, Vec::new());
                self.write_down(Report::unanswered(number, "not_acceptable"));
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
            Phase::Ringing { .. } => Report::unanswered(call.number, "cancelled"),
        };
        self.write_down(report);
    }

    fn over(&mut self, handle: CallHandle, report: impl FnOnce(u32) -> Report) {
        if let Some(call) = self.calls.remove(&handle) {
            self.write_down(report(call.number));
        }
    }

    fn write_down(&self, report: Report) {
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
