//! One caller with one call, from starting the app to closing it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use vrs_domain::Leg;
use vrs_sip::{Body, CallHandle, Event, Headers, InviteParams, NameAddr, Uri};

use super::{
    ANSWER, Agent, CONNECT_AGAIN, HELD, Happening, LOOKS_EVERY, Surroundings, credentials, gave_up,
    ms, now, wants_status,
};
use crate::cast::{CALLED, CALLING, DOMAIN, NOBODY, TELEPHONES, number};
use crate::media::NO_MEDIA;
use crate::network::STREAM;
use crate::plan::{Away, CallPlan, Dial, Kind};

/// A call that cannot be is refused within this time, in milliseconds.
const REFUSED_WITHIN_MS: u64 = 40_000;
/// The app stays so long after the call, as apps do.
const APP_STAYS: Duration = Duration::from_secs(40);
/// Whoever hung up and hears nothing of it waits so long.
const FOR_EVER: Duration = Duration::from_secs(3_600);
/// Nobody waits longer for the other party once they were answered.
const ANSWERED_WAIT: Duration = Duration::from_secs(400);

/// Runs the caller of `plan`.
pub async fn caller(place: Surroundings, plan: CallPlan) {
    sleep(ms(plan.at_ms)).await;
    let account = number(CALLING, plan.index);
    let salt = u64::from(plan.index);
    let mut agent = Agent::new(&place, salt, STREAM, Some(account.clone()));
    if !agent.sign_in().await {
        return;
    }
    place.witness.called();
    let call = place_call(&mut agent, &account, &plan);
    let mut story = Story {
        call,
        session: String::new(),
        up: false,
        answered: false,
        look: None,
        hold: None,
        deadline: Instant::now() + ms(plan.patience_ms),
        cut: plan.cut.map(|(after, _)| Instant::now() + ms(after)),
    };
    while story.goes_on(&mut agent, &plan).await {}
    // Whoever is lost in an emergency may be called back as long as the app is there.
    while story.is_called_back(&mut agent, &plan).await {
        while story.goes_on(&mut agent, &plan).await {}
    }
    story.leaves(&agent);
    agent.is_rid_of_calls();
    agent.vanish();
}

