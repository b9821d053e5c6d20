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
    ErrorCode, Nonce, Realm, Username, XorMappedAddress,
};
use turn_server_proto::types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageWriteVec,
    Method,
};
use turn_server_proto::types::stun::prelude::*;
use vrs_domain::Sensitive;

use super::credential::{self, Credential};
use super::machine::{Client, Machine, Moment, Output, RelayId, Settings, Transport};
use super::peer::PeerPolicy;

const UNIX: u64 = 1_790_000_000;
const REALM: &str = "relay.test";

struct Bench {
    machine: Machine,
    now: Moment,
    next_port: u16,
}

fn secret() -> Sensitive<Vec<u8>> {
    Sensitive::new(b"0123456789abcdef".to_vec())
}

fn bench(policy: PeerPolicy) -> Bench {
    let settings = Settings {
        realm: REALM.into(),
        secret: secret(),
        user_quota: 3,
        total_quota: 5,
        lifetime: Duration::from_secs(600),
        relay_address: "198.51.100.9".parse().unwrap(),
        policy,
        nonce_key: [7; 32],
    };
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
    fn outputs(&mut self) -> Vec<Output> {
        let mut list = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            if let Output::OpenRelay { relay, .. } = output {
                self.next_port += 1;
                self.machine.relay_opened(relay, Some(self.next_port));
            } else {
                list.push(output);
            }
        }
        list
    }

    fn exchange(&mut self, from: Client, bytes: &[u8]) -> Vec<u8> {
        self.machine.from_client(self.now, from, bytes);
        let mut answers: Vec<Vec<u8>> = self
            .outputs()
            .into_iter()
            .filter_map(|o| {
                if let Output::ToClient { client, bytes } = o {
                    (client == from).then_some(bytes)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(answers.len(), 1, "one answer expected");
        answers.remove(0)
    }

    fn nonce(&mut self, from: Client) -> String {
        let request = Message::builder_request(ALLOCATE, MessageWriteVec::new()).finish();
        let answer = self.exchange(from, &request);
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

    let mut send = Message::builder_indication(SEND, MessageWriteVec::new());
    let to = XorPeerAddress::new(friend, send.transaction_id());
    send.add_attribute(&to).unwrap();
    send.add_attribute(&Data::new(b"hello")).unwrap();
    bench.machine.from_client(bench.now, me, &send.finish());
    let sent = Output::ToPeer {
        relay: RelayId(1),
        peer: friend,
        bytes: b"hello".to_vec(),
    };
    assert_eq!(bench.outputs(), std::slice::from_ref(&sent));

    bench
        .machine
        .from_peer(bench.now, RelayId(1), friend, b"world");
    let [Output::ToClient { client: to, bytes }] = &bench.outputs()[..] else {
        panic!()
    };
    let message = Message::from_bytes(bytes).unwrap();
    assert!(message.has_method(DATA) && *to == me);
    assert_eq!(message.attribute::<Data<'_>>().unwrap().data(), b"world");

    assert_eq!(permission(&mut bench, me, &who, friend, CHANNEL_BIND), 0);
    bench
        .machine
        .from_client(bench.now, me, b"\x40\x00\x00\x05hello");
    assert_eq!(bench.outputs(), [sent]);
    bench
        .machine
        .from_peer(bench.now, RelayId(1), friend, b"world");
    assert_eq!(
        bench.outputs(),
        [Output::ToClient {
            client: me,
            bytes: b"\x40\x00\x00\x05world".to_vec()
        }]
    );
}

#[test]
fn nothing_passes_without_permission_or_after_it_ended() {
    let mut bench = bench(PeerPolicy::default());
    let (me, who, friend) = (client(1), ana(), peer("8.8.8.8:4000"));
    assert_eq!(bench.allocate(me, &who), 0);
    assert_eq!(bench.permit(me, &who, friend), 0);
    bench
        .machine
        .from_peer(bench.now, RelayId(1), peer("8.8.4.4:4000"), b"x");
    bench
        .machine
        .from_client(bench.now, me, b"\x40\x00\x00\x01x");
    assert!(bench.outputs().is_empty());
    bench.later(300);
    bench.machine.from_peer(bench.now, RelayId(1), friend, b"x");
    assert!(bench.outputs().is_empty());
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
    ] {
        // Only so many challenges a second go to one source.
        bench.later(1);
        assert_eq!(bench.permit(me, &who, peer(address)), 403, "{address}");
        assert_eq!(
            permission(&mut bench, me, &who, peer(address), CHANNEL_BIND),
            403,
            "{address}"
        );
        let mut send = Message::builder_indication(SEND, MessageWriteVec::new());
        let to = XorPeerAddress::new(peer(address), send.transaction_id());
        send.add_attribute(&to).unwrap();
        send.add_attribute(&Data::new(b"x")).unwrap();
        bench.machine.from_client(bench.now, me, &send.finish());
        assert!(bench.outputs().is_empty(), "{address}");
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
    bench
        .machine
        .from_peer(bench.now, RelayId(1), peer("198.51.100.9:22"), b"x");
    assert!(bench.outputs().is_empty());
    bench.machine.from_peer(bench.now, RelayId(1), media, b"x");
    assert_eq!(bench.outputs().len(), 1);
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
    assert_eq!(bench.outputs(), [Output::CloseRelay { relay: RelayId(1) }]);
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
    let Output::ToClient { bytes, .. } = &outputs[0] else {
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
}

#[test]
fn a46_refusals_are_small_and_few() {
    let mut bench = bench(PeerPolicy::default());
    let request = Message::builder_request(ALLOCATE, MessageWriteVec::new()).finish();
    let mut answered = 0;
    for _ in 0..1000 {
        bench.machine.from_client(bench.now, client(1), &request);
        answered += bench
            .outputs()
            .iter()
            .map(|o| {
                if let Output::ToClient { bytes, .. } = o {
                    bytes.len() + 28
                } else {
                    0
                }
            })
            .sum::<usize>();
    }
    let asked = 1000 * (request.len() + 28);
    assert!(answered * 2 < asked * 3, "{answered} bytes for {asked}");
    bench.later(1);
    bench.nonce(client(1));
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
        bench.machine.from_client(bench.now, client(9), &bytes);
        bench.outputs();
    }
    assert_eq!(bench.machine.allocations(), 0);
}
