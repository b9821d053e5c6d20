//! One task per session: takes messages, asks the session machine, writes the journal, acts.
//!
//! The order is the machine's own (see `relay_core::session`): propose, journal, apply, act.
//! [`calls`] is about the parties of the call, [`seats`] about the interpreters, [`supervise`]
//! about what a panic leaves behind.

mod calls;
mod seats;
mod supervise;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use relay_core::clock::Now;
use relay_core::queue::{Match, QueueRules, Request};
use relay_core::session::{
    Action, Decline, EventKind, Input, Parties, Refusal, Rules, Session, State, Step, Why,
};
use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};
use vrs_domain::{
    CaId, EndReason, Leg, LineReport, LineSignal, Seat, SessionId, SessionState, Urgency,
};
use vrs_media::Codec;

use super::clock::Clock;
use super::publish::Publisher;
use super::queue::QueueHandle;
use super::views::Views;
use super::{Directory, Message, News, Place, Speaker};
use crate::config::Trunk;
use crate::journal::{AppendError, Entry, Journal};
use crate::sfu::Sfu;
use crate::signalling::wire::{LineStatus, Refused, Status};
use crate::signalling::{Command, Signalling};

/// What every session needs of the server.
#[derive(Clone)]
pub struct Services {
    /// The truth.
    pub journal: Arc<Journal>,
    /// Media.
    pub sfu: Sfu,
    /// SIP.
    pub signalling: Signalling,
    /// Interpreters.
    pub queue: QueueHandle,
    /// Inboxes.
    pub directory: Directory,
    /// Snapshots.
    pub publisher: Publisher,
    /// The same, in the store.
    pub views: Views,
    /// Time.
    pub clock: Clock,
    /// Ways to the telephone, in order of preference.
    pub trunks: Arc<[Trunk]>,
    /// How long things may take.
    pub rules: Rules,
    /// How long interpreters are asked, rest and wrap up.
    pub queue_rules: QueueRules,
    /// Cancelled when everything ends, finished or not.
    pub halt: CancellationToken,
}

/// Starts the task of a new session.
pub fn spawn(services: Services, place: Place) {
    let session = place.session;
    let inbox = services.directory.open(session);
    let span = info_span!("session", %session, correlation = place.correlation);
    let halt = services.halt.clone();
    let running = run(services, place, inbox).instrument(span);
    tokio::spawn(halt.run_until_cancelled_owned(running));
}

async fn run(services: Services, place: Place, inbox: mpsc::Receiver<Message>) {
    let now = services.clock.now();
    let (session, step) = Session::place(place.session, now, place.placed);
    let mut driver = Driver::new(services, session, place.offer, place.trunk);
    let life = async {
        if driver.begin(step).await {
            driver.serve(inbox).await;
        }
    };
    let survived = supervise::survives(life).await;
    driver.close(survived).await;
}

/// Starts the task of a session that an earlier process had, in the middle of its conversation.
/// `alive` is when the server is known to have been there last.
pub fn resume(services: Services, session: Session, alive: Option<Now>) {
    let id = session.id();
    let inbox = services.directory.open(id);
    let span = info_span!("session", session = %id, resumed = true);
    let halt = services.halt.clone();
    let running = run_resumed(services, session, alive, inbox).instrument(span);
    tokio::spawn(halt.run_until_cancelled_owned(running));
}

async fn run_resumed(
    services: Services,
    mut session: Session,
    alive: Option<Now>,
    inbox: mpsc::Receiver<Message>,
) {
    let alive_ms = session.resume(services.clock.now(), alive);
    let sequence = session.sequence();
    let mut driver = Driver::new(services, session, String::new(), None);
    driver.written = Some(sequence);
    driver.pending.push_back(Input::Resumed { alive_ms });
    let life = async {
        driver.settle().await;
        driver.serve(inbox).await;
    };
    let survived = supervise::survives(life).await;
    driver.close(survived).await;
}

/// What is to be done at a later time.
#[derive(Debug, Clone, Copy)]
enum Later {
    Call,
    Recall(Leg),
    GiveUp(Leg),
}

