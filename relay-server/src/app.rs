//! The composition root: the only file that knows every part of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use relay_core::session::{Input, Session};
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::accounts::AccountStore;
use crate::config::{Config, Trunk, TrunkTransport};
use crate::edge::secure::SecurePort;
use crate::edge::trunk::{Gateway, Transport, TrunkPort};
use crate::edge::{Arrival, FlowIds, admin, secure, trunk};
use crate::journal::{DataLock, Entry, Health, Journal};
use crate::session::clock::Clock;
use crate::session::driver::Services;
use crate::session::publish::Publisher;
use crate::session::queue::QueueConfig;
use crate::session::views::Views;
use crate::session::{Directory, Message, queue};
use crate::sfu::{self, MediaNews, SfuConfig};
use crate::signalling::Signalling;
use crate::signalling::actor::{Actor, ActorConfig};
use crate::store::{self, Rebuild, Store};
use crate::{tls, turn};

/// Arrivals that may wait for the signalling task.
const ARRIVALS_WAITING_MAX: usize = 4096;
/// Media news that may wait to be handed to their sessions.
const NEWS_WAITING_MAX: usize = 4096;
/// How long to wait for a step of the shutdown before looking again.
const FLUSH: Duration = Duration::from_millis(20);
/// A journal that failed is tried again this often.
const JOURNAL_RETRY: Duration = Duration::from_secs(3);
/// How often to look whether the last session has ended.
const FLUSHES_MAX: u32 = 100;

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
    let clock = Clock::start();
    let (journal, views) = open_records(&config, clock).await?;

    // `stop` is the wish to end; `halt` ends the parts, once every leg has been told.
    let halt = CancellationToken::new();
    let _halt_on_return = halt.clone().drop_guard();
    let directory = Directory::default();
    let (news, media_news) = mpsc::channel(NEWS_WAITING_MAX);
    let advertised = SocketAddr::new(config.listen.media_address, 0);
    let media = SfuConfig {
        listen: config.listen.media,
        advertised,
        news,
    };
    let (sfu, media_address) =
        sfu::start(media, halt.clone()).map_err(listen("media", config.listen.media))?;
    let (signalling, commands) = Signalling::channel();
    tokio::spawn(mend_journal(Arc::clone(&journal), halt.clone()));
    let queue = QueueConfig {
        directory: directory.clone(),
        views: views.clone(),
        clock,
        invitation_timeout: config.queue.invitation_timeout,
    };
    let services = Services {
        journal,
        sfu,
        signalling,
        queue: queue::start(queue, halt.clone()),
        directory: directory.clone(),
        publisher: Publisher::default(),
        views,
        clock,
        trunks: config.trunks.clone().into(),
        ring_timeout: config.queue.hearing_ring_timeout,
    };

    let (arrivals, arrived) = mpsc::channel(ARRIVALS_WAITING_MAX);
    let flows = Arc::new(FlowIds::default());
    start_trunks(&config, &tls, &arrivals, &flows, &halt).await?;
    start_side_doors(&config, media_address, &halt).await?;
    let (listener, secure_address) = bind(config.listen.secure).await?;
    let actor = Actor::new(actor_config(&config, accounts, &stop)?, services);
    tokio::spawn(actor.run(arrived, commands, halt.clone()));
    tokio::spawn(hand_out(media_news, directory.clone()));
    let local = format!("{}:{}", config.server.domain, secure_address.port());
    let wish = stop.clone();
    let port = SecurePort {
        arrivals,
        flows,
        local,
        ready: Arc::new(move || !wish.is_cancelled()),
    };
    let serving = tokio::spawn(secure::serve(listener, tls, port, halt.clone()));
    info!(secure = %secure_address, media = %media_address, "ready");
    println!("ready secure={secure_address} media={media_address}");

    stop.cancelled().await;
    drain(&directory).await;
    halt.cancel();
    if let Ok(Err(error)) = serving.await {
        warn!(%error, "the secure port ended with an error");
    }
    Ok(())
}

