//! Foreign programs against our TURN: coturn's own test client allocates, binds channels and
//! relays through us with our time-limited credentials.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use relay_server::config::Config;
use relay_server::init::init;
use relay_server::turn::{self, TurnHandle, credential};
use tokio_util::sync::CancellationToken;

/// How long one run of the client may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    config: Config,
    handle: Option<TurnHandle>,
    address: SocketAddr,
    tcp: SocketAddr,
    tls: SocketAddr,
    shutdown: CancellationToken,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(loopback_peers: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), &[]).unwrap();
        let file = folder.path().join("relay-server.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text
            .replace(
                "turn_udp = \"127.0.0.1:3478\"",
                "turn_udp = \"127.0.0.1:0\"\nturn_tcp = \"127.0.0.1:0\"\nturn_tls = \"127.0.0.1:0\"",
            )
            .replace(
                "#relay_address_ipv6 = \"2001:db8::7\"",
                "relay_address_ipv6 = \"::1\"",
            )
            .replace(
                "#allow_loopback_peers = false",
                &format!("allow_loopback_peers = {loopback_peers}"),
            );
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shutdown = CancellationToken::new();
        let handle = runtime
            .block_on(turn::serve(&config, None, shutdown.clone()))
            .unwrap()
            .unwrap();
        let (address, tcp) = (handle.udp_address().unwrap(), handle.tcp_address().unwrap());
        let tls = handle.tls_address().unwrap();
        Self {
            config,
            handle: Some(handle),
            address,
            tcp,
            tls,
            shutdown,
            runtime,
            folder,
        }
    }

    fn credential(&self, ttl: u64) -> turn::Credential {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let secret = &self.config.turn.as_ref().unwrap().secret;
        // An expired one is issued in the past.
        credential::issue(
            secret,
            "+15550100001",
            if ttl == 0 { now - 10 } else { now },
            ttl,
        )
    }

    fn client(
        &self,
        credential: &turn::Credential,
        address: SocketAddr,
        peer: SocketAddr,
        more: &[&str],
    ) -> Output {
        let (ip, port) = (peer.ip().to_string(), peer.port().to_string());
        let peer = ["-c", "-m", "1", "-e", &ip, "-r", &port];
        self.run(credential, address, &[&peer, more].concat())
    }

    fn run(&self, credential: &turn::Credential, address: SocketAddr, more: &[&str]) -> Output {
        let mut command = foreign("turnutils_uclient");
        command
            .args([
                "-u",
                &credential.username,
                "-w",
                credential.password.expose(),
            ])
            .args(["-n", "20", "-l", "200", "-z", "10"])
            .args(["-p", &address.port().to_string()])
            .args(more)
            .arg(address.ip().to_string());
        finish(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.stopped());
        }
    }
}

fn foreign(program: &str) -> Command {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    });
    assert!(
        found,
        "{program} is missing: install the package 'coturn' (apt-get install coturn)"
    );
    Command::new(program)
}

