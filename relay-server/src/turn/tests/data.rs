//! Data in both directions, by channel and by indication, and between two clients.

use super::*;

#[test]
fn an_allocation_relays_both_ways_by_indication_and_by_channel() {
    let mut bench = bench(PeerPolicy::default());
    let (me, who, friend) = (client(1), ana(), peer("8.8.8.8:4000"));
    let answer = bench.ask(me, &who, ALLOCATE, &[&RequestedTransport::new(17)]);
    let answer = Message::from_bytes(&answer).unwrap();
    assert_eq!(
        answer
            .attribute::<XorRelayedAddress>()
            .unwrap()
            .addr(answer.transaction_id()),
        peer("198.51.100.9:50001")
    );
    assert_eq!(answer.attribute::<Lifetime>().unwrap().seconds(), 600);
    assert_eq!(bench.permit(me, &who, friend), 0);

    let sent = [Sent::ToPeer(RelayId(0), friend, b"hello".to_vec())];
    assert_eq!(bench.indicates(me, friend, b"hello"), sent);
    let heard = bench.peer_sends(RelayId(0), friend, b"world");
    let [Sent::ToClient(to, bytes)] = &heard[..] else {
        panic!()
    };
    let message = Message::from_bytes(bytes).unwrap();
    assert!(message.has_method(DATA) && *to == me);
    assert_eq!(message.attribute::<Data<'_>>().unwrap().data(), b"world");

    assert_eq!(permission(&mut bench, me, &who, friend, CHANNEL_BIND), 0);
    assert_eq!(bench.client_sends(me, b"\x40\x00\x00\x05hello"), sent);
    // What follows the data is not theirs.
    assert_eq!(bench.client_sends(me, b"\x40\x00\x00\x05hello..."), sent);
    assert_eq!(
        bench.peer_sends(RelayId(0), friend, b"world"),
        [Sent::ToClient(me, b"\x40\x00\x00\x05world".to_vec())]
    );
    assert_eq!(bench.client_sends(me, b"\x40\x00\x00\x06hello"), []);
}

#[test]
fn nothing_passes_without_permission_or_after_it_ended() {
    let mut bench = bench(PeerPolicy::default());
    let (me, who, friend) = (client(1), ana(), peer("8.8.8.8:4000"));
    assert_eq!(bench.allocate(me, &who), 0);
    assert_eq!(bench.permit(me, &who, friend), 0);
    assert_eq!(bench.peer_sends(RelayId(0), peer("8.8.4.4:4000"), b"x"), []);
    assert_eq!(bench.client_sends(me, b"\x40\x00\x00\x01x"), []);
    assert_eq!(bench.client_sends(client(2), b"\x40\x00\x00\x01x"), []);
    bench.later(300);
    assert_eq!(bench.peer_sends(RelayId(0), friend, b"x"), []);
    assert_eq!(bench.machine.figures.count(Dropped::NotPermitted), 4);
}

#[test]
fn a44_clients_reach_each_others_relays_and_no_other_port_of_this_machine() {
    let own = vec!["198.51.100.9".parse().unwrap()];
    let mut bench = bench(PeerPolicy {
        own,
        ..PeerPolicy::default()
    });
    let (me, you, who) = (client(1), client(2), ana());
    assert_eq!(bench.allocate(me, &who), 0);
    let mine = peer("198.51.100.9:50001");
    let (yours, nobodys) = (peer("198.51.100.9:50002"), peer("198.51.100.9:50003"));
    assert_eq!(bench.permit(me, &who, yours), 403, "not there yet");
    assert_eq!(bench.allocate(you, &who), 0);
    assert_eq!(permission(&mut bench, me, &who, yours, CHANNEL_BIND), 0);
    // Nothing arrives where it is not wanted.
    assert_eq!(bench.client_sends(me, b"\x40\x00\x00\x01x"), []);
    assert_eq!(bench.permit(you, &who, mine), 0);
    let heard = bench.client_sends(me, b"\x40\x00\x00\x01x");
    let [Sent::ToClient(to, bytes)] = &heard[..] else {
        panic!()
    };
    assert_eq!(*to, you);
    let message = Message::from_bytes(bytes).unwrap();
    let from = message.attribute::<XorPeerAddress>().unwrap();
    assert_eq!(from.addr(message.transaction_id()), mine);
    assert_eq!(permission(&mut bench, you, &who, mine, CHANNEL_BIND), 0);
    assert_eq!(
        bench.client_sends(me, b"\x40\x00\x00\x01x"),
        [Sent::ToClient(you, b"\x40\x00\x00\x01x".to_vec())]
    );
    assert_eq!(
        bench.indicates(you, mine, b"y"),
        [Sent::ToClient(me, b"\x40\x00\x00\x01y".to_vec())]
    );
    // The permission is for the address, and still no other port of it is reached.
    bench.later(1);
    let any_port = peer("198.51.100.9:0");
    assert_eq!(bench.permit(me, &who, any_port), 0);
    assert_eq!(
        permission(&mut bench, me, &who, any_port, CHANNEL_BIND),
        403
    );
    assert_eq!(bench.indicates(me, any_port, b"x"), []);
    assert_eq!(bench.permit(me, &who, nobodys), 403);
    assert_eq!(bench.indicates(me, nobodys, b"x"), []);
    assert_eq!(bench.peer_sends(RelayId(0), yours, b"forged"), []);
    // A relay that was closed is no relay.
    assert_eq!(bench.ask_code(you, &who, REFRESH, &[&Lifetime::new(0)]), 0);
    assert_eq!(bench.client_sends(me, b"\x40\x00\x00\x01x"), []);
    assert_eq!(bench.permit(me, &who, yours), 403);
}

#[test]
fn a45_bandwidth_has_a_cap_for_each_account_and_for_all() {
    let mut bench = bench_with(PeerPolicy::default(), |settings| {
        settings.user_bytes_per_s = 10_000;
        settings.total_bytes_per_s = 15_000;
    });
    let bob = credential::issue(&secret(), "bob", UNIX, 3600);
    let friend = peer("8.8.8.8:4000");
    let who = [(client(1), ana()), (client(2), ana()), (client(3), bob)];
    for (from, credential) in &who {
        assert_eq!(bench.allocate(*from, credential), 0);
        let bound = permission(&mut bench, *from, credential, friend, CHANNEL_BIND);
        assert_eq!(bound, 0);
    }
    let unit = [&[0x40, 0, 0x03, 0xe8][..], &[7; 1000]].concat();
    let mut passed = [0; 3];
    for _ in 0..20 {
        for (n, (from, _)) in who.iter().enumerate() {
            passed[n] += bench.client_sends(*from, &unit).len();
        }
    }
    assert_eq!(passed, [5, 5, 5], "an account's allocations share");
    // The other way counts, too.
    assert_eq!(bench.peer_sends(RelayId(0), friend, &unit[4..]), []);
    let figures = &bench.machine.figures;
    let dropped = (
        figures.count(Dropped::AccountRate),
        figures.count(Dropped::TotalRate),
    );
    assert_eq!(dropped, (31, 15));
    bench.later(1);
    assert_eq!(bench.client_sends(client(1), &unit).len(), 1);
    assert_eq!(bench.peer_sends(RelayId(0), friend, &unit[4..]).len(), 1);
}
