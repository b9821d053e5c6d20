//! The server's tasks with a real journal, its media plane played by [`super::plane`], and people
//! on flows of their own ([`super::party`]); all of it in virtual time.

use std::sync::Arc;
use std::time::Duration;

use relay_core::queue::QueueRules;
use relay_core::session::Rules;
use relay_server::accounts::{Account, AccountStore, Digests, Role};
use relay_server::config::{Emergency, Numbers, Trunk, TrunkHost, TrunkTransport};
use relay_server::edge::Arrival;
use relay_server::journal::{
    self, Disk, Entry, Host, Journal, Kind, Options, RealDisk, Replay, Stranded,
};
use relay_server::session::clock::Clock;
use relay_server::session::views::Views;
use relay_server::signalling::actor::ActorConfig;
use relay_server::switchboard::{self, Parts, Switchboard};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_domain::{EndReason, Sensitive};

use super::party::Party;
use super::plane::{self, Rooms};

pub(crate) const DOMAIN: &str = "vrs.test";
pub(crate) const CALLER: &str = "+15550100001";
pub(crate) const OTHER: &str = "+15550100002";
pub(crate) const TELEPHONE: &str = "+15550100199";
pub(crate) const ANA: &str = "1001";
pub(crate) const BEN: &str = "1002";
/// An interpreter whose CA id reads like a number for help.
pub(crate) const NED: &str = "112";
/// Interprets between ASL and Spanish, for a subscriber who talks so.
pub(crate) const EVA: &str = "1003";
pub(crate) const SPANISH: &str = "+15550100003";
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The trunks, in order of preference.
pub(crate) const TRUNKS: [&str; 2] = ["north", "south"];

/// The service with everybody who may sign in.
pub(crate) struct Office {
    folder: tempfile::TempDir,
    accounts: Arc<AccountStore>,
    rules: Rules,
    queue_rules: QueueRules,
    flows: u64,
    life: Option<Life>,
    clock: Clock,
}

