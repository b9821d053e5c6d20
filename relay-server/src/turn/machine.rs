//! The TURN server without sockets: datagrams, times and opened ports go in; where data go,
//! answers and wishes for relays come out.
//!
//! A request is answered in this order: is it STUN, is it authenticated, is it from the account
//! that owns the allocation, is it allowed, is there room. State is made only after all of that.
//! Data are not copied here: a [`Way`] says where a part of what came has to go.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use slab::Slab;
use turn_server_proto::types::AddressFamily;
use turn_server_proto::types::attribute::{Data, XorPeerAddress};
use turn_server_proto::types::channel::ChannelData;
use turn_server_proto::types::message::{DATA, SEND};
use turn_server_proto::types::stun::message::{
    IntegrityKey, Message, MessageClass, MessageWriteVec, TransactionId,
};
use turn_server_proto::types::stun::prelude::{MessageWrite, MessageWriteExt};
use vrs_domain::Sensitive;

use super::accounts::{AccountId, Accounts, Over};
use super::figures::{Direction, Dropped, Figures};
use super::limiter::Limiter;
use super::nonce::Nonces;
use super::peer::PeerPolicy;
use super::permissions::{Form, Permissions};
pub use super::reply::{Client, Transport};

/// What stands before the data of channel data (RFC 8656 section 12.4).
pub const CHANNEL_HEADER_BYTES: usize = 4;
/// What a Data indication has beside its data, at most.
const INDICATION_BYTES_MAX: usize = 64;

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
    /// Bytes of data a second, both ways together, of one account.
    pub user_bytes_per_s: u64,
    /// Bytes of data a second, both ways together, of all accounts.
    pub total_bytes_per_s: u64,
    /// Longest lifetime granted.
    pub lifetime: Duration,
    /// The address that peers see.
    pub relay_address: IpAddr,
    /// The one that peers with IPv6 see, beside an IPv4 one.
    pub relay_address_ipv6: Option<Ipv6Addr>,
    /// Whom relays may reach.
    pub policy: PeerPolicy,
    /// Random; makes nonces unguessable.
    pub nonce_key: [u8; 32],
}

impl Settings {
    /// The relay address of a family, where there is one.
    pub(super) fn relay_address_of(&self, family: AddressFamily) -> Option<IpAddr> {
        let second = self.relay_address_ipv6.map(IpAddr::V6);
        let mut all = [self.relay_address].into_iter().chain(second);
        all.find(|address| family_of(*address) == family)
    }

    fn is_relay_address(&self, ip: IpAddr) -> bool {
        self.relay_address == ip || self.relay_address_ipv6.is_some_and(|own| own == ip)
    }
}

pub(super) const fn family_of(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::IPV4,
        IpAddr::V6(_) => AddressFamily::IPV6,
    }
}

/// One moment on both clocks: lifetimes are monotonic, credentials end by the wall clock (R07).
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic.
    pub mono: Instant,
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// A relay socket, by its place; a place is used again after [`Output::CloseRelay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub usize);

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
    /// Open a UDP port and call [`Machine::relay_opened`].
    OpenRelay {
        /// Its place.
        relay: RelayId,
        /// The address that peers shall see.
        address: IpAddr,
        /// The client wants an even port (RFC 8656 section 18.7).
        even: bool,
    },
    /// Close that port.
    CloseRelay {
        /// Its place.
        relay: RelayId,
    },
}

/// Where data have to go; they stay where they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Nowhere. There may be outputs, though.
    Nowhere,
    /// From a relay to a peer.
    ToPeer {
        /// From which relay.
        relay: RelayId,
        /// Whom.
        peer: SocketAddr,
        /// Which bytes of what came.
        data: Range<usize>,
    },
    /// To a client, as channel data; streams need padding after it.
    ToClient {
        /// Whom.
        client: Client,
        /// What stands before the data.
        header: [u8; CHANNEL_HEADER_BYTES],
        /// Which bytes of what came.
        data: Range<usize>,
    },
}

/// One client's relay.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) client: Client,
    pub(super) account: AccountId,
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

impl Allocation {
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.waiting.is_none() && now < self.expires
    }
}

/// What a permitted peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// An address outside, or the server's media port.
    Outside,
    /// Another client of ours.
    Relay(RelayId),
}

/// All allocations of one server.
#[derive(Debug)]
pub struct Machine {
    pub(super) settings: Settings,
    pub(super) allocations: Slab<Allocation>,
    pub(super) clients: HashMap<Client, RelayId>,
    pub(super) relayed: HashMap<SocketAddr, RelayId>,
    pub(super) accounts: Accounts,
    pub(super) outputs: VecDeque<Output>,
    pub(super) figures: Figures,
    pub(super) nonces: Nonces,
    pub(super) limiter: Limiter,
    pub(super) start: Instant,
}

