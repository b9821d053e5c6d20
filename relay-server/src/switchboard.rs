//! The server between its sockets: signalling, queue, sessions and journal, joined.
//!
//! What it is: the tasks that think, connected to each other. Whoever starts it brings what
//! touches the world: the journal, the media plane, clocks, and the flows that messages arrive on.
//! What it is not: it opens nothing. [`crate::app`] brings real parts; `tests/sim` brings
//! simulated ones and runs the very same tasks in virtual time.
//! Start reading at [`start`].

use std::sync::Arc;
use std::time::Duration;

use relay_core::clock::Now;
use relay_core::queue::{Match, QueueRules};
use relay_core::session::{Input, Rules, Session, State};
use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vrs_domain::{Seat, SessionId};

use crate::config::Trunk;
use crate::edge::Arrival;
use crate::journal::{AppendError, Entry, Health, Journal, Stranded};
use crate::session::clock::Clock;
use crate::session::driver::{self, Services};
use crate::session::publish::Publisher;
use crate::session::queue::QueueConfig;
use crate::session::views::Views;
use crate::session::{Directory, Message, queue};
use crate::sfu::{MediaNews, Sfu};
use crate::signalling::actor::{Actor, ActorConfig};
use crate::signalling::{Command, Restored, Signalling};

/// Arrivals that may wait for the signalling task.
const ARRIVALS_WAITING_MAX: usize = 4096;
/// A journal that failed is tried again this often.
const JOURNAL_RETRY: Duration = Duration::from_secs(3);
/// How long to wait for a step of the shutdown before looking again.
const FLUSH: Duration = Duration::from_millis(20);
/// How often to look whether the last session has ended.
const FLUSHES_MAX: u32 = 100;

/// What touches the world.
pub struct Parts {
    /// The truth.
    pub journal: Arc<Journal>,
    /// Where views of sessions, registrations and presence are written.
    pub views: Views,
    /// The media plane.
    pub sfu: Sfu,
    /// News of legs from the media plane.
    pub media_news: mpsc::Receiver<MediaNews>,
    /// Time.
    pub clock: Clock,
    /// Ways to the telephone, in order of preference.
    pub trunks: Arc<[Trunk]>,
    /// How long interpreters are asked, rest and wrap up.
    pub queue_rules: QueueRules,
    /// How long things may take within a session.
    pub rules: Rules,
    /// Conversations of an earlier process.
    pub resumed: Vec<Session>,
    /// When that process is known to have been there last.
    pub alive: Option<Now>,
}

/// The running tasks.
#[derive(Debug, Clone)]
pub struct Switchboard {
    /// What arrives on flows goes in here.
    pub arrivals: mpsc::Sender<Arrival>,
    directory: Directory,
    signalling: Signalling,
}

/// Starts the tasks; they end when `halt` is cancelled.
#[must_use]
pub fn start(parts: Parts, signalling: ActorConfig<'_>, halt: &CancellationToken) -> Switchboard {
    let directory = Directory::default();
    let (handle, commands) = Signalling::channel();
    let signalling_handle = handle.clone();
    let queue = QueueConfig {
        directory: directory.clone(),
        views: parts.views.clone(),
        clock: parts.clock.clone(),
        rules: parts.queue_rules,
        resumed: parts.resumed.iter().filter_map(seats).collect(),
    };
    tokio::spawn(mend(Arc::clone(&parts.journal), halt.clone()));
    let services = Services {
        journal: parts.journal,
        sfu: parts.sfu,
        signalling: handle,
        queue: queue::start(queue, halt.clone()),
        directory: directory.clone(),
        publisher: Publisher::default(),
        views: parts.views,
        clock: parts.clock,
        trunks: parts.trunks,
        rules: parts.rules,
        queue_rules: parts.queue_rules,
        halt: halt.clone(),
    };
    let (arrivals, arrived) = mpsc::channel(ARRIVALS_WAITING_MAX);
    for session in parts.resumed {
        driver::resume(services.clone(), session, parts.alive);
    }
    let actor = Actor::new(signalling, services);
    tokio::spawn(actor.run(arrived, commands, halt.clone()));
    tokio::spawn(hand_out(parts.media_news, directory.clone()));
    Switchboard {
        arrivals,
        directory,
        signalling: signalling_handle,
    }
}

