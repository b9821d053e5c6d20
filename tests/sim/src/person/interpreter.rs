//! One interpreter, from the beginning of the run to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use vrs_domain::{Leg, Seat};
use vrs_sip::{Body, CallHandle, Event, Headers};

use super::{
    ANSWER, Agent, CONNECT_AGAIN, HELD, Happening, Surroundings, gave_up, ms, now, wants_status,
};
use crate::cast::ca_id;
use crate::check::Asking;
use crate::media::NO_MEDIA;
use crate::network::STREAM;
use crate::plan::{Ask, Away, Habit, InterpreterPlan, Wanted};

/// A change of shift is possible after so long, in milliseconds (F4).
const SHIFT_MS: u64 = 650_000;
/// Whoever let two invitations go by takes up work again after so long.
const REST: Duration = Duration::from_secs(45);
/// No app rings longer.
const RINGS_MAX: Duration = Duration::from_secs(60);
/// What waited while an app stood still is read within this time.
const BACKLOG: Duration = Duration::from_secs(2);

/// An app that crashed is back after so long.
const REPAIRED_AFTER: Duration = Duration::from_secs(200);

/// Runs an interpreter.
pub async fn interpreter(place: Surroundings, plan: InterpreterPlan) {
    let account = ca_id(plan.index);
    let salt = 10_000 + u64::from(plan.index);
    let agent = Agent::new(&place, salt, STREAM, Some(account));
    let mut desk = Desk {
        agent,
        habits: plan.habits,
        turn: 0,
        aways: plan.aways,
        deaths: 0,
        slept: 0,
        call: None,
        due: BTreeMap::new(),
        serial: 0,
        thawed: None,
    };
    place.over.run_until_cancelled(desk.work()).await;
    desk.agent.is_rid_of_calls();
}

/// What an interpreter is bound to.
#[derive(Debug, Clone)]
struct Engagement {
    call: CallHandle,
    /// Which life of the server it came from.
    life: u32,
    taken: bool,
    /// They were told that they have the seat.
    seated: bool,
    /// They may not have heard of its end.
    numb: bool,
    leg: Leg,
    asking: Asking,
    ask: Option<Ask>,
    no_media: bool,
}

struct Desk {
    agent: Agent,
    habits: Vec<Habit>,
    turn: usize,
    aways: Vec<Away>,
    /// Of the server, under a call of theirs.
    deaths: usize,
    /// Invitations in a row that they slept through.
    slept: u32,
    call: Option<Engagement>,
    due: BTreeMap<(Instant, u64), Todo>,
    serial: u64,
    /// When the app last stood still: what waited then may be over.
    thawed: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Todo {
    Accept { hang_up_ms: Option<u64> },
    Decline,
    HangUp,
    Look,
    Vanish { back_ms: u64 },
    Freeze { for_ms: u64 },
    Ask(Wanted),
    Withdraw(Wanted),
    TakeBreak,
    EndBreak,
}

impl Desk {
    async fn work(&mut self) {
        if !self.sign_in(Duration::ZERO).await {
            return;
        }
        loop {
            let until = self.due.keys().next().map(|(at, _)| *at);
            match self.agent.next(until).await {
                Happening::Event(event) => self.on_event(*event),
                Happening::Closed => {
                    let after = self.waits_for_the_server();
                    if !self.sign_in(after).await {
                        return;
                    }
                }
                Happening::Time => {
                    let Some((_, todo)) = self.due.pop_first() else {
                        continue;
                    };
                    if !self.act(todo).await {
                        return;
                    }
                }
            }
        }
    }

    /// The server is gone; a call that was taken goes on as soon as it is back. When they look for
    /// it again.
    fn waits_for_the_server(&mut self) -> Duration {
        let Some(ours) = self.call.as_ref().filter(|ours| ours.taken) else {
            return CONNECT_AGAIN;
        };
        let call = ours.call;
        let away = self.aways[self.deaths % self.aways.len()];
        self.deaths += 1;
        self.is_held();
        if away != Away::Waits {
            self.hang_up(call);
        }
        match away {
            Away::Waits | Away::HangsUp => CONNECT_AGAIN,
            Away::Crashes => REPAIRED_AFTER,
        }
    }

