//! One run: a server and its people, from the first call to the last record.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay_core::Now;
use relay_core::queue::QueueRules;
use relay_core::session::Rules;
use relay_server::config::{Emergency, Numbers};
use relay_server::journal::{Host, Journal, Options, Replay, Rotation};
use relay_server::session::clock::Clock;
use relay_server::signalling::actor::ActorConfig;
use relay_server::switchboard::{self, Parts, Switchboard};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::cast::{CALLED, CALLING, Cast, DOMAIN, TELEPHONES, ca_id, number, trunk};
use crate::check::{Fit, Timeline, Verdict, Witness, unlike, verdict};
use crate::disk::SimDisk;
use crate::live::{Broken, Live};
use crate::media::{self, Rooms};
use crate::network::{Network, Server};
use crate::person::device::{Owner, device};
use crate::person::{Surroundings, caller, gateway, interpreter};
use crate::plan::{CallPlan, Dial, Fault, Kind, Plan, StaleWord};
use crate::words;

/// UTC when a run begins: 2026-01-01T00:00:00Z.
const BEGINNING_MS: u64 = 1_767_225_600_000;
/// A journal segment is short here, so that rotation is run through.
const SEGMENT_BYTES_MAX: u64 = 16 * 1024;
/// After the last call everything must have come to rest: no transaction, grace, ringing,
/// invitation or calling back in an emergency lasts longer.
const REST: Duration = Duration::from_secs(720);
/// A server notes this often that it is there, in milliseconds (`relay_server::alive`).
const NOTED_EVERY_MS: u64 = 1_000;
/// Nothing breaks any more after this time.
const FAULTS_OVER: Duration = Duration::from_secs(420);
/// Ended sessions that a snapshot holds.
const SNAPSHOT_ENDED: usize = 8;
/// A session that lasts longer than this has been forgotten by everybody.
const RUN_MAX: Duration = Duration::from_secs(3_600);

/// How a run went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Requests that were sent.
    pub calls: u64,
    /// The journal's and the witness's word.
    pub verdict: Verdict,
}

thread_local! {
    /// When this thread's run began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// How far this thread's run is, in virtual milliseconds.
#[must_use]
pub fn elapsed_ms() -> u128 {
    BEGAN.get().map_or(0, |began| began.elapsed().as_millis())
}

/// Runs a plan to its end; `folder` takes its journal and should be empty.
///
/// # Panics
/// When the real file system or the runtime fails.
#[must_use]
pub fn run(plan: &Plan, cast: &Cast, folder: &Path) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(plan, cast, folder);
        BEGAN.set(Some(world.began));
        world.place.witness.begin();
        world.live(plan).await;
        world.finish(plan)
    })
}

struct World<'a> {
    cast: &'a Cast,
    folder: &'a Path,
    began: Instant,
    disk: SimDisk,
    dice: StdRng,
    /// When the server was last there.
    alive: Option<Now>,
    wall: Arc<AtomicI64>,
    wrong_ms: i64,
    timeline: Timeline,
    place: Surroundings,
    life: u32,
    running: Option<Life>,
    snapshots: bool,
}

struct Life {
    halt: CancellationToken,
    switchboard: Switchboard,
    rooms: Rooms,
    broken: Broken,
    live: Live,
}

impl<'a> World<'a> {
    fn new(plan: &Plan, cast: &'a Cast, folder: &'a Path) -> Self {
        let parts = |fault: &Fault| matches!(fault, Fault::Partition { .. });
        let unparted = !plan.faults.iter().any(parts);
        Self {
            cast,
            folder,
            began: Instant::now(),
            disk: SimDisk::default(),
            dice: StdRng::seed_from_u64(plan.seed ^ 0x776f_726c_6421),
            alive: None,
            wall: Arc::default(),
            wrong_ms: 0,
            timeline: Timeline {
                zero_ms: BEGINNING_MS,
                unparted,
                ..Timeline::default()
            },
            place: Surroundings {
                network: Network::new(plan.seed, plan.weather),
                witness: Witness::default(),
                over: CancellationToken::new(),
                seed: plan.seed,
                unparted,
            },
            life: 0,
            running: None,
            snapshots: plan.snapshots,
        }
    }

