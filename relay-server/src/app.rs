//! The composition root: the only file that knows every part of the server.

use std::net::SocketAddr;
use std::sync::Arc;

use relay_core::Now;
use relay_core::session::Session;
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use vrs_domain::EndReason;

use crate::accounts::AccountStore;
use crate::config::{Config, Trunk, TrunkTransport};
use crate::edge::secure::SecurePort;
use crate::edge::trunk::{Gateway, Transport, TrunkPort};
use crate::edge::{Arrival, FlowIds, admin, secure, trunk};
use crate::journal::{self, DataLock, Journal, Publishing, Stranded};
use crate::session::clock::Clock;
use crate::session::views::Views;
use crate::sfu::{self, SfuConfig};
use crate::signalling::actor::ActorConfig;
use crate::store::{self, Rebuild, SessionRow, Store, StoreError};
use crate::switchboard::{self, Parts, goes_on};
use crate::turn::Told;
use crate::{alive, tls, turn};

/// Media news that may wait to be handed to their sessions.
const NEWS_WAITING_MAX: usize = 4096;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The accounts file cannot be used.
    #[error(transparent)]
    Accounts(#[from] crate::accounts::AccountError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// The key that signs the journal's head cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] crate::journal::CheckpointError),
    /// Another server has the data folder.
    #[error(transparent)]
    Lock(#[from] crate::journal::LockError),
    /// The views cannot be rebuilt.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The journal cannot be written.
    #[error(transparent)]
    Append(#[from] crate::journal::AppendError),
    /// TURN cannot be served.
    #[error(transparent)]
    Turn(#[from] turn::TurnError),
    /// An address cannot be bound.
    #[error("cannot listen on {address} ({what}): {error}")]
    Listen {
        /// Which listener.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// A trunk's host name is not one that a certificate can carry.
    #[error("trunk {name}: {error}")]
    Trunk {
        /// Which trunk.
        name: String,
        /// What is wrong.
        error: String,
    },
    /// No threads or no event loop.
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    /// Metrics were installed twice in one process.
    #[error("metrics: {0}")]
    Metrics(metrics_exporter_prometheus::BuildError),
    /// The system gives no randomness.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

/// Runs the server until it is told to stop (SIGTERM, SIGINT); a second signal ends it at once.
///
/// # Errors
/// [`AppError`] when it cannot start; once it runs, no peer can end it.
pub fn run(config: Config) -> Result<(), AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(signals(stop.clone()));
        serve(config, stop).await
    })
}

async fn signals(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        warn!("signals cannot be watched; the server must be killed to stop");
        return;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if stop.is_cancelled() {
            std::process::exit(130);
        }
        info!("stopping: no new calls, every leg is told; signal again to end at once");
        stop.cancel();
    }
}

/// Serves until `stop` is cancelled; prints a line starting with `ready` when it takes calls.
///
/// # Errors
/// As [`run`].
pub async fn serve(config: Config, stop: CancellationToken) -> Result<(), AppError> {
    let tls = tls::server_config(&config.tls)?;
    let accounts = Arc::new(AccountStore::open(config.accounts_file())?);
    let _lock = DataLock::take(&config.server.data_dir)?;
    let alive = alive::last(&config.server.data_dir);
    let clock = Clock::start().after(alive);
    let records = open_records(&config, &clock, alive).await?;

    // `stop` is the wish to end; `halt` ends the parts, once every leg has been told.
    let halt = CancellationToken::new();
    let _halt_on_return = halt.clone().drop_guard();
    let (news, media_news) = mpsc::channel(NEWS_WAITING_MAX);
    let advertised = SocketAddr::new(config.listen.media_address, 0);
    let media = SfuConfig {
        listen: config.listen.media,
        advertised,
        workers: config.media.workers,
        allowed: config.media.allowed.clone(),
        news,
    };
    let (sfu, media_addresses) =
        sfu::start(media, halt.clone()).map_err(listen("media", config.listen.media))?;
    let parts = Parts {
        journal: records.journal,
        views: records.views,
        sfu,
        media_news,
        clock: clock.clone(),
        trunks: config.trunks.clone().into(),
        queue_rules: config.queue.rules,
        rules: config.queue.session,
        resumed: records.resumed,
        alive,
    };
    let turn = start_turn(&config, &media_addresses, &halt).await?;
    let signalling = actor_config(&config, accounts, turn, &stop)?;
    let switchboard = switchboard::start(parts, signalling, &halt);
    switchboard.see_off(records.stranded).await;
    let arrivals = switchboard.arrivals.clone();

    let flows = Arc::new(FlowIds::default());
    start_trunks(&config, &tls, &arrivals, &flows, &halt).await?;
    let wish = stop.clone();
    let ready: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(move || !wish.is_cancelled());
    start_admin(&config, Arc::clone(&ready), &halt).await?;
    let (listener, secure_address) = bind(config.listen.secure).await?;
    let local = format!("{}:{}", config.server.domain, secure_address.port());
    let port = SecurePort {
        arrivals,
        flows,
        local,
        ready,
    };
    let serving = tokio::spawn(secure::serve(listener, tls, port, halt.clone()));
    let media: Vec<String> = media_addresses.iter().map(ToString::to_string).collect();
    let media = media.join(",");
    info!(secure = %secure_address, %media, "ready");
    println!("ready secure={secure_address} media={media}");
    tokio::spawn(alive::note(
        config.server.data_dir.clone(),
        clock,
        halt.clone(),
    ));

    stop.cancelled().await;
    switchboard.drain().await;
    halt.cancel();
    if let Ok(Err(error)) = serving.await {
        warn!(%error, "the secure port ended with an error");
    }
    Ok(())
}

/// Opens the journal with what the configuration says about it, and tells what is odd about it.
fn open_journal(
    config: &Config,
    rebuild: &mut Rebuild,
) -> Result<(Journal, journal::Opened), AppError> {
    let settings = &config.journal;
    let name = format!("{}/journal", config.server.domain);
    let options = journal::Options {
        rotation: settings.rotation,
        snapshots: Some(store::ENDED_KEPT_MAX),
        checkpoint: Some(Publishing {
            file: settings.checkpoint.clone(),
            every: settings.checkpoint_every,
            signer: journal::signing_key(&config.server.data_dir, &name)?,
        }),
        ..journal::Options::default()
    };
    let folder = config.journal_dir();
    let (journal, opened) = Journal::open_with(&folder, options, |r| rebuild.take(&r))?;
    if let Some(torn) = &opened.torn {
        warn!(
            ?torn,
            "an unfinished record at the end of the journal was cut off"
        );
    }
    for ignored in &opened.ignored {
        let file = ignored.file.display();
        warn!(event = "snapshot_ignored", %file, why = ignored.why, "a snapshot of the journal is not used");
    }
    if let Some(contradiction) = &opened.contradiction {
        error!(
            event = "checkpoint_contradicted",
            contradiction, "the journal is not the one whose head was published"
        );
    }
    Ok((journal, opened))
}

/// What outlives the process.
struct Records {
    journal: Arc<Journal>,
    views: Views,
    /// Conversations that another process had.
    resumed: Vec<Session>,
    /// Whom that process left on the line.
    stranded: Vec<Stranded>,
}

/// Opens the journal, checks all of it, rebuilds the views and finds what goes on, and ends
/// whatever else a crash left open.
async fn open_records(
    config: &Config,
    clock: &Clock,
    alive: Option<Now>,
) -> Result<Records, AppError> {
    let mut rebuild = Rebuild::default();
    let (journal, opened) = open_journal(config, &mut rebuild)?;
    let restored = rebuild.finish();
    let store = open_store(config, &restored.rows)?;
    for fault in &restored.faults {
        warn!(?fault, "a session's record does not replay");
    }
    let (resumed, cut): (Vec<_>, Vec<_>) = restored.open.into_iter().partition(goes_on);
    let mut stranded = restored.stranded;
    for session in cut {
        stranded.extend(Stranded::of(&session, EndReason::ServerRestarted));
        if let Some(ended) = switchboard::end_after_restart(&journal, session, clock, alive).await?
        {
            let row = (&ended.view(clock.now())).into();
            if let Err(error) = store.put_session(&row) {
                warn!(%error, "a view of a session that ended is stale");
            }
        }
    }
    let (records, snapshot) = (opened.records, opened.snapshot);
    let resumes = resumed.len();
    info!(records, snapshot, resumes, "journal opened and verified");
    let views = Views::start(store).map_err(AppError::Runtime)?;
    Ok(Records {
        journal: Arc::new(journal),
        views,
        resumed,
        stranded,
    })
}

/// The store with the views in it; one that is damaged, or a disk that is full, keeps nobody from
/// calling.
fn open_store(config: &Config, rows: &[SessionRow]) -> Result<Box<dyn Store>, AppError> {
    let opened = match store::open(&config.store_dir()) {
        Ok((store, None)) => Ok(store),
        Ok((store, Some(quarantined))) => {
            warn!(
                ?quarantined,
                "the store was damaged and is rebuilt from the journal"
            );
            Ok(store)
        }
        Err(error @ StoreError::Locked) => return Err(error.into()),
        Err(error) => Err(error),
    };
    let (store, why) = store::filled(opened, rows);
    if let Some(why) = why {
        error!(event = "views_in_memory", %why, "the store cannot be used; the views are kept in memory until the next start");
    }
    Ok(store)
}

fn actor_config<'a>(
    config: &'a Config,
    accounts: Arc<AccountStore>,
    turn: Option<Told>,
    stop: &CancellationToken,
) -> Result<ActorConfig<'a>, AppError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(AppError::Random)?;
    Ok(ActorConfig {
        domain: config.server.domain.clone(),
        realm: &config.sip.realm,
        nonce_seeds: nonce_seeds(config.sip.nonce_secret.expose()),
        allow_md5: config.sip.allow_md5,
        numbers: config.numbers.clone(),
        emergency: config.emergency.clone(),
        turn,
        accounts,
        stopping: stop.clone(),
        product: format!("Visavis relay-server/{}", env!("CARGO_PKG_VERSION")),
        seed,
    })
}

