//! A device of a subscriber: it signs in, and rings when its account is called.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use vrs_domain::Leg;
use vrs_sip::{Body, CallHandle, Event, Request};

use super::{
    ANSWER, Agent, CONNECT_AGAIN, HELD, Happening, LOOKS_EVERY, Surroundings, ms, now, wants_status,
};
use crate::network::STREAM;
use crate::plan::{Away, DeviceHabit, DevicePlan, Kind};

/// A device that crashed comes back after so long.
const REPAIRED_AFTER: Duration = Duration::from_secs(200);

/// Whose device it is.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Their number.
    pub account: String,
    /// What kind of call it is for.
    pub kind: Kind,
    /// A number that it must not be shown.
    pub hidden: Option<String>,
}

/// Runs a device until the run is over.
pub async fn device(place: Surroundings, owner: Owner, plan: DevicePlan) {
    sleep(ms(plan.from_ms)).await;
    let number: u64 = owner.account.trim_start_matches('+').parse().unwrap_or(0);
    let salt = number * 10 + u64::from(plan.serial) + 1;
    let agent = Agent::new(&place, salt, STREAM, Some(owner.account.clone()));
    let mut device = Device {
        agent,
        owner,
        plan,
        call: None,
        session: String::new(),
        due: None,
        hold: None,
        look: None,
        rings_since: None,
    };
    place.over.run_until_cancelled(device.live()).await;
    device.agent.is_rid_of_calls();
}

#[derive(Debug, Clone, Copy)]
enum Todo {
    Answer,
    Refuse(u16),
    Vanish { back_ms: u64 },
    HangUp,
}

struct Device {
    agent: Agent,
    owner: Owner,
    plan: DevicePlan,
    /// The call, and whether it was taken.
    call: Option<(CallHandle, bool)>,
    session: String,
    due: Option<(Instant, Todo)>,
    hold: Option<Instant>,
    /// The connection broke: is there a picture by then?
    look: Option<Instant>,
    rings_since: Option<Instant>,
}

