//! ICE restart (RFC 8445 section 9, RFC 8839 section 4.4.1.1): a new path is sought under new
//! names while the old one carries the media. Keys, certificates and streams stay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use super::ice::{Ice, IceState, Path};
use super::{Lent, Peer, Transport};
use crate::error::{MediaError, Refusal};
use crate::sdp::policy::{LocalTransport, RemoteTransport};
use crate::sdp::{SessionDescription, policy};

/// How we could be reached before a restart that is not answered yet.
pub(super) struct Before {
    local: Vec<LocalTransport>,
    local_addresses: Vec<SocketAddr>,
    lent: Vec<Lent>,
}

impl Transport {
    /// Takes a STUN datagram; `wanted` is the name it is for, if it says one. True if it was
    /// authentic.
    pub(super) fn handle_stun(
        &mut self,
        now: Instant,
        (source, destination): (SocketAddr, SocketAddr),
        wanted: Option<&str>,
        bytes: &[u8],
    ) -> bool {
        let mut both = [Some(&mut self.ice), self.next.as_mut()]
            .into_iter()
            .flatten();
        both.any(|ice| {
            let local = ice.local_for(destination, source);
            let remote = source;
            wanted.is_none_or(|ufrag| ufrag == ice.ufrag())
                && ice.handle(now, Path { local, remote }, bytes)
        })
    }

    /// As [`Ice::is_proven`], on either path.
    pub(super) fn is_proven(&self, remote: SocketAddr) -> bool {
        let next = self.next.as_ref();
        self.ice.is_proven(remote) || next.is_some_and(|ice| ice.is_proven(remote))
    }

    /// Authentic media came this way.
    pub(super) fn touch(&mut self, now: Instant, (source, destination): (SocketAddr, SocketAddr)) {
        for ice in [Some(&mut self.ice), self.next.as_mut()]
            .into_iter()
            .flatten()
        {
            let remote = source;
            let came_to = |local| Path { local, remote };
            if !ice.touch(now, came_to(destination)) {
                let local = ice.local_for(destination, source);
                ice.touch(now, came_to(local));
            }
        }
    }

    pub(super) fn handle_ice_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        if let Some(next) = &mut self.next {
            next.handle_timeout(now);
        }
    }

    pub(super) fn ice_timeout(&mut self) -> Option<Instant> {
        let next = self.next.as_mut().and_then(Ice::poll_timeout);
        [self.ice.poll_timeout(), next].into_iter().flatten().min()
    }

    pub(super) fn poll_ice(&mut self) -> Option<(Path, BytesMut)> {
        let next = self.next.as_mut();
        self.ice
            .poll_transmit()
            .or_else(|| next.and_then(Ice::poll_transmit))
    }

    /// Where the transport stands; a restart under way may still save it.
    pub(super) fn ice_state(&self) -> IceState {
        let next = self.next.as_ref().map(Ice::state);
        match (self.ice.state(), next) {
            (IceState::Failed, Some(IceState::Checking | IceState::Connected)) => {
                IceState::Disconnected
            }
            (state, _) => state,
        }
    }

    /// Takes the new path once it is there, and gives it up when there is none.
    pub(super) fn settle(&mut self) {
        match self.next.as_ref().map(Ice::state) {
            Some(IceState::Connected) => {
                if let Some(next) = self.next.take() {
                    self.ice = next;
                }
            }
            Some(IceState::Failed) => self.next = None,
            Some(IceState::New | IceState::Checking | IceState::Disconnected) | None => {}
        }
    }

    pub(super) fn close_ice(&mut self) {
        self.ice.close();
        self.next = None;
    }
}

impl Peer {
    /// Begins an ICE restart from these addresses, in the place of those of
    /// [`super::PeerConfig`]: gives the SDP offer to send. Media stays on the old path until
    /// [`Self::accept_direction`] has the answer and the new one is proven; driver: keep the old
    /// sockets until then.
    ///
    /// # Errors
    ///
    /// [`MediaError::WrongState`] while nothing is agreed or without a usable address.
    pub fn restart(
        &mut self,
        now: Instant,
        local_addresses: Vec<SocketAddr>,
        lent: Vec<Lent>,
    ) -> Result<String, MediaError> {
        self.must_be_agreed()?;
        self.restart_refused();
        let before = Before {
            local: self.local.clone(),
            local_addresses: std::mem::replace(&mut self.config.local_addresses, local_addresses),
            lent: std::mem::replace(&mut self.config.lent, lent),
        };
        self.before_restart = Some(before);
        if self.config.candidates().is_empty() {
            self.restart_refused();
            return Err(MediaError::WrongState("no usable local address is left"));
        }
        for index in 0..self.transports.len() {
            self.renew(now, index)?;
        }
        self.version += 1;
        self.rewrite();
        self.moved = true;
        Ok(self.description.clone())
    }

