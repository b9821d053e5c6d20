//! The telephone's face: how it behaves, starting it, watching it, stopping it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use vrs_domain::LineSignal;

use crate::driver::Driver;
use crate::network::{accept_streams, read_datagrams};
use crate::report::Report;
use crate::signals::TonePlan;
use crate::voice::Voice;

/// Inputs that may wait for the loop.
const INPUTS_WAITING_MAX: usize = 256;
/// Wishes that may wait for the loop.
const WISHES_WAITING_MAX: usize = 16;
/// Happenings that nobody has read; more are dropped.
const HAPPENINGS_WAITING_MAX: usize = 256;

/// What the telephone does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Rings, then answers.
    Answer,
    /// 486 at once.
    Busy,
    /// Rings for ever.
    NoAnswer,
    /// 603 at once.
    Reject,
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "answer" => Ok(Self::Answer),
            "busy" => Ok(Self::Busy),
            "no-answer" => Ok(Self::NoAnswer),
            "reject" => Ok(Self::Reject),
            other => Err(format!(
                "'{other}' is not one of answer, busy, no-answer, reject"
            )),
        }
    }
}

/// How the telephone is set up.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens, UDP and TCP on the same port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What it does when it is called.
    pub behaviour: Behaviour,
    /// How long it rings before it answers.
    pub ring: Duration,
    /// What it says once it has answered.
    pub voice: Voice,
    /// What the network plays before that (a 183 with an answer, early media).
    pub early: Option<LineSignal>,
    /// In which country's manner signals are played.
    pub plan: TonePlan,
    /// Hangs up by itself this long after answering.
    pub hang_up_after: Option<Duration>,
    /// Where the report of the latest call goes, as JSON.
    pub report: Option<PathBuf>,
    /// Streams have to be TLS with this certificate.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Settings {
    /// Answers after a fifth of a second on a port of the system's choice and plays 440 Hz.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            behaviour: Behaviour::Answer,
            ring: Duration::from_millis(200),
            voice: Voice::tone(440.0),
            early: None,
            plan: TonePlan::default(),
            hang_up_after: None,
            report: None,
            tls: None,
        }
    }
}

/// What the person at the telephone does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Puts the receiver down: every call ends.
    HangUp,
    /// Presses these keys in every call.
    Press(String),
    /// Plays a signal in every call, or again what was played before.
    Play(Option<LineSignal>),
    /// Calls somebody, over UDP.
    Call {
        /// The number.
        to: String,
        /// Our own number; `None` withholds it (RFC 3323).
        from: Option<String>,
        /// The gateway's address.
        at: SocketAddr,
    },
}

impl FromStr for Wish {
    type Err = String;

    /// `hang up`, `press KEYS`, `play SIGNAL`, `play nothing`, `call NUMBER at ADDRESS from NUMBER`, `call NUMBER at ADDRESS anonymously`.
    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let address = |text: &str| {
            text.parse()
                .map_err(|_| format!("'{text}' is not an address"))
        };
        match words[..] {
            ["hang", "up"] => Ok(Self::HangUp),
            ["press", keys] => Ok(Self::Press(keys.to_owned())),
            ["play", "nothing"] => Ok(Self::Play(None)),
            ["play", signal] => match signal.parse() {
                Ok(signal) => Ok(Self::Play(Some(signal))),
                Err(error) => Err(error.to_string()),
            },
            ["call", to, "at", at, "from", from] => Ok(Self::Call {
                to: to.to_owned(),
                from: Some(from.to_owned()),
                at: address(at)?,
            }),
            ["call", to, "at", at, "anonymously"] => Ok(Self::Call {
                to: to.to_owned(),
                from: None,
                at: address(at)?,
            }),
            _ => Err(format!(
                "'{line}' is neither 'hang up' nor 'press KEYS' nor 'play SIGNAL' nor 'call NUMBER at ADDRESS from NUMBER'"
            )),
        }
    }
}

/// What happened at the telephone.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Somebody calls, and it rings, or it rings at the other end; the number of the call since
    /// the start.
    Ringing(u32),
    /// It answered, or was answered.
    Answered(u32),
    /// A key was pressed at the other end; all of this call.
    Keyed(u32, String),
    /// The call is over.
    Over(Report),
}

/// Why the telephone could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelephoneError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The system gave no random bytes.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

/// A running telephone; dropping it unplugs it.
pub struct Telephone {
    address: SocketAddr,
    happenings: mpsc::Receiver<Happening>,
    wishes: mpsc::Sender<Wish>,
    tasks: Vec<JoinHandle<()>>,
}

impl Telephone {
    /// Plugs the telephone in; must be called within a tokio runtime.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn spawn(settings: Settings) -> Result<Self, TelephoneError> {
        let (socket, listener, address) =
            bind(settings.listen)
                .await
                .map_err(|error| TelephoneError::Listen {
                    address: settings.listen,
                    error,
                })?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(TelephoneError::Random)?;
        let (inputs, arrived) = mpsc::channel(INPUTS_WAITING_MAX);
        let (tell, happenings) = mpsc::channel(HAPPENINGS_WAITING_MAX);
        let (wishes, wished) = mpsc::channel(WISHES_WAITING_MAX);
        let (wanted, wanted_here) = mpsc::channel(WISHES_WAITING_MAX);
        let tls = settings.tls.clone().map(TlsAcceptor::from);
        let driver = Driver::new(settings, address, seed, inputs.clone(), tell, wanted);
        let tasks = vec![
            tokio::spawn(read_datagrams(socket, inputs.clone(), wanted_here)),
            tokio::spawn(accept_streams(listener, tls, inputs)),
            tokio::spawn(driver.run(arrived, wished)),
        ];
        Ok(Self {
            address,
            happenings,
            wishes,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next thing that happens; `None` when nothing does within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Option<Happening> {
        tokio::time::timeout(limit, self.happenings.recv())
            .await
            .ok()
            .flatten()
    }

    /// The report of the call that ends next; `None` when none does within `limit`.
    pub async fn report(&mut self, limit: Duration) -> Option<Report> {
        let over = async {
            loop {
                match self.happenings.recv().await? {
                    Happening::Over(report) => return Some(report),
                    Happening::Ringing(_) | Happening::Answered(_) | Happening::Keyed(..) => {}
                }
            }
        };
        tokio::time::timeout(limit, over).await.ok().flatten()
    }

    /// Puts the receiver down: every call ends.
    pub fn hang_up(&self) {
        self.wish(Wish::HangUp);
    }

    /// Does what the person at the telephone wants.
    pub fn wish(&self, wish: Wish) {
        // A telephone that is this far behind is out of order anyway.
        self.wishes.try_send(wish).ok();
    }
}

impl Drop for Telephone {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// UDP and TCP on one port; where the system chooses, a port may be taken on the other side.
async fn bind(listen: SocketAddr) -> std::io::Result<(Arc<UdpSocket>, TcpListener, SocketAddr)> {
    const TRIES: u32 = 20;
    let mut tries = 0;
    loop {
        let socket = UdpSocket::bind(listen).await?;
        let address = socket.local_addr()?;
        tries += 1;
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok((Arc::new(socket), listener, address)),
            Err(error) if listen.port() != 0 || tries == TRIES => return Err(error),
            Err(_) => {}
        }
    }
}
