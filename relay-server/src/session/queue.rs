//! The task that owns the one queue of waiting sessions and signed-in interpreters.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use relay_core::queue::{InterpreterProfile, Match, Queue, QueueError, QueueRules, Request};
use relay_core::session::Decline;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use vrs_domain::{
    Activity, Availability, CaId, EndReason, Epoch, LanguagePair, Seat, SessionId, Skill, Urgency,
};

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

/// What an interpreter chose to do. A registration is refreshed with the same word again and
/// again; another number says that it was chosen anew, which ends a wrap-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// What.
    pub activity: Activity,
    /// Which of their choices it is.
    pub number: Option<u32>,
}

#[derive(Debug)]
enum Command {
    SignIn {
        ca: CaId,
        profile: InterpreterProfile,
        chosen: Chosen,
    },
    SignOut {
        ca: CaId,
    },
    Enter {
        request: Request,
        waits: bool,
        reply: oneshot::Sender<Result<(), EndReason>>,
    },
    Accepted {
        asked: Match,
        reply: oneshot::Sender<bool>,
    },
    Declined {
        asked: Match,
        how: Decline,
    },
    HandBack {
        asked: Match,
        latest: Epoch,
    },
    Vacate {
        session: SessionId,
        seat: Seat,
    },
    Relieve {
        session: SessionId,
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
    /// How long interpreters are asked, rest and wrap up.
    pub rules: QueueRules,
    /// Sessions of an earlier process.
    pub resumed: Vec<Resumed>,
}

/// A session that outlived its process.
#[derive(Debug)]
pub struct Resumed {
    /// Which.
    pub session: SessionId,
    /// The newest epoch that it knows.
    pub latest: Epoch,
    /// Who has which seat.
    pub taken: Vec<Match>,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Between which languages.
    pub languages: LanguagePair,
}

/// Starts the queue's task.
#[must_use]
pub fn start(config: QueueConfig, stop: CancellationToken) -> QueueHandle {
    let (commands, inbox) = mpsc::channel(COMMANDS_WAITING_MAX);
    let mut queue = Queue::new(config.rules);
    for resumed in &config.resumed {
        put_back(&mut queue, resumed);
    }
    let actor = Actor {
        queue,
        directory: config.directory,
        views: config.views,
        clock: config.clock,
        chosen: BTreeMap::new(),
        told: BTreeMap::new(),
        positions_due: None,
    };
    tokio::spawn(actor.run(inbox, stop));
    QueueHandle { commands }
}

/// Each assignment as the journal has it: whoever was in a call is not asked meanwhile.
fn put_back(queue: &mut Queue, resumed: &Resumed) {
    queue.resume_after(resumed.session, resumed.latest);
    for taken in &resumed.taken {
        let put = queue.resume(
            taken.session,
            taken.seat,
            &taken.ca,
            taken.epoch,
            resumed.urgency,
            resumed.languages,
            clock::instant(),
        );
        if let Err(error) = put {
            tracing::warn!(session = %taken.session, seat = %taken.seat, %error, "not put back");
        }
    }
}

impl QueueHandle {
    /// An interpreter registered, or changed what they do.
    pub fn sign_in(&self, ca: CaId, profile: InterpreterProfile, chosen: Chosen) {
        self.post(Command::SignIn {
            ca,
            profile,
            chosen,
        });
    }

    /// An interpreter's last device is gone.
    pub fn sign_out(&self, ca: CaId) {
        self.post(Command::SignOut { ca });
    }

    /// A seat of a session begins to wait: if it `waits`, even while nobody is signed in who could
    /// take it.
    ///
    /// # Errors
    /// The reason for which it cannot.
    pub async fn enter(&self, request: Request, waits: bool) -> Result<(), EndReason> {
        let (reply, answer) = oneshot::channel();
        let enter = Command::Enter {
            request,
            waits,
            reply,
        };
        self.send(enter).await;
        answer.await.unwrap_or(Err(EndReason::ServiceStopping))
    }