/// Runs to the end, or fails the test when it takes too long.
fn finish(mut command: Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!(
                "the client did not finish in {PATIENCE:?}: {}",
                text(&output)
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// coturn's echo server on a free loopback port.
struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    fn start() -> Self {
        Self::at("127.0.0.1")
    }

    fn at(ip: &str) -> Self {
        let ip: std::net::IpAddr = ip.parse().unwrap();
        let free = UdpSocket::bind((ip, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = foreign("turnutils_peer");
        command.args(["-L", &ip.to_string(), "-p", &address.port().to_string()]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let echo = Self { child, address };
        echo.wait();
        echo
    }

    /// Returns once it echoes.
    fn wait(&self) {
        let probe = UdpSocket::bind((self.address.ip(), 0)).unwrap();
        probe
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            probe.send_to(b"ready?", self.address).ok();
            if probe.recv(&mut [0; 64]).is_ok() {
                return;
            }
        }
        panic!("turnutils_peer does not echo");
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn relayed_everything(output: &Output) {
    let said = text(output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("tot_send_msgs=20, tot_recv_msgs=20"),
        "{said}"
    );
    assert!(said.contains("Total lost packets 0"), "{said}");
}

#[test]
fn coturns_client_relays_through_us_over_udp_by_channel() {
    let (server, echo) = (Server::start(true), Echo::start());
    let output = server.client(&server.credential(600), server.address, echo.address, &[]);
    relayed_everything(&output);
}

#[test]
fn coturns_client_relays_through_us_over_udp_by_indication() {
    let (server, echo) = (Server::start(true), Echo::start());
    let output = server.client(
        &server.credential(600),
        server.address,
        echo.address,
        &["-s"],
    );
    relayed_everything(&output);
}

#[test]
fn coturns_client_relays_through_us_over_tcp() {
    let (server, echo) = (Server::start(true), Echo::start());
    let output = server.client(&server.credential(600), server.tcp, echo.address, &["-t"]);
    relayed_everything(&output);
}

#[test]
fn coturns_client_relays_through_us_over_tls() {
    let (server, echo) = (Server::start(true), Echo::start());
    let ca = server.folder.path().join("ca.pem");
    let tls = ["-t", "-S", "-E", ca.to_str().unwrap()];
    let output = server.client(&server.credential(600), server.tls, echo.address, &tls);
    relayed_everything(&output);
}

#[test]
fn coturns_client_has_an_address_of_the_family_it_asks_for() {
    let server = Server::start(true);
    for (family, ip) in [("-X", "127.0.0.1"), ("-x", "::1")] {
        let echo = Echo::at(ip);
        let credential = server.credential(600);
        let output = server.client(&credential, server.address, echo.address, &[family]);
        relayed_everything(&output);
    }
}

#[test]
fn a44_coturns_clients_relay_to_each_other_and_to_nothing_else_here() {
    let server = Server::start(false);
    let credential = server.credential(600);
    let transports = [(server.address, &[][..]), (server.tls, &["-t", "-S"])];
    for (address, more) in transports {
        let output = server.run(
            &credential,
            address,
            &[&["-y", "-c", "-m", "2"], more].concat(),
        );
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("tot_send_msgs=40, tot_recv_msgs=40"),
            "{more:?} {said}"
        );
    }
}

#[test]
fn a20_idle_streams_of_one_address_leave_room_for_others() {
    let (server, echo) = (Server::start(true), Echo::start());
    let idle: Vec<_> = (0..1000)
        .map(|_| std::net::TcpStream::connect(server.tcp).unwrap())
        .collect();
    // 127.0.0.1 has used up its places; another address has not.
    let other = ["-t", "-L", "127.0.0.2"];
    let output = server.client(&server.credential(600), server.tcp, echo.address, &other);
    relayed_everything(&output);
    drop(idle);
}

#[test]
fn a45_coturns_client_is_refused_with_wrong_and_expired_credentials() {
    let (server, echo) = (Server::start(true), Echo::start());
    let mut wrong = server.credential(600);
    wrong.password = vrs_domain::Sensitive::new("bm90IHRoZSBwYXNzd29yZA==".into());
    for credential in [wrong, server.credential(0)] {
        let output = server.client(&credential, server.address, echo.address, &[]);
        let said = text(&output);
        assert!(!said.contains("tot_recv_msgs=20"), "{said}");
        assert!(
            said.contains("401")
                || said.to_lowercase().contains("unauthor")
                || said.contains("Cannot complete Allocation"),
            "{said}"
        );
    }
}

#[test]
fn a44_coturns_client_cannot_reach_loopback_unless_the_test_switch_is_on() {
    let (server, echo) = (Server::start(false), Echo::start());
    let output = server.client(&server.credential(600), server.address, echo.address, &[]);
    let said = text(&output);
    assert!(said.contains("403"), "{said}");
    assert!(!said.contains("tot_recv_msgs=20"), "{said}");
}

#[test]
fn a_server_without_turn_serves_none() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &[]).unwrap();
    let config = without_turn(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let handle = runtime
        .block_on(turn::serve(&config, None, CancellationToken::new()))
        .unwrap();
    assert!(handle.is_none());
}

fn without_turn(folder: &Path) -> Config {
    let mut config = Config::load(&folder.join("relay-server.toml")).unwrap();
    config.turn = None;
    config
}
