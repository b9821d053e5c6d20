//! The proxy as a program:
//! `impair --listen 127.0.0.1:5070 --target 127.0.0.1:5060 --up loss=5,delay=50 --for 60`.
//!
//! It prints `listening on ADDRESS` and at the end one line of JSON, the counters of
//! [`vrs_impair::Report`]; with `--every` more of them. It reads orders, one a line: `up PROFILE`,
//! `down PROFILE`, `cut up`, `cut down`, `restore up`, `restore down`, `move CLIENT`, `report`.

mod order;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use order::Order;
use tokio::sync::mpsc;
use vrs_impair::{Profile, Proxy, Settings};

/// What `--for` and `--every` take, in seconds.
const SECONDS_MIN: f64 = 0.001;
const SECONDS_MAX: f64 = 604_800.0;

const PROFILES: &str = "\
A PROFILE is `clear` or words with commas between them; % is of all datagrams:
  loss=5                          % lost at random
  burst_enter=1,burst_leave=25    Gilbert-Elliott: % after which it turns bad, and good again
  burst_loss=100,good_loss=0      % lost while it is bad, and while it is good
  delay=50,jitter=10              ms, and ms to either side of them
  order=free                      jitter may change the order (else: kept)
  reorder=2,hold_packets=3        % held back until 3 later ones have overtaken
  reorder=2,hold_ms=30            % held back for 30 ms
  duplicate=1                     % doubled
  rate=2000,queue=200             kbit/s, and ms that may wait for it";

/// Puts a bad network between two UDP programs on this machine.
#[derive(Parser)]
#[command(name = "impair", version, after_help = PROFILES)]
struct Arguments {
    /// Where clients send to, on the loopback; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where their datagrams go, on the loopback
    #[arg(long)]
    target: SocketAddr,
    /// From clients to the target
    #[arg(long, value_name = "PROFILE", default_value = "clear")]
    up: Profile,
    /// From the target to clients
    #[arg(long, value_name = "PROFILE", default_value = "clear")]
    down: Profile,
    /// All chance is drawn from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after so many seconds; else at Ctrl+C
    #[arg(long = "for", value_name = "SECONDS")]
    run_for: Option<Seconds>,
    /// Print the counters every so many seconds, too
    #[arg(long, value_name = "SECONDS")]
    every: Option<Seconds>,
}

/// A length of time as it is written on a command line.
#[derive(Debug, Clone, Copy)]
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse::<f64>().ok();
        seconds
            .filter(|seconds| (SECONDS_MIN..=SECONDS_MAX).contains(seconds))
            .map(|seconds| Self(Duration::from_secs_f64(seconds)))
            .ok_or_else(|| format!("has to be a number from {SECONDS_MIN} to {SECONDS_MAX}"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("impair: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let proxy = Proxy::spawn(Settings {
        listen: arguments.listen,
        target: arguments.target,
        up: arguments.up,
        down: arguments.down,
        seed: arguments.seed,
    })?;
    println!("listening on {}", proxy.address());
    let mut orders = read_orders();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let end = async {
        match arguments.run_for {
            Some(Seconds(time)) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    let mut ticks = arguments.every.map(|Seconds(time)| {
        let first = tokio::time::Instant::now() + time;
        tokio::time::interval_at(first, time)
    });
    loop {
        let tick = async {
            match &mut ticks {
                Some(ticks) => ticks.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // In this order, so that who is answered can also interrupt.
            biased;
            interrupted = &mut interrupted => {
                interrupted?;
                break;
            }
            () = &mut end => break,
            _ = tick => report(&proxy)?,
            Some(order) = orders.recv() => obey(&proxy, order)?,
        }
    }
    report(&proxy)
}

fn report(proxy: &Proxy) -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", serde_json::to_string(&proxy.report()?)?);
    Ok(())
}

/// Does what was typed and says so; what cannot be done is said, and the proxy goes on.
fn obey(proxy: &Proxy, order: Order) -> Result<(), Box<dyn std::error::Error>> {
    let done = match order {
        Order::Profile(direction, profile) => proxy.set_profile(direction, profile),
        Order::Cut(direction) => proxy.cut(direction),
        Order::Restore(direction) => proxy.restore(direction),
        Order::Move(client) => proxy
            .move_client(client)
            .map(|seen_as| println!("{client} is seen as {seen_as}")),
        Order::Report => return report(proxy),
    };
    match done {
        Ok(()) => println!("done: {order}"),
        Err(error) => eprintln!("impair: {error}"),
    }
    Ok(())
}

/// What is typed, as long as somebody can type.
fn read_orders() -> mpsc::Receiver<Order> {
    let (sender, orders) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match line.parse() {
                Ok(order) => {
                    if sender.blocking_send(order).is_err() {
                        return;
                    }
                }
                Err(why) => eprintln!("impair: {line}: {why}"),
            }
        }
    });
    orders
}