impl Switchboard {
    /// Hangs up on those whose session did not outlive the process before, as soon as they can be
    /// reached.
    pub async fn see_off(&self, stranded: Vec<Stranded>) {
        for Stranded {
            session,
            leg,
            dialog,
            reason,
        } in stranded
        {
            let restored = Box::new(Restored {
                session,
                leg,
                dialog,
                seat: None,
            });
            let see_off = Command::SeeOff { restored, reason };
            self.signalling.send(see_off).await;
        }
    }

    /// Ends what is still running, so that no leg is left behind.
    pub async fn drain(&self) {
        for _ in 0..FLUSHES_MAX {
            let running = self.directory.sessions();
            if running.is_empty() {
                break;
            }
            for session in running {
                self.directory.tell(session, Message::Stop);
            }
            tokio::time::sleep(FLUSH).await;
        }
        // The last BYEs are on their way from the signalling task to the sockets.
        tokio::time::sleep(FLUSH * 5).await;
    }

    /// Tells a running session something, as queue, signalling and media plane do; a session that
    /// is over hears nothing. For other drivers, and for tests that say what nobody would.
    pub fn tell(&self, session: SessionId, message: Message) {
        self.directory.tell(session, message);
    }

    /// How many sessions are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.directory.sessions().len()
    }
}

/// What the queue has to know of a session that goes on.
fn seats(session: &Session) -> Option<queue::Resumed> {
    let parties = session.state().parties()?;
    parties.kind.is_relayed().then_some(())?;
    let taken = |seat: &Seat| {
        let interpreter = parties.crew.taken(*seat)?;
        Some(Match {
            session: session.id(),
            seat: *seat,
            ca: interpreter.ca.clone(),
            epoch: interpreter.epoch,
        })
    };
    Some(queue::Resumed {
        session: session.id(),
        latest: parties.crew.latest,
        taken: Seat::ALL.iter().filter_map(taken).collect(),
        urgency: parties.urgency,
        languages: session.placed().languages,
    })
}

/// Whether a session that another process had can go on: its parties talk already.
#[must_use]
pub fn goes_on(session: &Session) -> bool {
    match session.state() {
        State::RelayActive { .. } => true,
        State::RequestReceived { .. }
        | State::InterpreterAssigned { .. }
        | State::HearingPartyDialing { .. }
        | State::CallEnded { .. } => false,
    }
}

/// What was not yet a conversation does not survive a restart; its record says so instead of
/// staying open for ever. Gives the session as it ended; `None` when it cannot be ended, which is
/// logged.
///
/// # Errors
/// When the journal can never take the event; a full disk takes it later (R03).
pub async fn end_after_restart(
    journal: &Journal,
    mut session: Session,
    clock: &Clock,
    alive: Option<Now>,
) -> Result<Option<Session>, AppendError> {
    let now = clock.now();
    session.resume(now, alive);
    let id = session.id();
    match session.handle(now, &Input::Restarted) {
        Ok(step) => {
            match journal.append_or_keep(Entry::from(&step.event)).await {
                Ok(_) => {}
                Err(error @ AppendError::Kept(_)) => {
                    warn!(session = %id, %error, "the end of a session is to be recorded");
                }
                Err(error) => return Err(error),
            }
            info!(session = %id, "ended after a restart");
            Ok(Some(session))
        }
        Err(refusal) => {
            warn!(session = %id, %refusal, "a session could not be ended");
            Ok(None)
        }
    }
}

/// After a failure (a full disk), tries to write again every few seconds (R03).
async fn mend(journal: Arc<Journal>, stop: CancellationToken) {
    let health = journal.health();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(JOURNAL_RETRY) => {}
        }
        let failed = matches!(*health.borrow(), Health::Failed(_));
        if failed {
            match journal.reopen().await {
                Ok(()) => info!("the journal can be written again"),
                Err(error) => warn!(%error, "the journal still cannot be written"),
            }
        }
    }
}

/// Brings news of legs to their sessions.
async fn hand_out(mut news: mpsc::Receiver<MediaNews>, directory: Directory) {
    while let Some(MediaNews { session, leg, news }) = news.recv().await {
        if let PeerNews::Line(_) = &news {
            directory.mention(session, Message::Media { leg, news });
        } else {
            directory.tell(session, Message::Media { leg, news });
        }
    }
}
