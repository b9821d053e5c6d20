//! What must not be possible: addresses that nobody may reach, quotas, reflection.

use super::*;

/// Bytes of everything that goes to clients, headers of IPv4 and UDP included.
fn on_the_wire(sent: &[Sent]) -> usize {
    let bytes = sent.iter().map(|sent| match sent {
        Sent::ToClient(_, bytes) => bytes.len() + 28,
        Sent::ToPeer(..) | Sent::Closed(_) => 0,
    });
    bytes.sum()
}

#[test]
fn a44_every_method_refuses_private_addresses() {
    let own = vec!["198.51.100.9".parse().unwrap()];
    let mut bench = bench(PeerPolicy {
        own,
        ..PeerPolicy::default()
    });
    let (me, who) = (client(1), ana());
    assert_eq!(bench.allocate(me, &who), 0);
    for address in [
        "127.0.0.1:80",
        "0.0.0.0:80",
        "10.0.0.1:80",
        "192.168.1.1:80",
        "169.254.169.254:80",
        "198.51.100.9:80",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
        "[::ffff:169.254.169.254]:80",
        "[64:ff9b::7f00:1]:80",
        "[fe80::1]:80",
        "[64:ff9b::c633:6409]:80",
        "[2002:c633:6409::1]:80",
    ] {
        // Only so many challenges a second go to one source.
        bench.later(1);
        assert_eq!(bench.permit(me, &who, peer(address)), 403, "{address}");
        // Relays are at one of them: a permission for all its ports reaches those alone.
        let mut without_port = peer(address);
        without_port.set_port(0);
        let code = if address == "198.51.100.9:80" { 0 } else { 403 };
        bench.later(1);
        assert_eq!(bench.permit(me, &who, without_port), code, "{address}");
        bench.later(1);
        assert_eq!(
            permission(&mut bench, me, &who, peer(address), CHANNEL_BIND),
            403,
            "{address}"
        );
        assert_eq!(bench.indicates(me, peer(address), b"x"), [], "{address}");
        let came = bench.peer_sends(RelayId(0), peer(address), b"x");
        assert_eq!(came, [], "{address}");
    }
    assert_eq!(
        bench.ask_code(me, &who, CONNECT, &[]),
        400,
        "no TCP relays at all"
    );
}

#[test]
fn a44_only_the_media_port_of_the_server_itself_is_reached() {
    let media = peer("198.51.100.9:7000");
    let mut bench = bench(PeerPolicy {
        own: vec![media.ip()],
        exempt: vec![media],
        allow_loopback: false,
    });
    let (me, who) = (client(1), ana());
    assert_eq!(bench.allocate(me, &who), 0);
    assert_eq!(bench.permit(me, &who, media), 0);
    // The permission is for the address, but other ports of it stay closed.
    let other = peer("198.51.100.9:22");
    assert_eq!(bench.peer_sends(RelayId(0), other, b"x"), []);
    assert_eq!(bench.indicates(me, other, b"x"), []);
    assert_eq!(bench.peer_sends(RelayId(0), media, b"x").len(), 1);
    assert_eq!(bench.indicates(me, media, b"x").len(), 1);
}

#[test]
fn a45_quotas_hold_per_account_and_overall_and_are_given_back() {
    let mut bench = bench(PeerPolicy::default());
    let bob = credential::issue(&secret(), "bob", UNIX, 3600);
    for port in 1..=3 {
        assert_eq!(bench.allocate(client(port), &ana()), 0);
    }
    assert_eq!(bench.allocate(client(4), &ana()), 486);
    // A second credential of the same account does not help.
    assert_eq!(
        bench.allocate(client(4), &credential::issue(&secret(), "ana", UNIX, 7200)),
        486
    );
    assert_eq!(bench.allocate(client(5), &bob), 0);
    assert_eq!(bench.allocate(client(6), &bob), 0);
    assert_eq!(bench.allocate(client(7), &bob), 508);
    assert_eq!(
        bench.ask_code(client(1), &ana(), REFRESH, &[&Lifetime::new(0)]),
        0
    );
    assert_eq!(bench.machine.allocations(), 4);
    assert_eq!(bench.allocate(client(4), &ana()), 0);
}

