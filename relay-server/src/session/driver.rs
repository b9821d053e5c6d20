//! One task per session: takes messages, asks the session machine, writes the journal, acts.
//!
//! The order is the machine's own (see `relay_core::session`): propose, journal, apply, act.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use relay_core::session::{Action, Decline, Input, Placed, Session, State, Step};
use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span};
use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, Leg, PhoneNumber, SessionId, SessionState};

use super::clock::Clock;
use super::publish::Publisher;
use super::queue::QueueHandle;
use super::views::Views;
use super::{Directory, Message, Place};
use crate::config::Trunk;
use crate::journal::{AppendError, Entry, Journal};
use crate::sfu::Sfu;
use crate::signalling::wire::Status;
use crate::signalling::{Command, Invitation, Signalling};

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
    /// How long the telephone may ring.
    pub ring_timeout: Duration,
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
    let id = place.session;
    let placed = Placed {
        caller: place.caller,
        number: place.number,
        languages: place.languages,
    };
    let (session, step) = Session::place(id, services.clock.now(), placed);
    let mut driver = Driver {
        services,
        id,
        session,
        offer: place.offer,
        trunk: 0,
        position: None,
        ring_deadline: None,
        pending: VecDeque::new(),
    };
    if driver.begin(step).await {
        driver.serve(inbox).await;
    }
    driver.services.publisher.remove(id);
    driver.services.directory.close(id);
}

struct Driver {
    services: Services,
    id: SessionId,
    session: Session,
    /// The caller's SDP offer, answered once an interpreter is there.
    offer: String,
    /// Which of the trunks is being tried.
    trunk: usize,
    position: Option<u32>,
    ring_deadline: Option<tokio::time::Instant>,
    pending: VecDeque<Input>,
}

impl Driver {
    /// The first event, and the caller's media; `false` when the call cannot even be recorded.
    ///
    /// A bad offer is refused before anybody is asked. A good one is answered when an interpreter
    /// is there: a peer that waited in the queue would have given up looking for a path by then.
    async fn begin(&mut self, step: Step) -> bool {
        let entry = Entry::from(&step.event);
        let journal = &self.services.journal;
        // Nobody who calls for help is turned away for the record's sake (R03, F18).
        let written = if self.session.placed().number.is_emergency() {
            journal.append_or_keep(entry).await
        } else {
            journal.append(entry).await
        };
        match written {
            Ok(_) => {}
            Err(error @ AppendError::Kept(_)) => error!(%error, "an emergency call goes on"),
            Err(error) => {
                error!(%error, "a call is refused because the journal cannot be written");
                self.hang_up(Leg::Caller, EndReason::JournalUnavailable)
                    .await;
                return false;
            }
        }
        self.recorded(&step);
        match self.services.sfu.try_offer(self.offer.clone()).await {
            Ok(()) => self.perform(step.actions).await,
            Err(error) => {
                info!(%error, "the caller's offer cannot be answered");
                self.pending.push_back(Input::Refused {
                    reason: EndReason::MediaFailed,
                });
            }
        }
        self.settle().await;
        true
    }

    async fn serve(&mut self, mut inbox: mpsc::Receiver<Message>) {
        while !self.ended() {
            let message = tokio::select! {
                biased;
                message = inbox.recv() => message,
                () = sleep_until(self.ring_deadline) => {
                    self.ring_deadline = None;
                    info!("the telephone was not answered in time");
                    Some(Message::HearingFailed { reason: EndReason::HearingNoAnswer })
                }
            };
            // The directory gives a session up when its inbox overflows.
            let Some(message) = message else {
                self.pending.push_back(Input::Stop);
                self.settle().await;
                return;
            };
            self.on_message(message).await;
            self.settle().await;
        }
    }

    fn ended(&self) -> bool {
        self.session.state().name() == SessionState::CallEnded
    }

