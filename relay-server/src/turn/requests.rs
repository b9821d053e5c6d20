//! The four authenticated requests: Allocate, Refresh, CreatePermission, ChannelBind.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turn_server_proto::types::AddressFamily;
use turn_server_proto::types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, ChannelNumber, EvenPort, Lifetime,
    RequestedAddressFamily, RequestedTransport, ReservationToken, XorPeerAddress,
    XorRelayedAddress,
};
use turn_server_proto::types::stun::attribute::{
    AttributeType, ErrorCode, Fingerprint, MessageIntegrity, MessageIntegritySha256, Nonce,
    PasswordAlgorithm, PasswordAlgorithms, Realm, Username, XorMappedAddress,
};
use turn_server_proto::types::stun::message::Message;
use turn_server_proto::types::stun::prelude::{
    Attribute, AttributeFromRaw, AttributeStaticType, AttributeWrite,
};

use super::authenticate::Identity;
use super::machine::{Allocation, Client, Machine, Moment, Output, RelayId, canonical, family_of};
use super::permissions::{NotBound, Permissions};
use super::reply;

/// Lifetime of an allocation that asks for none (RFC 8656 section 3.2).
const LIFETIME_DEFAULT: Duration = Duration::from_secs(600);
/// Attributes that every request may carry.
const COMMON: &[AttributeType] = &[
    Username::TYPE,
    Realm::TYPE,
    Nonce::TYPE,
    MessageIntegrity::TYPE,
    MessageIntegritySha256::TYPE,
    Fingerprint::TYPE,
    PasswordAlgorithm::TYPE,
    PasswordAlgorithms::TYPE,
];
/// Channel numbers: the range of RFC 5766, for older clients; RFC 8656 ends it at 0x4fff.
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7fff;
/// Unknown attributes that are named in a refusal.
const UNKNOWN_MAX: usize = 16;

impl Machine {
    pub(super) fn allocate(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: Identity,
    ) {
        let known = self.clients.get(&client);
        if let Some(allocation) = known.and_then(|relay| self.allocations.get(relay.0)) {
            if allocation.transaction != message.transaction_id() {
                return self.refuse(client, message, ErrorCode::ALLOCATION_MISMATCH, &identity);
            }
            // A retransmission hears the same answer; while the port is being opened, none yet.
            let answer = match allocation.waiting {
                Some(_) => None,
                None => allocated(self.no_second(), allocation, message),
            };
            return self.answer(client, answer);
        }
        let own = [
            RequestedTransport::TYPE,
            Lifetime::TYPE,
            RequestedAddressFamily::TYPE,
            EvenPort::TYPE,
            ReservationToken::TYPE,
        ];
        if self.has_unknown(client, message, &own, &identity) {
            return;
        }
        let address = match self.admit(message, &identity) {
            Ok(address) => address,
            Err(code) => return self.refuse(client, message, code, &identity),
        };
        let lifetime = self.granted(message);
        let account = self.accounts.open(&identity.account, now.mono);
        let relay = RelayId(self.allocations.insert(Allocation {
            client,
            account,
            username: identity.username,
            key: identity.key,
            transaction: message.transaction_id(),
            waiting: Some(message.as_bytes().to_vec()),
            relayed: SocketAddr::new(address, 0),
            lifetime,
            expires: now.mono + lifetime,
            permissions: Permissions::default(),
        }));
        self.clients.insert(client, relay);
        self.figures.allocated(client.transport);
        self.outputs.push_back(Output::OpenRelay {
            relay,
            address,
            even: message.has_attribute(EvenPort::TYPE),
        });
    }