    async fn live(&mut self, plan: &Plan) {
        self.start_server().await;
        let mut people = JoinSet::new();
        let mut callers = JoinSet::new();
        people.spawn(gateway::gateway(self.place.clone(), plan.calls.clone()));
        for one in &plan.interpreters {
            people.spawn(interpreter::interpreter(self.place.clone(), one.clone()));
        }
        for one in &plan.calls {
            if one.kind != Kind::Inbound {
                callers.spawn(caller::caller(self.place.clone(), one.clone()));
            }
            for other in &one.devices {
                people.spawn(device(self.place.clone(), owner(one), *other));
            }
        }
        let words = plan.words.iter().map(|(at, word)| (*at, Blow::Word(*word)));
        let mut faults: Vec<(Instant, Blow)> = plan
            .faults
            .iter()
            .flat_map(|fault| blows(*fault))
            .chain(words)
            .chain(plan.looks.iter().map(|at| (*at, Blow::Look)))
            .map(|(at, blow)| (self.began + Duration::from_millis(at), blow))
            .collect();
        faults.sort_by_key(|(at, _)| *at);
        for (at, blow) in faults {
            self.live_until(at).await;
            self.strike(blow).await;
        }
        self.live_until(self.began + FAULTS_OVER).await;
        self.disk.spare();
        let end = self.began + RUN_MAX;
        let calls_over = tokio::time::timeout_at(end, self.all_leave(&mut callers)).await;
        if calls_over.is_err() {
            self.complain("callers are still busy after an hour");
        }
        sleep(REST).await;
        self.at_rest();
        self.place.over.cancel();
        self.all_leave(&mut people).await;
    }

    async fn all_leave(&self, people: &mut JoinSet<()>) {
        while let Some(one) = people.join_next().await {
            if one.is_err() {
                self.complain("a person panicked");
            }
        }
    }

    /// No session, leg or port may be left.
    fn at_rest(&self) {
        let Some(life) = &self.running else { return };
        let (sessions, legs) = (life.switchboard.running(), life.rooms.legs());
        if sessions > 0 {
            self.complain(&format!("{sessions} sessions are left"));
        }
        if legs > 0 {
            self.complain(&format!("{legs} legs are left in the media plane"));
        }
        if life.rooms.count() > 0 {
            self.complain("rooms are left in the media plane");
        }
        self.look(life, false, true);
    }

    /// What the server holds is what its journal tells, unless it dies in a write.
    fn look(&self, life: &Life, torn: bool, at_rest: bool) {
        let fit = Fit {
            head: self.timeline.heads.last().copied().unwrap_or(0),
            broken: torn || life.broken.since_ms().is_some(),
            at_rest,
        };
        let Some(rows) = life.live.sessions() else {
            return self.complain("the server's views are not written");
        };
        let mut right = 0;
        for what in unlike(self.folder, &rows, fit, &mut right) {
            self.complain(&what);
        }
        self.place.witness.saw_many("compared", right);
    }

    fn finish(mut self, plan: &Plan) -> Outcome {
        if let Some(life) = self.running.take() {
            life.halt.cancel();
        }
        let there = plan.interpreters.iter().filter(|_| plan.calm);
        let always_there: Vec<_> = there.map(|one| ca_id(one.index)).collect();
        Outcome {
            calls: self.place.witness.calls(),
            verdict: verdict(
                self.folder,
                &self.place.witness,
                &self.timeline,
                &always_there,
            ),
        }
    }

    fn complain(&self, what: &str) {
        self.place.witness.violation(what.to_owned());
    }

