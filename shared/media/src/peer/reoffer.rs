//! Further offers on a standing connection: a refresh, hold and its end, from either side.
//! A restart of ICE ([`super::restart`]) may come with each of them.
//!
//! What it is not: a renegotiation. Certificates, codecs and kinds stay as they were agreed.

use std::time::Instant;

use super::Peer;
use crate::error::{MediaError, Refusal};
use crate::rtp::MediaKind;
use crate::sdp::{Direction, MediaDescription, Negotiated, NegotiatedMedia, SessionDescription};
use crate::sdp::{channel, policy};

impl Peer {
    /// Answers a further offer of the peer (a re-INVITE): a refresh of the session, hold and its
    /// end, an ICE restart. Gives the SDP answer to send. What we have put on hold ourselves stays
    /// so; during a restart media stays on the old path until the new one is proven.
    ///
    /// # Errors
    ///
    /// [`MediaError::Sdp`] for what cannot be read and [`MediaError::NotAcceptable`] for other
    /// certificates, codecs or kinds than those agreed; the connection then goes on as it was.
    pub fn handle_offer(&mut self, now: Instant, offer: &str) -> Result<String, MediaError> {
        self.must_be_agreed()?;
        let offer = SessionDescription::parse(offer)?;
        // A format that was agreed stays, whichever is liked best.
        let allowed = self.negotiated.narrowed(&self.config.allowed);
        let mut accepted = policy::accept_offer(
            &offer,
            &self.config.kinds(),
            (&allowed, self.config.layers()),
        )?;
        let pairs = || accepted.transports.iter().zip(&self.remote);
        let same_peer = accepted.transports.len() == self.remote.len()
            && pairs().all(|(new, old)| new.is_the_same_as(old) || new.restarts(old));
        if !same_peer || !accepted.negotiated.continues(&self.negotiated) {
            return Err(MediaError::NotAcceptable(Refusal::Renegotiation));
        }
        for (new, old) in accepted
            .negotiated
            .media
            .iter_mut()
            .zip(&self.negotiated.media)
        {
            let direction = if self.held {
                Direction::Inactive
            } else {
                new.direction
            };
            *new = NegotiatedMedia {
                direction,
                keys: std::mem::take(&mut new.keys),
                text: old.text.continued_by(new.text),
                ..old.clone()
            };
        }
        self.renew_for(now, &accepted.transports)?;
        let offered = accepted.negotiated.channel.take();
        accepted.negotiated.channel = offered.and_then(|new| new.continuing(&self.negotiated));
        self.version += 1;
        let answer = policy::write_answer(&self.description(), &offer, &accepted).to_string();
        self.description.clone_from(&answer);
        self.start_renewed(now, accepted.transports)?;
        self.redirect(now, accepted.negotiated);
        Ok(answer)
    }

    /// Puts the call on hold or takes it back (RFC 3264 section 8.4): gives the SDP offer to send.
    /// On hold nothing is sent from now on; what comes back flows once
    /// [`Self::accept_direction`] has the answer.
    ///
    /// # Errors
    ///
    /// [`MediaError::WrongState`] while nothing is agreed.
    pub fn hold(&mut self, now: Instant, held: bool) -> Result<String, MediaError> {
        self.must_be_agreed()?;
        let mut offer = SessionDescription::parse(&self.description)?;
        self.held = held;
        self.version += 1;
        offer.origin.version = self.version;
        let direction = if held {
            let mut silent = self.negotiated.clone();
            for media in &mut silent.media {
                media.direction = Direction::Inactive;
            }
            self.redirect(now, silent);
            Direction::Inactive
        } else {
            Direction::SendRecv
        };
        let taken = offer.media.iter_mut().filter(|media| !media.is_rejected());
        taken.for_each(|media| set_direction(media, direction));
        self.description = offer.to_string();
        Ok(self.description.clone())
    }

    /// Takes the peer's answer to an offer of [`Self::hold`] or [`Self::restart`].
    ///
    /// # Errors
    ///
    /// [`MediaError::Sdp`] for what cannot be read, [`MediaError::NotAcceptable`] for an answer to
    /// a restart that does not restart, [`MediaError::WrongState`] while nothing is agreed.
    pub fn accept_direction(&mut self, now: Instant, answer: &str) -> Result<(), MediaError> {
        self.must_be_agreed()?;
        let answer = SessionDescription::parse(answer)?;
        self.accept_restart(now, &answer)?;
        let mut negotiated = self.negotiated.clone();
        for media in &mut negotiated.media {
            let line = answer.media.get(media.line);
            let said = line.filter(|line| !line.is_rejected() && !self.held);
            media.direction = said.map_or(Direction::Inactive, |line| {
                line.direction(&answer).reversed()
            });
            // Who answers without it has given it up.
            media.text.multiparty &= line.is_none_or(|line| line.attributes.has("rtt-mixer"));
        }
        self.redirect(now, negotiated);
        Ok(())
    }

    pub(super) fn must_be_agreed(&self) -> Result<(), MediaError> {
        if self.offered.is_some() || self.remote.is_empty() {
            return Err(MediaError::WrongState("nothing is agreed yet"));
        }
        Ok(())
    }

    fn redirect(&mut self, now: Instant, negotiated: Negotiated) {
        self.finder.forget_routes();
        for (stream, media) in self.streams.iter_mut().zip(&negotiated.media) {
            stream.sender.set_direction(media.direction);
            stream.sender.set_keys(&media.keys);
            stream.sender.set_extensions(media.extensions);
            stream.sender.set_text(now, media);
            stream.receiver.extensions = media.extensions;
            stream.receiver.set_direction(media.direction);
            stream.receiver.set_keys(&media.keys);
        }
        let video = negotiated.get(MediaKind::Video);
        let lower = self.streams.iter_mut().filter(|stream| stream.layer > 0);
        for (stream, media) in lower.zip(video) {
            stream.sender.set_direction(media.direction);
            stream.sender.set_extensions(media.extensions);
        }
        if let Some(channels) = &mut self.channels {
            let agreed = negotiated.channel.as_ref().filter(|_| !self.held);
            channels.set_direction(agreed.map_or(Direction::Inactive, |agreed| agreed.direction()));
        }
        self.negotiated = negotiated;
        self.advance(now);
    }
}

/// Our line again with another direction; the roles of the handshake may be chosen anew in every
/// offer (RFC 8842 section 5.5).
fn set_direction(media: &mut MediaDescription, direction: Direction) {
    let directions = [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ];
    for (name, value) in &mut media.attributes.0 {
        if directions.iter().any(|known| known.name() == name) {
            direction.name().clone_into(name);
        } else if name == "dcsa" {
            channel::set_direction(value, direction);
        } else if name == "setup" {
            *value = Some(policy::Setup::ActPass.name().to_owned());
        }
    }
}
