//! Two networks with coturn's `turnserver` between them, over UDP, TCP and TLS.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use vrs_domain::Sensitive;

use super::*;
use crate::transport::tls;

const USER: &str = "ana";
const PASSWORD: &str = "a password for relays";
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// coturn, with a certificate that we trust.
struct Turnserver {
    child: Child,
    plain: u16,
    secure: u16,
    tls: Arc<ClientConfig>,
    _folder: tempfile::TempDir,
}

impl Drop for Turnserver {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Turnserver {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(place("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(place("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let (plain, secure) = (free_port(), free_port());
        let text = format!(
            "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={plain}\n\
             tls-listening-port={secure}\ncert={cert}\npkey={key}\nrealm=visavis\n\
             lt-cred-mech\nuser={USER}:{PASSWORD}\nfingerprint\nallow-loopback-peers\n\
             no-dtls\nno-cli\nno-stdout-log\nlog-file={log}\nuserdb={database}\npidfile={pid}\n",
            cert = place("cert.pem"),
            key = place("key.pem"),
            log = place("coturn.log"),
            database = place("coturn.db"),
            pid = place("coturn.pid"),
        );
        std::fs::write(place("coturn.conf"), text).unwrap();
        let child = Command::new("turnserver")
            .args(["-c", &place("coturn.conf"), "-m", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver (package coturn) starts");
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, plain)).is_err() {
            assert!(Instant::now() < end, "turnserver does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let authority = folder.path().join("cert.pem");
        let tls = tls::client_config(Some(&authority)).unwrap();
        Self {
            child,
            plain,
            secure,
            tls,
            _folder: folder,
        }
    }

    fn told(&self, carriers: &[Carrier], password: &str) -> IceServers {
        let place = |port| Place {
            host: "localhost".into(),
            port,
        };
        let turn = carriers.iter().map(|&carrier| TurnServer {
            place: place(match carrier {
                Carrier::Udp | Carrier::Tcp => self.plain,
                Carrier::Tls => self.secure,
            }),
            carrier,
            username: Sensitive::new(USER.into()),
            password: Sensitive::new(password.into()),
        });
        IceServers {
            stun: vec![place(self.plain)],
            turn: turn.collect(),
        }
    }

    fn network(&self, carriers: &[Carrier], relay_only: bool) -> Network {
        let told = self.told(carriers, PASSWORD);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        Network::open(Instant::now(), server, &told, &self.tls, relay_only).unwrap()
    }
}

type Came = (SocketAddr, SocketAddr, Vec<u8>);

/// Lets one thing happen to a network; gives what came from peers.
async fn step(network: &mut Network) -> Vec<Came> {
    let mut came = Vec::new();
    let due = network.poll_timeout();
    let due = due.unwrap_or_else(|| Instant::now() + PATIENCE);
    tokio::select! {
        input = network.next() => {
            network.take(Instant::now(), input, &mut |source, destination, bytes| {
                came.push((source, destination, bytes.to_vec()));
            });
        }
        () = tokio::time::sleep_until(due.into()) => network.handle_timeout(Instant::now()),
    }
    came
}

async fn gathered(network: &mut Network) {
    while !network.is_gathered(Instant::now()) {
        step(network).await;
    }
}

fn relayed(network: &Network) -> Option<SocketAddr> {
    network.lent().into_iter().find_map(|lent| match lent {
        Lent::Relayed(address) => Some(address),
        Lent::Reflexive { .. } => None,
    })
}

/// Sends until the other network has it: a first datagram asks for permissions.
async fn arrives(from: &mut Network, to: &mut Network, bytes: &[u8]) {
    let (source, destination) = (relayed(from).unwrap(), relayed(to).unwrap());
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "{} bytes never arrive", bytes.len());
        // The other end has to allow us, too.
        to.send(Instant::now(), destination, source, &[0; 4]);
        from.send(Instant::now(), source, destination, bytes);
        let pause = tokio::time::sleep(Duration::from_millis(50));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                came = step(to) => {
                    let ours = (source, destination, bytes.to_vec());
                    if came.contains(&ours) {
                        return;
                    }
                }
                _ = step(from) => {}
            }
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(2 * PATIENCE, test).await.unwrap() });
}

#[test]
fn r9_datagrams_of_every_length_pass_coturn_over_udp_tcp_and_tls() {
    let server = Turnserver::start();
    run(async {
        for carrier in [Carrier::Udp, Carrier::Tcp, Carrier::Tls] {
            let mut ana = server.network(&[carrier], true);
            let mut ben = server.network(&[carrier], true);
            gathered(&mut ana).await;
            gathered(&mut ben).await;
            assert!(ana.hosts().is_empty());
            // A check goes as an indication, media by a channel; neither is a multiple of four.
            for (first, length) in [(0x01, 33), (0x80, 45), (0x80, 1_199), (0x17, 1_200)] {
                let bytes = vec![first; length];
                arrives(&mut ana, &mut ben, &bytes).await;
                arrives(&mut ben, &mut ana, &bytes).await;
            }
            ana.close(Instant::now());
            ben.close(Instant::now());
            assert_eq!(relayed(&ana), None);
        }
    });
}

#[test]
fn a_stun_server_says_what_it_sees_and_one_carrier_is_enough() {
    let server = Turnserver::start();
    run(async {
        let all = [Carrier::Udp, Carrier::Tcp, Carrier::Tls];
        let mut network = server.network(&all, false);
        gathered(&mut network).await;
        let (base, lent) = (network.local(), network.lent());
        assert!(lent.contains(&Lent::Reflexive { seen: base, base }));
        assert_eq!(network.hosts(), [base]);
        let relays = lent.iter().filter(|lent| matches!(lent, Lent::Relayed(_)));
        assert_eq!(relays.count(), 1);
        assert!(network.owns(base) && network.owns(relayed(&network).unwrap()));
    });
}

#[test]
fn a_wrong_password_or_a_dead_server_is_no_reason_to_wait() {
    let server = Turnserver::start();
    run(async {
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let told = server.told(&[Carrier::Udp, Carrier::Tcp], "wrong");
        let began = Instant::now();
        let mut network = Network::open(began, nobody, &told, &server.tls, false).unwrap();
        gathered(&mut network).await;
        assert_eq!(relayed(&network), None);
        let mut dead = told.clone();
        for turn in &mut dead.turn {
            turn.place.port = free_port();
        }
        let began = Instant::now();
        let mut network = Network::open(began, nobody, &dead, &server.tls, false).unwrap();
        assert!(network.is_gathered(began + GATHER_WITHIN));
        gathered(&mut network).await;
        assert_eq!(relayed(&network), None);
        let none = IceServers::default();
        let network = Network::open(began, nobody, &none, &server.tls, false).unwrap();
        assert!(
            network.is_gathered(began),
            "without servers nothing is waited for"
        );
    });
}