struct Driver {
    services: Services,
    id: SessionId,
    session: Session,
    /// The SDP offer of whoever calls, answered once an interpreter is there.
    offer: String,
    /// The formats of pictures it has that are allowed; empty if there are none, or it is not the
    /// picture that is offered.
    takes: Vec<Codec>,
    /// The called subscriber's SDP answer, on its way to the calling one.
    answer: String,
    /// The trunk that an inbound call came over.
    came_over: Option<String>,
    /// Which of the trunks is being tried.
    trunk: usize,
    position: Option<u32>,
    /// Between subscribers: what a change of media that the other one is asked about would mean
    /// for hold.
    reoffered_hold: Option<(Leg, bool)>,
    /// Between subscribers: the change of media that one of them is asked about.
    reoffer: String,
    /// Which offer of the caller counts.
    offered: u32,
    /// How often parties who are back after a restart were offered a path.
    offered_anew: BTreeMap<Leg, u32>,
    /// Legs that are there and send neither picture nor sound.
    silent: BTreeSet<Leg>,
    pending: VecDeque<Input>,
    /// What the telephone's line is like.
    line: LineReport,
    /// A few at most: each leg has one try under way.
    later: Vec<(Instant, Later)>,
    /// Nothing more is to be done: its end could not be recorded.
    abandoned: bool,
    /// The last event that the journal took; after a panic the session may stand before it.
    written: Option<u64>,
}

impl Driver {
    fn new(services: Services, session: Session, offer: String, came_over: Option<String>) -> Self {
        Self {
            services,
            id: session.id(),
            session,
            offer,
            takes: Vec::new(),
            answer: String::new(),
            came_over,
            trunk: 0,
            position: None,
            reoffered_hold: None,
            reoffer: String::new(),
            offered: 0,
            offered_anew: BTreeMap::new(),
            silent: BTreeSet::new(),
            pending: VecDeque::new(),
            line: LineReport::default(),
            later: Vec::new(),
            abandoned: false,
            written: None,
        }
    }

    /// The first event, and the caller's media; `false` when the call cannot even be recorded.
    ///
    /// A bad offer is refused before anybody is asked. A good one is answered when an interpreter
    /// is there: a peer that waited in the queue would have given up looking for a path by then.
    async fn begin(&mut self, step: Step) -> bool {
        let entry = Entry::from(&step.event);
        let journal = &self.services.journal;
        // Nobody who calls for help is turned away for the record's sake (R03, F18).
        let written = if self.session.placed().urgency == Urgency::Emergency {
            journal.append_or_keep(entry).await
        } else {
            journal.append(entry).await
        };
        match written {
            Ok(_) => {}
            Err(error @ AppendError::Kept(_)) => error!(%error, "an emergency call goes on"),
            Err(error) => {
                error!(%error, "a call is refused because the journal cannot be written");
                let calling = self.session.placed().kind.calling();
                self.hang_up(calling, EndReason::JournalUnavailable).await;
                return false;
            }
        }
        self.written = Some(step.event.sequence);
        self.recorded(&step);
        // The gateway's offer is tried when it is answered. A subscriber's has to be encrypted as
        // ours have to be, although another subscriber will answer it (A39).
        let from_gateway = self.session.placed().kind == vrs_domain::CallKind::RelayInbound;
        let tried = if from_gateway {
            Ok(Vec::new())
        } else {
            self.services.sfu.try_offer(self.offer.clone()).await
        };
        match tried {
            Ok(takes) => {
                self.takes = takes;
                self.perform(step.actions).await;
            }
            Err(error) => {
                let reason = error.reason();
                info!(%error, %reason, "the caller's offer cannot be answered");
                self.pending.push_back(Input::Refused { reason });
            }
        }
        self.settle().await;
        true
    }