    /// The interpreter answered; `false` when the invitation is no longer theirs.
    pub async fn accepted(&self, asked: Match) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Accepted { asked, reply }).await;
        answer.await.unwrap_or(false)
    }

    /// The interpreter did not take the session.
    pub async fn declined(&self, asked: Match, how: Decline) {
        self.send(Command::Declined { asked, how }).await;
    }

    /// The session, which knows epochs up to `latest`, cannot take this match: nobody was asked.
    pub async fn hand_back(&self, asked: Match, latest: Epoch) {
        self.send(Command::HandBack { asked, latest }).await;
    }

    /// A seat is given up; whoever had it is free.
    pub async fn vacate(&self, session: SessionId, seat: Seat) {
        self.send(Command::Vacate { session, seat }).await;
    }

    /// The relief has the lead; whoever had it is free.
    pub async fn relieve(&self, session: SessionId) {
        self.send(Command::Relieve { session }).await;
    }

    /// The session is over; its interpreters are free.
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
    /// What each interpreter who is signed in chose last.
    chosen: BTreeMap<CaId, Chosen>,
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
                chosen,
            } => self.sign_in(now, &ca, profile, chosen),
            Command::SignOut { ca } => {
                info!(interpreter = %ca, "signed out");
                self.chosen.remove(&ca);
                self.views.absent(ca.as_str());
                if let Some(asked) = self.queue.sign_out(&ca, now) {
                    let (session, how) = (asked.session, Decline::Lost);
                    let refused = Message::InterpreterRefused {
                        asked,
                        how,
                        unfit: false,
                    };
                    self.directory.tell(session, refused);
                }
            }
            Command::Enter {
                request,
                waits,
                reply,
            } => {
                let (session, seat) = (request.session, request.seat);
                let entered = self.enter(now, request, waits);
                if entered.is_ok() && seat == Seat::Lead {
                    self.told.insert(session, 0);
                }
                if reply.send(entered).is_err() {
                    self.queue.vacate(session, seat, now);
                }
            }
            Command::Accepted { asked, reply } => {
                let Match {
                    session,
                    seat,
                    ca,
                    epoch,
                } = asked;
                let accepted = self.queue.accepted(session, seat, &ca, epoch, now).is_ok();
                if reply.send(accepted).is_err() && accepted {
                    self.queue.vacate(session, seat, now);
                }
            }
            Command::Declined { asked, how } => {
                let Match {
                    session,
                    seat,
                    ca,
                    epoch,
                } = asked;
                // Stale when the invitation lapsed first; the session has been told of that.
                if let Err(error) = self.queue.declined(session, seat, &ca, epoch, now) {
                    debug!(%error, %how, "a late decline");
                }
            }
            Command::HandBack { asked, latest } => {
                let Match {
                    session,
                    seat,
                    ca,
                    epoch,
                } = asked;
                let back = self.queue.hand_back(session, seat, &ca, epoch, latest);
                if let Err(error) = back {
                    debug!(%error, "handed back too late");
                }
            }
            Command::Vacate { session, seat } => {
                self.queue.vacate(session, seat, now);
            }
            Command::Relieve { session } => {
                self.queue.relieve(session, now);
            }
            Command::Leave { session } => {
                self.queue.leave(session, now);
                self.told.remove(&session);
            }
        }
    }

    fn sign_in(&mut self, now: Instant, ca: &CaId, profile: InterpreterProfile, chosen: Chosen) {
        let activity = chosen.activity;
        let before = self.queue.availability(ca);
        let mut result = Ok(());
        if before == Availability::Offline || self.queue.profile(ca) != Some(&profile) {
            result = self.queue.sign_in(ca, profile, now);
        }
        // A refreshed registration repeats what was chosen; only another choice is one.
        if self.chosen.insert(ca.clone(), chosen) != Some(chosen) || before == Availability::Offline
        {
            result = result.and_then(|()| self.queue.set_activity(ca, activity, now));
        }
        match result {
            Ok(()) if before == Availability::Offline => {
                info!(interpreter = %ca, %activity, "signed in");
            }
            Ok(()) => {}
            Err(error) => tracing::warn!(interpreter = %ca, %error, "sign-in refused by the queue"),
        }
    }

    fn enter(&mut self, now: Instant, request: Request, waits: bool) -> Result<(), EndReason> {
        if !waits && !self.queue.has_any(request.languages) {
            return Err(EndReason::NoInterpreter);
        }
        match self.queue.enter(request, now) {
            Ok(()) | Err(QueueError::AlreadyWaiting) => Ok(()),
            Err(error) => {
                info!(%error, "the queue takes nobody");
                Err(EndReason::QueueFull)
            }
        }
    }

    /// Everything that follows from a change: lapses, matches, places.
    fn settle(&mut self, now: Instant) {
        while let Some(lapsed) = self.queue.handle_timeout(now) {
            let session = lapsed.session;
            if self.became_away(&lapsed.ca) {
                let away = Message::InterpreterAway(lapsed.clone());
                self.directory.tell(session, away);
            }
            self.directory
                .tell(session, Message::InvitationLapsed(lapsed));
        }
        while let Some(matched) = self.queue.next(now) {
            let session = matched.session;
            self.directory.tell(session, Message::Matched(matched));
        }
        while let Some(ca) = self.queue.poll_change() {
            self.tell_presence(&ca);
        }
        if self.positions_due.is_none_or(|due| due <= now) {
            self.tell_positions();
            self.positions_due = (!self.told.is_empty()).then(|| now + POSITIONS_INTERVAL);
        }
    }

    /// Whether an interpreter who missed an invitation is away since, not having chosen so. Their
    /// app chooses it for them when it hears, and a refresh of one that does not undoes nothing.
    fn became_away(&self, ca: &CaId) -> bool {
        let away = self.queue.availability(ca) == Availability::Away;
        let chosen = self.chosen.get(ca).map(|chosen| chosen.activity);
        away && chosen == Some(Activity::Available)
    }

    /// What an interpreter does now, for the console.
    fn tell_presence(&self, ca: &CaId) {
        let availability = self.queue.availability(ca);
        let Some(profile) = self.queue.profile(ca) else {
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
