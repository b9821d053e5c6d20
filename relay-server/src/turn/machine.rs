//! The TURN server without sockets: datagrams, times and opened ports go in; datagrams and wishes
//! for relays come out.
//!
//! A request is answered in this order: is it STUN, is it authenticated, is it from the account
//! that owns the allocation, is it allowed, is there room. State is made only after all of that.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use turn_server_proto::types::attribute::{Data, XorPeerAddress};
use turn_server_proto::types::channel::ChannelData;
use turn_server_proto::types::message::{
    ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND,
};
use turn_server_proto::types::stun::attribute::{
    ErrorCode, MessageIntegrity, Nonce, Realm, Username, XorMappedAddress,
};
use turn_server_proto::types::stun::message::{
    BINDING, IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageClass,
    MessageWriteVec, TransactionId,
};
use turn_server_proto::types::stun::prelude::{AttributeStaticType, MessageWrite, MessageWriteExt};
use vrs_domain::Sensitive;

use super::credential;
use super::limiter::Limiter;
use super::nonce::Nonces;
use super::peer::PeerPolicy;
use super::permissions::Permissions;
use super::reply;
pub use super::reply::{Client, Transport};

/// What the machine runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Realm of the long-term credentials.
    pub realm: String,
    /// Shared secret of the time-limited credentials.
    pub secret: Sensitive<Vec<u8>>,
    /// Most allocations of one account.
    pub user_quota: usize,
    /// Most allocations.
    pub total_quota: usize,
    /// Longest lifetime granted.
    pub lifetime: Duration,
    /// The address that peers see.
    pub relay_address: IpAddr,
    /// Whom relays may reach.
    pub policy: PeerPolicy,
    /// Random; makes nonces unguessable.
    pub nonce_key: [u8; 32],
}

/// One moment on both clocks: lifetimes are monotonic, credentials end by the wall clock (R07).
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic.
    pub mono: Instant,
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// A relay socket, by the number the machine gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub u64);

/// What the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send to a client.
    ToClient {
        /// Whom.
        client: Client,
        /// What.
        bytes: Vec<u8>,
    },
    /// Send from a relay to a peer.
    ToPeer {
        /// From which relay.
        relay: RelayId,
        /// Whom.
        peer: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Open a UDP port and call [`Machine::relay_opened`].
    OpenRelay {
        /// Its number.
        relay: RelayId,
        /// The client wants an even port (RFC 8656 section 18.6).
        even: bool,
    },
    /// Close that port.
    CloseRelay {
        /// Its number.
        relay: RelayId,
    },
}

/// One client's relay.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) relay: RelayId,
    pub(super) account: String,
    pub(super) username: String,
    pub(super) key: IntegrityKey,
    pub(super) transaction: TransactionId,
    /// The Allocate request, until its port is open.
    pub(super) waiting: Option<Vec<u8>>,
    pub(super) relayed: SocketAddr,
    pub(super) lifetime: Duration,
    pub(super) expires: Instant,
    pub(super) permissions: Permissions,
}

/// Who sent a request, proven.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) account: String,
    pub(super) username: String,
    pub(super) key: IntegrityKey,
}

/// All allocations of one server.
#[derive(Debug)]
pub struct Machine {
    pub(super) settings: Settings,
    pub(super) allocations: HashMap<Client, Allocation>,
    pub(super) relays: HashMap<RelayId, Client>,
    pub(super) accounts: HashMap<String, usize>,
    pub(super) next_relay: u64,
    pub(super) outputs: VecDeque<Output>,
    nonces: Nonces,
    limiter: Limiter,
    start: Instant,
}

impl Machine {
    /// A server without allocations; `start` is any moment not after the first input.
    #[must_use]
    pub fn new(settings: Settings, start: Instant) -> Self {
        let nonces = Nonces::new(settings.nonce_key);
        Self {
            settings,
            allocations: HashMap::new(),
            relays: HashMap::new(),
            accounts: HashMap::new(),
            next_relay: 0,
            outputs: VecDeque::new(),
            nonces,
            limiter: Limiter::default(),
            start,
        }
    }

