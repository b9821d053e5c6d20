//! People and their SIP user agents.
//!
//! What it is: an [`Agent`] on one connection, and who uses it: [`caller`]s, the [`device`]s of
//! those who are called, [`interpreter`]s, and the [`gateway`] with its telephones.
//! What it is not: it decides nothing by itself; every habit is drawn in [`crate::plan`].

mod agent;
pub mod caller;
pub mod device;
pub mod gateway;
pub mod interpreter;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use vrs_sip::{Credentials, Headers, Reason};

use agent::{Agent, Happening};

use crate::cast::PASSWORD;
use crate::check::Witness;
use crate::network::Network;

/// Between attempts to connect.
const CONNECT_AGAIN: Duration = Duration::from_millis(700);
/// A call waits for so long for a server that was lost, or for its media (the client's engine).
const HELD: Duration = Duration::from_secs(120);
/// The media between two subscribers is looked after this often.
const LOOKS_EVERY: Duration = Duration::from_secs(35);
/// After this many attempts somebody without a server gives up.
const CONNECTS_MAX: u32 = 40;
/// What everybody answers an offer with.
const ANSWER: &str = "v=0 answer";

/// Where people are.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The way to the server.
    pub network: Network,
    /// Who watches.
    pub witness: Witness,
    /// Cancelled when the run is over.
    pub over: CancellationToken,
    /// The run's seed.
    pub seed: u64,
    /// Nothing ever stands still so long that a transaction times out (RFC 3261, timer B): then
    /// a party may think itself in a call that the other has given up.
    pub unparted: bool,
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn credentials(account: &str) -> Credentials {
    Credentials {
        username: account.to_owned(),
        password: PASSWORD.into(),
    }
}

fn wants_status() -> Vec<(String, String)> {
    vec![("Recv-Info".into(), "vrs-status".into())]
}

/// Whether their own app ended a call, since its answer was never acknowledged (RFC 3261 section
/// 13.3.1.4): the server may have died with it. What the server sends has headers.
fn gave_up(reason: Option<&Reason>, headers: &Headers) -> bool {
    let unacknowledged = reason.is_some_and(|reason| reason.cause == 408);
    unacknowledged && headers.get("Call-ID").is_none()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