    async fn serve(&mut self, mut inbox: mpsc::Receiver<Message>) {
        while !self.ended() {
            let next = self.next_deadline();
            tokio::select! {
                biased;
                message = inbox.recv() => match message {
                    Some(message) => self.on_message(message).await,
                    // The directory gives a session up when its inbox overflows.
                    None => {
                        self.pending.push_back(Input::Stop);
                        self.settle().await;
                        return;
                    }
                },
                () = sleep_until(next) => self.on_deadline().await,
            }
            self.settle().await;
        }
    }

    fn ended(&self) -> bool {
        self.abandoned || self.session.state().name() == SessionState::CallEnded
    }

    fn is_waiting(&self) -> bool {
        matches!(self.session.state(), State::RequestReceived { .. })
    }

    fn next_deadline(&self) -> Option<Instant> {
        let later = self.later.iter().map(|(at, _)| *at).min();
        let due = self.session.poll_timeout(&self.services.rules);
        let due = due.map(|due_ms| {
            let wait_ms = due_ms.saturating_sub(self.services.clock.now().mono_ms);
            Instant::now() + Duration::from_millis(wait_ms)
        });
        later.into_iter().chain(due).min()
    }

    async fn on_deadline(&mut self) {
        let now = Instant::now();
        let due = self.later.extract_if(.., |(at, _)| *at <= now);
        let due: Vec<_> = due.collect();
        for (_, what) in due {
            match what {
                Later::Call => self.call().await,
                Later::Recall(leg) => self.recall(leg).await,
                Later::GiveUp(leg) => self.give_up(leg).await,
            }
        }
        let clock = self.services.clock.now();
        if let Some(input) = self.session.due(clock, &self.services.rules) {
            info!(input = input.word(), "it took too long");
            self.pending.push_back(input);
        }
    }

    /// Notes something to be done, instead of what was to be done about the same leg before.
    fn later(&mut self, after: Duration, what: Later) {
        let leg = |what: &Later| match what {
            Later::Call => None,
            Later::Recall(leg) | Later::GiveUp(leg) => Some(*leg),
        };
        self.later.retain(|(_, other)| leg(other) != leg(&what));
        self.later.push((Instant::now() + after, what));
    }

    /// Turns a message into inputs; what needs an answer from elsewhere is asked here.
    async fn on_message(&mut self, message: Message) {
        let input = match message {
            Message::Matched(Match {
                seat, ca, epoch, ..
            }) => Input::Matched { seat, ca, epoch },
            Message::InterpreterAway(asked) => {
                let away = Command::TellAway(asked);
                return self.services.signalling.send(away).await;
            }
            Message::InvitationLapsed(asked) => seats::declined(asked, Decline::TimedOut),
            Message::Position(position) => return self.queued(position).await,
            Message::InterpreterAnswered { asked, center, sdp } => {
                return self.interpreter_answered(asked, center, sdp).await;
            }
            Message::InterpreterRefused { asked, how, unfit } => {
                return self.interpreter_refused(asked, how, unfit).await;
            }
            Message::CalledRang { sdp } => return self.called_rang(sdp).await,
            Message::CalledAnswered { leg, sdp, address } => {
                return self.called_answered(leg, sdp, address).await;
            }
            Message::CalledFailed { leg, reason } => return self.called_failed(leg, reason).await,
            Message::Party { who, news } => return self.on_news(who, news).await,
            Message::SeatAsked { seat, reason } => Input::SeatAsked { seat, reason },
            Message::SeatWithdrawn { seat } => Input::SeatWithdrawn { seat },
            Message::CallerBack { offer, offered } => {
                return self.caller_back(offer, offered).await;
            }
            Message::Media { leg, news } => return self.on_media(leg, news).await,
            Message::Stop => Input::Stop,
        };
        self.pending.push_back(input);
    }