    async fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::Kill => self.kill_server(false),
            Blow::Look => {
                if let Some(life) = &self.running {
                    self.look(life, false, false);
                }
            }
            Blow::KillWith { record, down_ms } => {
                let down = Duration::from_millis(down_ms);
                self.disk.await_record(record, down);
            }
            Blow::Tear {
                kept_permille,
                zeros,
                down_ms,
            } => {
                let down = Duration::from_millis(down_ms);
                self.disk.tear(kept_permille, zeros, down);
            }
            Blow::Revive => {
                if self.running.is_none() {
                    self.start_server().await;
                }
            }
            Blow::Disk { failing } => self.disk.set_failing(failing),
            Blow::Syncs { failing } => self.disk.set_failing_syncs(failing),
            Blow::Part { ms } => {
                self.place.witness.saw("partitioned");
                self.place.network.part(Duration::from_millis(ms));
            }
            Blow::Clock { by_ms } => {
                self.wrong_ms += by_ms;
                self.wall.fetch_add(by_ms, Ordering::Relaxed);
                self.timeline.steps.push((self.elapsed_ms(), self.wrong_ms));
            }
            Blow::Word(word) => self.say(word),
        }
    }

    /// A word of nobody's reaches a running session.
    fn say(&mut self, word: StaleWord) {
        let Some(life) = &self.running else { return };
        let rooms = &life.rooms;
        let said = words::stray(&self.place.witness, word, &mut self.dice, |session| {
            rooms.is_open(session)
        });
        if let Some((session, message)) = said {
            self.place.witness.saw(words::name(word));
            life.switchboard.tell(session, message);
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Kills the server, if there is one; it may have died in a write that was `torn`.
    fn kill_server(&mut self, torn: bool) {
        let Some(life) = self.running.take() else {
            return;
        };
        self.look(&life, torn, false);
        if let Some(since_ms) = life.broken.since_ms() {
            self.place.witness.forgive(self.life, since_ms);
        }
        let (died, born) = (self.elapsed_ms(), self.timeline.births.last());
        let lived = died - born.copied().unwrap_or(0);
        let noted = died - lived % NOTED_EVERY_MS;
        let wrong_ms = self.timeline.wrong_ms(noted);
        let utc_ms = (BEGINNING_MS + noted).saturating_add_signed(wrong_ms);
        let up_ms = self.alive.map_or(0, |alive| alive.mono_ms);
        self.alive = Some(Now {
            utc_ms,
            mono_ms: up_ms + lived - lived % NOTED_EVERY_MS,
        });
        self.timeline.deaths.push(died);
        self.timeline.notes.push((noted, utc_ms));
        self.disk.die();
        self.place.network.set_server(None);
        life.halt.cancel();
    }

    /// Lets people live, and the server die with the write that it is to die with.
    async fn live_until(&mut self, at: Instant) {
        loop {
            let death = tokio::select! {
                biased;
                death = self.disk.is_fatal() => death,
                () = sleep_until(at) => return,
            };
            // Of a write that was torn it dies even while it starts.
            if self.running.is_none() && !death.torn {
                continue;
            }
            let what = if death.torn {
                "died_in_a_write"
            } else {
                "died_with_a_record"
            };
            self.place.witness.saw(what);
            self.kill_server(death.torn);
            sleep(death.down).await;
            if self.running.is_none() {
                self.start_server().await;
            }
        }
    }

    /// As `relay_server::app` does it: journal first, then everybody else.
    async fn start_server(&mut self) {
        if self.disk.come_back(&mut self.dice).is_err() {
            return self.complain("the run's own files cannot be cut");
        }
        let halt = CancellationToken::new();
        self.disk.serves(halt.clone());
        let utc = BEGINNING_MS + self.elapsed_ms();
        let utc = i64::try_from(utc).unwrap_or(i64::MAX) + self.wrong_ms;
        self.wall.store(utc, Ordering::Relaxed);
        let clock = Clock::held(Arc::clone(&self.wall)).after(self.alive);
        let mut replay = Replay::default();
        let wall = Arc::clone(&self.wall);
        let options = Options {
            disk: Box::new(self.disk.clone()),
            host: Host::Task,
            rotation: Rotation {
                bytes_max: SEGMENT_BYTES_MAX,
                age_max: None,
            },
            wall: Arc::new(move || u64::try_from(wall.load(Ordering::Relaxed)).unwrap_or(0)),
            snapshots: self.snapshots.then_some(SNAPSHOT_ENDED),
            checkpoint: None,
        };
        let opened = Journal::open_with(self.folder, options, |record| {
            drop(replay.take(&record));
        });
        let (journal, head) = match opened {
            Ok((journal, opened)) => {
                if opened.torn.is_some() {
                    self.place.witness.saw("torn_tail");
                }
                if opened.snapshot.is_some() {
                    self.place.witness.saw("from_snapshot");
                    self.compare(&replay);
                }
                (Arc::new(journal), opened.records)
            }
            // A full disk: an operator would try again.
            Err(_) => return self.try_again_later(),
        };
        // What is written from here on is this life's, even should it end before it takes calls.
        self.timeline.births.push(self.elapsed_ms());
        self.timeline.heads.push(head);
        let open = replay.finish().0.into_iter();
        let (resumed, cut): (Vec<_>, Vec<_>) = open.partition(switchboard::goes_on);
        for session in cut {
            if switchboard::end_after_restart(&journal, session, &clock, self.alive)
                .await
                .is_err()
            {
                return self.try_again_later();
            }
        }
        self.life = u32::try_from(self.timeline.births.len()).unwrap_or(u32::MAX);
        let Ok(live) = Live::start() else {
            return self.complain("the system gives no thread");
        };
        let (sfu, media_news, rooms) = media::start(halt.clone());
        let parts = Parts {
            journal: Arc::clone(&journal),
            views: live.views(),
            sfu,
            media_news,
            clock,
            trunks: [trunk()].into(),
            queue_rules: QueueRules::default(),
            rules: Rules::default(),
            resumed,
            alive: self.alive,
        };
        let signalling = ActorConfig {
            domain: DOMAIN.into(),
            realm: DOMAIN,
            nonce_seeds: [self.dice.random(), self.dice.random()],
            allow_md5: false,
            numbers: Numbers::default(),
            emergency: Emergency::of(DOMAIN),
            turn: None,
            accounts: Arc::clone(&self.cast.0),
            product: "sim".into(),
            stopping: CancellationToken::new(),
            seed: self.dice.random(),
        };
        let switchboard = switchboard::start(parts, signalling, &halt);
        self.place.network.set_server(Some(Server {
            arrivals: switchboard.arrivals.clone(),
            halt: halt.clone(),
            life: self.life,
            rooms: rooms.clone(),
        }));
        let witness = self.place.witness.clone();
        let broken = Broken::of(&journal, witness, halt.clone());
        self.running = Some(Life {
            broken,
            live,
            halt,
            switchboard,
            rooms,
        });
    }

    /// A start from a snapshot finds the sessions that the whole journal tells of.
    fn compare(&self, found: &Replay) {
        let mut whole = Replay::default();
        let read = relay_server::journal::read(self.folder, |record| drop(whole.take(&record)));
        if read.is_err() || whole.open() != found.open() || !found.faults().is_empty() {
            self.complain("a snapshot tells another story than the journal");
        }
    }

    /// The next [`Blow::Revive`] does; the last one comes when the disk works again.
    fn try_again_later(&mut self) {
        if self.timeline.births.len() > self.timeline.deaths.len() {
            self.timeline.deaths.push(self.elapsed_ms());
        }
        self.disk.die();
    }
}

/// A fault's single effects.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Kill,
    KillWith {
        record: &'static str,
        down_ms: u64,
    },
    Tear {
        kept_permille: u32,
        zeros: bool,
        down_ms: u64,
    },
    Revive,
    Disk {
        failing: bool,
    },
    Syncs {
        failing: bool,
    },
    Part {
        ms: u64,
    },
    Clock {
        by_ms: i64,
    },
    Word(StaleWord),
    Look,
}