impl Machine {
    /// A server without allocations; `start` is any moment before all others.
    #[must_use]
    pub fn new(settings: Settings, start: Instant) -> Self {
        let nonces = Nonces::new(settings.nonce_key);
        let (user, total) = (settings.user_bytes_per_s, settings.total_bytes_per_s);
        Self {
            settings,
            allocations: Slab::new(),
            clients: HashMap::new(),
            relayed: HashMap::new(),
            accounts: Accounts::new(user, total, start),
            outputs: VecDeque::new(),
            figures: Figures::default(),
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

    /// Whether a client has an allocation.
    #[must_use]
    pub fn has_allocation(&self, client: Client) -> bool {
        self.clients.contains_key(&client)
    }

    /// The client whose relay this is.
    #[must_use]
    pub fn client(&self, relay: RelayId) -> Option<Client> {
        let allocation = self.allocations.get(relay.0);
        allocation.map(|allocation| allocation.client)
    }

    /// The addresses of this machine have changed.
    pub fn own_addresses_changed(&mut self, own: Vec<IpAddr>) {
        self.settings.policy.own = own;
    }

    /// A datagram, or one unit of a stream, from a client. Whatever is not understood is dropped.
    pub fn from_client(&mut self, now: Moment, client: Client, bytes: &[u8]) -> Way {
        match bytes.first().map(|b| b >> 6) {
            Some(1) => self.channel_data(now.mono, client, bytes),
            Some(0) => {
                let Ok(message) = Message::from_bytes(bytes) else {
                    return Way::Nowhere;
                };
                match message.class() {
                    MessageClass::Request => self.request(now, client, &message),
                    MessageClass::Indication if message.has_method(SEND) => {
                        return self.send_indication(now.mono, client, &message);
                    }
                    MessageClass::Indication | MessageClass::Success | MessageClass::Error => {}
                }
                Way::Nowhere
            }
            Some(_) | None => Way::Nowhere,
        }
    }

    /// A datagram from a peer to a relay.
    pub fn from_peer(
        &mut self,
        now: Moment,
        relay: RelayId,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Way {
        let peer = canonical(peer);
        // Our own relays never come this way, so whoever claims to be one is not.
        if !self.settings.policy.allows(peer) {
            return self.drop_data(Dropped::NotPermitted);
        }
        self.relay_in(now.mono, relay, peer, bytes, 0)
    }

    /// A client's stream was closed; its allocation goes with it.
    pub fn client_gone(&mut self, client: Client) {
        if let Some(&relay) = self.clients.get(&client) {
            self.remove(relay);
        }
    }

    /// Ends what has expired; call it about once a second.
    pub fn handle_timeout(&mut self, now: Moment) {
        let expired: Vec<RelayId> = self
            .allocations
            .iter()
            .filter(|(_, allocation)| now.mono >= allocation.expires)
            .map(|(place, _)| RelayId(place))
            .collect();
        for relay in expired {
            self.remove(relay);
        }
        self.accounts.forget_idle(now.mono);
    }

    pub(super) fn remove(&mut self, relay: RelayId) {
        let Some(allocation) = self.allocations.try_remove(relay.0) else {
            return;
        };
        self.clients.remove(&allocation.client);
        self.relayed.remove(&allocation.relayed);
        self.accounts.close(allocation.account);
        self.figures.deallocated(allocation.client.transport);
        self.outputs.push_back(Output::CloseRelay { relay });
    }

    pub(super) fn answer(&mut self, client: Client, bytes: Option<Vec<u8>>) {
        if let Some(bytes) = bytes {
            self.outputs.push_back(Output::ToClient { client, bytes });
        }
    }

    /// What a peer is, if relays may reach it at all.
    pub(super) fn reach(&self, peer: SocketAddr) -> Option<Reach> {
        if self.settings.is_relay_address(peer.ip())
            && let Some(&relay) = self.relayed.get(&peer)
        {
            return Some(Reach::Relay(relay));
        }
        let allowed = self.settings.policy.allows(peer);
        allowed.then_some(Reach::Outside)
    }

    /// Whether a peer may be permitted. A permission is for an address whatever the port (RFC 8656
    /// section 10.2), so clients may leave the port out: then it is enough that some port there may
    /// be reached. Which one is asked again for each datagram.
    pub(super) fn may_permit(&self, peer: SocketAddr) -> bool {
        let any_port = peer.port() == 0
            && (self.settings.is_relay_address(peer.ip())
                || self.settings.policy.allows_some_port(peer.ip()));
        any_port || self.reach(peer).is_some()
    }

    fn drop_data(&mut self, why: Dropped) -> Way {
        self.figures.dropped(why, 1);
        Way::Nowhere
    }

    fn send_indication(&mut self, now: Instant, client: Client, message: &Message<'_>) -> Way {
        let (Ok(peer), Ok((at, data))) = (
            message.attribute::<XorPeerAddress>(),
            message.attribute_and_offset::<Data<'_>>(),
        ) else {
            return Way::Nowhere;
        };
        let peer = canonical(peer.addr(message.transaction_id()));
        let Some(&relay) = self.clients.get(&client) else {
            return self.drop_data(Dropped::NotPermitted);
        };
        let permitted = self
            .allocations
            .get(relay.0)
            .is_some_and(|allocation| allocation.permissions.permits(now, peer.ip()));
        if !permitted {
            return self.drop_data(Dropped::NotPermitted);
        }
        let start = at + ATTRIBUTE_HEADER_BYTES;
        let place = start..start + data.data().len();
        self.relay_out(now, relay, peer, message.as_bytes(), place)
    }

    fn channel_data(&mut self, now: Instant, client: Client, bytes: &[u8]) -> Way {
        let Ok(data) = ChannelData::parse(bytes) else {
            return Way::Nowhere;
        };
        let Some(&relay) = self.clients.get(&client) else {
            return self.drop_data(Dropped::NotPermitted);
        };
        let peer = self
            .allocations
            .get(relay.0)
            .and_then(|allocation| allocation.permissions.peer(now, data.id()));
        let Some(peer) = peer else {
            return self.drop_data(Dropped::NotPermitted);
        };
        let place = CHANNEL_HEADER_BYTES..CHANNEL_HEADER_BYTES + data.data().len();
        self.relay_out(now, relay, peer, bytes, place)
    }

    /// Sends from a relay to a permitted peer, if that may be reached at all.
    fn relay_out(
        &mut self,
        now: Instant,
        relay: RelayId,
        peer: SocketAddr,
        bytes: &[u8],
        data: Range<usize>,
    ) -> Way {
        let (Some(reach), Some(allocation)) = (self.reach(peer), self.allocations.get(relay.0))
        else {
            return self.drop_data(Dropped::NotPermitted);
        };
        let own = allocation.relayed;
        if !allocation.is_open(now) || own.is_ipv4() != peer.is_ipv4() {
            return self.drop_data(Dropped::NotPermitted);
        }
        if let Err(over) = self.accounts.take(allocation.account, now, data.len()) {
            return self.drop_data(over.into());
        }
        match reach {
            Reach::Outside => Way::ToPeer { relay, peer, data },
            // It never leaves this machine: behind an address translator it might not come back,
            // and no socket of ours ever sends to an address of ours.
            Reach::Relay(other) => {
                let start = data.start;
                match bytes.get(data) {
                    Some(data) => self.relay_in(now, other, own, data, start),
                    None => Way::Nowhere,
                }
            }
        }
    }

    /// Hands data of a peer to the client, if it has permitted the peer. They stand `at` this
    /// place of what came.
    fn relay_in(
        &mut self,
        now: Instant,
        relay: RelayId,
        peer: SocketAddr,
        data: &[u8],
        at: usize,
    ) -> Way {
        let Some(allocation) = self.allocations.get(relay.0) else {
            return self.drop_data(Dropped::NotPermitted);
        };
        let form = allocation.permissions.form(now, peer);
        let Some(form) = form.filter(|_| allocation.is_open(now)) else {
            return self.drop_data(Dropped::NotPermitted);
        };
        let client = allocation.client;
        if let Err(over) = self.accounts.take(allocation.account, now, data.len()) {
            return self.drop_data(over.into());
        }
        match form {
            Form::Channel(number) => {
                let Ok(length) = u16::try_from(data.len()) else {
                    return Way::Nowhere;
                };
                let ([a, b], [c, d]) = (number.to_be_bytes(), length.to_be_bytes());
                Way::ToClient {
                    client,
                    header: [a, b, c, d],
                    data: at..at + data.len(),
                }
            }
            Form::Indication => {
                self.figures.relayed(Direction::ToClient, 1, data.len());
                self.answer(client, data_indication(peer, data));
                Way::Nowhere
            }
        }
    }
}

/// Type and length before the value of an attribute (RFC 8489 section 14).
const ATTRIBUTE_HEADER_BYTES: usize = 4;

impl From<Over> for Dropped {
    fn from(over: Over) -> Self {
        match over {
            Over::Account => Self::AccountRate,
            Over::Total => Self::TotalRate,
        }
    }
}

/// An IPv4 address written as one of IPv6 is an IPv4 address.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn data_indication(peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
    if data.len() > usize::from(u16::MAX) - INDICATION_BYTES_MAX {
        return None;
    }
    let room = MessageWriteVec::with_capacity(data.len() + INDICATION_BYTES_MAX);
    let mut message = Message::builder_indication(DATA, room);
    let peer = XorPeerAddress::new(peer, message.transaction_id());
    message.add_attribute(&peer).ok()?;
    message.add_attribute(&Data::new(data)).ok()?;
    Some(message.finish())
}
