//! The proxy over real sockets on the loopback; nothing here depends on how fast the machine is.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use vrs_impair::{CLIENTS_MAX, Direction, Proxy, ProxyError, Report, Settings};

/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A socket whose reads have a limit.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
    socket
}

/// A target and a proxy before it.
fn proxy(up: &str, down: &str, seed: u64) -> (Proxy, UdpSocket) {
    let target = socket();
    let proxy = Proxy::spawn(Settings {
        up: up.parse().unwrap(),
        down: down.parse().unwrap(),
        seed,
        ..Settings::towards(target.local_addr().unwrap())
    })
    .unwrap();
    (proxy, target)
}

/// The next datagram, and who sent it.
#[track_caller]
fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

#[track_caller]
fn wait_for(proxy: &Proxy, what: impl Fn(&Report) -> bool) -> Report {
    let end = Instant::now() + WAIT_MAX;
    loop {
        let report = proxy.report().unwrap();
        if what(&report) {
            return report;
        }
        assert!(Instant::now() < end, "waited too long: {report:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn datagrams_go_there_and_back_and_each_client_is_a_peer_of_its_own() {
    let (proxy, target) = proxy("clear", "clear", 1);
    let clients = [socket(), socket()];
    let seen = clients.each_ref().map(|client| {
        client.send_to(b"there", proxy.address()).unwrap();
        let (bytes, from) = receive(&target);
        assert_eq!(bytes, b"there");
        from
    });
    assert_ne!(seen[0], seen[1]);
    assert!(seen.iter().all(|seen| *seen != proxy.address()));
    for (client, seen) in clients.iter().zip(seen) {
        let words = format!("back to {}", client.local_addr().unwrap());
        target.send_to(words.as_bytes(), seen).unwrap();
        assert_eq!(receive(client), (words.into_bytes(), proxy.address()));
    }
    let longest = vec![0x5a; 65_507];
    clients[0].send_to(&longest, proxy.address()).unwrap();
    assert_eq!(receive(&target), (longest, seen[0]));

    let report = proxy.report().unwrap();
    assert_eq!((report.up.delivered, report.down.delivered), (3, 2));
    let listed = report.clients.iter().map(|one| (one.client, one.seen_as));
    let mut expected = [0, 1].map(|n| (clients[n].local_addr().unwrap(), seen[n]));
    expected.sort_unstable();
    assert_eq!(listed.collect::<Vec<_>>(), expected);
}

#[test]
fn what_comes_in_one_go_leaves_complete_and_in_order() {
    let (proxy, target) = proxy("delay=20,jitter=10", "delay=5", 1);
    let client = socket();
    client.send_to(&[0], proxy.address()).unwrap();
    let (_, seen_as) = receive(&target);
    // As many as the usual buffer of a system holds.
    for number in 1..=150 {
        client.send_to(&[number], proxy.address()).unwrap();
    }
    for number in 1..=150 {
        assert_eq!(receive(&target), (vec![number], seen_as));
        target.send_to(&[number], seen_as).unwrap();
    }
    for number in 1..=150 {
        assert_eq!(receive(&client).0, [number]);
    }
    let report = proxy.report().unwrap();
    assert_eq!((report.up.delivered, report.down.delivered), (151, 150));
}

/// What arrives of 200 datagrams each way.
fn fates(seed: u64) -> [Vec<u8>; 2] {
    let (proxy, target) = proxy("loss=30", "burst_enter=5,burst_leave=30", seed);
    let client = socket();
    // One after the other, so that no buffer of the system can be too small.
    let up = (0..200).filter(|number| {
        let before = proxy.report().unwrap().up.delivered;
        client.send_to(&[*number], proxy.address()).unwrap();
        let taken = u64::from(*number) + 1;
        let report = wait_for(&proxy, |report| report.up.taken == taken);
        let arrives = report.up.delivered > before;
        if arrives {
            assert_eq!(receive(&target).0, [*number]);
        }
        arrives
    });
    let up = up.collect();
    let seen_as = proxy.report().unwrap().clients[0].seen_as;
    let down = (0..200).filter(|number| {
        let before = proxy.report().unwrap().down.delivered;
        target.send_to(&[*number], seen_as).unwrap();
        let taken = u64::from(*number) + 1;
        let report = wait_for(&proxy, |report| report.down.taken == taken);
        let arrives = report.down.delivered > before;
        if arrives {
            assert_eq!(receive(&client).0, [*number]);
        }
        arrives
    });
    [up, down.collect()]
}

#[test]
fn the_same_seed_loses_the_same_datagrams_again() {
    let [up, down] = fates(7);
    assert!((100..180).contains(&up.len()), "{}", up.len());
    assert!(down.len() < 200);
    assert_eq!(fates(7), [up.clone(), down]);
    assert_ne!(fates(8)[0], up);
}

#[test]
fn no_datagram_is_early_and_the_ways_do_not_share_their_delays() {
    let (proxy, target) = proxy("delay=40", "delay=80,jitter=20", 1);
    let client = socket();
    for _ in 0..5 {
        let start = Instant::now();
        client.send_to(b"there", proxy.address()).unwrap();
        let (_, seen_as) = receive(&target);
        assert!(start.elapsed() >= Duration::from_millis(40));
        let start = Instant::now();
        target.send_to(b"back", seen_as).unwrap();
        receive(&client);
        assert!(start.elapsed() >= Duration::from_millis(60));
    }
}

#[test]
fn a_rate_is_never_exceeded() {
    let (proxy, target) = proxy("rate=400,queue=1000", "clear", 1);
    let client = socket();
    let start = Instant::now();
    for _ in 0..10 {
        // 10 ms each with its headers.
        client.send_to(&[0; 472], proxy.address()).unwrap();
    }
    for sent in 1..=10 {
        receive(&target);
        assert!(start.elapsed() >= Duration::from_millis(10) * sent);
    }
}

#[test]
fn profiles_change_while_datagrams_flow() {
    let (proxy, target) = proxy("clear", "clear", 1);
    let client = socket();
    let send = |word: &[u8]| client.send_to(word, proxy.address()).unwrap();
    send(b"first");
    assert_eq!(receive(&target).0, b"first");

    let lossy = "loss=100".parse().unwrap();
    proxy.set_profile(Direction::Up, lossy).unwrap();
    send(b"second");
    wait_for(&proxy, |report| report.up.dropped_loss == 1);
    let doubling = "duplicate=100".parse().unwrap();
    proxy.set_profile(Direction::Up, doubling).unwrap();
    send(b"third");
    for _ in 0..2 {
        assert_eq!(receive(&target).0, b"third");
    }

    let mut wrong = lossy;
    wrong.loss_percent = 101.0;
    let refused = proxy.set_profile(Direction::Up, wrong).unwrap_err();
    assert!(refused.to_string().starts_with("loss=101: "), "{refused}");
}

#[test]
fn an_outage_begins_and_ends_one_way_at_a_time() {
    let (proxy, target) = proxy("clear", "delay=10000", 1);
    let client = socket();
    client.send_to(b"first", proxy.address()).unwrap();
    let (_, seen_as) = receive(&target);

    target.send_to(b"on its way", seen_as).unwrap();
    wait_for(&proxy, |report| report.down.taken == 1);
    proxy.cut(Direction::Down).unwrap();
    proxy.cut(Direction::Down).unwrap();
    target.send_to(b"too late", seen_as).unwrap();
    wait_for(&proxy, |report| report.down.dropped_outage == 2);
    client.send_to(b"second", proxy.address()).unwrap();
    assert_eq!(receive(&target).0, b"second", "the other way stands");

    proxy.restore(Direction::Down).unwrap();
    let clear = "clear".parse().unwrap();
    proxy.set_profile(Direction::Down, clear).unwrap();
    target.send_to(b"again", seen_as).unwrap();
    assert_eq!(receive(&client).0, b"again");
}

#[test]
fn a_client_that_moves_is_seen_at_another_address_and_no_longer_at_the_old_one() {
    let (proxy, target) = proxy("clear", "clear", 1);
    let client = socket();
    let here = client.local_addr().unwrap();
    let unknown = proxy.move_client(here);
    assert!(matches!(unknown, Err(ProxyError::UnknownClient(address)) if address == here));

    client.send_to(b"before", proxy.address()).unwrap();
    let (_, before) = receive(&target);
    let after = proxy.move_client(here).unwrap();
    assert_ne!(before, after);
    assert_eq!(proxy.report().unwrap().clients[0].seen_as, after);
    // The old address is nobody's now; what the target sends there is lost.
    target.send_to(b"to the old one", before).unwrap();
    client.send_to(b"after", proxy.address()).unwrap();
    assert_eq!(receive(&target), (b"after".to_vec(), after));
    target.send_to(b"to the new one", after).unwrap();
    assert_eq!(receive(&client).0, b"to the new one");
    assert_eq!(proxy.report().unwrap().down.taken, 1);
}

#[test]
fn strangers_are_not_carried_to_a_client() {
    let (proxy, target) = proxy("clear", "clear", 1);
    let client = socket();
    client.send_to(b"hello", proxy.address()).unwrap();
    let (_, seen_as) = receive(&target);
    socket().send_to(b"from a stranger", seen_as).unwrap();
    target.send_to(b"from the target", seen_as).unwrap();
    assert_eq!(receive(&client).0, b"from the target");
    assert_eq!(proxy.report().unwrap().down.taken, 1);
}

#[test]
fn a_client_too_many_is_refused_and_the_others_go_on() {
    let (proxy, target) = proxy("clear", "clear", 1);
    let clients: Vec<UdpSocket> = (0..CLIENTS_MAX).map(|_| socket()).collect();
    for client in &clients {
        client.send_to(b"hello", proxy.address()).unwrap();
        receive(&target);
    }
    socket().send_to(b"and me", proxy.address()).unwrap();
    let report = wait_for(&proxy, |report| report.refused == 1);
    assert_eq!(report.clients.len(), CLIENTS_MAX);
    clients[0].send_to(b"still here", proxy.address()).unwrap();
    assert_eq!(receive(&target).0, b"still here");
}

#[test]
fn a_target_that_is_not_there_yet_is_reached_as_soon_as_it_is() {
    let gone = socket();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let proxy = Proxy::spawn(Settings::towards(address)).unwrap();
    let client = socket();
    for taken in 1..=3 {
        client.send_to(b"anybody", proxy.address()).unwrap();
        wait_for(&proxy, |report| report.up.delivered == taken);
    }
    let target = UdpSocket::bind(address).unwrap();
    target.set_read_timeout(Some(WAIT_MAX)).unwrap();
    client.send_to(b"you", proxy.address()).unwrap();
    assert_eq!(receive(&target).0, b"you");
    assert_eq!(proxy.report().unwrap().unsent, 0);
}

#[test]
fn only_the_loopback_is_served() {
    let settings = Settings::towards("127.0.0.1:9".parse().unwrap());
    let refused = |settings: Settings| Proxy::spawn(settings).unwrap_err().to_string();
    for far in ["192.0.2.1:9", "0.0.0.0:0", "[::]:0", "[::ffff:127.0.0.1]:9"] {
        let far: SocketAddr = far.parse().unwrap();
        let target = refused(Settings::towards(far));
        assert!(target.starts_with(&format!("target {far}: has to be a loopback address")));
        let listen = refused(Settings {
            listen: far,
            ..settings
        });
        assert!(listen.starts_with(&format!("listen {far}: has to be a loopback address")));
    }
    assert!(refused(Settings::towards("127.0.0.1:0".parse().unwrap())).contains("1 to 65535"));
    let free = socket().local_addr().unwrap();
    let to_itself = refused(Settings {
        listen: free,
        ..Settings::towards(free)
    });
    assert!(to_itself.contains("is where the proxy itself listens"));
    let taken = socket();
    let system = refused(Settings {
        listen: taken.local_addr().unwrap(),
        ..settings
    });
    assert!(system.starts_with("no socket"), "{system}");
    assert!(Proxy::spawn(Settings::towards("[::1]:9".parse().unwrap())).is_ok());
}

#[test]
fn a_proxy_that_is_dropped_gives_its_port_back_at_once() {
    let (proxy, _target) = proxy("delay=10000", "clear", 1);
    let address = proxy.address();
    let client = socket();
    client.send_to(b"never arrives", address).unwrap();
    wait_for(&proxy, |report| report.up.taken == 1);
    drop(proxy);
    assert!(UdpSocket::bind(address).is_ok());
}

#[tokio::test]
async fn a_test_with_a_runtime_of_its_own_can_hold_a_proxy() {
    let target = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::spawn(Settings::towards(target.local_addr().unwrap())).unwrap();
    proxy.cut(Direction::Down).unwrap();
    let client = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.send_to(b"hello", proxy.address()).await.unwrap();
    let mut buffer = [0; 16];
    let received = tokio::time::timeout(WAIT_MAX, target.recv(&mut buffer)).await;
    assert_eq!(received.unwrap().unwrap(), 5);
    assert_eq!(proxy.report().unwrap().up.delivered, 1);
}