impl Device {
    async fn live(&mut self) {
        if !self.agent.connect().await {
            return;
        }
        self.agent.register();
        loop {
            let until = [self.due.map(|(at, _)| at), self.hold, self.look];
            match self.agent.next(until.into_iter().flatten().min()).await {
                Happening::Event(event) => self.on_event(*event),
                Happening::Closed => {
                    if !self.waits_for_the_server().await {
                        return;
                    }
                }
                Happening::Time if self.look.is_some_and(|at| at <= Instant::now()) => {
                    self.looks();
                }
                Happening::Time if self.hold.is_some_and(|at| at <= Instant::now()) => {
                    self.hold = None;
                    if let Some((call, true)) = self.call {
                        let body = Body::sdp("v=0 hold");
                        self.agent.endpoint.reinvite(now(), call, body);
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

    /// The server is gone; a call that was answered goes on as soon as it is back.
    async fn waits_for_the_server(&mut self) -> bool {
        // Of two winners one may wait for a BYE that nobody is left to send.
        self.lets_go(false);
        let taken = self.call.filter(|(_, taken)| *taken);
        match (taken, self.plan.away) {
            (None, _) => {
                self.over();
                self.agent.come_back(CONNECT_AGAIN).await
            }
            (Some((call, _)), Away::HangsUp | Away::Crashes) => {
                self.hang_up(call);
                let crashed = self.plan.away == Away::Crashes;
                let after = if crashed {
                    REPAIRED_AFTER
                } else {
                    CONNECT_AGAIN
                };
                self.agent.come_back(after).await
            }
            (Some(_), Away::Waits) => {
                self.look = Some(Instant::now() + HELD);
                self.agent.come_back(CONNECT_AGAIN).await
            }
        }
    }

    /// Whether there is still somebody to be seen.
    fn looks(&mut self) {
        let direct = self.owner.kind == Kind::PointToPoint;
        self.look = direct.then(|| Instant::now() + LOOKS_EVERY);
        if let Some((call, true)) = self.call
            && !self.is_still_there()
        {
            self.hang_up(call);
        }
    }

    fn hang_up(&mut self, call: CallHandle) {
        self.agent.place.witness.leaves(&self.session, self.side());
        self.agent.endpoint.hang_up(now(), call, None);
    }

    /// Which party of the session it is.
    fn side(&self) -> &'static str {
        match self.owner.kind {
            Kind::PointToPoint => "callee",
            Kind::Outbound | Kind::Inbound => "caller",
        }
    }

    fn after(&mut self, after_ms: u64, todo: Todo) {
        self.due = Some((Instant::now() + ms(after_ms), todo));
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::IncomingInvite { call, request, .. } => self.rings(call, &request),
            Event::Acked { .. } => self.holds(),
            Event::Info { request, .. } => drop(self.agent.notice_status(&request.body)),
            Event::Reinvite { call, .. } => {
                let body = Some(Body::sdp(ANSWER));
                self.agent.endpoint.answer_reinvite(now(), call, 200, body);
                if self.owner.kind != Kind::PointToPoint {
                    self.look = Some(Instant::now() + HELD);
                    let witness = &self.agent.place.witness;
                    witness.comes_back(&self.session, self.side());
                }
            }
            Event::ReinviteResult { status: 200, .. } => self.agent.place.witness.saw("hold"),
            Event::Registered { .. } => {
                if let Some((call, true)) = self.call
                    && let Some(flow) = self.agent.other_flow(call)
                {
                    self.agent.endpoint.move_call(call, flow);
                }
            }
            Event::RegistrationFailed { registration, .. } => {
                self.agent.register_again(registration);
            }
            Event::Cancelled { call, .. }
            | Event::Ended { call, .. }
            | Event::HungUp { call }
            | Event::Failed { call, .. }
                if self.call.is_some_and(|(ours, _)| ours == call) =>
            {
                if let Event::Cancelled { .. } = event {
                    self.agent.place.witness.saw("cancelled_device");
                    self.falls_silent();
                }
                self.over();
            }
            _ => {}
        }
    }

    fn rings(&mut self, call: CallHandle, request: &Request) {
        let endpoint = &mut self.agent.endpoint;
        let session = request.headers.get("VRS-Session").unwrap_or_default();
        if self.call.is_some() {
            return endpoint.reject(now(), call, 486, Vec::new());
        }
        session.clone_into(&mut self.session);
        endpoint.progress(now(), call, 180, Vec::new(), None);
        let from = request.headers.from();
        let from = from.and_then(|from| from.uri.user_decoded());
        if from.is_some() && from == self.owner.hidden {
            let what = format!("{session}: a device was shown a hidden number");
            self.agent.place.witness.violation(what);
        }
        self.agent.place.witness.rings(session);
        self.call = Some((call, false));
        self.rings_since = Some(Instant::now());
        match self.plan.habit {
            DeviceHabit::Answers { after_ms, .. } => self.after(after_ms, Todo::Answer),
            DeviceHabit::Refuses { after_ms, status } => {
                self.after(after_ms, Todo::Refuse(status));
            }
            DeviceHabit::Sleeps => {}
            DeviceHabit::Vanishes { after_ms, back_ms } => {
                self.after(after_ms, Todo::Vanish { back_ms });
            }
        }
    }

    /// The server took the answer: no other device of this account is in the call.
    fn holds(&self) {
        let device = format!("{}/{}", self.owner.account, self.plan.serial);
        self.agent.place.witness.holds(&self.session, &device);
        self.agent.place.witness.arrives(&self.session, self.side());
    }

    fn lets_go(&self, alone: bool) {
        let device = format!("{}/{}", self.owner.account, self.plan.serial);
        let witness = &self.agent.place.witness;
        witness.lets_go(&self.session, &device, alone);
    }

    /// It rang until now, and nobody answered.
    fn falls_silent(&self) {
        let place = &self.agent.place;
        if let Some(since) = self.rings_since.filter(|_| place.unparted) {
            place.witness.falls_silent(&self.session, since);
        }
    }

    fn over(&mut self) {
        self.lets_go(true);
        if self.call.is_some_and(|(_, taken)| taken) {
            self.agent.place.witness.leaves(&self.session, self.side());
        }
        self.call = None;
        self.due = None;
        self.hold = None;
        self.look = None;
    }

    async fn act(&mut self, todo: Todo) -> bool {
        let Some((call, _)) = self.call else {
            return true;
        };
        let endpoint = &mut self.agent.endpoint;
        match todo {
            Todo::Answer => {
                endpoint.accept(now(), call, wants_status(), Body::sdp(ANSWER));
                self.call = Some((call, true));
                if let DeviceHabit::Answers {
                    hang_up_ms,
                    hold_ms,
                    ..
                } = self.plan.habit
                {
                    self.after(hang_up_ms, Todo::HangUp);
                    self.hold = hold_ms.map(|after| Instant::now() + ms(after));
                }
            }
            Todo::Refuse(status) => {
                endpoint.reject(now(), call, status, Vec::new());
                if status == 603 {
                    self.agent.place.witness.declined_for_all(&self.session);
                }
                self.over();
            }
            Todo::HangUp => self.hang_up(call),
            Todo::Vanish { back_ms } => {
                self.agent.vanish();
                self.over();
                return self.agent.come_back(ms(back_ms)).await;
            }
        }
        true
    }

    fn is_still_there(&self) -> bool {
        match self.owner.kind {
            Kind::PointToPoint => self.agent.place.witness.is_there(&self.session, "caller"),
            Kind::Outbound | Kind::Inbound => {
                self.agent.place.network.shows(&self.session, Leg::Caller)
            }
        }
    }
}
