//! The gateway behind the trunk, with a telephone for every call, and those who call from one.

use std::collections::BTreeMap;

use tokio::time::{Instant, sleep};
use vrs_sip::{Body, CallHandle, Event, FlowKind, InviteParams, NameAddr, Reason, Request, Uri};

use super::{ANSWER, Agent, CONNECT_AGAIN, Happening, Surroundings, ms, now};
use crate::cast::{CALLED, CALLING, DOMAIN, NOBODY, TELEPHONES, number};
use crate::plan::{CallPlan, Dial, Kind, TelephonePlan};

/// An emergency call that failed so often gets through.
const GETS_THROUGH_AFTER: u32 = 2;
/// The gateway tries so often to reach the service, every second.
const TRIES_MAX: u32 = 40;

/// Runs the gateway until the run is over.
pub async fn gateway(place: Surroundings, plans: Vec<CallPlan>) {
    let agent = Agent::new(&place, 20_000, FlowKind::Datagram, None);
    let mut exchange = Exchange {
        agent,
        lines: lines(&plans),
        tries: BTreeMap::new(),
        ours: BTreeMap::new(),
        due: BTreeMap::new(),
        serial: 0,
    };
    for plan in plans.iter().filter(|plan| plan.kind == Kind::Inbound) {
        let todo = Todo::Call(Box::new(plan.clone()), 0);
        exchange.at(plan.at_ms, todo);
    }
    place.over.run_until_cancelled(exchange.work()).await;
    exchange.agent.is_rid_of_calls();
}

/// Telephones by their numbers; those behind a short code by the numbers of who calls them.
fn lines(plans: &[CallPlan]) -> BTreeMap<String, CallPlan> {
    let outbound = plans.iter().filter(|plan| plan.kind == Kind::Outbound);
    let key = |plan: &CallPlan| match plan.dial {
        Dial::Number | Dial::Nobody => number(TELEPHONES, plan.index),
        Dial::Crisis | Dial::Emergency => number(CALLING, plan.index),
    };
    outbound.map(|plan| (key(plan), plan.clone())).collect()
}

struct Exchange {
    agent: Agent,
    lines: BTreeMap<String, CallPlan>,
    /// How often each line has been called.
    tries: BTreeMap<String, u32>,
    /// Calls from telephones, with their plans.
    ours: BTreeMap<CallHandle, CallPlan>,
    due: BTreeMap<(Instant, u64), Todo>,
    serial: u64,
}

#[derive(Debug, Clone)]
enum Todo {
    /// A telephone calls a subscriber; tried so often already.
    Call(Box<CallPlan>, u32),
    Answer(CallHandle, Box<CallPlan>, Option<u64>),
    Fail(CallHandle, u16),
    HangUp(CallHandle),
    /// A telephone that was not answered has waited long enough.
    GiveUp(CallHandle),
    Break(CallHandle),
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

    fn at(&mut self, after_ms: u64, todo: Todo) {
        self.serial += 1;
        let key = (Instant::now() + ms(after_ms), self.serial);
        self.due.insert(key, todo);
    }

    fn on_event(&mut self, event: Event) {
        match event {
            // The server's media is gone with it.
            Event::FlowLost { call } => self.agent.endpoint.hang_up(now(), call, None),
            Event::IncomingInvite { call, request, .. } => self.rings(call, &request),
            Event::Reinvite { call, .. } => {
                let body = Some(Body::sdp(ANSWER));
                self.agent.endpoint.answer_reinvite(now(), call, 200, body);
            }
            Event::Answered { call, .. } => {
                if let Some(plan) = self.ours.remove(&call) {
                    self.at(plan.talk_ms, Todo::HangUp(call));
                }
            }
            Event::Failed { call, status, .. } => {
                if let Some(plan) = self.ours.remove(&call)
                    && plan.dial == Dial::Nobody
                    && status == 404
                {
                    self.agent.place.witness.saw("nobody");
                }
            }
            _ => {}
        }
    }