    /// The next thing to do; ask until there is none after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Allocations at the moment.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// A datagram, or one unit of a stream, from a client. Whatever is not understood is dropped.
    pub fn from_client(&mut self, now: Moment, client: Client, bytes: &[u8]) {
        match bytes.first().map(|b| b >> 6) {
            Some(0) => {
                let Ok(message) = Message::from_bytes(bytes) else {
                    return;
                };
                match message.class() {
                    MessageClass::Request => self.request(now, client, &message),
                    MessageClass::Indication if message.has_method(SEND) => {
                        self.send_indication(now, client, &message)
                    }
                    MessageClass::Indication | MessageClass::Success | MessageClass::Error => {}
                }
            }
            Some(1) => self.channel_data(now, client, bytes),
            Some(_) | None => {}
        }
    }

    /// A datagram from a peer to a relay.
    pub fn from_peer(&mut self, now: Moment, relay: RelayId, peer: SocketAddr, bytes: &[u8]) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Some(&client) = self.relays.get(&relay) else {
            return;
        };
        let Some(allocation) = self.allocations.get(&client) else {
            return;
        };
        let allowed = allocation.permissions.permits(now.mono, peer.ip())
            && self.settings.policy.allows(peer);
        if !allowed || now.mono >= allocation.expires {
            return;
        }
        let bytes = match allocation.permissions.channel(now.mono, peer) {
            Some(number) => channel_frame(client.transport, number, bytes),
            None => data_indication(peer, bytes),
        };
        if let Some(bytes) = bytes {
            self.outputs.push_back(Output::ToClient { client, bytes });
        }
    }

    /// A client's stream was closed; its allocation goes with it.
    pub fn client_gone(&mut self, client: Client) {
        self.remove(client);
    }

    /// Ends what has expired; call it about once a second.
    pub fn handle_timeout(&mut self, now: Moment) {
        let expired: Vec<Client> = self
            .allocations
            .iter()
            .filter(|(_, a)| now.mono >= a.expires)
            .map(|(client, _)| *client)
            .collect();
        for client in expired {
            self.remove(client);
        }
    }

    pub(super) fn remove(&mut self, client: Client) -> Option<Allocation> {
        let allocation = self.allocations.remove(&client)?;
        self.relays.remove(&allocation.relay);
        if let Some(count) = self.accounts.get_mut(&allocation.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.accounts.remove(&allocation.account);
            }
        }
        self.outputs.push_back(Output::CloseRelay {
            relay: allocation.relay,
        });
        Some(allocation)
    }

    pub(super) fn answer(&mut self, client: Client, bytes: Option<Vec<u8>>) {
        if let Some(bytes) = bytes {
            self.outputs.push_back(Output::ToClient { client, bytes });
        }
    }

    fn request(&mut self, now: Moment, client: Client, message: &Message<'_>) {
        if message.has_method(BINDING) {
            let mapped = XorMappedAddress::new(client.address, message.transaction_id());
            return self.answer(client, reply::success(message, &[&mapped], None));
        }
        let identity = match self.authenticate(now, client, message) {
            Ok(identity) => identity,
            Err(refusal) => return self.answer(client, refusal),
        };
        let own = self
            .allocations
            .get(&client)
            .is_none_or(|a| a.account == identity.account);
        if !own {
            return self.answer(
                client,
                reply::error(message, ErrorCode::WRONG_CREDENTIALS, Some(&identity.key)),
            );
        }
        match message.method() {
            ALLOCATE => self.allocate(now, client, message, identity),
            REFRESH => self.refresh(now, client, message, &identity),
            CREATE_PERMISSION => self.create_permission(now, client, message, &identity),
            CHANNEL_BIND => self.channel_bind(now, client, message, &identity),
            _ => self.answer(
                client,
                reply::error(message, ErrorCode::BAD_REQUEST, Some(&identity.key)),
            ),
        }
    }

    /// The long-term credential mechanism (RFC 8489 section 9.2) without any memory of strangers.
    fn authenticate(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
    ) -> Result<Identity, Option<Vec<u8>>> {
        let second = now.mono.saturating_duration_since(self.start).as_secs();
        if !message.has_attribute(MessageIntegrity::TYPE) {
            return Err(self.challenge(client, message, ErrorCode::UNAUTHORIZED, second));
        }
        let (Ok(username), Ok(realm), Ok(nonce)) = (
            message.attribute::<Username>(),
            message.attribute::<Realm>(),
            message.attribute::<Nonce>(),
        ) else {
            return Err(reply::error(message, ErrorCode::BAD_REQUEST, None));
        };
        if !self.nonces.is_good(nonce.nonce(), client.address, second) {
            return Err(self.challenge(client, message, ErrorCode::STALE_NONCE, second));
        }
        let username = username.username();
        let known = self
            .allocations
            .get(&client)
            .filter(|a| a.username == username);
        let identity = match known {
            // A call that outlives its credential keeps its relay.
            Some(allocation) => Some(Identity {
                account: allocation.account.clone(),
                username: username.to_owned(),
                key: allocation.key.clone(),
            }),
            None => credential::account(username, now.unix_s)
                .ok()
                .map(|account| Identity {
                    account: account.to_owned(),
                    username: username.to_owned(),
                    key: self.key(username),
                }),
        };
        let proven = identity.filter(|i| message.validate_integrity_with_key(&i.key).is_ok());
        match proven {
            Some(identity) if realm.realm() == self.settings.realm => Ok(identity),
            Some(_) | None => Err(self.challenge(client, message, ErrorCode::UNAUTHORIZED, second)),
        }
    }

    fn key(&self, username: &str) -> IntegrityKey {
        let password = credential::password(&self.settings.secret, username).into_exposed();
        LongTermKeyCredentials::new(username.to_owned(), password, self.settings.realm.clone())
            .make_key(IntegrityAlgorithm::Sha1)
    }

    /// Tells the client to authenticate, unless its source was told too often (A46).
    fn challenge(
        &mut self,
        client: Client,
        message: &Message<'_>,
        code: u16,
        second: u64,
    ) -> Option<Vec<u8>> {
        if !self.limiter.allows(client.address.ip(), second) {
            return None;
        }
        let nonce = self.nonces.make(client.address, second);
        reply::challenge(message, code, &self.settings.realm, &nonce)
    }

    fn send_indication(&mut self, now: Moment, client: Client, message: &Message<'_>) {
        let (Ok(peer), Ok(data)) = (
            message.attribute::<XorPeerAddress>(),
            message.attribute::<Data<'_>>(),
        ) else {
            return;
        };
        let peer = peer.addr(message.transaction_id());
        self.relay_out(now, client, peer, data.data());
    }

    fn channel_data(&mut self, now: Moment, client: Client, bytes: &[u8]) {
        let Ok(data) = ChannelData::parse(bytes) else {
            return;
        };
        let Some(allocation) = self.allocations.get(&client) else {
            return;
        };
        let Some(peer) = allocation.permissions.peer(now.mono, data.id()) else {
            return;
        };
        self.relay_out(now, client, peer, data.data());
    }

    /// Sends from the client's relay, if the peer is permitted and may be reached at all.
    fn relay_out(&mut self, now: Moment, client: Client, peer: SocketAddr, data: &[u8]) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Some(allocation) = self.allocations.get(&client) else {
            return;
        };
        let open = allocation.waiting.is_none() && now.mono < allocation.expires;
        let permitted = allocation.permissions.permits(now.mono, peer.ip())
            && self.settings.policy.allows(peer);
        if open && permitted {
            self.outputs.push_back(Output::ToPeer {
                relay: allocation.relay,
                peer,
                bytes: data.to_vec(),
            });
        }
    }
}

/// Channel data, padded on streams (RFC 8656 section 12.5).
fn channel_frame(transport: Transport, number: u16, data: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(data.len()).ok()?;
    let mut frame = Vec::with_capacity(data.len() + 8);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(data);
    if transport == Transport::Tcp {
        frame.resize(frame.len().next_multiple_of(4), 0);
    }
    Some(frame)
}

fn data_indication(peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
    if data.len() > usize::from(u16::MAX) - 64 {
        return None;
    }
    let mut message =
        Message::builder_indication(DATA, MessageWriteVec::with_capacity(data.len() + 64));
    let peer = XorPeerAddress::new(peer, message.transaction_id());
    message.add_attribute(&peer).ok()?;
    message.add_attribute(&Data::new(data)).ok()?;
    Some(message.finish())
}