    /// News of somebody who has no seat any more falls: least of all is it about whoever sits
    /// there now.
    async fn on_news(&mut self, who: Speaker, news: News) {
        let Some(leg) = self.leg_of(who) else {
            debug!(leg = %who.leg, ?news, "news of somebody who has left");
            return;
        };
        let input = match news {
            News::Reoffered { sdp } => return self.reoffered(leg, sdp).await,
            News::Reanswered { sdp } => return self.reanswered(leg, sdp).await,
            News::ReinviteAnswered { sdp } => return self.reinvite_answered(leg, sdp).await,
            News::Back { trunk } => return self.offer_anew(leg, trunk).await,
            News::Bound { dialog } => Input::LegBound { leg, dialog },
            News::HungUp => Input::HungUp(leg),
            News::Lost => Input::Lost(leg),
        };
        self.pending.push_back(input);
    }

    /// Where whoever spoke sits now.
    fn leg_of(&self, who: Speaker) -> Option<Leg> {
        let Some(epoch) = who.epoch else {
            return Some(who.leg);
        };
        let crew = &self.session.state().parties()?.crew;
        let theirs = |seat: &&Seat| crew.taken(**seat).is_some_and(|one| one.epoch == epoch);
        Seat::ALL.iter().find(theirs).map(|seat| seat.leg())
    }

    async fn on_media(&mut self, leg: Leg, news: PeerNews) {
        match news {
            PeerNews::Connected => {
                self.offered_anew.remove(&leg);
                self.silent.remove(&leg);
                self.pending.push_back(Input::MediaConnected(leg));
            }
            PeerNews::Disconnected => {}
            // Whoever muted everything may do so: the others are told, and the call goes on.
            PeerNews::Silent | PeerNews::Heard => {
                let is_silent = news == PeerNews::Silent;
                info!(%leg, is_silent, "picture and sound of a leg");
                let changed = match is_silent {
                    true => self.silent.insert(leg),
                    false => self.silent.remove(&leg),
                };
                if changed {
                    self.tell_parties().await;
                }
            }
            PeerNews::Line(report) => self.line_changed(report).await,
            // A telephone that rings need not be heard.
            PeerNews::Failed(_) if leg == Leg::Hearing && !self.is_telephone_there() => {}
            PeerNews::Failed(why) => {
                info!(%leg, why, "media lost");
                if leg == Leg::Hearing {
                    return self.pending.push_back(Input::Lost(leg));
                }
                if self.may_offer_again(leg) {
                    return self.offer_anew(leg, None).await;
                }
                let input = self.media_failed(leg);
                self.pending.extend(input);
            }
        }
    }

    /// The parties see what the line sounds like. It is no event: nothing of it is recorded.
    async fn line_changed(&mut self, report: LineReport) {
        let before = self.shown_line();
        self.line = report;
        if self.shown_line() != before {
            self.tell_parties().await;
        }
    }

    /// What of the line means something now: silence and beeps do only once somebody answered.
    fn shown_line(&self) -> LineReport {
        let silent = |signal: &LineSignal| matches!(signal, LineSignal::Silence | LineSignal::Beep);
        match self.session.state() {
            _ if self.is_missing(Leg::Hearing) => LineReport::default(),
            State::RelayActive { .. } => self.line,
            State::HearingPartyDialing { .. } => LineReport {
                signal: self.line.signal.filter(|signal| !silent(signal)),
                ..self.line
            },
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::CallEnded { .. } => LineReport::default(),
        }
    }

    fn is_telephone_there(&self) -> bool {
        let talking = matches!(self.session.state(), State::RelayActive { .. });
        talking && !self.is_missing(Leg::Hearing)
    }

    /// A leg that once had media is lost; one that never had any could not be connected, which
    /// is no matter for the parties when it is an interpreter's. What becomes of an invited
    /// interpreter's media is the invitation's business.
    fn media_failed(&self, leg: Leg) -> Option<Input> {
        let parties = self.session.state().parties()?;
        let reason = EndReason::MediaFailed;
        match leg.seat() {
            Some(_) if parties.has(leg) => Some(Input::Lost(leg)),
            Some(_) => None,
            None if self.is_missing(leg) => Some(Input::RestoreFailed(leg)),
            // It had media, if not since a restart.
            None if parties.connected.has(leg) || self.offered_anew.contains_key(&leg) => {
                Some(Input::Lost(leg))
            }
            None => Some(Input::Refused { reason }),
        }
    }