    fn rings(&mut self, call: CallHandle, request: &Request) {
        let dialled = request.uri.user_decoded().unwrap_or_default();
        let from = request.headers.from();
        let from = from.and_then(|from| from.uri.user_decoded());
        let line = if dialled.starts_with('+') {
            dialled
        } else {
            from.clone().unwrap_or_default()
        };
        let Some(plan) = self.lines.get(&line).cloned() else {
            return self.agent.endpoint.reject(now(), call, 404, Vec::new());
        };
        let caller = number(CALLING, plan.index);
        if plan.private && plan.dial != Dial::Emergency && from == Some(caller) {
            let what = format!("{line} was shown a number that was to be hidden");
            self.agent.place.witness.violation(what);
        }
        let tries = self.tries.entry(line).or_default();
        *tries += 1;
        let telephone = if *tries > GETS_THROUGH_AFTER {
            TelephonePlan::Answers {
                ring_ms: 500,
                hang_up_ms: Some(30_000),
            }
        } else {
            plan.telephone
        };
        if !matches!(telephone, TelephonePlan::Silent) {
            let endpoint = &mut self.agent.endpoint;
            endpoint.progress(now(), call, 180, Vec::new(), None);
        }
        match telephone {
            TelephonePlan::Answers {
                ring_ms,
                hang_up_ms,
            } => self.at(ring_ms, Todo::Answer(call, Box::new(plan), hang_up_ms)),
            TelephonePlan::Fails { after_ms, status } => {
                self.at(after_ms, Todo::Fail(call, status));
            }
            TelephonePlan::Rings | TelephonePlan::Silent => {}
        }
    }

    fn on_time(&mut self) {
        let Some((_, todo)) = self.due.pop_first() else {
            return;
        };
        let endpoint = &mut self.agent.endpoint;
        match todo {
            Todo::Call(plan, tries) => self.call(plan, tries),
            Todo::Answer(call, plan, hang_up_ms) => {
                let body = Body::sdp("v=0 telephone");
                endpoint.accept(now(), call, Vec::new(), body);
                if let Some(after) = plan.breaks_ms {
                    self.at(after, Todo::Break(call));
                }
                if let Some(after) = hang_up_ms {
                    self.at(after, Todo::HangUp(call));
                }
            }
            Todo::Fail(call, status) => endpoint.reject(now(), call, status, Vec::new()),
            Todo::HangUp(call) => endpoint.hang_up(now(), call, None),
            Todo::GiveUp(call) if !self.ours.contains_key(&call) => {}
            Todo::GiveUp(call) => endpoint.hang_up(now(), call, None),
            Todo::Break(call) => {
                let reason = Reason {
                    protocol: "Q.850".into(),
                    cause: 41,
                    text: String::new(),
                };
                endpoint.hang_up(now(), call, Some(reason));
            }
        }
    }

    /// A telephone calls one of the subscribers.
    fn call(&mut self, plan: Box<CallPlan>, tries: u32) {
        let Some(connection) = &self.agent.connection else {
            if tries < TRIES_MAX {
                self.at(1_000, Todo::Call(plan, tries + 1));
            }
            return;
        };
        let flow = connection.flow;
        let area = match plan.dial {
            Dial::Nobody => NOBODY,
            Dial::Number | Dial::Crisis | Dial::Emergency => CALLED,
        };
        let target = Uri::sip(&number(area, plan.index), DOMAIN);
        let shown = Uri::sip(&number(TELEPHONES, plan.index), "carrier.test");
        let mut headers = vec![("P-Asserted-Identity".to_owned(), format!("<{shown}>"))];
        let mut from = NameAddr::new(shown);
        if plan.private {
            headers.push(("Privacy".into(), "id".into()));
            from = NameAddr::new(Uri::sip("anonymous", "anonymous.invalid"));
        }
        let params = InviteParams {
            to: NameAddr::new(target.clone()),
            target,
            from,
            contact_user: "gateway".into(),
            headers,
            body: Body::sdp("v=0 telephone"),
            credentials: None,
        };
        self.agent.place.witness.called();
        let call = self.agent.endpoint.invite(now(), flow, params);
        let patience = plan.patience_ms;
        self.ours.insert(call, *plan);
        self.at(patience, Todo::GiveUp(call));
    }
}
