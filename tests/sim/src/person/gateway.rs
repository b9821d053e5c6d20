//! The gateway behind the trunk, with a telephone for every call, and those who call from one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use tokio::time::Instant;
use vrs_sip::{Body, CallHandle, Event, FlowKind, InviteParams, NameAddr, Reason, Request, Uri};

use super::{ANSWER, Agent, Happening, Surroundings, ms, now};
use crate::cast::{CALLED, CALLING, DOMAIN, NOBODY, TELEPHONES, number};
use crate::plan::{CallPlan, Dial, Kind, TelephonePlan};

/// An emergency call that failed so often gets through.
const GETS_THROUGH_AFTER: u32 = 2;
/// Causes of Q.850.
const TEMPORARY_FAILURE: u16 = 41;
/// See [`TEMPORARY_FAILURE`].
const RECOVERY_ON_TIMER_EXPIRY: u16 = 102;
/// Nothing rings longer: carriers give up some time after three minutes (RFC 3261 section 16.6,
/// timer C).
const RINGS_MAX_MS: u64 = 240_000;
/// A try is over this long after the next one has begun, in milliseconds.
const OVER_WITHIN_MS: u64 = 10_000;
/// The gateway tries so often to reach the service, every second.
const TRIES_MAX: u32 = 40;

/// A telephone whose far end has fallen silent is given up after so long, as gateways do.
const SILENCE: Duration = Duration::from_secs(100);