fn place_call(agent: &mut Agent, account: &str, plan: &CallPlan) -> CallHandle {
    let dialled = match (plan.dial, plan.kind) {
        (Dial::Emergency, _) => "911".to_owned(),
        (Dial::Crisis, _) => "988".to_owned(),
        (Dial::Nobody, _) => number(NOBODY, plan.index),
        (Dial::Number, Kind::PointToPoint) => number(CALLED, plan.index),
        (Dial::Number, Kind::Outbound | Kind::Inbound) => number(TELEPHONES, plan.index),
    };
    let target = Uri::sip(&dialled, DOMAIN);
    let offer = if plan.no_media { NO_MEDIA } else { "v=0 offer" };
    let mut headers = wants_status();
    let mut say = |name: &str, value: Option<&str>| {
        headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    say("VRS-Languages", plan.foreign.then_some("ase/es"));
    say("VRS-Skill", plan.skill);
    say("VRS-Gender", plan.gender);
    say("Privacy", plan.private.then_some("id"));
    let params = InviteParams {
        to: NameAddr::new(target.clone()),
        target,
        from: NameAddr::new(Uri::sip(account, DOMAIN)),
        contact_user: account.to_owned(),
        headers,
        body: Body::sdp(offer),
        credentials: Some(credentials(account)),
    };
    let flow = agent.flow.expect("registered");
    agent.endpoint.invite(now(), flow, params)
}

struct Story {
    call: CallHandle,
    session: String,
    /// They were answered.
    up: bool,
    /// They were, and nobody has come to the telephone since.
    answered: bool,
    /// The connection broke: is there a picture by then?
    look: Option<Instant>,
    /// When the caller changes their media.
    hold: Option<Instant>,
    /// When the caller has had enough, of waiting or of talking.
    deadline: Instant,
    cut: Option<Instant>,
}

impl Story {
    async fn goes_on(&mut self, agent: &mut Agent, plan: &CallPlan) -> bool {
        let until = [self.cut, self.look, self.hold].into_iter().flatten();
        let until = until.fold(self.deadline, Instant::min);
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
        match agent.next(Some(until)).await {
            Happening::Event(event) => self.on_event(agent, plan, &event),
            Happening::Closed => self.waits_for_the_server(agent, plan).await,
            Happening::Time if is_due(self.cut) => {
                self.cut = None;
                self.leaves(agent);
                agent.vanish();
                self.look = Some(Instant::now() + HELD);
                match plan.cut.and_then(|(_, back)| back) {
                    Some(back) => agent.come_back(ms(back)).await,
                    None => false,
                }
            }
            Happening::Time if is_due(self.look) => {
                self.look = (plan.kind == Kind::PointToPoint).then(|| Instant::now() + LOOKS_EVERY);
                if !self.is_still_there(agent, plan) {
                    self.hang_up(agent);
                }
                true
            }
            Happening::Time if is_due(self.hold) => {
                self.hold = None;
                let body = Body::sdp("v=0 hold");
                agent.endpoint.reinvite(now(), self.call, body);
                true
            }
            Happening::Time => {
                // Calls for help wait for somebody to sign in.
                let refused = plan.foreign && !matches!(plan.dial, Dial::Emergency);
                if refused && plan.patience_ms > REFUSED_WITHIN_MS && agent.place.unparted {
                    let what = format!("caller {} was never refused", plan.index);
                    agent.place.witness.violation(what);
                }
                self.hang_up(agent);
                self.deadline = Instant::now() + FOR_EVER;
                true
            }
        }
    }

    /// The server is gone; a call that was answered goes on as soon as it is back.
    async fn waits_for_the_server(&mut self, agent: &mut Agent, plan: &CallPlan) -> bool {
        self.look = Some(Instant::now() + HELD);
        match plan.away {
            Away::Crashes if self.up => false,
            Away::HangsUp if self.up => {
                self.hang_up(agent);
                agent.come_back(CONNECT_AGAIN).await
            }
            Away::Waits | Away::HangsUp | Away::Crashes => agent.come_back(CONNECT_AGAIN).await,
        }
    }

    fn hang_up(&self, agent: &mut Agent) {
        self.leaves(agent);
        agent.endpoint.hang_up(now(), self.call, None);
    }

    /// They have no part in the call any more, whoever hears of it.
    fn leaves(&self, agent: &Agent) {
        agent.place.witness.leaves(&self.session, "caller");
    }

    /// Between subscribers the media goes past the server.
    fn is_still_there(&self, agent: &Agent, plan: &CallPlan) -> bool {
        let network = &agent.place.network;
        match plan.kind {
            Kind::PointToPoint => agent.place.witness.is_there(&self.session, "callee"),
            Kind::Outbound | Kind::Inbound => network.shows(&self.session, Leg::Caller),
        }
    }

    fn on_event(&mut self, agent: &mut Agent, plan: &CallPlan, event: &Event) -> bool {
        match event {
            Event::Progress { response, .. } => {
                agent.notice(&response.headers, "request_received");
                true
            }
            Event::Answered { response, .. } => {
                let state = match plan.kind {
                    Kind::PointToPoint => "relay_active",
                    Kind::Outbound | Kind::Inbound => "interpreter_assigned",
                };
                agent.notice(&response.headers, state);
                let session = response.headers.get("VRS-Session");
                self.session = session.unwrap_or_default().to_owned();
                self.up = true;
                self.answered = true;
                agent.place.witness.arrives(&self.session, "caller");
                self.deadline = Instant::now() + ANSWERED_WAIT;
                self.hold = plan.hold_ms.map(|after| Instant::now() + ms(after));
                true
            }
            Event::Info { request, .. } => {
                let status = agent.notice_status(&request.body);
                let active = status.is_some_and(|status| status.state == "relay_active");
                if active && self.answered {
                    // Told again with every change of who is there: the first counts.
                    self.answered = false;
                    self.deadline = Instant::now() + ms(plan.talk_ms);
                }
                true
            }
            Event::Reinvite { call, .. } => {
                let answer = if plan.no_media { NO_MEDIA } else { ANSWER };
                let body = Some(Body::sdp(answer));
                agent.endpoint.answer_reinvite(now(), *call, 200, body);
                if plan.kind != Kind::PointToPoint {
                    self.look = Some(Instant::now() + HELD);
                    // Whoever finds no way for picture and sound is rightly given up.
                    if !plan.no_media {
                        agent.place.witness.comes_back(&self.session, "caller");
                    }
                }
                true
            }
            Event::ReinviteResult { status: 200, .. } => {
                agent.place.witness.saw("hold");
                true
            }
            Event::Registered { .. } => {
                if let Some(flow) = agent.other_flow(self.call) {
                    agent.endpoint.move_call(self.call, flow);
                }
                true
            }
            // Lost in an emergency, and called back.
            Event::IncomingInvite { call, request, .. } => {
                self.called_back(agent, *call, &request.headers);
                true
            }
            Event::Ended {
                call,
                reason,
                headers,
            } if *call == self.call => {
                // Another device of theirs was faster when they were called back.
                let elsewhere = headers.get("VRS-Reason") == Some("answered_elsewhere");
                if gave_up(reason.as_ref(), headers) {
                    self.leaves(agent);
                } else if agent.place.unparted && !elsewhere {
                    let (witness, life) = (&agent.place.witness, agent.life());
                    witness.dismissed(&self.session, "caller", life);
                }
                false
            }
            Event::Failed { call, .. } | Event::HungUp { call } => *call != self.call,
            _ => true,
        }
    }

    fn called_back(&mut self, agent: &mut Agent, call: CallHandle, headers: &Headers) {
        self.hang_up(agent);
        let body = Body::sdp(ANSWER);
        agent.endpoint.accept(now(), call, wants_status(), body);
        self.call = call;
        self.look = None;
        self.hold = None;
        if let Some(session) = headers.get("VRS-Session") {
            session.clone_into(&mut self.session);
        }
        agent.place.witness.arrives(&self.session, "caller");
        self.deadline = Instant::now() + Duration::from_secs(60);
    }

    /// The app stays a moment, as apps do, and is closed. Half of those who are called back then
    /// take the call.
    async fn is_called_back(&mut self, agent: &mut Agent, plan: &CallPlan) -> bool {
        let close = Instant::now() + APP_STAYS;
        loop {
            match agent.next(Some(close)).await {
                Happening::Time => return false,
                Happening::Closed => {
                    agent.come_back(CONNECT_AGAIN).await;
                }
                Happening::Event(event) => {
                    let Event::IncomingInvite { call, request, .. } = *event else {
                        continue;
                    };
                    if plan.index.is_multiple_of(2) {
                        self.called_back(agent, call, &request.headers);
                        return true;
                    }
                    agent.endpoint.reject(now(), call, 603, Vec::new());
                }
            }
        }
    }
}
