//! The TURN machine against hand-made clients; real sockets are in tests/turn_uclient.rs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use turn_server_proto::types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_server_proto::types::message::{
    ALLOCATE, CHANNEL_BIND, CONNECT, CREATE_PERMISSION, DATA, REFRESH, SEND,
};
use turn_server_proto::types::stun::attribute::{
    ErrorCode, Nonce, RawAttribute, Realm, Username, XorMappedAddress,
};
use turn_server_proto::types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageWriteVec,
    Method,
};
use turn_server_proto::types::stun::prelude::*;
use vrs_domain::Sensitive;

use super::credential::{self, Credential};
use super::figures::Dropped;
use super::machine::{Client, Machine, Moment, Output, RelayId, Settings, Transport, Way};
use super::peer::PeerPolicy;

const UNIX: u64 = 1_790_000_000;
const REALM: &str = "relay";

struct Bench {
    machine: Machine,
    now: Moment,
    next_port: u16,
}

/// What leaves the server.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sent {
    ToClient(Client, Vec<u8>),
    ToPeer(RelayId, SocketAddr, Vec<u8>),
    Closed(RelayId),
}

fn secret() -> Sensitive<Vec<u8>> {
    Sensitive::new(b"0123456789abcdef".to_vec())
}

fn bench(policy: PeerPolicy) -> Bench {
    bench_with(policy, |_| {})
}

fn bench_with(policy: PeerPolicy, change: impl FnOnce(&mut Settings)) -> Bench {
    let mut settings = Settings {
        realm: REALM.into(),
        secret: secret(),
        user_quota: 3,
        total_quota: 5,
        user_bytes_per_s: 1_000_000,
        total_bytes_per_s: 10_000_000,
        lifetime: Duration::from_secs(600),
        relay_address: "198.51.100.9".parse().unwrap(),
        relay_address_ipv6: None,
        policy,
        nonce_key: [7; 32],
    };
    change(&mut settings);
    let mono = Instant::now();
    Bench {
        machine: Machine::new(settings, mono),
        now: Moment { mono, unix_s: UNIX },
        next_port: 50_000,
    }
}

fn client(port: u16) -> Client {
    Client {
        transport: Transport::Udp,
        address: SocketAddr::from(([8, 1, 1, 1], port)),
    }
}

fn peer(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Bench {
    fn later(&mut self, seconds: u64) {
        self.now.mono += Duration::from_secs(seconds);
        self.now.unix_s += seconds;
        self.machine.handle_timeout(self.now);
    }

    /// Everything that comes out; relays are opened on the way.
    fn outputs(&mut self) -> Vec<Sent> {
        let mut list = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::OpenRelay { relay, .. } => {
                    self.next_port += 1;
                    self.machine.relay_opened(relay, Some(self.next_port));
                }
                Output::ToClient { client, bytes } => list.push(Sent::ToClient(client, bytes)),
                Output::CloseRelay { relay } => list.push(Sent::Closed(relay)),
            }
        }
        list
    }

    fn sent(&mut self, way: Way, bytes: &[u8]) -> Vec<Sent> {
        let mut list = self.outputs();
        match way {
            Way::Nowhere => {}
            Way::ToPeer { relay, peer, data } => {
                list.push(Sent::ToPeer(relay, peer, bytes[data].to_vec()));
            }
            Way::ToClient {
                client,
                header,
                data,
            } => list.push(Sent::ToClient(client, [&header, &bytes[data]].concat())),
        }
        list
    }

    /// What comes of bytes from a client.
    fn client_sends(&mut self, from: Client, bytes: &[u8]) -> Vec<Sent> {
        let way = self.machine.from_client(self.now, from, bytes);
        self.sent(way, bytes)
    }

    /// What comes of bytes from a peer.
    fn peer_sends(&mut self, relay: RelayId, from: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
        let way = self.machine.from_peer(self.now, relay, from, bytes);
        self.sent(way, bytes)
    }

    fn indicates(&mut self, from: Client, to: SocketAddr, data: &[u8]) -> Vec<Sent> {
        let mut send = Message::builder_indication(SEND, MessageWriteVec::new());
        let to = XorPeerAddress::new(to, send.transaction_id());
        send.add_attribute(&to).unwrap();
        send.add_attribute(&Data::new(data)).unwrap();
        self.client_sends(from, &send.finish())
    }

    fn exchange(&mut self, from: Client, bytes: &[u8]) -> Vec<u8> {
        let sent = self.client_sends(from, bytes);
        let mut answers: Vec<Vec<u8>> = sent
            .into_iter()
            .filter_map(|sent| match sent {
                Sent::ToClient(client, bytes) => (client == from).then_some(bytes),
                Sent::ToPeer(..) | Sent::Closed(_) => None,
            })
            .collect();
        assert_eq!(answers.len(), 1, "one answer expected");
        answers.remove(0)
    }

    fn nonce(&mut self, from: Client) -> String {
        let answer = self.exchange(from, &first_allocate());
        let answer = Message::from_bytes(&answer).unwrap();
        assert_eq!(code(&answer), 401);
        assert_eq!(answer.attribute::<Realm>().unwrap().realm(), REALM);
        answer.attribute::<Nonce>().unwrap().nonce().to_owned()
    }

    /// An authenticated request and its answer.
    fn ask(
        &mut self,
        from: Client,
        who: &Credential,
        method: Method,
        attributes: &[&dyn AttributeWrite],
    ) -> Vec<u8> {
        let nonce = self.nonce(from);
        let request = signed(who, &nonce, method, attributes);
        self.exchange(from, &request)
    }

    fn ask_code(
        &mut self,
        from: Client,
        who: &Credential,
        method: Method,
        attributes: &[&dyn AttributeWrite],
    ) -> u16 {
        code(&Message::from_bytes(&self.ask(from, who, method, attributes)).unwrap())
    }

    fn allocate(&mut self, from: Client, who: &Credential) -> u16 {
        self.ask_code(from, who, ALLOCATE, &[&RequestedTransport::new(17)])
    }

    fn permit(&mut self, from: Client, who: &Credential, peer: SocketAddr) -> u16 {
        permission(self, from, who, peer, CREATE_PERMISSION)
    }
}