/// Two independent keys from the configured secret.
fn nonce_seeds(secret: &[u8]) -> [[u8; 32]; 2] {
    let seed = |label: &[u8]| {
        Sha256::new()
            .chain_update(secret)
            .chain_update(label)
            .finalize()
            .into()
    };
    [seed(b"strong"), seed(b"md5")]
}

fn listen(what: &'static str, address: SocketAddr) -> impl FnOnce(std::io::Error) -> AppError {
    move |error| AppError::Listen {
        what,
        address,
        error,
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(listen("secure", address))?;
    let bound = listener.local_addr().map_err(listen("secure", address))?;
    Ok((listener, bound))
}

async fn start_trunks(
    config: &Config,
    tls: &Arc<rustls::ServerConfig>,
    arrivals: &mpsc::Sender<Arrival>,
    flows: &Arc<FlowIds>,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    for trunk in &config.trunks {
        let gateway = gateway(trunk, tls)?;
        let local = gateway.local;
        let port = TrunkPort {
            arrivals: arrivals.clone(),
            flows: Arc::clone(flows),
            stop: stop.clone(),
        };
        let bound = trunk::start(gateway, port)
            .await
            .map_err(listen("trunk", local))?;
        info!(trunk = trunk.name, transport = %trunk.transport, %bound, "trunk configured");
    }
    Ok(())
}

fn gateway(trunk: &Trunk, tls: &Arc<rustls::ServerConfig>) -> Result<Gateway, AppError> {
    let wrong = |error: String| AppError::Trunk {
        name: trunk.name.clone(),
        error,
    };
    let transport = match trunk.transport {
        TrunkTransport::Udp => Transport::Udp,
        TrunkTransport::Tcp => Transport::Tcp,
        TrunkTransport::Tls => Transport::Tls {
            client: tls::client_config(trunk.ca_file.as_deref())?,
            server: Arc::clone(tls),
            name: ServerName::try_from(trunk.host.bare())
                .map_err(|error| wrong(error.to_string()))?,
        },
    };
    Ok(Gateway {
        name: trunk.name.clone(),
        host: trunk.host.bare(),
        port: trunk.port,
        local: trunk.local,
        advertised: trunk.media_address,
        transport,
    })
}

/// TURN, where it is configured; gives what devices are told of it.
async fn start_turn(
    config: &Config,
    media: &[SocketAddr],
    stop: &CancellationToken,
) -> Result<Option<Told>, AppError> {
    let Some(turn) = turn::serve(config, media.iter().copied(), stop.clone()).await? else {
        return Ok(None);
    };
    let (udp, tcp, tls) = (turn.udp_address(), turn.tcp_address(), turn.tls_address());
    info!(?udp, ?tcp, ?tls, "TURN");
    Ok(Told::of(config, turn.listeners()))
}

/// The operator's port.
async fn start_admin(
    config: &Config,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    if let Some(address) = config.listen.admin {
        let metrics = admin::metrics().map_err(AppError::Metrics)?;
        let bound = admin::start(address, metrics, ready, stop.clone())
            .await
            .map_err(listen("admin", address))?;
        info!(admin = %bound, "health and metrics");
    }
    Ok(())
}