/// Runs the gateway until the run is over.
pub async fn gateway(place: Surroundings, plans: Vec<CallPlan>) {
    let agent = Agent::new(&place, 20_000, FlowKind::Datagram, None);
    let mut exchange = Exchange {
        agent,
        lines: lines(&plans),
        tries: BTreeMap::new(),
        ours: BTreeMap::new(),
        ringing: BTreeMap::new(),
        up: BTreeMap::new(),
        silent: BTreeMap::new(),
        there_since: None,
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

/// What a telephone goes by that nobody told of its session.
fn line(index: u32) -> String {
    format!("telephone {index}")
}

fn cause(cause: u16) -> Reason {
    Reason {
        protocol: "Q.850".into(),
        cause,
        text: String::new(),
    }
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
    /// Calls that ring, with the numbers of their plans and in which life of the server.
    ringing: BTreeMap<CallHandle, (u32, u32)>,
    /// Calls that were answered, with the numbers of their plans.
    up: BTreeMap<CallHandle, u32>,
    /// Those that have heard nothing of the server since it died, and until when they wait.
    silent: BTreeMap<CallHandle, Instant>,
    /// Since when the server that is there now has been.
    there_since: Option<Instant>,
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
    /// A telephone may have heard nothing for too long.
    Listen(CallHandle),
    /// A telephone is called once more; the last try must be over soon.
    Beside(CallHandle),
}

impl Exchange {
    async fn work(&mut self) {
        loop {
            let until = self.due.keys().next().map(|(at, _)| *at);
            let happening = self.agent.next(until).await;
            if self.agent.connection.is_some() {
                self.there_since.get_or_insert_with(Instant::now);
            }
            match happening {
                Happening::Event(event) => self.on_event(*event),
                Happening::Closed => self.falls_silent(),
                Happening::Time => self.on_time(),
            }
        }
    }

    /// The server is gone, and the sound of all telephones with it.
    fn falls_silent(&mut self) {
        self.there_since = None;
        let until = Instant::now() + SILENCE;
        let calls: Vec<_> = self.up.keys().copied().collect();
        for call in calls {
            if let Entry::Vacant(free) = self.silent.entry(call) {
                free.insert(until);
                self.serial += 1;
                self.due.insert((until, self.serial), Todo::Listen(call));
            }
        }
    }

    /// Gives a telephone up that has been silent for too long.
    fn listen(&mut self, call: CallHandle) {
        if self
            .silent
            .get(&call)
            .is_none_or(|until| *until > Instant::now())
        {
            return;
        }
        if let (Some(index), Some(since)) = (self.up.get(&call), self.there_since) {
            let witness = &self.agent.place.witness;
            witness.heard_nothing(*index, since, self.agent.life());
        }
        self.hang_up(call, Some(cause(RECOVERY_ON_TIMER_EXPIRY)));
    }

    fn hang_up(&mut self, call: CallHandle, reason: Option<Reason>) {
        self.is_over(call);
        self.agent.endpoint.hang_up(now(), call, reason);
    }

    /// One try is over before the next. Of what rang when the server died nobody can tell it.
    fn rings_beside(&self, call: CallHandle) {
        let place = &self.agent.place;
        if let Some((index, life)) = self.ringing.get(&call)
            && *life == self.agent.life()
            && place.unparted
        {
            let what = format!("telephone {index} rings on beside its next try");
            place.witness.violation(what);
        }
    }

    fn is_over(&mut self, call: CallHandle) {
        self.ringing.remove(&call);
        self.silent.remove(&call);
        if let Some(index) = self.up.remove(&call) {
            self.agent.place.witness.leaves(&line(index), "hearing");
        }
    }

    fn is_up(&mut self, call: CallHandle, index: u32) {
        self.up.insert(call, index);
        self.agent.place.witness.arrives(&line(index), "hearing");
    }

    fn at(&mut self, after_ms: u64, todo: Todo) {
        self.serial += 1;
        let key = (Instant::now() + ms(after_ms), self.serial);
        self.due.insert(key, todo);
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::IncomingInvite { call, request, .. } => self.rings(call, &request),
            Event::Reinvite { call, .. } => {
                let body = Some(Body::sdp(ANSWER));
                self.agent.endpoint.answer_reinvite(now(), call, 200, body);
                let index = self.up.get(&call);
                if let (Some(_), Some(index)) = (self.silent.remove(&call), index) {
                    let witness = &self.agent.place.witness;
                    witness.comes_back(&line(*index), "hearing");
                }
            }
            Event::Answered { call, .. } => {
                if let Some(plan) = self.ours.remove(&call) {
                    self.is_up(call, plan.index);
                    self.at(plan.talk_ms, Todo::HangUp(call));
                }
            }
            Event::Ended { call, .. } | Event::Cancelled { call, .. } | Event::HungUp { call } => {
                self.is_over(call);
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
        let same = |(_, (index, _)): &(&CallHandle, &(u32, u32))| *index == plan.index;
        let before = self.ringing.iter().filter(same);
        let before: Vec<_> = before.map(|(other, _)| *other).collect();
        for other in before {
            self.at(OVER_WITHIN_MS, Todo::Beside(other));
        }
        let rings = (plan.index, self.agent.life());
        self.ringing.insert(call, rings);
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
            TelephonePlan::Rings | TelephonePlan::Silent => {
                self.at(RINGS_MAX_MS, Todo::Fail(call, 480));
            }
        }
    }

    fn on_time(&mut self) {
        let Some((_, todo)) = self.due.pop_first() else {
            return;
        };
        let endpoint = &mut self.agent.endpoint;
        match todo {
            Todo::Call(plan, tries) => self.call(plan, tries),
            Todo::Answer(call, ..) if endpoint.call_flow(call).is_none() => {}
            Todo::Answer(call, plan, hang_up_ms) => {
                self.ringing.remove(&call);
                let body = Body::sdp("v=0 telephone");
                endpoint.accept(now(), call, Vec::new(), body);
                self.is_up(call, plan.index);
                if let Some(after) = plan.breaks_ms {
                    self.at(after, Todo::Break(call));
                }
                if let Some(after) = hang_up_ms {
                    self.at(after, Todo::HangUp(call));
                }
            }
            Todo::Fail(call, status) => {
                self.ringing.remove(&call);
                endpoint.reject(now(), call, status, Vec::new());
            }
            Todo::GiveUp(call) if !self.ours.contains_key(&call) => {}
            Todo::HangUp(call) | Todo::GiveUp(call) => self.hang_up(call, None),
            Todo::Break(call) => self.hang_up(call, Some(cause(TEMPORARY_FAILURE))),
            Todo::Listen(call) => self.listen(call),
            Todo::Beside(call) => self.rings_beside(call),
        }
    }

    /// A telephone calls one of the subscribers.
    fn call(&mut self, plan: Box<CallPlan>, tries: u32) {
        let there = self.agent.connection.is_some();
        let Some(flow) = self.agent.flow.filter(|_| there) else {
            if tries < TRIES_MAX {
                self.at(1_000, Todo::Call(plan, tries + 1));
            }
            return;
        };
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
