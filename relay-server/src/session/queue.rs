//! The task that owns the one queue of waiting sessions and signed-in interpreters.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use relay_core::queue::{InterpreterProfile, Match, Priority, Queue, QueueError};
use relay_core::session::Decline;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, SessionId, Skill};

use super::clock::{self, Clock};
use super::views::Views;
use super::{Directory, Message};
use crate::store::PresenceRow;

/// Commands that may wait for the queue's task.
const COMMANDS_WAITING_MAX: usize = 4096;
/// Places in the queue are told at most this often.
const POSITIONS_INTERVAL: Duration = Duration::from_millis(250);

/// Gauges are renewed this often.
const GAUGES_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Command {
    SignIn {
        ca: CaId,
        profile: InterpreterProfile,
        available: bool,
    },
    SignOut {
        ca: CaId,
    },
    Enter {
        session: SessionId,
        languages: LanguagePair,
        priority: Priority,
        reply: oneshot::Sender<Result<(), EndReason>>,
    },
    Accepted {
        session: SessionId,
        ca: CaId,
        epoch: Epoch,
        reply: oneshot::Sender<bool>,
    },
    Declined {
        session: SessionId,
        ca: CaId,
        epoch: Epoch,
        how: Decline,
    },
    Leave {
        session: SessionId,
    },
}

/// Talks to the queue's task.
#[derive(Debug, Clone)]
pub struct QueueHandle {
    commands: mpsc::Sender<Command>,
}

/// What the queue's task needs.
pub struct QueueConfig {
    /// Inboxes of the sessions.
    pub directory: Directory,
    /// Where presence is written.
    pub views: Views,
    /// Time.
    pub clock: Clock,
    /// How long an interpreter is asked before the next one is.
    pub invitation_timeout: Duration,
}

/// Starts the queue's task.
#[must_use]
pub fn start(config: QueueConfig, stop: CancellationToken) -> QueueHandle {
    let (commands, inbox) = mpsc::channel(COMMANDS_WAITING_MAX);
    let actor = Actor {
        queue: Queue::with_invitation_timeout(config.invitation_timeout),
        directory: config.directory,
        views: config.views,
        clock: config.clock,
        told: BTreeMap::new(),
        positions_due: None,
    };
    tokio::spawn(actor.run(inbox, stop));
    QueueHandle { commands }
}

impl QueueHandle {
    /// An interpreter registered, or changed what they do.
    pub fn sign_in(
        &self,
        ca: CaId,
        languages: Vec<LanguagePair>,
        skills: Vec<Skill>,
        available: bool,
    ) {
        let profile = InterpreterProfile { languages, skills };
        self.post(Command::SignIn {
            ca,
            profile,
            available,
        });
    }

    /// An interpreter's last device is gone.
    pub fn sign_out(&self, ca: CaId) {
        self.post(Command::SignOut { ca });
    }

    /// A session begins to wait.
    ///
    /// # Errors
    /// The reason for which it cannot.
    pub async fn enter(
        &self,
        session: SessionId,
        languages: LanguagePair,
        priority: Priority,
    ) -> Result<(), EndReason> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Enter {
            session,
            languages,
            priority,
            reply,
        })
        .await;
        answer.await.unwrap_or(Err(EndReason::ServiceStopping))
    }

    /// The interpreter answered; `false` when the invitation is no longer theirs.
    pub async fn accepted(&self, session: SessionId, ca: CaId, epoch: Epoch) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Accepted {
            session,
            ca,
            epoch,
            reply,
        })
        .await;
        answer.await.unwrap_or(false)
    }

    /// The interpreter did not take the session.
    pub async fn declined(&self, session: SessionId, ca: CaId, epoch: Epoch, how: Decline) {
        self.send(Command::Declined {
            session,
            ca,
            epoch,
            how,
        })
        .await;
    }

    /// The session is over; its interpreter is free.
    pub async fn leave(&self, session: SessionId) {
        self.send(Command::Leave { session }).await;
    }

    async fn send(&self, command: Command) {
        if self.commands.send(command).await.is_err() {
            debug!("the queue has stopped");
        }
    }

    /// For the signalling task, which must not wait for anybody.
    fn post(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            tracing::error!(%error, "the queue is too far behind");
        }
    }
}

struct Actor {
    queue: Queue,
    directory: Directory,
    views: Views,
    clock: Clock,
    /// The place last told to each waiting session.
    told: BTreeMap<SessionId, u32>,
    positions_due: Option<Instant>,
}