struct Life {
    halt: CancellationToken,
    switchboard: Switchboard,
    rooms: Rooms,
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::open_on(RealDisk).await
    }

    /// With a time after each call in which nobody is sent.
    pub(crate) async fn with_wrap_up(wrap_up: Duration) -> Self {
        let mut office = Self::open().await;
        office.kill();
        office.queue_rules.wrap_up = wrap_up;
        office.start().await;
        office
    }

    pub(crate) async fn open_on(disk: impl Disk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = AccountStore::open(folder.path().join("accounts")).unwrap();
        let number = |number: &str, languages: &str| Role::Caller {
            number: number.parse().unwrap(),
            location: None,
            languages: languages.parse().ok(),
        };
        let interpreter = |ca: &str, languages: &str| Role::Interpreter {
            ca_id: ca.parse().unwrap(),
            languages: vec![languages.parse().unwrap()],
            skills: Vec::new(),
            gender: None,
            supervisor: false,
            center: Some("denver".parse().unwrap()),
        };
        let password = Sensitive::new(PASSWORD.to_owned());
        let roles = [
            number(CALLER, ""),
            number(OTHER, ""),
            number(SPANISH, "ase/es"),
            interpreter(ANA, "ase/en"),
            interpreter(BEN, "ase/en"),
            interpreter(NED, "ase/en"),
            interpreter(EVA, "ase/es"),
        ];
        for role in roles {
            let account = Account::new(role, None, DOMAIN, &password, Digests::Strong).unwrap();
            accounts.add(account).unwrap();
        }
        let mut office = Self {
            folder,
            accounts: Arc::new(accounts),
            rules: Rules::default(),
            queue_rules: QueueRules::default(),
            flows: 0,
            life: None,
            clock: Clock::held(Arc::default()),
        };
        office.start_on(disk).await;
        office
    }

    /// As a kill -9 does it: nothing is told to anybody. Flows are cut by whoever has them.
    pub(crate) fn kill(&mut self) {
        self.life.take().unwrap().halt.cancel();
    }

    pub(crate) async fn start(&mut self) {
        self.start_on(RealDisk).await;
    }

    /// As `relay_server::app` does it: the journal first, then what goes on and what does not.
    pub(crate) async fn start_on(&mut self, disk: impl Disk) {
        // What was halted lets go of the journal.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut replay = Replay::default();
        let options = Options {
            disk: Box::new(disk),
            host: Host::Task,
            ..Options::default()
        };
        let opened = Journal::open_with(&self.journal_folder(), options, |record| {
            drop(replay.take(&record));
        });
        let journal = Arc::new(opened.unwrap().0);
        let mut stranded = replay.stranded();
        let (open, faults) = replay.finish();
        assert_eq!(faults, [], "every session replays");
        let (resumed, cut): (Vec<_>, Vec<_>) = open.into_iter().partition(switchboard::goes_on);
        for session in cut {
            stranded.extend(Stranded::of(&session, EndReason::ServerRestarted));
            switchboard::end_after_restart(&journal, session, &self.clock, None)
                .await
                .unwrap();
        }
        let halt = CancellationToken::new();
        let (sfu, media_news, rooms) = plane::start(&halt);
        let parts = Parts {
            journal,
            views: Views::discarded(),
            sfu,
            media_news,
            clock: self.clock.clone(),
            trunks: TRUNKS.map(trunk).into(),
            queue_rules: self.queue_rules,
            rules: self.rules,
            resumed,
            alive: Some(self.clock.now()),
        };
        let config = ActorConfig {
            domain: DOMAIN.into(),
            realm: DOMAIN,
            nonce_seeds: [[1; 32], [2; 32]],
            allow_md5: false,
            accounts: Arc::clone(&self.accounts),
            product: "test".into(),
            stopping: CancellationToken::new(),
            numbers: Numbers::default(),
            emergency: Emergency::of(DOMAIN),
            turn: None,
            seed: [9; 32],
        };
        let switchboard = switchboard::start(parts, config, &halt);
        switchboard.see_off(stranded).await;
        self.life = Some(Life {
            halt,
            switchboard,
            rooms,
        });
    }

    fn life(&self) -> &Life {
        self.life.as_ref().unwrap()
    }

    pub(crate) fn arrivals(&self) -> mpsc::Sender<Arrival> {
        self.life().switchboard.arrivals.clone()
    }

    pub(crate) fn switchboard(&self) -> &Switchboard {
        &self.life().switchboard
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.life().rooms
    }

    pub(crate) fn next_flow(&mut self) -> u64 {
        self.flows += 1;
        self.flows
    }

    /// Somebody with an account, connected and signed in.
    pub(crate) async fn sign_in(&mut self, account: &'static str) -> Party {
        let mut party = Party::new(account);
        party.sign_in(self).await;
        party
    }

    /// Where a caller is registered from now on.
    pub(crate) fn register_at(&self, account: &str, location: &str) {
        let place = Sensitive::new(location.parse().unwrap());
        self.accounts.relocate(account, place).unwrap();
    }

    /// Where an account is registered.
    pub(crate) fn location(&self, account: &str) -> Option<String> {
        let account = self.accounts.lookup(account).unwrap();
        account.location().map(ToString::to_string)
    }

    /// The gateway behind a trunk, connected.
    pub(crate) async fn gateway(&mut self, trunk: &'static str) -> Party {
        let mut party = Party::new(trunk);
        party.connect(self, Some(trunk)).await;
        party
    }

    /// Writes another journal in the place of the present one.
    pub(crate) async fn rewrite(&mut self, entries: Vec<Entry>) {
        pass(Duration::from_millis(50)).await;
        std::fs::remove_dir_all(self.journal_folder()).unwrap();
        let options = Options {
            host: Host::Task,
            ..Options::default()
        };
        let (journal, _) = Journal::open_with(&self.journal_folder(), options, |_| {}).unwrap();
        for entry in entries {
            journal.append(entry).await.unwrap();
        }
    }

    /// What the journal holds, in order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        journal::read(&self.journal_folder(), |record| entries.push(record.entry)).unwrap();
        entries
    }

    /// Why sessions ended, in order.
    pub(crate) fn ends(&self) -> Vec<String> {
        let ended = |entry: Entry| match entry.kind {
            Kind::Ended { reason, .. } => Some(reason),
            _ => None,
        };
        self.entries().into_iter().filter_map(ended).collect()
    }

    /// Every session of the journal replays.
    pub(crate) fn assert_replays(&self) {
        let mut replay = Replay::default();
        journal::read(&self.journal_folder(), |record| drop(replay.take(&record))).unwrap();
        assert_eq!(replay.faults(), []);
    }

    fn journal_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("journal")
    }
}

fn trunk(name: &str) -> Trunk {
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    let last = if name == TRUNKS[0] { 11 } else { 12 };
    Trunk {
        name: name.into(),
        host: TrunkHost::Address([198, 51, 100, last].into()),
        port: 5060,
        transport: TrunkTransport::Tls,
        plaintext: false,
        ca_file: None,
        srtp: true,
        silence: None,
        local: (loopback, 0).into(),
        media_address: loopback,
    }
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