    /// The relay address for an allocation, or why it is refused, in the order of RFC 8656
    /// section 7.2.
    fn admit(&self, message: &Message<'_>, identity: &Identity) -> Result<IpAddr, u16> {
        let transport = message.attribute::<RequestedTransport>();
        match transport.map(|t| t.protocol()) {
            Ok(RequestedTransport::UDP) => {}
            Ok(_) => return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
            Err(_) => return Err(ErrorCode::BAD_REQUEST),
        }
        let (even, asked, additional) = (
            message.has_attribute(EvenPort::TYPE),
            message.has_attribute(RequestedAddressFamily::TYPE),
            message.has_attribute(AdditionalAddressFamily::TYPE),
        );
        let token = message.has_attribute(ReservationToken::TYPE);
        if (token && (even || asked || additional)) || (asked && additional) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        if token {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        let family = if asked {
            let family = message.attribute::<RequestedAddressFamily>();
            family.map_err(|_| ErrorCode::BAD_REQUEST)?.family()
        } else {
            AddressFamily::IPV4
        };
        let address = self.settings.relay_address_of(family);
        let address = address.ok_or(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)?;
        // Pairs of ports were for RTP without RTCP multiplexing; an even port alone can be had.
        let alone = |even: EvenPort| !even.requested();
        if even && !message.attribute::<EvenPort>().is_ok_and(alone) {
            return Err(match additional {
                true => ErrorCode::BAD_REQUEST,
                false => ErrorCode::INSUFFICIENT_CAPACITY,
            });
        }
        let second = message.attribute::<AdditionalAddressFamily>();
        if additional && !second.is_ok_and(|f| f.family() == AddressFamily::IPV6) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        if self.accounts.allocations(&identity.account) >= self.settings.user_quota {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        if self.allocations.len() >= self.settings.total_quota {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        Ok(address)
    }

    /// The lifetime for a request: what it asks for, not below the default nor above the limit.
    fn granted(&self, message: &Message<'_>) -> Duration {
        let asked = message
            .attribute::<Lifetime>()
            .map_or(LIFETIME_DEFAULT, |l| {
                Duration::from_secs(l.seconds().into())
            });
        asked.max(LIFETIME_DEFAULT).min(self.settings.lifetime)
    }

    /// Why a second address was not given to whoever asked for two (RFC 8656 section 7.2): each
    /// allocation has one.
    fn no_second(&self) -> u16 {
        match self.settings.relay_address_of(AddressFamily::IPV6) {
            Some(_) => ErrorCode::INSUFFICIENT_CAPACITY,
            None => ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
        }
    }

    /// The port that [`Output::OpenRelay`] asked for is open (or could not be opened).
    pub fn relay_opened(&mut self, relay: RelayId, port: Option<u16>) {
        let no_second = self.no_second();
        let Some(allocation) = self.allocations.get_mut(relay.0) else {
            return;
        };
        let client = allocation.client;
        let Some(request) = allocation.waiting.take() else {
            return;
        };
        let Ok(message) = Message::from_bytes(&request) else {
            return;
        };
        match port {
            Some(port) => {
                allocation.relayed.set_port(port);
                self.relayed.insert(allocation.relayed, relay);
                let answer = allocated(no_second, allocation, &message);
                self.answer(client, answer);
            }
            None => {
                let code = ErrorCode::INSUFFICIENT_CAPACITY;
                let answer = reply::error(&message, code, Some(&allocation.key));
                self.figures.refused(code);
                self.answer(client, answer);
                self.remove(relay);
            }
        }
    }

    pub(super) fn refresh(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: &Identity,
    ) {
        let own = [Lifetime::TYPE, RequestedAddressFamily::TYPE];
        if self.has_unknown(client, message, &own, identity) {
            return;
        }
        let lifetime = self.granted(message);
        let asked = message.attribute::<Lifetime>();
        let ends = asked.is_ok_and(|l| l.seconds() == 0);
        let family = message.attribute::<RequestedAddressFamily>();
        let Some((relay, allocation)) = self.open_allocation(now, client) else {
            return self.refuse(client, message, ErrorCode::ALLOCATION_MISMATCH, identity);
        };
        let own_family = family_of(allocation.relayed.ip());
        if family.is_ok_and(|family| family.family() != own_family) {
            let code = ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH;
            return self.refuse(client, message, code, identity);
        }
        let granted = if ends {
            self.remove(relay);
            Duration::ZERO
        } else {
            allocation.expires = now.mono + lifetime;
            // A newer credential of the same account takes over.
            allocation.username.clone_from(&identity.username);
            allocation.key = identity.key.clone();
            lifetime
        };
        let lifetime = lifetime_attribute(granted);
        let answer = reply::success(message, &[&lifetime], Some(&identity.key));
        self.answer(client, answer);
    }

    /// A client's allocation that has its port and has not ended.
    fn open_allocation(
        &mut self,
        now: Moment,
        client: Client,
    ) -> Option<(RelayId, &mut Allocation)> {
        let &relay = self.clients.get(&client)?;
        let allocation = self.allocations.get_mut(relay.0)?;
        allocation.is_open(now.mono).then_some((relay, allocation))
    }

    pub(super) fn create_permission(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: &Identity,
    ) {
        if self.has_unknown(client, message, &[XorPeerAddress::TYPE], identity) {
            return;
        }
        let raw = message.iter_attributes().map(|(_, attribute)| attribute);
        let peers: Result<Vec<SocketAddr>, _> = raw
            .filter(|attribute| attribute.get_type() == XorPeerAddress::TYPE)
            .map(|raw| XorPeerAddress::from_raw(raw).map(|p| p.addr(message.transaction_id())))
            .collect();
        let Some(peers) = peers.ok().filter(|peers| !peers.is_empty()) else {
            return self.refuse(client, message, ErrorCode::BAD_REQUEST, identity);
        };
        let refusal = peers
            .iter()
            .find_map(|&peer| self.refuse_peer(now, client, peer));
        if let Some(code) = refusal {
            return self.refuse(client, message, code, identity);
        }
        let ips: Vec<IpAddr> = peers.iter().map(|peer| peer.ip().to_canonical()).collect();
        let Some((_, allocation)) = self.open_allocation(now, client) else {
            return;
        };
        // All or none (RFC 8656 section 10.2).
        let permitted = allocation.permissions.has_room(now.mono, &ips)
            && ips
                .iter()
                .all(|&ip| allocation.permissions.permit(now.mono, ip));
        if !permitted {
            return self.refuse(client, message, ErrorCode::INSUFFICIENT_CAPACITY, identity);
        }
        self.answer(client, reply::success(message, &[], Some(&identity.key)));
    }

    pub(super) fn channel_bind(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: &Identity,
    ) {
        let own = [ChannelNumber::TYPE, XorPeerAddress::TYPE];
        if self.has_unknown(client, message, &own, identity) {
            return;
        }
        let number = message.attribute::<ChannelNumber>().map(|n| n.channel());
        let number = number.ok().filter(|n| CHANNELS.contains(n));
        let peer = message.attribute::<XorPeerAddress>();
        let peer = peer.map(|p| p.addr(message.transaction_id()));
        let (Some(number), Ok(peer)) = (number, peer) else {
            return self.refuse(client, message, ErrorCode::BAD_REQUEST, identity);
        };
        // A channel is for one port.
        let nowhere = (peer.port() == 0).then_some(ErrorCode::FORBIDDEN);
        if let Some(code) = self.refuse_peer(now, client, peer).or(nowhere) {
            return self.refuse(client, message, code, identity);
        }
        let Some((_, allocation)) = self.open_allocation(now, client) else {
            return;
        };
        let peer = canonical(peer);
        match allocation.permissions.bind(now.mono, number, peer) {
            Ok(()) => self.answer(client, reply::success(message, &[], Some(&identity.key))),
            Err(NotBound::Conflict) => {
                self.refuse(client, message, ErrorCode::BAD_REQUEST, identity);
            }
            Err(NotBound::Full) => {
                self.refuse(client, message, ErrorCode::INSUFFICIENT_CAPACITY, identity);
            }
        }
    }

    /// Why a client may not exchange datagrams with a peer, as a STUN error code.
    fn refuse_peer(&mut self, now: Moment, client: Client, peer: SocketAddr) -> Option<u16> {
        let peer = canonical(peer);
        let Some((_, allocation)) = self.open_allocation(now, client) else {
            return Some(ErrorCode::ALLOCATION_MISMATCH);
        };
        let same_family = family_of(peer.ip()) == family_of(allocation.relayed.ip());
        // The list comes first: an address in disguise must not be told apart from a plain one.
        if !self.may_permit(peer) {
            return Some(ErrorCode::FORBIDDEN);
        }
        (!same_family).then_some(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH)
    }

    /// 420 when the request demands what this server does not know (RFC 8489 section 6.3.1);
    /// whether it did.
    fn has_unknown(
        &mut self,
        client: Client,
        message: &Message<'_>,
        own: &[AttributeType],
        identity: &Identity,
    ) -> bool {
        let unknown: Vec<AttributeType> = message
            .iter_attributes()
            .map(|(_, attribute)| attribute.get_type())
            .filter(|t| t.comprehension_required() && !COMMON.contains(t) && !own.contains(t))
            .take(UNKNOWN_MAX)
            .collect();
        if unknown.is_empty() {
            return false;
        }
        self.figures.refused(ErrorCode::UNKNOWN_ATTRIBUTE);
        self.answer(client, reply::unknown(message, &unknown, &identity.key));
        true
    }
}

fn lifetime_attribute(lifetime: Duration) -> Lifetime {
    Lifetime::new(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
}

/// The success of an Allocate; `no_second` is why only one address was given.
fn allocated(no_second: u16, allocation: &Allocation, message: &Message<'_>) -> Option<Vec<u8>> {
    let transaction = message.transaction_id();
    let relayed = XorRelayedAddress::new(allocation.relayed, transaction);
    let mapped = XorMappedAddress::new(canonical(allocation.client.address), transaction);
    let lifetime = lifetime_attribute(allocation.lifetime);
    let code = ErrorCode::builder(no_second).reason("").build().ok()?;
    let error = AddressErrorCode::new(AddressFamily::IPV6, code);
    let mut attributes: Vec<&dyn AttributeWrite> = vec![&relayed, &lifetime, &mapped];
    if message.has_attribute(AdditionalAddressFamily::TYPE) {
        attributes.push(&error);
    }
    reply::success(message, &attributes, Some(&allocation.key))
}
