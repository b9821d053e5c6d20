//! The TURN machine against hand-made clients in virtual time. Foreign clients with real sockets
//! are in tests/turn_uclient.rs.

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

mod abuse;
mod data;
mod requests;
mod sockets;

const UNIX: u64 = 1_790_000_000;
const REALM: &str = "relay";

pub(super) struct Bench {
    pub(super) machine: Machine,
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

pub(super) fn bench(policy: PeerPolicy) -> Bench {
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

pub(super) fn client(port: u16) -> Client {
    Client {
        transport: Transport::Udp,
        address: SocketAddr::from(([8, 1, 1, 1], port)),
    }
}

fn peer(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Bench {
    /// Somebody has an allocation.
    pub(super) fn allocates(&mut self, from: Client) {
        assert_eq!(self.allocate(from, &ana()), 0);
    }

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
    signed_in(REALM, who, nonce, method, fill)
}

fn signed_in(
    realm: &str,
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
    message.add_attribute(&Realm::new(realm).unwrap()).unwrap();
    message.add_attribute(&Nonce::new(nonce).unwrap()).unwrap();
    let key = LongTermKeyCredentials::new(
        who.username.clone(),
        who.password.expose().clone(),
        realm.into(),
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