impl Actor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut gauges = tokio::time::interval(GAUGES_INTERVAL);
        loop {
            let next = self
                .queue
                .poll_timeout()
                .into_iter()
                .chain(self.positions_due)
                .min();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = gauges.tick() => self.publish(),
                command = inbox.recv() => match command {
                    Some(command) => self.on_command(clock::instant(), command),
                    None => return,
                },
                () = sleep_until(next) => {}
            }
            self.settle(clock::instant());
        }
    }

    fn on_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::SignIn {
                ca,
                profile,
                available,
            } => self.sign_in(now, &ca, profile, available),
            Command::SignOut { ca } => {
                info!(interpreter = %ca, "signed out");
                self.views.absent(ca.as_str());
                if let Some(Match { session, ca, epoch }) = self.queue.sign_out(&ca) {
                    let how = Decline::Lost;
                    self.directory
                        .tell(session, Message::InterpreterRefused { ca, epoch, how });
                }
            }
            Command::Enter {
                session,
                languages,
                priority,
                reply,
            } => {
                let entered = self.enter(now, session, languages, priority);
                if entered.is_ok() {
                    self.told.insert(session, 0);
                }
                if reply.send(entered).is_err() {
                    self.queue.leave(session, now);
                }
            }
            Command::Accepted {
                session,
                ca,
                epoch,
                reply,
            } => {
                let accepted = self.queue.accepted(session, &ca, epoch).is_ok();
                self.tell_presence(&ca);
                if reply.send(accepted).is_err() {
                    self.queue.leave(session, now);
                }
            }
            Command::Declined {
                session,
                ca,
                epoch,
                how,
            } => {
                // Stale when the invitation lapsed first; the session has been told of that.
                if let Err(error) = self.queue.declined(session, &ca, epoch, now) {
                    debug!(%error, %how, "a late decline");
                }
                self.tell_presence(&ca);
            }
            Command::Leave { session } => {
                if let Some(freed) = self.queue.leave(session, now) {
                    self.tell_presence(&freed.ca);
                }
                self.told.remove(&session);
            }
        }
    }

    fn sign_in(&mut self, now: Instant, ca: &CaId, profile: InterpreterProfile, available: bool) {
        let before = self.queue.availability(ca);
        let mut result = Ok(());
        if before.is_none() || self.queue.profile(ca) != Some(&profile) {
            result = self.queue.sign_in(ca.clone(), profile, now);
        }
        result = result.and_then(|()| self.queue.set_availability(ca, available, now));
        match result {
            Ok(()) if before.is_none() => info!(interpreter = %ca, available, "signed in"),
            Ok(()) => {}
            Err(error) => tracing::warn!(interpreter = %ca, %error, "sign-in refused by the queue"),
        }
        if before != self.queue.availability(ca) {
            self.tell_presence(ca);
        }
    }

    fn enter(
        &mut self,
        now: Instant,
        session: SessionId,
        languages: LanguagePair,
        priority: Priority,
    ) -> Result<(), EndReason> {
        if !self.queue.has_any(languages) {
            return Err(EndReason::NoInterpreter);
        }
        match self.queue.enter(session, languages, priority, now) {
            Ok(()) | Err(QueueError::AlreadyWaiting) => Ok(()),
            Err(QueueError::Full | QueueError::UnknownInterpreter | QueueError::Stale) => {
                Err(EndReason::QueueFull)
            }
        }
    }

    /// Everything that follows from a change: lapses, matches, places.
    fn settle(&mut self, now: Instant) {
        while let Some(Match { session, ca, epoch }) = self.queue.handle_timeout(now) {
            self.tell_presence(&ca);
            self.directory
                .tell(session, Message::InvitationLapsed { ca, epoch });
        }
        while let Some(Match { session, ca, epoch }) = self.queue.next(now) {
            self.tell_presence(&ca);
            self.directory.tell(session, Message::Matched { ca, epoch });
        }
        if self.positions_due.is_none_or(|due| due <= now) {
            self.tell_positions();
            self.positions_due = (!self.told.is_empty()).then(|| now + POSITIONS_INTERVAL);
        }
    }

    /// What an interpreter does now, for the console.
    fn tell_presence(&self, ca: &CaId) {
        let (Some(profile), Some(availability)) =
            (self.queue.profile(ca), self.queue.availability(ca))
        else {
            return;
        };
        self.views.present(PresenceRow {
            interpreter: ca.to_string(),
            availability: availability.to_string(),
            languages: profile
                .languages
                .iter()
                .map(LanguagePair::to_string)
                .collect(),
            skills: profile.skills.iter().map(Skill::to_string).collect(),
            since_ms: self.clock.now().utc_ms,
        });
    }

    /// Counting visits every interpreter, so it keeps a pace of its own.
    fn publish(&self) {
        let summary = self.queue.summary();
        metrics::gauge!("visavis_queue_waiting").set(summary.waiting as f64);
        metrics::gauge!("visavis_interpreters_available").set(summary.available as f64);
        metrics::gauge!("visavis_interpreters_in_call").set(summary.in_call as f64);
    }

    fn tell_positions(&mut self) {
        let Self {
            queue,
            directory,
            told,
            ..
        } = self;
        told.retain(|session, last| match queue.position(*session) {
            Some(position) => {
                if position != *last {
                    *last = position;
                    directory.tell(*session, Message::Position(position));
                }
                true
            }
            None => false,
        });
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
