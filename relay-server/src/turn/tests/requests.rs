//! What is asked and answered: allocations, their families, lifetimes, credentials.

use super::*;

fn relayed_address(answer: &[u8]) -> SocketAddr {
    let answer = Message::from_bytes(answer).unwrap();
    let relayed = answer.attribute::<XorRelayedAddress>().unwrap();
    relayed.addr(answer.transaction_id())
}

#[test]
fn a_binding_request_hears_its_own_address() {
    let mut bench = bench(PeerPolicy::default());
    let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
    let answer = bench.exchange(client(1), &request);
    // A46: no amplifier.
    assert!(answer.len() + 28 <= (request.len() + 28) * 3 / 2);
    let answer = Message::from_bytes(&answer).unwrap();
    let mapped = answer.attribute::<XorMappedAddress>().unwrap();
    assert_eq!(mapped.addr(answer.transaction_id()), client(1).address);
}

#[test]
fn a_call_that_outlives_its_credential_keeps_its_relay() {
    let mut bench = bench(PeerPolicy::default());
    let short = credential::issue(&secret(), "ana", UNIX, 300);
    assert_eq!(bench.allocate(client(1), &short), 0);
    bench.later(400);
    assert_eq!(bench.ask_code(client(1), &short, REFRESH, &[]), 0);
    assert_eq!(bench.allocate(client(2), &short), 401);
}

#[test]
fn allocations_end_when_they_are_not_refreshed() {
    let mut bench = bench(PeerPolicy::default());
    assert_eq!(bench.allocate(client(1), &ana()), 0);
    bench.later(599);
    assert_eq!(bench.ask_code(client(1), &ana(), REFRESH, &[]), 0);
    bench.later(599);
    assert_eq!(bench.machine.allocations(), 1);
    bench.later(1);
    assert_eq!(bench.machine.allocations(), 0);
    assert_eq!(bench.outputs(), [Sent::Closed(RelayId(0))]);
    assert_eq!(bench.ask_code(client(1), &ana(), REFRESH, &[]), 437);
}

#[test]
fn a_retransmitted_allocate_hears_the_same_answer() {
    let mut bench = bench(PeerPolicy::default());
    let nonce = bench.nonce(client(1));
    let request = signed(&ana(), &nonce, ALLOCATE, &[&RequestedTransport::new(17)]);
    let first = bench.exchange(client(1), &request);
    assert_eq!(bench.exchange(client(1), &request), first);
    assert_eq!(bench.machine.allocations(), 1);
    assert_eq!(bench.allocate(client(1), &ana()), 437);
}

#[test]
fn a_relay_that_cannot_be_opened_is_508_and_leaves_nothing() {
    let mut bench = bench(PeerPolicy::default());
    let nonce = bench.nonce(client(1));
    let request = signed(&ana(), &nonce, ALLOCATE, &[&RequestedTransport::new(17)]);
    bench.machine.from_client(bench.now, client(1), &request);
    let Some(Output::OpenRelay { relay, .. }) = bench.machine.poll_output() else {
        panic!()
    };
    bench.machine.relay_opened(relay, None);
    let outputs = bench.outputs();
    let Sent::ToClient(_, bytes) = &outputs[0] else {
        panic!()
    };
    assert_eq!(code(&Message::from_bytes(bytes).unwrap()), 508);
    assert_eq!(bench.machine.allocations(), 0);
}

#[test]
fn requests_that_cannot_be_met_say_which_part() {
    let mut bench = bench(PeerPolicy::default());
    let (me, who) = (client(1), ana());
    assert_eq!(bench.ask_code(me, &who, ALLOCATE, &[]), 400);
    assert_eq!(
        bench.ask_code(me, &who, ALLOCATE, &[&RequestedTransport::new(6)]),
        442
    );
    use turn_server_proto::types::AddressFamily;
    use turn_server_proto::types::attribute::{DontFragment, EvenPort, RequestedAddressFamily};
    let v6 = RequestedAddressFamily::new(AddressFamily::IPV6);
    assert_eq!(
        bench.ask_code(me, &who, ALLOCATE, &[&RequestedTransport::new(17), &v6]),
        440
    );
    assert_eq!(
        bench.ask_code(
            me,
            &who,
            ALLOCATE,
            &[&RequestedTransport::new(17), &EvenPort::new(true)]
        ),
        508
    );
    assert_eq!(
        bench.ask_code(
            me,
            &who,
            ALLOCATE,
            &[&RequestedTransport::new(17), &DontFragment::new()]
        ),
        420
    );
    assert_eq!(bench.permit(me, &who, peer("8.8.8.8:1")), 437);
    assert_eq!(bench.allocate(me, &who), 0);
    assert_eq!(bench.permit(me, &who, peer("[2600::1]:1")), 443);
    assert_eq!(
        permission(&mut bench, me, &who, peer("[2600::1]:1"), CHANNEL_BIND),
        443
    );
    for (code, times) in [
        (400, 1),
        (442, 1),
        (440, 1),
        (508, 1),
        (420, 1),
        (437, 1),
        (443, 2),
    ] {
        assert_eq!(bench.machine.figures.refusals(code), times, "{code}");
    }
}

