//! What happens before picture and sound can be offered or answered: a socket is opened, and STUN
//! and TURN are asked for what they lend, for a bounded time ([`crate::transport::network`]).

use std::time::Instant;

use vrs_domain::EndReason;
use vrs_sip::{Body, CallHandle, Headers};

use super::Driver;
use super::calls::{ActiveCall, Place, reason_headers, text_of};
use crate::engine::call::Phase;
use crate::engine::media::{MediaProblem, MediaSession};
use crate::engine::sign_in::recv_info;
use crate::transport::network::{Network, NetworkInput};

/// The handle of a call that is not placed yet; the endpoint counts from the other end.
pub(super) const NOT_PLACED: CallHandle = CallHandle(u64::MAX);

/// What the network is for.
pub(super) enum Purpose {
    /// A call of ours is placed with the offer.
    Invite,
    /// A ringing call is taken.
    Answer,
    /// An offer that begins anew in a call is answered.
    Reanswer(String),
    /// Another path is sought in a call.
    Restart,
}

/// A network that is being gathered.
pub(super) struct Preparing {
    pub(super) network: Network,
    purpose: Purpose,
}

impl Driver {
    fn call_mut(&mut self, place: Place) -> Option<&mut ActiveCall> {
        match place {
            Place::Current => self.call.as_mut(),
            Place::Parked => self.parked.as_mut(),
            Place::Waiting => self.waiting.as_mut(),
        }
    }

    /// Begins to gather for the call that stands there, and goes on at once if there is nothing to
    /// wait for.
    pub(super) fn prepare(
        &mut self,
        now: Instant,
        place: Place,
        purpose: Purpose,
    ) -> Result<(), MediaProblem> {
        let Some(server) = self.server_address() else {
            return Ok(());
        };
        let network = Network::open(now, server, &self.ice, &self.tls, self.relay_only)?;
        let Some(active) = self.call_mut(place) else {
            return Ok(());
        };
        let before = active.preparing.replace(Preparing { network, purpose });
        if let Some(mut before) = before {
            before.network.close(now);
        }
        self.go_on_if_prepared(now, place);
        Ok(())
    }

    /// Something came over a network that is being gathered.
    pub(super) fn on_prepared_input(&mut self, now: Instant, place: Place, input: NetworkInput) {
        if let Some(preparing) = self.preparing_at(place) {
            // Nobody knows this network yet: what comes is for STUN and TURN.
            preparing.network.take(now, input, &mut |_, _, _| {});
        }
        self.go_on_if_prepared(now, place);
    }

    pub(super) fn preparing_at(&mut self, place: Place) -> Option<&mut Preparing> {
        self.call_mut(place)?.preparing.as_mut()
    }

    /// Lets networks act whose time has come.
    pub(super) fn on_preparing_timer(&mut self, now: Instant) {
        for place in [Place::Current, Place::Parked] {
            if let Some(preparing) = self.preparing_at(place) {
                preparing.network.handle_timeout(now);
            }
            self.go_on_if_prepared(now, place);
        }
    }

    fn go_on_if_prepared(&mut self, now: Instant, place: Place) {
        let Some(active) = self.call_mut(place) else {
            return;
        };
        let handle = active.call.handle;
        let ready = |preparing: &mut Preparing| preparing.network.is_gathered(now);
        let Some(Preparing { network, purpose }) = active.preparing.take_if(ready) else {
            return;
        };
        match purpose {
            Purpose::Invite => self.invite(now, network),
            Purpose::Answer => self.take(now, handle, network),
            Purpose::Reanswer(offer) => self.begin_anew(now, handle, network, &offer),
            Purpose::Restart => self.offer_restart(now, handle, network),
        }
    }

    /// Places the current call, unless the connection is lost again.
    fn invite(&mut self, now: Instant, mut network: Network) {
        let (Some(flow), Some(sign_in), Some(active)) = (self.flow, &self.sign_in, &mut self.call)
        else {
            network.close(now);
            return self.wait_for_line(now);
        };
        let handle = active.call.handle;
        let Some(number) = active.call.number().cloned() else {
            return network.close(now);
        };
        let media = match MediaSession::offer(now, network) {
            Ok(media) => media,
            Err(problem) => return self.end_by_media(now, handle, &problem.to_string()),
        };
        let id = uuid::Uuid::new_v4();
        tracing::info!(correlation = %id.simple(), "calling");
        let invite = sign_in.invite(&number, media.local_sdp(), id);
        active.call.handle = self.endpoint.invite(now, flow, invite);
        active.media = Some(media);
        self.tell_call();
    }

    /// Takes a ringing call.
    fn take(&mut self, now: Instant, handle: CallHandle, network: Network) {
        let ringing = |active: &&mut ActiveCall| active.call.phase == Phase::Ringing;
        let Some(active) = self.call_of(handle).filter(ringing) else {
            return;
        };
        let offer = text_of(&std::mem::take(&mut active.offer));
        let media = if offer.is_empty() {
            active.answer_comes_with_ack = true;
            MediaSession::offer(now, network)
        } else {
            MediaSession::answer(now, network, &offer)
        };
        match media {
            Ok(media) => {
                let body = Body::sdp(media.local_sdp());
                active.media = Some(media);
                active.call.on_answered(now, &Headers::new());
                self.endpoint.accept(now, handle, vec![recv_info()], body);
                self.tell_call();
            }
            Err(problem) => self.cannot_take(now, handle, &problem),
        }
    }

    pub(super) fn cannot_take(&mut self, now: Instant, handle: CallHandle, problem: &MediaProblem) {
        let (reason, mut headers) = reason_headers(EndReason::MediaFailed);
        headers.extend(reason.map(|reason| ("Reason".to_owned(), reason.to_string())));
        self.endpoint.reject(now, handle, 488, headers);
        self.end_of(now, handle, |call| {
            call.end_by_media(now, &problem.to_string())
        });
    }
}