/// When each effect comes, in milliseconds into the run.
fn blows(fault: Fault) -> Vec<(u64, Blow)> {
    match fault {
        Fault::ServerDies { at_ms, down_ms } => {
            vec![(at_ms, Blow::Kill), (at_ms + down_ms, Blow::Revive)]
        }
        Fault::DiesWith {
            at_ms,
            record,
            down_ms,
        } => vec![(at_ms, Blow::KillWith { record, down_ms })],
        Fault::DiesIn {
            at_ms,
            kept_permille,
            zeros,
            down_ms,
        } => {
            let tear = Blow::Tear {
                kept_permille,
                zeros,
                down_ms,
            };
            vec![(at_ms, tear)]
        }
        Fault::DiskFails { at_ms, for_ms } => vec![
            (at_ms, Blow::Disk { failing: true }),
            (at_ms + for_ms, Blow::Disk { failing: false }),
            (at_ms + for_ms, Blow::Revive),
        ],
        Fault::SyncsFail { at_ms, for_ms } => vec![
            (at_ms, Blow::Syncs { failing: true }),
            (at_ms + for_ms, Blow::Syncs { failing: false }),
            (at_ms + for_ms, Blow::Revive),
        ],
        Fault::Partition { at_ms, for_ms } => vec![(at_ms, Blow::Part { ms: for_ms })],
        Fault::ClockSteps { at_ms, by_ms } => vec![(at_ms, Blow::Clock { by_ms })],
    }
}

/// Whose devices these are.
fn owner(plan: &CallPlan) -> Owner {
    let (account, caller) = match plan.kind {
        Kind::Outbound => (number(CALLING, plan.index), None),
        Kind::Inbound => (
            number(CALLED, plan.index),
            Some(number(TELEPHONES, plan.index)),
        ),
        Kind::PointToPoint => (
            number(CALLED, plan.index),
            Some(number(CALLING, plan.index)),
        ),
    };
    Owner {
        account,
        kind: plan.kind,
        hidden: caller.filter(|_| plan.private && plan.dial != Dial::Emergency),
    }
}
