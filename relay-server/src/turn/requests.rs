//! The four authenticated requests: Allocate, Refresh, CreatePermission, ChannelBind.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turn_server_proto::types::AddressFamily;
use turn_server_proto::types::attribute::{
    ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken, XorPeerAddress, XorRelayedAddress,
};
use turn_server_proto::types::stun::attribute::{
    AttributeType, ErrorCode, Fingerprint, MessageIntegrity, MessageIntegritySha256, Nonce,
    PasswordAlgorithm, PasswordAlgorithms, Realm, Username, XorMappedAddress,
};
use turn_server_proto::types::stun::message::Message;
use turn_server_proto::types::stun::prelude::{Attribute, AttributeFromRaw, AttributeStaticType};

use super::machine::{Allocation, Client, Identity, Machine, Moment, Output, RelayId};
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

impl Machine {
    pub(super) fn allocate(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: Identity,
    ) {
        if let Some(allocation) = self.allocations.get(&client) {
            // A retransmission hears the same answer; while the port is being opened, none yet.
            let answer = match (
                &allocation.waiting,
                allocation.transaction == message.transaction_id(),
            ) {
                (Some(_), true) => None,
                (None, true) => allocated(client, allocation, message),
                (_, false) => {
                    reply::error(message, ErrorCode::ALLOCATION_MISMATCH, Some(&identity.key))
                }
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
        if let Some(refusal) = unknown_attributes(message, &own, &identity) {
            return self.answer(client, Some(refusal));
        }
        if let Some(code) = self.refuse_allocation(message, &identity) {
            return self.answer(client, reply::error(message, code, Some(&identity.key)));
        }
        self.next_relay = self.next_relay.wrapping_add(1);
        let relay = RelayId(self.next_relay);
        let lifetime = self.granted(message);
        *self.accounts.entry(identity.account.clone()).or_default() += 1;
        self.relays.insert(relay, client);
        let allocation = Allocation {
            relay,
            account: identity.account,
            username: identity.username,
            key: identity.key,
            transaction: message.transaction_id(),
            waiting: Some(message.as_bytes().to_vec()),
            relayed: SocketAddr::new(self.settings.relay_address, 0),
            lifetime,
            expires: now.mono + lifetime,
            permissions: Permissions::default(),
        };
        self.allocations.insert(client, allocation);
        self.outputs.push_back(Output::OpenRelay {
            relay,
            even: message.has_attribute(EvenPort::TYPE),
        });
    }

    /// Why an allocation is refused, as a STUN error code.
    fn refuse_allocation(&self, message: &Message<'_>, identity: &Identity) -> Option<u16> {
        let Ok(transport) = message.attribute::<RequestedTransport>() else {
            return Some(ErrorCode::BAD_REQUEST);
        };
        if transport.protocol() != RequestedTransport::UDP {
            return Some(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL);
        }
        if message.has_attribute(RequestedAddressFamily::TYPE) {
            match message
                .attribute::<RequestedAddressFamily>()
                .map(|f| f.family())
            {
                Ok(family) if family == self.family() => {}
                Ok(_) => return Some(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
                Err(_) => return Some(ErrorCode::BAD_REQUEST),
            }
        }
        // Pairs of ports were for RTP without RTCP multiplexing; an even port alone can be had.
        let pair = message.has_attribute(EvenPort::TYPE)
            && !message
                .attribute::<EvenPort>()
                .is_ok_and(|e| !e.requested());
        if pair || message.has_attribute(ReservationToken::TYPE) {
            return Some(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        if self
            .accounts
            .get(&identity.account)
            .is_some_and(|&n| n >= self.settings.user_quota)
        {
            return Some(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        (self.allocations.len() >= self.settings.total_quota)
            .then_some(ErrorCode::INSUFFICIENT_CAPACITY)
    }

    fn family(&self) -> AddressFamily {
        match self.settings.relay_address {
            IpAddr::V4(_) => AddressFamily::IPV4,
            IpAddr::V6(_) => AddressFamily::IPV6,
        }
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

    /// The port that [`Output::OpenRelay`] asked for is open (or could not be opened).
    pub fn relay_opened(&mut self, relay: RelayId, port: Option<u16>) {
        let Some(&client) = self.relays.get(&relay) else {
            return;
        };
        let Some(allocation) = self.allocations.get_mut(&client) else {
            return;
        };
        let Some(request) = allocation.waiting.take() else {
            return;
        };
        let Ok(message) = Message::from_bytes(&request) else {
            return;
        };
        match port {
            Some(port) => {
                allocation.relayed.set_port(port);
                let answer = allocated(client, allocation, &message);
                self.answer(client, answer);
            }
            None => {
                let answer = reply::error(
                    &message,
                    ErrorCode::INSUFFICIENT_CAPACITY,
                    Some(&allocation.key),
                );
                self.answer(client, answer);
                self.remove(client);
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
        if let Some(refusal) = unknown_attributes(message, &own, identity) {
            return self.answer(client, Some(refusal));
        }
        let lifetime = self.granted(message);
        let ends = message
            .attribute::<Lifetime>()
            .is_ok_and(|l| l.seconds() == 0);
        let family = message
            .attribute::<RequestedAddressFamily>()
            .map(|f| f.family());
        let mismatch = family.is_ok_and(|f| f != self.family());
        let Some(allocation) = self
            .allocations
            .get_mut(&client)
            .filter(|a| now.mono < a.expires)
        else {
            return self.answer(
                client,
                reply::error(message, ErrorCode::ALLOCATION_MISMATCH, Some(&identity.key)),
            );
        };
        if mismatch {
            return self.answer(
                client,
                reply::error(
                    message,
                    ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH,
                    Some(&identity.key),
                ),
            );
        }
        let granted = if ends {
            self.remove(client);
            Duration::ZERO
        } else {
            allocation.expires = now.mono + lifetime;
            // A newer credential of the same account takes over.
            allocation.username.clone_from(&identity.username);
            allocation.key = identity.key.clone();
            lifetime
        };
        self.answer(
            client,
            reply::success(
                message,
                &[&lifetime_attribute(granted)],
                Some(&identity.key),
            ),
        );
    }

    pub(super) fn create_permission(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: &Identity,
    ) {
        if let Some(refusal) = unknown_attributes(message, &[XorPeerAddress::TYPE], identity) {
            return self.answer(client, Some(refusal));
        }
        let mut peers = Vec::new();
        let mut readable = true;
        for (_, raw) in message
            .iter_attributes()
            .filter(|(_, a)| a.get_type() == XorPeerAddress::TYPE)
        {
            match XorPeerAddress::from_raw(raw) {
                Ok(peer) => peers.push(peer.addr(message.transaction_id())),
                Err(_) => readable = false,
            }
        }
        let refusal = if !readable || peers.is_empty() {
            Some(ErrorCode::BAD_REQUEST)
        } else {
            peers
                .iter()
                .find_map(|&peer| self.refuse_peer(now, client, peer))
        };
        if let Some(code) = refusal {
            return self.answer(client, reply::error(message, code, Some(&identity.key)));
        }
        let Some(allocation) = self.allocations.get_mut(&client) else {
            return;
        };
        // All or none (RFC 8656 section 10.2), except that a full table keeps what fitted.
        let permitted = peers.iter().all(|peer| {
            allocation
                .permissions
                .permit(now.mono, peer.ip().to_canonical())
        });
        let answer = if permitted {
            reply::success(message, &[], Some(&identity.key))
        } else {
            reply::error(
                message,
                ErrorCode::INSUFFICIENT_CAPACITY,
                Some(&identity.key),
            )
        };
        self.answer(client, answer);
    }

    pub(super) fn channel_bind(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
        identity: &Identity,
    ) {
        let own = [ChannelNumber::TYPE, XorPeerAddress::TYPE];
        if let Some(refusal) = unknown_attributes(message, &own, identity) {
            return self.answer(client, Some(refusal));
        }
        let number = message
            .attribute::<ChannelNumber>()
            .ok()
            .map(|n| n.channel())
            .filter(|n| CHANNELS.contains(n));
        let peer = message
            .attribute::<XorPeerAddress>()
            .ok()
            .map(|p| p.addr(message.transaction_id()));
        let (Some(number), Some(peer)) = (number, peer) else {
            return self.answer(
                client,
                reply::error(message, ErrorCode::BAD_REQUEST, Some(&identity.key)),
            );
        };
        if let Some(code) = self.refuse_peer(now, client, peer) {
            return self.answer(client, reply::error(message, code, Some(&identity.key)));
        }
        let Some(allocation) = self.allocations.get_mut(&client) else {
            return;
        };
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let answer = match allocation.permissions.bind(now.mono, number, peer) {
            Ok(()) => reply::success(message, &[], Some(&identity.key)),
            Err(NotBound::Conflict) => {
                reply::error(message, ErrorCode::BAD_REQUEST, Some(&identity.key))
            }
            Err(NotBound::Full) => reply::error(
                message,
                ErrorCode::INSUFFICIENT_CAPACITY,
                Some(&identity.key),
            ),
        };
        self.answer(client, answer);
    }

    /// Why a client may not exchange datagrams with a peer, as a STUN error code.
    fn refuse_peer(&self, now: Moment, client: Client, peer: SocketAddr) -> Option<u16> {
        let allocation = self
            .allocations
            .get(&client)
            .filter(|a| a.waiting.is_none() && now.mono < a.expires);
        if allocation.is_none() {
            return Some(ErrorCode::ALLOCATION_MISMATCH);
        }
        // The list comes first: an address in disguise must not be told apart from a plain one.
        if !self.settings.policy.allows(peer) {
            return Some(ErrorCode::FORBIDDEN);
        }
        let same_family =
            peer.ip().to_canonical().is_ipv4() == self.settings.relay_address.is_ipv4();
        (!same_family).then_some(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH)
    }
}

fn lifetime_attribute(lifetime: Duration) -> Lifetime {
    Lifetime::new(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
}

fn allocated(client: Client, allocation: &Allocation, message: &Message<'_>) -> Option<Vec<u8>> {
    let transaction = message.transaction_id();
    let relayed = XorRelayedAddress::new(allocation.relayed, transaction);
    let mapped = XorMappedAddress::new(client.address, transaction);
    let lifetime = lifetime_attribute(allocation.lifetime);
    reply::success(
        message,
        &[&relayed, &lifetime, &mapped],
        Some(&allocation.key),
    )
}

/// 420 when the request demands what this server does not know (RFC 8489 section 6.3.1).
fn unknown_attributes(
    message: &Message<'_>,
    own: &[AttributeType],
    identity: &Identity,
) -> Option<Vec<u8>> {
    let unknown: Vec<AttributeType> = message
        .iter_attributes()
        .map(|(_, attribute)| attribute.get_type())
        .filter(|t| t.comprehension_required() && !COMMON.contains(t) && !own.contains(t))
        .take(16)
        .collect();
    if unknown.is_empty() {
        None
    } else {
        reply::unknown(message, &unknown, &identity.key)
    }
}