    /// Turns a message into inputs; what needs an answer from elsewhere is asked here.
    async fn on_message(&mut self, message: Message) {
        let input = match message {
            Message::Matched { ca, epoch } => Input::Matched { ca, epoch },
            Message::InvitationLapsed { ca, epoch } => Input::InvitationDeclined {
                ca,
                epoch,
                how: Decline::TimedOut,
            },
            Message::Position(position) => {
                self.position = Some(position);
                let session = self.id;
                self.services
                    .signalling
                    .send(Command::Queued { session, position })
                    .await;
                return;
            }
            Message::InterpreterAnswered { ca, epoch, sdp } => {
                match self.interpreter_answered(ca, epoch, sdp).await {
                    Some(input) => input,
                    None => return,
                }
            }
            Message::InterpreterRefused { ca, epoch, how } => {
                self.services
                    .queue
                    .declined(self.id, ca.clone(), epoch, how)
                    .await;
                if self.is_invited(&ca, epoch) {
                    self.services.sfu.leave(self.id, Leg::Interpreter).await;
                }
                Input::InvitationDeclined { ca, epoch, how }
            }
            Message::HearingRang { sdp } => {
                self.early_media(sdp).await;
                Input::HearingRang
            }
            Message::Reoffered { leg, sdp } => return self.reoffered(leg, sdp).await,
            Message::Reanswered { leg, sdp } => return self.reanswered(leg, sdp).await,
            Message::HearingAnswered { sdp } => {
                self.ring_deadline = None;
                match self.services.sfu.trunk_answer(self.id, sdp).await {
                    Ok(()) => Input::HearingAnswered,
                    Err(error) => {
                        info!(%error, "the telephone's answer does not fit");
                        Input::HearingFailed {
                            reason: EndReason::MediaFailed,
                        }
                    }
                }
            }
            Message::HearingFailed { reason } => match self.hearing_failed(reason).await {
                Some(input) => input,
                None => return,
            },
            Message::HungUp(leg) => Input::HungUp(leg),
            Message::Lost(leg) => Input::Lost(leg),
            Message::Media {
                leg,
                news: PeerNews::Connected,
            } => Input::MediaConnected(leg),
            Message::Media {
                news: PeerNews::Disconnected,
                ..
            } => return,
            Message::Media {
                leg,
                news: PeerNews::Failed(why),
            } => {
                info!(%leg, why, "media lost");
                match self.media_failed(leg) {
                    Some(input) => input,
                    None => return,
                }
            }
            Message::Stop => Input::Stop,
        };
        self.pending.push_back(input);
    }

    /// What the network plays before the answer is for the interpreter's ears: ringback, and the
    /// announcement why a number cannot be reached.
    async fn early_media(&self, sdp: Option<String>) {
        if let Some(sdp) = sdp
            && let Err(error) = self.services.sfu.trunk_answer(self.id, sdp).await
        {
            info!(%error, "sound before the answer cannot be taken");
        }
    }

    /// Media changes inside what was agreed: hold, a refresh, another address of the gateway.
    async fn reoffered(&self, leg: Leg, offer: Option<String>) {
        let session = self.id;
        let sdp = match self.services.sfu.reoffered(session, leg, offer).await {
            Ok(sdp) => Some(sdp),
            Err(error) => {
                info!(%leg, %error, "a change of media is refused");
                None
            }
        };
        let answer = Command::AnswerReinvite { session, leg, sdp };
        self.services.signalling.send(answer).await;
    }

    async fn reanswered(&self, leg: Leg, sdp: String) {
        if leg == Leg::Hearing
            && let Err(error) = self.services.sfu.trunk_answer(self.id, sdp).await
        {
            info!(%error, "the gateway's answer does not fit; its sound stays as it was");
        }
    }

    /// Whether this is the asking that the session waits for.
    fn is_invited(&self, ca: &CaId, epoch: Epoch) -> bool {
        match self.session.state() {
            State::RequestReceived {
                invited: Some(asked),
                ..
            } => asked.ca == *ca && asked.epoch == epoch,
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::HearingPartyDialing { .. }
            | State::RelayActive { .. }
            | State::CallEnded { .. } => false,
        }
    }