#[test]
fn an_allocation_has_the_address_family_it_asks_for() {
    use turn_server_proto::types::AddressFamily;
    use turn_server_proto::types::attribute::{
        AdditionalAddressFamily, AddressErrorCode, EvenPort, RequestedAddressFamily,
        ReservationToken,
    };
    let own = "2600::9".parse().unwrap();
    let mut bench = bench_with(PeerPolicy::default(), |settings| {
        settings.relay_address_ipv6 = Some(own);
    });
    let (who, udp) = (ana(), RequestedTransport::new(17));
    let (v4, v6) = (
        RequestedAddressFamily::new(AddressFamily::IPV4),
        RequestedAddressFamily::new(AddressFamily::IPV6),
    );
    let answer = bench.ask(client(1), &who, ALLOCATE, &[&udp, &v6]);
    assert_eq!(relayed_address(&answer), peer("[2600::9]:50001"));
    assert_eq!(bench.ask_code(client(1), &who, REFRESH, &[&v6]), 0);
    assert_eq!(bench.ask_code(client(1), &who, REFRESH, &[&v4]), 443);
    let friend = peer("[2600::1]:1");
    assert_eq!(bench.permit(client(1), &who, peer("8.8.8.8:1")), 443);
    assert_eq!(bench.permit(client(1), &who, friend), 0);
    assert_eq!(bench.indicates(client(1), peer("8.8.8.8:1"), b"x"), []);
    assert_eq!(bench.indicates(client(1), friend, b"x").len(), 1);
    assert_eq!(bench.peer_sends(RelayId(0), friend, b"x").len(), 1);

    let answer = bench.ask(client(2), &who, ALLOCATE, &[&udp, &v4]);
    assert_eq!(relayed_address(&answer), peer("198.51.100.9:50002"));
    bench.later(1);
    // Both at once: there is one, and why there is no other.
    let both = AdditionalAddressFamily::new(AddressFamily::IPV6);
    let answer = bench.ask(client(3), &who, ALLOCATE, &[&udp, &both]);
    assert_eq!(relayed_address(&answer), peer("198.51.100.9:50003"));
    let answer = Message::from_bytes(&answer).unwrap();
    let error = answer.attribute::<AddressErrorCode>().unwrap();
    assert_eq!(
        (error.family(), error.error().code()),
        (AddressFamily::IPV6, 508)
    );
    // The library would not write this one.
    let additional_v4 = RawAttribute::new(AdditionalAddressFamily::TYPE, &[1, 0, 0, 0]);
    let token = ReservationToken::new(7);
    let even = EvenPort::new(true);
    let impossible: [&[&dyn AttributeWrite]; 5] = [
        &[&udp, &v6, &both],
        &[&udp, &additional_v4],
        &[&udp, &both, &even],
        &[&udp, &token, &v4],
        &[&udp, &token, &even],
    ];
    for attributes in impossible {
        assert_eq!(bench.ask_code(client(4), &who, ALLOCATE, attributes), 400);
    }
    assert_eq!(
        bench.ask_code(client(4), &who, ALLOCATE, &[&udp, &token]),
        508
    );
}

#[test]
fn where_there_is_only_ipv6_it_has_to_be_asked_for() {
    use turn_server_proto::types::AddressFamily;
    use turn_server_proto::types::attribute::RequestedAddressFamily;
    let own = "2600::9".parse().unwrap();
    let mut bench = bench_with(PeerPolicy::default(), |s| s.relay_address = own);
    assert_eq!(bench.allocate(client(1), &ana()), 440);
    let v6 = RequestedAddressFamily::new(AddressFamily::IPV6);
    let udp = RequestedTransport::new(17);
    assert_eq!(bench.ask_code(client(1), &ana(), ALLOCATE, &[&udp, &v6]), 0);
}

#[test]
fn allocations_are_counted_by_transport() {
    let mut bench = bench(PeerPolicy::default());
    for (n, transport) in (1..).zip([Transport::Udp, Transport::Tls, Transport::Tls]) {
        let from = Client {
            transport,
            ..client(n)
        };
        assert_eq!(bench.allocate(from, &ana()), 0);
    }
    assert_eq!(bench.machine.figures.allocations(), [1, 0, 2]);
    bench.machine.client_gone(Client {
        transport: Transport::Tls,
        ..client(2)
    });
    assert_eq!(bench.machine.figures.allocations(), [1, 0, 1]);
    bench.later(600);
    assert_eq!(bench.machine.figures.allocations(), [0, 0, 0]);
}

#[test]
fn a_nonce_grown_old_is_438_and_the_new_one_works() {
    let mut bench = bench(PeerPolicy::default());
    let nonce = bench.nonce(client(1));
    bench.later(3600);
    let who = credential::issue(&secret(), "ana", bench.now.unix_s, 600);
    let request = signed(&who, &nonce, ALLOCATE, &[&RequestedTransport::new(17)]);
    let answer = bench.exchange(client(1), &request);
    let answer = Message::from_bytes(&answer).unwrap();
    assert_eq!(code(&answer), 438);
    let nonce = answer.attribute::<Nonce>().unwrap().nonce().to_owned();
    let request = signed(&who, &nonce, ALLOCATE, &[&RequestedTransport::new(17)]);
    assert_eq!(
        code(&Message::from_bytes(&bench.exchange(client(1), &request)).unwrap()),
        0
    );
}