    /// The peer did not take the offer of [`Self::restart`]: everything is as it was before it.
    pub fn restart_refused(&mut self) {
        let Some(before) = self.before_restart.take() else {
            return;
        };
        self.local = before.local;
        self.config.local_addresses = before.local_addresses;
        self.config.lent = before.lent;
        for transport in &mut self.transports {
            transport.next = None;
        }
        self.rewrite();
    }

    /// Whether a restart is under way: offered, or its path not found yet.
    #[must_use]
    pub fn is_restarting(&self) -> bool {
        self.transports.iter().any(|t| t.next.is_some())
    }

    /// Which of our addresses media leaves from, once there is a path.
    #[must_use]
    pub fn path_from(&self) -> Option<SocketAddr> {
        let paths = self.transports.iter().map(|transport| transport.ice.path());
        paths.flatten().map(|path| path.local).next()
    }

    /// New names for one transport.
    fn renew(&mut self, now: Instant, index: usize) -> Result<(), MediaError> {
        let (ufrag, password) = self.secrets.ice_credentials();
        let candidates = self.config.candidates();
        let names = (ufrag.as_str(), password.as_str());
        let ice = Ice::new(now, &candidates, names, Arc::clone(&self.provider))?;
        if let (Some(transport), Some(local)) =
            (self.transports.get_mut(index), self.local.get_mut(index))
        {
            transport.next = Some(ice);
            (local.ufrag, local.password) = (ufrag, password);
        }
        Ok(())
    }

    /// What the peer's offer restarts gets new names of ours, too.
    pub(super) fn renew_for(
        &mut self,
        now: Instant,
        offered: &[RemoteTransport],
    ) -> Result<(), MediaError> {
        // Who offers at the same time as we do goes first.
        self.restart_refused();
        for (index, new) in offered.iter().enumerate() {
            let restarts = self.remote.get(index).is_some_and(|old| new.restarts(old));
            if restarts {
                self.renew(now, index)?;
            }
        }
        Ok(())
    }

    /// The other side is known: checks of the new path begin. Roles stay (RFC 8445 section 6.1.1).
    pub(super) fn start_renewed(
        &mut self,
        now: Instant,
        remote: Vec<RemoteTransport>,
    ) -> Result<(), MediaError> {
        let host_only = self.config.host_candidate_only;
        for (transport, theirs) in self.transports.iter_mut().zip(&remote) {
            let controlling = transport.ice.is_controlling();
            let fresh = transport.next.as_mut();
            if let Some(next) = fresh.filter(|next| next.state() == IceState::New) {
                next.start(now, controlling, theirs, host_only)?;
            }
        }
        self.remote = remote;
        Ok(())
    }

    /// The part of an answer that is about a restart of ours; without one it keeps to the transports
    /// that stand.
    pub(super) fn accept_restart(
        &mut self,
        now: Instant,
        answer: &SessionDescription,
    ) -> Result<(), MediaError> {
        if self.before_restart.is_none() {
            let paths = policy::transports(answer)?;
            let known = |path: &RemoteTransport| {
                let mut standing = self.remote.iter();
                standing.any(|old| path.is_the_same_as(old))
            };
            let fits = paths.iter().all(known);
            return fits
                .then_some(())
                .ok_or(MediaError::NotAcceptable(Refusal::Renegotiation));
        }
        let remote = policy::transports_of(answer, &self.negotiated)?;
        let restarted = |(new, old): (&RemoteTransport, &RemoteTransport)| new.restarts(old);
        let fits =
            remote.len() == self.remote.len() && remote.iter().zip(&self.remote).all(restarted);
        if !fits {
            self.restart_refused();
            return Err(MediaError::NotAcceptable(Refusal::Renegotiation));
        }
        self.before_restart = None;
        self.start_renewed(now, remote)
    }

    /// Writes our names and addresses of the moment into our description, as an offer.
    fn rewrite(&mut self) {
        let Ok(mut offer) = SessionDescription::parse(&self.description) else {
            return; // it is our own writing
        };
        offer.origin.version = self.version;
        let local = self.description();
        offer.origin.address = local.candidates.first().map(|first| first.address.ip());
        for (line, media) in offer.media.iter_mut().enumerate() {
            let mut agreed = self.negotiated.media.iter();
            // What was not agreed is in the bundle of the others.
            let agreed = agreed.find(|agreed| agreed.line == line);
            if !media.is_rejected() {
                policy::renew_transport(media, &local, agreed.map_or(0, |it| it.transport));
            }
        }
        self.description = offer.to_string();
    }
}