    /// A leg that once had media is lost; one that never had any could not be connected. What
    /// becomes of an invited interpreter's media is the invitation's business.
    fn media_failed(&self, leg: Leg) -> Option<Input> {
        let connected = match self.session.state() {
            State::RequestReceived { .. } if leg == Leg::Interpreter => return None,
            State::RequestReceived { .. } | State::CallEnded { .. } => false,
            State::InterpreterAssigned { connected, .. }
            | State::HearingPartyDialing { connected, .. }
            | State::RelayActive { connected, .. } => connected.has(leg),
        };
        let reason = EndReason::MediaFailed;
        Some(if connected {
            Input::Lost(leg)
        } else {
            Input::Refused { reason }
        })
    }

    /// An answer to an invitation that is over goes nowhere, least of all into the media of the
    /// one that followed it (Q4).
    async fn interpreter_answered(&mut self, ca: CaId, epoch: Epoch, sdp: String) -> Option<Input> {
        if !self.is_invited(&ca, epoch) {
            info!(%epoch, "an interpreter's answer came too late");
            self.cancel_invitation(epoch, EndReason::InvitationTimedOut)
                .await;
            return None;
        }
        if let Err(error) = self
            .services
            .sfu
            .accept_answer(self.id, Leg::Interpreter, sdp)
            .await
        {
            info!(%error, "the interpreter's answer does not fit");
            self.services
                .queue
                .declined(self.id, ca.clone(), epoch, Decline::Lost)
                .await;
            return Some(Input::InvitationDeclined {
                ca,
                epoch,
                how: Decline::Lost,
            });
        }
        if !self
            .services
            .queue
            .accepted(self.id, ca.clone(), epoch)
            .await
        {
            info!(%epoch, "an interpreter's answer came too late");
            self.services.sfu.leave(self.id, Leg::Interpreter).await;
            self.cancel_invitation(epoch, EndReason::InvitationTimedOut)
                .await;
            return None;
        }
        Some(Input::InvitationAccepted { ca, epoch })
    }

    /// Tries the next trunk when this one is the trouble (R26); otherwise the call has failed.
    async fn hearing_failed(&mut self, reason: EndReason) -> Option<Input> {
        self.ring_deadline = None;
        if reason == EndReason::TrunkUnavailable && self.trunk + 1 < self.services.trunks.len() {
            self.trunk += 1;
            info!(
                trunk = self.services.trunks[self.trunk].name,
                "trying the next trunk"
            );
            self.services.sfu.leave(self.id, Leg::Hearing).await;
            return self
                .dial()
                .await
                .err()
                .map(|reason| Input::HearingFailed { reason });
        }
        Some(Input::HearingFailed { reason })
    }

    /// Works off inputs until none is left.
    async fn settle(&mut self) {
        while let Some(input) = self.pending.pop_front() {
            match self.session.propose(self.services.clock.now(), &input) {
                Ok(step) => self.commit(step).await,
                Err(refusal) => debug!(input = input.word(), %refusal, "refused"),
            }
        }
    }