    async fn queued(&mut self, position: u32) {
        if !self.is_waiting() {
            return;
        }
        self.position = Some(position);
        let session = self.id;
        let leg = self.session.placed().kind.calling();
        self.services
            .signalling
            .send(Command::Queued {
                session,
                leg,
                position,
            })
            .await;
    }

    /// Works off inputs until none is left.
    async fn settle(&mut self) {
        while let Some(input) = self.pending.pop_front() {
            match self.session.propose(self.services.clock.now(), &input) {
                Ok(step) => self.commit(step).await,
                Err(refusal) => self.refused(&input, refusal).await,
            }
        }
    }

    /// A refused word of a person is answered; others were overtaken by events.
    async fn refused(&self, input: &Input, refusal: Refusal) {
        debug!(input = input.word(), %refusal, "refused");
        if let Input::Matched { seat, ca, epoch } = input {
            let asked = Match {
                session: self.id,
                seat: *seat,
                ca: ca.clone(),
                epoch: *epoch,
            };
            self.hand_back(asked, refusal.why).await;
        }
        if let Input::SeatAsked { seat, .. } | Input::SeatWithdrawn { seat } = input
            && refusal.why != Why::CallIsOver
        {
            self.tell(
                Leg::Interpreter,
                Some(Refused {
                    seat: seat.word(),
                    why: refusal.why.to_string(),
                }),
            )
            .await;
        }
    }

    async fn commit(&mut self, step: Step) {
        let (entry, event) = (Entry::from(&step.event), step.event.kind.word());
        match self.services.journal.append_or_keep(entry).await {
            Ok(_) => {}
            // The call goes on (R03): cutting off a conversation helps nobody. New calls are
            // refused.
            Err(error @ AppendError::Kept(_)) => {
                error!(%error, event, "a transition waits for the journal");
            }
            // The leg works without it; only a restart would look for it.
            Err(error @ AppendError::TooLarge(_)) if is_bound(&step.event.kind) => {
                return warn!(%error, "a leg cannot be found again after a restart");
            }
            // What is not kept does not happen: the record of a session has no gaps, or it is
            // worth nothing.
            Err(error) => {
                error!(%error, event, "a call is given up because the journal cannot be written");
                return self.abandon(EndReason::JournalUnavailable).await;
            }
        }
        self.written = Some(step.event.sequence);
        if let Err(misfit) = self.session.apply(&step.event) {
            error!(?misfit, "a proposed event did not fit");
            return;
        }
        self.recorded(&step);
        self.perform(step.actions).await;
    }

    /// Ends everything without an event: the record cannot say how, so it stays open, and the next
    /// start ends it.
    async fn abandon(&mut self, reason: EndReason) {
        self.abandoned = true;
        self.pending.clear();
        self.later.clear();
        let session = self.id;
        let abandon = Command::Abandon { session, reason };
        self.services.signalling.send(abandon).await;
        self.services.sfu.close(session).await;
        self.services.queue.leave(session).await;
    }

    /// Log, metrics and snapshot of what is now in the journal.
    fn recorded(&self, step: &Step) {
        let (event, state) = (step.event.kind.word(), self.session.state().name());
        info!(event, %state, sequence = step.event.sequence, session_ms = step.event.session_ms);
        metrics::counter!("visavis_session_events_total", "event" => event).increment(1);
        let view = self.session.view(self.services.clock.now());
        self.services.views.session(&view);
        self.services.publisher.publish(view);
    }