    /// There must be a picture after a while.
    fn is_held(&mut self) {
        self.due.retain(|_, todo| !matches!(todo, Todo::Look));
        self.after(HELD, Todo::Look);
    }

    fn hang_up(&mut self, call: CallHandle) {
        self.leaves();
        self.agent.endpoint.hang_up(now(), call, None);
    }

    /// They have no part in the call any more, whoever hears of it.
    fn leaves(&self) {
        if let Some(ours) = &self.call {
            let (session, who) = (&ours.asking.session, &ours.asking.interpreter);
            self.agent.place.witness.leaves(session, who);
        }
    }

    async fn sign_in(&mut self, after: Duration) -> bool {
        let there = self.agent.come_back(after).await;
        self.works_again();
        there
    }

    /// They are asked from now on, whatever was before.
    fn works_again(&self) {
        self.says(true);
    }

    /// That they work, or that they take a break.
    fn says(&self, works: bool) {
        let account = self.agent.account.as_deref().unwrap_or_default();
        self.agent.place.witness.says(account, works);
    }

    fn after(&mut self, after: Duration, todo: Todo) {
        self.serial += 1;
        self.due.insert((Instant::now() + after, self.serial), todo);
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::IncomingInvite { call, request, .. } => {
                self.agent.notice(&request.headers, "request_received");
                self.invited(call, &request.headers);
            }
            Event::Info { call, request, .. } => self.told(call, &request.body),
            Event::Reinvite { call, .. } => self.goes_on(call),
            Event::Registered { .. } => {
                let ours = self.call.as_ref().filter(|ours| ours.taken);
                if let Some(ours) = ours
                    && let Some(flow) = self.agent.other_flow(ours.call)
                {
                    self.agent.endpoint.move_call(ours.call, flow);
                }
            }
            Event::RegistrationFailed { registration, .. } => {
                self.agent.register_again(registration);
            }
            Event::Ended {
                call,
                reason,
                headers,
            } if self.is_seated_by(call) => {
                if gave_up(reason.as_ref(), &headers) {
                    self.leaves();
                } else {
                    self.dismissed();
                }
                self.over();
            }
            Event::Cancelled { call, .. }
            | Event::Ended { call, .. }
            | Event::HungUp { call }
            | Event::Failed { call, .. }
                if self.call.as_ref().is_some_and(|ours| ours.call == call) =>
            {
                self.over();
            }
            _ => {}
        }
    }

    /// New media of the server's: it was restarted.
    fn goes_on(&mut self, call: CallHandle) {
        let life = self.agent.life();
        let ours = self.call.as_mut().filter(|ours| ours.call == call);
        let mut answer = ANSWER;
        if let Some(ours) = ours {
            ours.life = life;
            let (session, who) = (&ours.asking.session, &ours.asking.interpreter);
            if ours.no_media {
                answer = NO_MEDIA;
            } else {
                self.agent.place.witness.comes_back(session, who);
            }
            self.is_held();
        }
        let body = Some(Body::sdp(answer));
        self.agent.endpoint.answer_reinvite(now(), call, 200, body);
    }

    /// Whether it is the call by which they have a seat, as far as they were told.
    fn is_seated_by(&self, call: CallHandle) -> bool {
        let ours = self.call.as_ref().filter(|ours| ours.call == call);
        ours.is_some_and(|ours| ours.seated)
    }

    fn dismissed(&self) {
        let ours = self.call.as_ref().filter(|_| self.agent.place.unparted);
        if let Some(ours) = ours {
            let (session, who) = (&ours.asking.session, &ours.asking.interpreter);
            let life = self.agent.life();
            self.agent.place.witness.dismissed(session, who, life);
        }
    }