    async fn commit(&mut self, step: Step) {
        let entry = Entry::from(&step.event);
        if let Err(error) = self.services.journal.append_or_keep(entry).await {
            // The call goes on (R03): cutting off a conversation helps nobody. New calls are
            // refused.
            error!(%error, event = step.event.kind.word(), "a transition is not in the journal");
        }
        if let Err(misfit) = self.session.apply(&step.event) {
            error!(?misfit, "a proposed event did not fit");
            return;
        }
        self.recorded(&step);
        self.perform(step.actions).await;
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
            match action {
                Action::EnterQueue {
                    languages,
                    priority,
                } => {
                    if let Err(reason) = self
                        .services
                        .queue
                        .enter(self.id, languages, priority)
                        .await
                    {
                        self.pending.push_back(Input::Refused { reason });
                    }
                }
                Action::Invite {
                    ca,
                    epoch,
                    number,
                    languages,
                } => {
                    self.invite(ca, epoch, number, languages).await;
                }
                Action::CancelInvitation { epoch, reason, .. } => {
                    self.cancel_invitation(epoch, reason).await;
                    self.services.sfu.leave(self.id, Leg::Interpreter).await;
                }
                Action::AnswerCaller => self.answer_caller().await,
                Action::RefuseCaller { reason } => self.hang_up(Leg::Caller, reason).await,
                Action::DialHearing { .. } => {
                    let input = match self.dial().await {
                        Ok(()) => Input::DialStarted,
                        Err(reason) => Input::HearingFailed { reason },
                    };
                    self.pending.push_back(input);
                }
                Action::TellParties => self.tell_parties().await,
                Action::HangUp { leg, reason } => self.hang_up(leg, reason).await,
                Action::CloseMedia => self.services.sfu.close(self.id).await,
                Action::LeaveQueue => self.services.queue.leave(self.id).await,
            }
        }
    }

    async fn answer_caller(&mut self) {
        let session = self.id;
        let offer = std::mem::take(&mut self.offer);
        match self.services.sfu.answer(session, Leg::Caller, offer).await {
            Ok(sdp) => {
                let answer = Command::AnswerCaller { session, sdp };
                self.services.signalling.send(answer).await;
            }
            Err(error) => {
                error!(%error, "the caller's offer can no longer be answered");
                let reason = EndReason::MediaFailed;
                self.pending.push_back(Input::Refused { reason });
            }
        }
    }

    async fn cancel_invitation(&self, epoch: Epoch, reason: EndReason) {
        let session = self.id;
        self.services
            .signalling
            .send(Command::CancelInvitation {
                reason,
                session,
                epoch,
            })
            .await;
    }

    async fn invite(
        &mut self,
        ca: CaId,
        epoch: Epoch,
        number: PhoneNumber,
        languages: LanguagePair,
    ) {
        let session = self.id;
        match self.services.sfu.offer(session, Leg::Interpreter).await {
            Ok(sdp) => {
                let invitation = Invitation {
                    session,
                    ca,
                    epoch,
                    sdp,
                    number,
                    languages,
                };
                let invite = Command::Invite(invitation);
                self.services.signalling.send(invite).await;
            }
            Err(error) => {
                error!(%error, "no offer for the interpreter");
                self.services
                    .queue
                    .declined(session, ca.clone(), epoch, Decline::Lost)
                    .await;
                self.pending.push_back(Input::InvitationDeclined {
                    ca,
                    epoch,
                    how: Decline::Lost,
                });
            }
        }
    }

    /// Calls the telephone over the trunk whose turn it is.
    async fn dial(&mut self) -> Result<(), EndReason> {
        let trunk = self
            .services
            .trunks
            .get(self.trunk)
            .ok_or(EndReason::TrunkUnavailable)?;
        let session = self.id;
        let sdp = self
            .services
            .sfu
            .trunk_offer(session, trunk.local.ip(), trunk.media_address, trunk.srtp)
            .await
            .map_err(|error| {
                error!(%error, trunk = trunk.name, "no line to the telephone");
                EndReason::TrunkUnavailable
            })?;
        let view = self.session.view(self.services.clock.now());
        let (trunk, number, caller) = (trunk.name.clone(), view.number, view.caller);
        self.services
            .signalling
            .send(Command::Dial {
                session,
                trunk,
                sdp,
                number,
                caller,
            })
            .await;
        self.ring_deadline = Some(tokio::time::Instant::now() + self.services.ring_timeout);
        Ok(())
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
        let view = self.session.view(self.services.clock.now());
        for leg in [Leg::Caller, Leg::Interpreter] {
            let status = Status {
                session: self.id.to_string(),
                state: view.state.word(),
                telephone: view.telephone.word(),
                interpreter: view.interpreter.as_ref().map(CaId::to_string),
                number: (leg == Leg::Interpreter).then(|| view.number.to_string()),
                session_ms: view.session_ms,
                conversation_ms: view.conversation_ms,
                queue_position: None,
            };
            let session = self.id;
            self.services
                .signalling
                .send(Command::Status {
                    leg,
                    session,
                    status,
                })
                .await;
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
