//! Our media plane in a process of its own, told over its standard input what to do.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::process::{ChildStdin, ChildStdout};

use relay_server::sfu::{self, SfuConfig};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_domain::{Leg, SessionId};
use vrs_media::Allowed;

use super::Outcome;
use super::daemon::Daemon;

/// News of legs that may wait; nobody reads them here.
const NEWS_MAX: usize = 1024;

/// One line of the child's input.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ask {
    session: u128,
    leg: String,
    what: What,
    /// Empty where none is needed.
    pub(crate) offer: String,
}

/// What the child is to do.
#[derive(Serialize, Deserialize)]
enum What {
    /// Answer the first offer of a leg.
    Answer,
    /// Answer a further one.
    Reoffered,
    /// Let the relief take over, in the place of the leg.
    Relieve,
}

/// The child's side: answers offers until its input ends.
pub(crate) fn serve() -> Outcome<()> {
    let local: IpAddr = std::env::args().nth(2).ok_or("no address")?.parse()?;
    let (news, mut unread) = mpsc::channel(NEWS_MAX);
    std::thread::spawn(move || while unread.blocking_recv().is_some() {});
    let config = SfuConfig {
        listen: SocketAddr::new(local, 0),
        advertised: SocketAddr::new(local, 0),
        workers: NonZeroU16::MIN,
        allowed: Allowed::everything(),
        news,
    };
    let (sfu, _) = sfu::start(config, CancellationToken::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for line in io::stdin().lines() {
        let ask: Ask = serde_json::from_str(&line?)?;
        let leg: Leg = ask.leg.parse()?;
        let session = SessionId(ask.session);
        let answer = runtime.block_on(async {
            match ask.what {
                What::Answer => sfu.answer(session, leg, ask.offer).await,
                What::Reoffered => sfu.reoffered(session, leg, Some(ask.offer)).await,
                What::Relieve => {
                    sfu.rename(session, Leg::Relief, leg).await;
                    Ok(String::new())
                }
            }
        })?;
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}

/// The parent's side.
pub(crate) struct Plane {
    pub(crate) daemon: Daemon,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Plane {
    /// The program that serves as `how` says: the whole plane, or a fan.
    pub(crate) fn start(how: &str, local: IpAddr) -> Outcome<Self> {
        let (daemon, input, output) = Daemon::own(&[how, &local.to_string()])?;
        Ok(Self {
            daemon,
            input,
            output: BufReader::new(output),
        })
    }

    /// The answer to a leg's offer.
    pub(crate) fn answer(&mut self, session: u128, leg: Leg, offer: String) -> Outcome<String> {
        self.ask(session, leg, What::Answer, offer)
    }

    /// The answer to a further offer of a leg.
    pub(crate) fn reoffered(&mut self, session: u128, leg: Leg, offer: String) -> Outcome<String> {
        self.ask(session, leg, What::Reoffered, offer)
    }

    /// The relief becomes the interpreter.
    pub(crate) fn relieve(&mut self, session: u128) -> Outcome<()> {
        let nothing = String::new();
        self.ask(session, Leg::Interpreter, What::Relieve, nothing)?;
        Ok(())
    }

    fn ask(&mut self, session: u128, leg: Leg, what: What, offer: String) -> Outcome<String> {
        let ask = Ask {
            session,
            leg: leg.to_string(),
            what,
            offer,
        };
        writeln!(self.input, "{}", serde_json::to_string(&ask)?)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}