    fn over(&mut self) {
        self.call = None;
        self.due.clear();
        if self.slept >= 2 {
            self.slept = 0;
            self.after(REST, Todo::TakeBreak);
        }
    }

    fn invited(&mut self, call: CallHandle, headers: &Headers) {
        let life = self.agent.life();
        if let Some(ours) = &self.call {
            if ours.life == life && self.agent.place.unparted && !ours.numb {
                let account = self.agent.account.clone().unwrap_or_default();
                let what = format!("Q2: {account} got a second invitation");
                self.agent.place.witness.violation(what);
            }
            self.agent.endpoint.reject(now(), call, 486, Vec::new());
            return;
        }
        let seat: Seat = word(headers, "VRS-Seat").unwrap_or(Seat::Lead);
        let asking = Asking {
            session: headers.get("VRS-Session").unwrap_or_default().to_owned(),
            seat,
            interpreter: self.agent.account.clone().unwrap_or_default(),
            epoch: word(headers, "VRS-Epoch").unwrap_or(0),
        };
        self.agent.place.witness.asked(&asking, life);
        self.due.clear();
        let endpoint = &mut self.agent.endpoint;
        endpoint.progress(now(), call, 180, wants_status(), None);
        let habit = self.habits[self.turn % self.habits.len()];
        self.turn += 1;
        let mut engagement = Engagement {
            call,
            life,
            taken: false,
            seated: false,
            numb: self.thawed.is_some_and(|at| at.elapsed() < BACKLOG),
            leg: seat.leg(),
            asking,
            ask: None,
            no_media: false,
        };
        self.slept += 1;
        match habit {
            Habit::Accept {
                after_ms,
                hang_up_ms,
                ask,
                no_media,
            } => {
                engagement.ask = ask;
                engagement.no_media = no_media;
                self.slept = 0;
                self.after(ms(after_ms), Todo::Accept { hang_up_ms });
            }
            Habit::Decline { after_ms } => {
                self.slept = 0;
                self.after(ms(after_ms), Todo::Decline);
            }
            // Nobody may be left who could take it back.
            Habit::Sleep if engagement.numb => self.after(RINGS_MAX, Todo::Decline),
            Habit::Sleep => {}
            Habit::Vanish { after_ms, back_ms } => {
                self.after(ms(after_ms), Todo::Vanish { back_ms });
            }
            Habit::Freeze {
                accept_ms,
                after_ms,
                for_ms,
            } => {
                self.after(ms(after_ms), Todo::Freeze { for_ms });
                if let Some(accept_ms) = accept_ms {
                    self.after(ms(accept_ms), Todo::Accept { hang_up_ms: None });
                }
            }
        }
        self.call = Some(engagement);
    }

    /// What the service tells them of their session.
    fn told(&mut self, call: CallHandle, body: &[u8]) {
        let Some(status) = self.agent.notice_status(body) else {
            return;
        };
        let life = self.agent.life();
        let theirs = |ours: &&mut Engagement| ours.taken && ours.call == call;
        let Some(ours) = self.call.as_mut().filter(theirs) else {
            return;
        };
        let account = self.agent.account.as_deref();
        let crew = status.crew();
        let sits = |seat: Seat| crew.get(seat.word()).copied() == account;
        let leads = sits(Seat::Lead);
        if leads || sits(ours.asking.seat) {
            self.agent.place.witness.seated(&ours.asking, life);
            ours.seated = true;
        }
        if leads {
            ours.leg = Leg::Interpreter;
        }
        if status.refused.is_some() {
            self.agent.place.witness.saw("refused_request");
        }
        let ask = ours.ask;
        if let (true, Some(_), Some(ask)) = (leads, &status.relief, ask)
            && let Wanted::Relief(_) = ask.what
        {
            self.after(ms(ask.hand_over_ms), Todo::HangUp);
        }
    }