    async fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.act(action).await;
        }
    }

    async fn act(&mut self, action: Action) {
        let session = self.id;
        match action {
            Action::EnterQueue {
                seat,
                languages,
                skill,
                gender,
                urgency,
            } => {
                let request = Request {
                    session,
                    seat,
                    languages,
                    urgency,
                    skill,
                    gender,
                };
                self.enter_queue(request).await;
            }
            Action::Invite { seat, ca, epoch } => self.invite(seat, ca, epoch).await,
            Action::CancelInvitation {
                seat,
                epoch,
                reason,
                ..
            } => {
                self.cancel_invitation(epoch, reason).await;
                self.services.sfu.leave(session, seat.leg()).await;
            }
            Action::LeaveSeat { seat } => {
                self.services.sfu.leave(session, seat.leg()).await;
                self.services.queue.vacate(session, seat).await;
            }
            Action::Relieve => self.relieve().await,
            Action::RingCalling => {
                let ring = Command::RingCalling { session };
                self.services.signalling.send(ring).await;
            }
            Action::AnswerCalling => self.answer_calling().await,
            Action::RefuseCalling { reason } => {
                let calling = self.session.placed().kind.calling();
                self.hang_up(calling, reason).await;
            }
            Action::Call { after } if after.is_zero() => self.call().await,
            Action::Call { after } => self.later(after, Later::Call),
            Action::Recall { leg, after } if after.is_zero() => self.recall(leg).await,
            Action::Recall { leg, after } => self.later(after, Later::Recall(leg)),
            Action::Reconnect => self.reconnect().await,
            Action::TellParties => self.tell_parties().await,
            Action::HangUp { leg, reason } => {
                self.hang_up(leg, reason).await;
                self.services.sfu.leave(session, leg).await;
            }
            Action::CloseMedia => self.services.sfu.close(session).await,
            Action::LeaveQueue => self.services.queue.leave(session).await,
        }
    }

    async fn hang_up(&self, leg: Leg, reason: EndReason) {
        let session = self.id;
        self.services
            .signalling
            .send(Command::HangUp {
                session,
                leg,
                reason,
            })
            .await;
    }

    async fn tell_parties(&self) {
        for &leg in Leg::ALL {
            let there = self.session.state().parties();
            if leg != Leg::Hearing && there.is_some_and(|there| there.has(leg)) {
                self.tell(leg, None).await;
            }
        }
    }

    /// Who is in the call, not on hold, and sends neither picture nor sound.
    fn silent_legs(&self, parties: &Parties) -> Vec<&'static str> {
        let silent = self.silent.iter();
        let told = silent.filter(|leg| parties.has(**leg) && !parties.held.has(**leg));
        told.map(|leg| leg.word()).collect()
    }

    /// Tells one party how the session stands.
    async fn tell(&self, leg: Leg, refused: Option<Refused>) {
        let view = self.session.view(self.services.clock.now());
        let parties = self.session.state().parties();
        let seat = |seat: Seat| {
            let crew = &parties?.crew;
            crew.taken(seat).map(|taken| taken.ca.to_string())
        };
        let status = Status {
            session: self.id.to_string(),
            state: view.state.word(),
            kind: view.kind.word(),
            urgency: view.urgency.word(),
            telephone: view.telephone.word(),
            line: LineStatus::of(self.shown_line()),
            interpreter: view.interpreter.as_ref().map(CaId::to_string),
            relief: seat(Seat::Relief),
            team: seat(Seat::Team),
            supervisor: seat(Seat::Supervisor),
            missing: parties
                .map(|parties| parties.missing.keys().map(|leg| leg.word()).collect())
                .unwrap_or_default(),
            held: parties
                .map(|parties| parties.held.iter().map(|leg| leg.word()).collect())
                .unwrap_or_default(),
            silent: parties
                .map(|parties| self.silent_legs(parties))
                .unwrap_or_default(),
            number: leg.seat().map(|_| view.number.to_string()),
            session_ms: view.session_ms,
            conversation_ms: view.conversation_ms,
            queue_position: None,
            wrap_up_s: leg
                .seat()
                .map(|_| self.services.queue_rules.wrap_up.as_secs())
                .filter(|s| *s > 0),
            refused,
        };
        let session = self.id;
        self.services
            .signalling
            .send(Command::Status {
                leg,
                session,
                status: Box::new(status),
            })
            .await;
    }
}

const fn is_bound(event: &EventKind) -> bool {
    matches!(event, EventKind::LegBound { .. })
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