/// Opens the journal, checks all of it, rebuilds the views and ends what a crash left open.
async fn open_records(config: &Config, clock: Clock) -> Result<(Arc<Journal>, Views), AppError> {
    let mut rebuild = Rebuild::default();
    let (journal, opened) = Journal::open(&config.journal_dir(), |record| rebuild.take(&record))?;
    if let Some(torn) = opened.torn {
        warn!(
            ?torn,
            "an unfinished record at the end of the journal was cut off"
        );
    }
    let (store, quarantined) = store::open(&config.store_dir())?;
    if let Some(quarantined) = quarantined {
        warn!(
            ?quarantined,
            "the store was damaged and is rebuilt from the journal"
        );
    }
    let restored = rebuild.fill(&store)?;
    for fault in &restored.faults {
        warn!(?fault, "a session's record does not replay");
    }
    for session in restored.open {
        end_after_restart(&journal, &store, session, clock).await?;
    }
    info!(records = opened.records, "journal opened and verified");
    let views = Views::start(Box::new(store)).map_err(AppError::Runtime)?;
    Ok((Arc::new(journal), views))
}

/// After a failure (a full disk), tries to write again every few seconds (R03).
async fn mend_journal(journal: Arc<Journal>, stop: CancellationToken) {
    let health = journal.health();
    loop {
        tokio::select! {
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

/// No session survives a restart yet; its record says so instead of staying open for ever.
async fn end_after_restart(
    journal: &Journal,
    store: &dyn Store,
    mut session: Session,
    clock: Clock,
) -> Result<(), AppError> {
    let now = clock.now();
    session.resume(now);
    let id = session.id();
    match session.handle(now, &Input::Restarted) {
        Ok(step) => {
            journal.append(Entry::from(&step.event)).await?;
            store.put_session(&(&session.view(now)).into())?;
            info!(session = %id, "ended after a restart");
        }
        Err(refusal) => warn!(session = %id, %refusal, "a session could not be ended"),
    }
    Ok(())
}

/// Ends what is still running, so that no leg is left behind.
async fn drain(directory: &Directory) {
    for _ in 0..FLUSHES_MAX {
        let running = directory.sessions();
        if running.is_empty() {
            break;
        }
        for session in running {
            directory.tell(session, Message::Stop);
        }
        tokio::time::sleep(FLUSH).await;
    }
    // The last BYEs are on their way from the signalling task to the sockets.
    tokio::time::sleep(FLUSH * 5).await;
}

fn actor_config<'a>(
    config: &'a Config,
    accounts: Arc<AccountStore>,
    stop: &CancellationToken,
) -> Result<ActorConfig<'a>, AppError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(AppError::Random)?;
    Ok(ActorConfig {
        domain: config.server.domain.clone(),
        realm: &config.sip.realm,
        nonce_seeds: nonce_seeds(config.sip.nonce_secret.expose()),
        allow_md5: config.sip.allow_md5,
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

/// TURN, and the operator's port.
async fn start_side_doors(
    config: &Config,
    media: SocketAddr,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    if let Some(turn) = turn::serve(config, Some(media), stop.clone()).await? {
        info!(udp = ?turn.udp_address(), tcp = ?turn.tcp_address(), "TURN");
    }
    if let Some(address) = config.listen.admin {
        let metrics = admin::metrics().map_err(AppError::Metrics)?;
        let bound = admin::start(address, metrics, stop.clone())
            .await
            .map_err(listen("admin", address))?;
        info!(admin = %bound, "health and metrics");
    }
    Ok(())
}

/// Brings news of legs to their sessions.
async fn hand_out(mut news: mpsc::Receiver<MediaNews>, directory: Directory) {
    while let Some(MediaNews { session, leg, news }) = news.recv().await {
        directory.tell(session, Message::Media { leg, news });
    }
}