#[test]
fn a45_expired_foreign_and_tampered_credentials_are_refused() {
    let mut bench = bench(PeerPolicy::default());
    let expired = credential::issue(&secret(), "ana", UNIX - 100, 50);
    let foreign = credential::issue(
        &Sensitive::new(b"another secret!!".to_vec()),
        "ana",
        UNIX,
        3600,
    );
    let mut tampered = ana();
    tampered.username = tampered.username.replace("ana", "bob");
    let mut plain = ana();
    plain.username = "ana".into();
    for credential in [expired, foreign, tampered, plain] {
        assert_eq!(
            bench.allocate(client(1), &credential),
            401,
            "{credential:?}"
        );
    }
    assert_eq!(bench.allocate(client(1), &ana()), 0);
    // Another account on the same five-tuple.
    let bob = credential::issue(&secret(), "bob", UNIX, 3600);
    assert_eq!(bench.ask_code(client(1), &bob, REFRESH, &[]), 441);
    assert_eq!(bench.permit(client(1), &bob, peer("8.8.8.8:1")), 441);
}

#[test]
fn a46_the_first_refusal_of_a_webrtc_client_is_small_enough_to_be_sent() {
    let mut bench = bench_with(PeerPolicy::default(), |settings| {
        settings.realm = "visavis".into();
    });
    let request = first_allocate();
    let answered = on_the_wire(&bench.client_sends(client(1), &request));
    assert!(
        answered > 0 && answered * 2 <= (request.len() + 28) * 3,
        "{answered}"
    );
}

#[test]
fn a46_refusals_are_small_and_few() {
    let bare = |method| Message::builder_request(method, MessageWriteVec::new()).finish();
    let mut unsigned = Message::builder_request(REFRESH, MessageWriteVec::new());
    let key = LongTermKeyCredentials::new("a".into(), "b".into(), "c".into());
    let key = key.make_key(IntegrityAlgorithm::Sha1);
    unsigned
        .add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1)
        .unwrap();
    let requests = [
        first_allocate(),
        bare(ALLOCATE),
        bare(REFRESH),
        bare(CONNECT),
        bare(CHANNEL_BIND),
        unsigned.finish(),
    ];
    for realm in ["r", REALM, "a.realm.with.quite.a.long.name.example.org"] {
        for request in &requests {
            let mut bench = bench_with(PeerPolicy::default(), |s| s.realm = realm.into());
            let (mut asked, mut answered) = (0, 0);
            for _ in 0..1000 {
                asked += request.len() + 28;
                answered += on_the_wire(&bench.client_sends(client(1), request));
                assert!(answered * 2 <= asked * 3, "{answered} bytes for {asked}");
            }
            assert!(answered > 0);
            assert!(bench.machine.figures.count(Dropped::Rationed) >= 980);
        }
    }
}

#[test]
fn a46_a_long_realm_is_told_when_the_request_is_repeated() {
    let mut bench = bench(PeerPolicy::default());
    bench.machine.settings.realm = "relay.example.org".into();
    let request = first_allocate();
    assert_eq!(bench.client_sends(client(1), &request), []);
    assert_eq!(bench.client_sends(client(1), &request).len(), 1);
    // Streams cannot be opened in another's name.
    for transport in [Transport::Tcp, Transport::Tls] {
        let stream = Client {
            transport,
            ..client(2)
        };
        assert_eq!(bench.client_sends(stream, &request).len(), 1);
    }
}

#[test]
fn bad_input_never_panics_and_makes_no_state() {
    let mut bench = bench(PeerPolicy::default());
    let nonce = bench.nonce(client(1));
    let good = signed(&ana(), &nonce, ALLOCATE, &[&RequestedTransport::new(17)]);
    let mut state = 0x1234_5678_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        usize::try_from(state).unwrap()
    };
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=random() % 4 {
            let at = random() % bytes.len();
            bytes[at] ^= u8::try_from(random() % 255 + 1).unwrap();
        }
        if random() % 4 == 0 {
            bytes.truncate(random() % bytes.len());
        }
        bench.client_sends(client(9), &bytes);
    }
    assert_eq!(bench.machine.allocations(), 0);
}
