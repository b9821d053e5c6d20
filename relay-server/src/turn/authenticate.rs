//! Who sent a request: the long-term credential mechanism (RFC 8489 section 9.2) without any
//! memory of strangers.

use turn_server_proto::types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH};
use turn_server_proto::types::stun::attribute::{
    ErrorCode, MessageIntegrity, Nonce, Realm, Username, XorMappedAddress,
};
use turn_server_proto::types::stun::message::{
    BINDING, IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message,
};
use turn_server_proto::types::stun::prelude::AttributeStaticType;

use super::credential;
use super::figures::Dropped;
use super::machine::{Client, Machine, Moment, Transport, canonical};
use super::reply;

/// Who sent a request, proven.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) account: String,
    pub(super) username: String,
    pub(super) key: IntegrityKey,
}

impl Machine {
    pub(super) fn request(&mut self, now: Moment, client: Client, message: &Message<'_>) {
        if message.has_method(BINDING) {
            let seen = canonical(client.address);
            let mapped = XorMappedAddress::new(seen, message.transaction_id());
            return self.answer(client, reply::success(message, &[&mapped], None));
        }
        let Some(identity) = self.authenticate(now, client, message) else {
            return;
        };
        let own = self.clients.get(&client).is_none_or(|relay| {
            let allocation = self.allocations.get(relay.0);
            allocation.is_some_and(|a| self.accounts.name(a.account) == identity.account)
        });
        if !own {
            return self.refuse(client, message, ErrorCode::WRONG_CREDENTIALS, &identity);
        }
        match message.method() {
            ALLOCATE => self.allocate(now, client, message, identity),
            REFRESH => self.refresh(now, client, message, &identity),
            CREATE_PERMISSION => self.create_permission(now, client, message, &identity),
            CHANNEL_BIND => self.channel_bind(now, client, message, &identity),
            _ => self.refuse(client, message, ErrorCode::BAD_REQUEST, &identity),
        }
    }

    /// Refuses a request of somebody who is known.
    pub(super) fn refuse(
        &mut self,
        client: Client,
        message: &Message<'_>,
        code: u16,
        identity: &Identity,
    ) {
        self.figures.refused(code);
        self.answer(client, reply::error(message, code, Some(&identity.key)));
    }

    /// Who sent a request; whoever cannot prove it has been answered.
    fn authenticate(
        &mut self,
        now: Moment,
        client: Client,
        message: &Message<'_>,
    ) -> Option<Identity> {
        let second = now.mono.saturating_duration_since(self.start).as_secs();
        if !message.has_attribute(MessageIntegrity::TYPE) {
            self.challenge(client, message, ErrorCode::UNAUTHORIZED, second);
            return None;
        }
        let (Ok(username), Ok(realm), Ok(nonce)) = (
            message.attribute::<Username>(),
            message.attribute::<Realm>(),
            message.attribute::<Nonce>(),
        ) else {
            let answer = reply::error(message, ErrorCode::BAD_REQUEST, None);
            self.ration(client, message, ErrorCode::BAD_REQUEST, second, answer);
            return None;
        };
        if !self.nonces.is_good(nonce.nonce(), client.address, second) {
            self.challenge(client, message, ErrorCode::STALE_NONCE, second);
            return None;
        }
        let identity = self.claimed(now, client, username.username());
        let proven = identity.filter(|i| message.validate_integrity_with_key(&i.key).is_ok());
        if proven.is_some() && realm.realm() == self.settings.realm {
            return proven;
        }
        self.challenge(client, message, ErrorCode::UNAUTHORIZED, second);
        None
    }

    /// Who has this user name, not yet proven.
    fn claimed(&self, now: Moment, client: Client, username: &str) -> Option<Identity> {
        let relay = self.clients.get(&client);
        let allocation = relay.and_then(|relay| self.allocations.get(relay.0));
        if let Some(allocation) = allocation.filter(|a| a.username == username) {
            // A call that outlives its credential keeps its relay.
            return Some(Identity {
                account: self.accounts.name(allocation.account).to_owned(),
                username: username.to_owned(),
                key: allocation.key.clone(),
            });
        }
        let account = credential::account(username, now.unix_s).ok()?;
        Some(Identity {
            account: account.to_owned(),
            username: username.to_owned(),
            key: self.key(username),
        })
    }

    fn key(&self, username: &str) -> IntegrityKey {
        let password = credential::password(&self.settings.secret, username).into_exposed();
        LongTermKeyCredentials::new(username.to_owned(), password, self.settings.realm.clone())
            .make_key(IntegrityAlgorithm::Sha1)
    }

    fn challenge(&mut self, client: Client, message: &Message<'_>, code: u16, second: u64) {
        let nonce = self.nonces.make(client.address, second);
        let answer = reply::challenge(message, code, &self.settings.realm, &nonce);
        self.ration(client, message, code, second, answer);
    }

    /// Refuses somebody unknown, unless their address was told too often (A46). Nobody can have a
    /// stream in another's name.
    fn ration(
        &mut self,
        client: Client,
        message: &Message<'_>,
        code: u16,
        second: u64,
        answer: Option<Vec<u8>>,
    ) {
        let Some(answer) = answer else {
            return;
        };
        let (asked, answered) = (message.as_bytes().len(), answer.len());
        let source = client.address.ip();
        let allowed = client.transport != Transport::Udp
            || self.limiter.allows(source, second, asked, answered);
        if allowed {
            self.figures.refused(code);
            self.answer(client, Some(answer));
        } else {
            self.figures.dropped(Dropped::Rationed, 1);
        }
    }
}
