//! The server's tasks in virtual time, and people whose every step a test decides.

#![allow(dead_code)] // each test file uses its part
#![allow(clippy::wildcard_enum_match_arm)] // phones hear only what concerns them

pub(crate) mod phone;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use relay_core::queue::QueueRules;
use relay_core::session::{Rules, Session};
use relay_server::config::{Emergency, Numbers};
use relay_server::journal::{Host, Journal, Kind, Options, Replay, Rotation};
use relay_server::session::clock::Clock;
use relay_server::session::views::Views;
use relay_server::signalling::actor::ActorConfig;
use relay_server::switchboard::{self, Parts, Switchboard};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vrs_sim::Cast;
use vrs_sim::cast::{DOMAIN, trunk};
use vrs_sim::disk::SimDisk;
use vrs_sim::media;
use vrs_sim::network::{Network, Server};
use vrs_sim::plan::Weather;

/// UTC when a test begins.
pub(crate) const BEGINNING_MS: u64 = 1_767_225_600_000;

/// Where the server is, and stays when it dies.
pub(crate) struct Place {
    folder: TempDir,
    cast: Cast,
    began: Instant,
    pub(crate) disk: SimDisk,
    pub(crate) network: Network,
    lives: u32,
}

/// The server.
pub(crate) struct Service {
    pub(crate) switchboard: Switchboard,
    pub(crate) journal: Arc<Journal>,
    halt: CancellationToken,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cast = Cast::assemble(folder.path(), 4, 4).expect("accounts");
        let weather = Weather {
            delay_ms: (10, 30),
            lost: 0,
            doubled: 0,
        };
        Self {
            folder,
            cast,
            began: Instant::now(),
            disk: SimDisk::default(),
            network: Network::new(1, weather),
            lives: 0,
        }
    }

    /// Opens the journal: with it, the sessions that it holds open.
    pub(crate) fn journal(&mut self) -> (Arc<Journal>, Vec<Session>) {
        let mut dice = StdRng::seed_from_u64(7);
        self.disk.come_back(&mut dice).expect("files that were cut");
        let options = Options {
            disk: Box::new(self.disk.clone()),
            host: Host::Task,
            rotation: Rotation {
                bytes_max: 1 << 20,
                age_max: None,
            },
            wall: Arc::new(|| BEGINNING_MS),
            snapshots: None,
            checkpoint: None,
        };
        let mut replay = Replay::default();
        let folder = self.folder.path().join("journal");
        let opened = Journal::open_with(&folder, options, |record| drop(replay.take(&record)));
        let (open, faults) = replay.finish();
        assert!(faults.is_empty(), "{faults:?}");
        (Arc::new(opened.expect("a journal").0), open)
    }

    /// The server as `relay_server::app` starts it.
    pub(crate) async fn start(&mut self) -> Service {
        let (journal, open) = self.journal();
        let (resumed, cut): (Vec<_>, Vec<_>) = open.into_iter().partition(switchboard::goes_on);
        for session in cut {
            let ended =
                switchboard::end_after_restart(&journal, session, &self.clock(), None).await;
            ended.expect("a journal that takes it");
        }
        self.serve(journal, resumed)
    }

    pub(crate) fn serve(&mut self, journal: Arc<Journal>, resumed: Vec<Session>) -> Service {
        let halt = CancellationToken::new();
        let (sfu, media_news, rooms) = media::start(halt.clone());
        let parts = Parts {
            journal: Arc::clone(&journal),
            views: Views::discarded(),
            sfu,
            media_news,
            clock: self.clock(),
            trunks: [trunk()].into(),
            queue_rules: QueueRules::default(),
            rules: Rules::default(),
            resumed,
            alive: None,
        };
        let signalling = ActorConfig {
            domain: DOMAIN.into(),
            realm: DOMAIN,
            nonce_seeds: [[1; 32], [2; 32]],
            allow_md5: false,
            numbers: Numbers::default(),
            emergency: Emergency::of(DOMAIN),
            turn: None,
            accounts: self.cast.accounts(),
            product: "sim".into(),
            stopping: CancellationToken::new(),
            seed: [3; 32],
        };
        let switchboard = switchboard::start(parts, signalling, &halt);
        self.lives += 1;
        self.network.set_server(Some(Server {
            arrivals: switchboard.arrivals.clone(),
            halt: halt.clone(),
            life: self.lives,
            rooms,
        }));
        Service {
            switchboard,
            journal,
            halt,
        }
    }

    /// kill -9.
    pub(crate) fn kill(&self, service: &Service) {
        self.disk.die();
        self.network.set_server(None);
        service.halt.cancel();
    }

    /// What is in the journal: session and record, in order.
    pub(crate) fn records(&self) -> Vec<(String, Kind)> {
        let mut records = Vec::new();
        let folder = self.folder.path().join("journal");
        let read = relay_server::journal::read(&folder, |record| {
            records.push((record.entry.session, record.entry.kind));
        });
        read.expect("an unbroken chain");
        records
    }

    /// Why each session ended, in order.
    pub(crate) fn ends(&self) -> Vec<(String, String)> {
        let records = self.records().into_iter();
        let ends = records.filter_map(|(session, kind)| match kind {
            Kind::Ended { reason, .. } => Some((session, reason)),
            _ => None,
        });
        ends.collect()
    }

    pub(crate) fn utc_ms(&self) -> u64 {
        BEGINNING_MS + u64::try_from(self.began.elapsed().as_millis()).expect("a short test")
    }

    fn clock(&self) -> Clock {
        let wall = Arc::new(AtomicI64::new(0));
        let utc = i64::try_from(self.utc_ms()).expect("this age");
        wall.store(utc, Ordering::Relaxed);
        Clock::held(wall)
    }
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