/// What WebRTC clients send first: nothing but the transport.
fn first_allocate() -> Vec<u8> {
    let mut request = Message::builder_request(ALLOCATE, MessageWriteVec::new());
    request.add_attribute(&RequestedTransport::new(17)).unwrap();
    request.finish()
}

fn permission(
    bench: &mut Bench,
    from: Client,
    who: &Credential,
    peer: SocketAddr,
    method: Method,
) -> u16 {
    let nonce = bench.nonce(from);
    let request = signed_with(who, &nonce, method, |message| {
        let peer = XorPeerAddress::new(peer, message.transaction_id());
        message.add_attribute(&peer).unwrap();
        if method == CHANNEL_BIND {
            message.add_attribute(&ChannelNumber::new(0x4000)).unwrap();
        }
    });
    code(&Message::from_bytes(&bench.exchange(from, &request)).unwrap())
}

fn signed(
    who: &Credential,
    nonce: &str,
    method: Method,
    attributes: &[&dyn AttributeWrite],
) -> Vec<u8> {
    signed_with(who, nonce, method, |message| {
        for attribute in attributes {
            message.add_attribute(*attribute).unwrap();
        }
    })
}

fn signed_with(
    who: &Credential,
    nonce: &str,
    method: Method,
    fill: impl FnOnce(&mut MessageWriteVec),
) -> Vec<u8> {
    let mut message = Message::builder_request(method, MessageWriteVec::new());
    fill(&mut message);
    message
        .add_attribute(&Username::new(&who.username).unwrap())
        .unwrap();
    message.add_attribute(&Realm::new(REALM).unwrap()).unwrap();
    message.add_attribute(&Nonce::new(nonce).unwrap()).unwrap();
    let key = LongTermKeyCredentials::new(
        who.username.clone(),
        who.password.expose().clone(),
        REALM.into(),
    );
    message
        .add_message_integrity_with_key(
            &key.make_key(IntegrityAlgorithm::Sha1),
            IntegrityAlgorithm::Sha1,
        )
        .unwrap();
    message.finish()
}

/// 0 for success.
fn code(message: &Message<'_>) -> u16 {
    if message.has_class(MessageClass::Success) {
        0
    } else {
        message.attribute::<ErrorCode>().unwrap().code()
    }
}

fn ana() -> Credential {
    credential::issue(&secret(), "ana", UNIX, 3600)
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

fn relayed_address(answer: &[u8]) -> SocketAddr {
    let answer = Message::from_bytes(answer).unwrap();
    let relayed = answer.attribute::<XorRelayedAddress>().unwrap();
    relayed.addr(answer.transaction_id())
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

/// Bytes of everything that goes to clients, headers of IPv4 and UDP included.
fn on_the_wire(sent: &[Sent]) -> usize {
    let bytes = sent.iter().map(|sent| match sent {
        Sent::ToClient(_, bytes) => bytes.len() + 28,
        Sent::ToPeer(..) | Sent::Closed(_) => 0,
    });
    bytes.sum()
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