    async fn act(&mut self, todo: Todo) -> bool {
        match todo {
            Todo::TakeBreak => {
                self.agent.choose("break");
                self.says(false);
                self.after(Duration::from_secs(5), Todo::EndBreak);
                return true;
            }
            Todo::EndBreak => {
                self.agent.choose("available");
                self.works_again();
                return true;
            }
            _ => {}
        }
        let Some(ours) = &mut self.call else {
            return true;
        };
        let (call, ask) = (ours.call, ours.ask);
        let life = self.agent.life();
        let endpoint = &mut self.agent.endpoint;
        match todo {
            Todo::Accept { hang_up_ms } => {
                let answer = if ours.no_media { NO_MEDIA } else { ANSWER };
                endpoint.accept(now(), call, wants_status(), Body::sdp(answer));
                ours.taken = true;
                self.plan_call(hang_up_ms, ask);
            }
            Todo::Decline => {
                endpoint.reject(now(), call, 603, Vec::new());
                self.over();
            }
            // What a new server shows in this place is for them only if it took them up again.
            Todo::Look
                if (life == 0 || ours.life == life)
                    && self
                        .agent
                        .place
                        .network
                        .shows(&ours.asking.session, ours.leg) => {}
            Todo::HangUp | Todo::Look => self.hang_up(call),
            Todo::Vanish { back_ms } => {
                let taken = ours.taken;
                self.leaves();
                if taken {
                    self.is_held();
                }
                self.agent.vanish();
                return self.sign_in(ms(back_ms)).await;
            }
            Todo::Freeze { for_ms } => {
                ours.numb = true;
                sleep(ms(for_ms)).await;
                self.thaw();
            }
            Todo::Ask(wanted) => self.ask(wanted, false),
            Todo::Withdraw(wanted) => self.ask(wanted, true),
            Todo::TakeBreak | Todo::EndBreak => {}
        }
        true
    }

    /// What they will do in a call that they have just taken.
    fn plan_call(&mut self, hang_up_ms: Option<u64>, ask: Option<Ask>) {
        if let Some(after) = hang_up_ms {
            self.after(ms(after), Todo::HangUp);
        }
        let Some(ask) = ask else { return };
        self.after(ms(ask.after_ms), Todo::Ask(ask.what));
        if ask.what == Wanted::Relief("rotation") {
            self.after(ms(SHIFT_MS), Todo::Ask(ask.what));
        }
        if let Some(withdraw_ms) = ask.withdraw_ms {
            let after = ms(ask.after_ms + withdraw_ms);
            self.after(after, Todo::Withdraw(ask.what));
        }
    }

    /// The app goes on where it stood, and hears afterwards what has happened since.
    fn thaw(&mut self) {
        self.thawed = Some(Instant::now());
        let Some(ours) = &mut self.call else { return };
        self.agent.place.witness.saw("thawed");
        let call = ours.call;
        if ours.taken {
            self.ask(Wanted::Team, false);
            self.hang_up(call);
            return;
        }
        ours.taken = true;
        let body = Body::sdp(ANSWER);
        self.agent
            .endpoint
            .accept(now(), call, wants_status(), body);
    }

    fn ask(&mut self, wanted: Wanted, withdraw: bool) {
        let Some(ours) = &self.call else { return };
        let (seat, reason) = match wanted {
            Wanted::Relief(reason) => ("relief", Some(reason)),
            Wanted::Team => ("team", None),
            Wanted::Supervisor => ("supervisor", None),
        };
        let mut asked = serde_json::json!({ "seat": seat });
        if withdraw {
            asked["withdraw"] = true.into();
        } else if let Some(reason) = reason {
            asked["reason"] = reason.into();
        }
        let package = vec![("Info-Package".to_owned(), "vrs-seat".to_owned())];
        let body = Body::new("application/json", asked.to_string().into_bytes());
        self.agent.endpoint.info(now(), ours.call, package, body);
    }
}

fn word<T: std::str::FromStr>(headers: &Headers, name: &str) -> Option<T> {
    headers.get(name)?.trim().parse().ok()
}
