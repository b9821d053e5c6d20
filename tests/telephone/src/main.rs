//! The simulated telephone as a program: `telephone --listen 127.0.0.1:5070 --play speech.wav`.
//!
//! It prints `listening on ADDRESS` and one line for each thing that happens, and reads what the
//! person at it does: `call NUMBER at ADDRESS from NUMBER`, `press KEYS`, `play SIGNAL`, `play nothing`,
//! `hang up`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use vrs_domain::LineSignal;
use vrs_telephone::{Behaviour, Happening, Settings, Telephone, TonePlan, Voice, Wish};

/// A small SIP telephone that answers, rings, plays and reports what it heard.
#[derive(Parser)]
#[command(name = "telephone", version)]
struct Arguments {
    /// Where to listen, UDP and TCP; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// answer, busy, no-answer or reject
    #[arg(long, default_value = "answer")]
    behaviour: Behaviour,
    /// Seconds to ring before answering
    #[arg(long, default_value_t = 1.0)]
    ring_s: f32,
    /// Speech to play once: a WAV file, 16 bits, 8 to 48 kHz
    #[arg(long)]
    play: Option<PathBuf>,
    /// A tone to play, after the speech if there is one, in Hz
    #[arg(long)]
    tone: Option<f32>,
    /// Say nothing at all (the default without --play and --tone)
    #[arg(long, conflicts_with_all = ["play", "tone"])]
    silence: bool,
    /// What the network plays while it rings (183 with an answer): ringback, busy, congestion,
    /// announcement, music, silence
    #[arg(long)]
    early: Option<LineSignal>,
    /// In which country's manner signals are played: american or european
    #[arg(long, default_value = "american")]
    plan: TonePlan,
    /// Hang up this many seconds after answering
    #[arg(long)]
    hang_up_after_s: Option<f32>,
    /// Where to write what was heard, as JSON, at the end of each call
    #[arg(long)]
    report: Option<PathBuf>,
    /// End after one call
    #[arg(long)]
    once: bool,
    /// Certificate (PEM); with it, streams have to be TLS
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("telephone: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let once = arguments.once;
    let mut telephone = Telephone::spawn(settings(arguments)?).await?;
    println!("listening on {}", telephone.address());
    let mut wishes = read_wishes();
    loop {
        let happening = tokio::select! {
            Some(wish) = wishes.recv() => {
                telephone.wish(wish);
                continue;
            }
            happening = telephone.next(Duration::MAX) => happening,
        };
        let Some(happening) = happening else {
            return Ok(());
        };
        match happening {
            Happening::Ringing(call) => println!("call {call}: ringing"),
            Happening::Answered(call) => println!("call {call}: answered"),
            Happening::Keyed(call, keys) => println!("call {call}: keys {keys}"),
            Happening::Over(report) => {
                println!(
                    "call {}: over: {}",
                    report.call,
                    serde_json::to_string(&report)?
                );
                if once {
                    // The last message (a BYE, or the answer to one) is still on its way.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    return Ok(());
                }
            }
        }
    }
}

/// What is typed; [`Wish`] knows the words.
fn read_wishes() -> tokio::sync::mpsc::Receiver<Wish> {
    let (sender, wishes) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match line.parse() {
                Ok(wish) => {
                    if sender.blocking_send(wish).is_err() {
                        return;
                    }
                }
                Err(why) => eprintln!("telephone: {why}"),
            }
        }
    });
    wishes
}

fn settings(arguments: Arguments) -> Result<Settings, Box<dyn std::error::Error>> {
    let voice = match (&arguments.play, arguments.tone) {
        (Some(file), tone) => Voice::speech(file, tone)?,
        (None, Some(hz)) => Voice::tone(hz),
        (None, None) => Voice::silence(),
    };
    let seconds = |s: f32| Duration::try_from_secs_f32(s);
    let tls = match (&arguments.tls_certificate, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
        _ => None,
    };
    Ok(Settings {
        listen: arguments.listen,
        behaviour: arguments.behaviour,
        ring: seconds(arguments.ring_s)?,
        voice,
        early: arguments.early,
        plan: arguments.plan,
        hang_up_after: arguments.hang_up_after_s.map(seconds).transpose()?,
        report: arguments.report,
        tls,
    })
}

fn tls(
    certificate: &Path,
    key: &Path,
) -> Result<Arc<rustls::ServerConfig>, Box<dyn std::error::Error>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}
