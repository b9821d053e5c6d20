//! Calling the other party, answering the one who called, and calling a lost one back.

use std::time::Duration;

use relay_core::queue::Match;
use relay_core::session::{Input, State};
use tracing::{error, info};
use vrs_domain::{CallKind, EndReason, Leg, LineReport, PhoneNumber, Urgency};
use vrs_media::sdp::SessionDescription;

use super::{Driver, Later};
use crate::config::Trunk;
use crate::signalling::{Command, Dial, Restored, Ringing};

/// A lost party who is called back has this long to answer before the next try.
const RECALL_RINGS: Duration = Duration::from_secs(30);

/// A party who is back after a restart is offered a path at most so often.
const OFFERS_AFTER_RESTART: u32 = 3;

impl Driver {
    /// Begins to call the other party.
    pub(super) async fn call(&mut self) {
        let called = match self.session.placed().kind {
            CallKind::RelayOutbound => self.dial().await,
            CallKind::RelayInbound => {
                let subscriber = self.session.placed().number.clone();
                self.ring(Leg::Caller, subscriber).await
            }
            CallKind::PointToPoint => self.ring_callee().await,
        };
        self.pending.push_back(match called {
            Ok(()) => Input::DialStarted {
                address: self.trunk_address(),
            },
            Err(reason) => Input::CalledFailed { reason },
        });
    }

    /// Calls a lost party of an emergency call back.
    pub(super) async fn recall(&mut self, leg: Leg) {
        if !self.is_missing(leg) {
            return;
        }
        self.trunk = 0;
        let called = match (leg, self.session.placed().kind) {
            (Leg::Hearing, CallKind::RelayOutbound) => self.dial().await,
            (Leg::Caller, _) => match self.subscriber() {
                Some(subscriber) => self.ring(leg, subscriber).await,
                None => Err(EndReason::SubscriberOffline),
            },
            // A telephone that called us cannot be called back over a trunk that hides its number.
            _ => match self.session.placed().caller.clone() {
                Some(_) => self.dial().await,
                None => Err(EndReason::NumberUnknown),
            },
        };
        match called {
            Ok(()) => self.later(RECALL_RINGS, Later::GiveUp(leg)),
            Err(reason) => {
                info!(%leg, %reason, "could not be called back");
                self.pending.push_back(Input::RestoreFailed(leg));
            }
        }
    }

    /// A party did not answer when it was called back.
    pub(super) async fn give_up(&mut self, leg: Leg) {
        if self.is_missing(leg) {
            let reason = no_answer(leg);
            self.hang_up(leg, reason).await;
            self.services.sfu.leave(self.id, leg).await;
            self.pending.push_back(Input::RestoreFailed(leg));
        }
    }

    pub(super) fn is_missing(&self, leg: Leg) -> bool {
        let parties = self.session.state().parties();
        parties.is_some_and(|parties| parties.missing.contains_key(&leg))
    }

    /// The number of the Deaf party.
    fn subscriber(&self) -> Option<PhoneNumber> {
        let placed = self.session.placed();
        match placed.kind {
            CallKind::RelayOutbound | CallKind::PointToPoint => placed.caller.clone(),
            CallKind::RelayInbound => Some(placed.number.clone()),
        }
    }

    /// The number that the telephone is called by.
    fn telephone(&self) -> Option<PhoneNumber> {
        let placed = self.session.placed();
        match placed.kind {
            CallKind::RelayOutbound | CallKind::PointToPoint => Some(placed.number.clone()),
            CallKind::RelayInbound => placed.caller.clone(),
        }
    }

    /// Who calls, as far as the called party may know.
    pub(super) fn shown_caller(&self) -> Option<PhoneNumber> {
        let placed = self.session.placed();
        placed.caller.clone().filter(|_| !placed.anonymous)
    }

    fn trunk_address(&self) -> Option<std::net::IpAddr> {
        let outbound = self.session.placed().kind == CallKind::RelayOutbound;
        let trunk = self.services.trunks.get(self.trunk).filter(|_| outbound)?;
        trunk.host.bare().parse().ok()
    }

    /// Calls the telephone over the trunk whose turn it is.
    async fn dial(&mut self) -> Result<(), EndReason> {
        let trunk = self
            .services
            .trunks
            .get(self.trunk)
            .cloned()
            .ok_or(EndReason::TrunkUnavailable)?;
        let number = self.telephone().ok_or(EndReason::NumberUnknown)?;
        let session = self.id;
        self.line = LineReport::default();
        let sdp = self
            .services
            .sfu
            .trunk_offer(session, trunk.line())
            .await
            .map_err(|error| {
                error!(%error, trunk = trunk.name, "no line to the telephone");
                EndReason::TrunkUnavailable
            })?;
        let placed = self.session.placed();
        let dial = Dial {
            session,
            trunk: trunk.name.clone(),
            sdp,
            number,
            caller: self.subscriber(),
            // Nobody hides from those who are to help.
            anonymous: placed.anonymous && placed.urgency != Urgency::Emergency,
            emergency: placed.urgency == Urgency::Emergency,
            ca: self
                .session
                .state()
                .interpreter()
                .map(|lead| lead.ca.clone()),
        };
        let command = Command::Dial(Box::new(dial));
        self.services.signalling.send(command).await;
        Ok(())
    }

    /// Rings all devices of the Deaf party, with media of ours.
    async fn ring(&mut self, leg: Leg, subscriber: PhoneNumber) -> Result<(), EndReason> {
        let session = self.id;
        let sdp = self
            .services
            .sfu
            .offer(session, leg, &[])
            .await
            .map_err(|error| {
                error!(%error, "no offer for the subscriber");
                error.reason()
            })?;
        self.ring_with(leg, subscriber, sdp).await;
        Ok(())
    }

    /// Rings all devices of the called subscriber, with the caller's own media: it goes from one
    /// to the other directly.
    async fn ring_callee(&mut self) -> Result<(), EndReason> {
        let (callee, sdp) = (self.session.placed().number.clone(), self.offer.clone());
        self.ring_with(Leg::Callee, callee, sdp).await;
        Ok(())
    }

    async fn ring_with(&self, leg: Leg, subscriber: PhoneNumber, sdp: String) {
        let placed = self.session.placed();
        let ringing = Ringing {
            session: self.id,
            leg,
            subscriber,
            sdp,
            kind: placed.kind,
            caller: self.shown_caller(),
            recalled: self.is_missing(leg),
        };
        let command = Command::Ring(Box::new(ringing));
        self.services.signalling.send(command).await;
    }

    /// The called party answered, or one that was called back.
    pub(super) async fn called_answered(
        &mut self,
        leg: Leg,
        sdp: String,
        address: Option<std::net::IpAddr>,
    ) {
        let sfu = &self.services.sfu;
        let taken = match leg {
            Leg::Hearing => sfu.trunk_answer(self.id, sdp).await,
            // It is the other subscriber's, who trusts that we let nothing else pass (A39).
            Leg::Callee => {
                let offer = self.offer.clone();
                self.answer.clone_from(&sdp);
                sfu.check_answer(offer, sdp).await
            }
            Leg::Caller | Leg::Interpreter | Leg::Relief | Leg::Team | Leg::Supervisor => {
                sfu.accept_answer(self.id, leg, sdp).await
            }
        };
        if let Err(error) = &taken {
            info!(%leg, %error, "the answer does not fit");
            if self.is_missing(leg) {
                // It is called once more: what answered must not stand beside that.
                self.hang_up(leg, error.reason()).await;
                self.services.sfu.leave(self.id, leg).await;
            }
        }
        self.pending.push_back(match (taken, self.is_missing(leg)) {
            (Ok(()), true) => Input::Restored(leg),
            (Ok(()), false) => Input::CalledAnswered { address },
            (Err(_), true) => Input::RestoreFailed(leg),
            (Err(error), false) => Input::CalledFailed {
                reason: error.reason(),
            },
        });
    }

    /// Tries the next trunk when this one is the trouble (R26); otherwise the call has failed.
    pub(super) async fn called_failed(&mut self, leg: Leg, reason: EndReason) {
        let telephone = leg == Leg::Hearing;
        self.services.sfu.leave(self.id, leg).await;
        if telephone && self.is_trunks_fault(reason) {
            while self.trunk + 1 < self.services.trunks.len() {
                self.trunk += 1;
                let trunk = &self.services.trunks[self.trunk].name;
                info!(trunk, "trying the next trunk");
                if self.dial().await.is_ok() {
                    if !self.is_missing(leg) {
                        let address = self.trunk_address();
                        self.pending.push_back(Input::DialStarted { address });
                    }
                    return;
                }
            }
        }
        self.trunk = 0;
        self.pending.push_back(if self.is_missing(leg) {
            Input::RestoreFailed(leg)
        } else {
            Input::CalledFailed { reason }
        });
    }

    /// Whether another trunk may do better. For an emergency call every one is asked: what one
    /// gateway refuses, another one may know how to route (F18).
    fn is_trunks_fault(&self, reason: EndReason) -> bool {
        reason == EndReason::TrunkUnavailable || self.session.placed().urgency == Urgency::Emergency
    }

    /// Answers whoever called.
    pub(super) async fn answer_calling(&mut self) {
        let session = self.id;
        let leg = self.session.placed().kind.calling();
        let offer = std::mem::take(&mut self.offer);
        let sfu = &self.services.sfu;
        let answer = match self.session.placed().kind {
            CallKind::RelayOutbound => sfu.answer(session, leg, offer).await,
            CallKind::RelayInbound => match self.inbound_trunk() {
                Some(trunk) => sfu.trunk_accept(session, trunk.line(), offer).await,
                None => Err(crate::sfu::SfuError::Gone),
            },
            CallKind::PointToPoint => Ok(std::mem::take(&mut self.answer)),
        };
        match answer {
            Ok(sdp) => {
                let offered = self.offered;
                let answer = Command::AnswerCalling {
                    session,
                    leg,
                    offered,
                    sdp,
                };
                self.services.signalling.send(answer).await;
            }
            Err(error) => {
                let reason = error.reason();
                error!(%error, %reason, "the offer can no longer be answered");
                self.pending.push_back(Input::Refused { reason });
            }
        }
    }

    /// The caller is back on another connection: what they offer now counts. They hear their place
    /// again, or are answered if an interpreter was found meanwhile.
    pub(super) async fn caller_back(&mut self, offer: String, offered: u32) {
        self.offered = offered;
        match self.services.sfu.try_offer(offer.clone()).await {
            Ok(takes) => self.takes = takes,
            Err(error) => {
                let reason = error.reason();
                info!(%error, %reason, "the caller's new offer cannot be answered");
                return self.pending.push_back(Input::Refused { reason });
            }
        }
        self.offer = offer;
        if !self.is_waiting() {
            self.services.sfu.leave(self.id, Leg::Caller).await;
            self.answer_calling().await;
            self.tell_parties().await;
        } else if let Some(position) = self.position {
            self.queued(position).await;
        }
    }

    fn inbound_trunk(&self) -> Option<&Trunk> {
        let name = self.came_over.as_ref()?;
        self.services
            .trunks
            .iter()
            .find(|trunk| trunk.name == *name)
    }

    /// What the network plays before the answer is for the interpreter's ears: ringback, and the
    /// announcement why a number cannot be reached.
    pub(super) async fn called_rang(&mut self, sdp: Option<String>) {
        if let Some(sdp) = sdp
            && self.session.placed().kind == CallKind::RelayOutbound
            && let Err(error) = self.services.sfu.trunk_answer(self.id, sdp).await
        {
            info!(%error, "sound before the answer cannot be taken");
        }
        self.pending.push_back(Input::CalledRang);
    }

    /// Media changes inside what was agreed: hold, a refresh, another address of the gateway.
    /// Between subscribers the other one decides.
    pub(super) async fn reoffered(&mut self, leg: Leg, offer: Option<String>) {
        let session = self.id;
        if self.session.placed().kind == CallKind::PointToPoint {
            return self.reoffered_directly(leg, offer).await;
        }
        let held = is_hold(offer.as_deref());
        let sdp = match self.services.sfu.reoffered(session, leg, offer).await {
            Ok(sdp) => {
                self.hold_changed(held.map(|held| (leg, held)));
                Some(sdp)
            }
            Err(error) => {
                info!(%leg, %error, "a change of media is refused");
                None
            }
        };
        self.answer_reinvite(leg, sdp).await;
    }

    /// Between subscribers: the other one is asked, unless the change is none that we would take.
    async fn reoffered_directly(&mut self, leg: Leg, offer: Option<String>) {
        let active = matches!(self.session.state(), State::RelayActive { .. });
        let Some(sdp) = offer.filter(|_| active) else {
            return self.answer_reinvite(leg, None).await;
        };
        if let Err(error) = self.services.sfu.try_offer(sdp.clone()).await {
            info!(%leg, %error, "a change of media is refused");
            return self.answer_reinvite(leg, None).await;
        }
        let (session, other) = (self.id, other_subscriber(leg));
        self.reoffered_hold = is_hold(Some(&sdp)).map(|held| (leg, held));
        self.reoffer.clone_from(&sdp);
        let reinvite = Command::Reinvite {
            session,
            leg: other,
            sdp,
        };
        self.services.signalling.send(reinvite).await;
    }

    /// Between subscribers: one answered a change of media of the other. An answer that breaks a
    /// rule is as none: whoever asked keeps what stood.
    async fn reanswered_directly(&mut self, leg: Leg, sdp: Option<String>) {
        let asked = self.reoffered_hold.take();
        let offer = std::mem::take(&mut self.reoffer);
        let mut taken = None;
        if let Some(answer) = sdp {
            match self.services.sfu.check_answer(offer, answer.clone()).await {
                Ok(()) => taken = Some(answer),
                Err(error) => info!(%leg, %error, "the answer to a change of media is refused"),
            }
        }
        self.hold_changed(asked.filter(|_| taken.is_some()));
        self.answer_reinvite(other_subscriber(leg), taken).await;
    }

    /// A party put the call on hold or took it back, if that is news.
    fn hold_changed(&mut self, change: Option<(Leg, bool)>) {
        let parties = self.session.state().parties();
        if let Some((leg, held)) = change
            && parties.is_some_and(|parties| parties.held.has(leg) != held)
        {
            self.pending.push_back(Input::HoldChanged { leg, held });
        }
    }

    /// The other subscriber answered a change of media, or a party the offer after a restart.
    pub(super) async fn reinvite_answered(&mut self, leg: Leg, sdp: Option<String>) {
        match self.session.placed().kind {
            CallKind::PointToPoint => self.reanswered_directly(leg, sdp).await,
            CallKind::RelayOutbound | CallKind::RelayInbound => {
                self.answered_anew(leg, sdp).await;
            }
        }
    }

    async fn answered_anew(&mut self, leg: Leg, sdp: Option<String>) {
        let sfu = &self.services.sfu;
        let taken = match sdp {
            Some(sdp) if leg == Leg::Hearing => sfu.trunk_answer(self.id, sdp).await,
            Some(sdp) => sfu.accept_answer(self.id, leg, sdp).await,
            None => Err(crate::sfu::SfuError::Gone),
        };
        match taken {
            // A trunk's media has no connection of its own that could come up later.
            Ok(()) if leg == Leg::Hearing => self.pending.push_back(Input::MediaConnected(leg)),
            Ok(()) => {}
            Err(error) => {
                info!(%leg, %error, "its media could not be taken up again");
                self.pending.push_back(Input::Lost(leg));
            }
        }
    }

    /// After a restart: every leg that was answered waits for its party. One of which nothing was
    /// kept cannot be found again; one that is called back is called anew.
    pub(super) async fn reconnect(&mut self) {
        let Some(parties) = self.session.state().parties() else {
            return;
        };
        let session = self.id;
        let unknown = |leg: &&Leg| {
            let known = parties.dialogs.contains_key(leg) || parties.missing.contains_key(leg);
            parties.has(**leg) && !known
        };
        let unknown: Vec<_> = Leg::ALL.iter().filter(unknown).copied().collect();
        for (&leg, dialog) in &parties.dialogs {
            let taken = leg.seat().and_then(|seat| {
                let taken = parties.crew.taken(seat)?;
                Some((seat, taken))
            });
            let seat = taken.map(|(seat, taken)| Match {
                session,
                seat,
                ca: taken.ca.clone(),
                epoch: taken.epoch,
            });
            let restored = Restored {
                session,
                leg,
                dialog: dialog.clone(),
                seat,
            };
            let restored = Box::new(restored);
            let command = if parties.missing.contains_key(&leg) {
                let reason = no_answer(leg);
                Command::SeeOff { restored, reason }
            } else {
                Command::Restore(restored)
            };
            self.services.signalling.send(command).await;
        }
        for leg in unknown {
            info!(%leg, "nothing was kept of it before the restart");
            self.pending.push_back(Input::Lost(leg));
        }
    }

    /// After a restart a party is back: it gets new media of ours. Between subscribers theirs
    /// went on without us.
    pub(super) async fn offer_anew(&mut self, leg: Leg, trunk: Option<String>) {
        if self.session.placed().kind == CallKind::PointToPoint {
            return;
        }
        let session = self.id;
        *self.offered_anew.entry(leg).or_default() += 1;
        let sfu = &self.services.sfu;
        let mut trunks = self.services.trunks.iter();
        let trunk = trunks.find(|known| Some(&known.name) == trunk.as_ref());
        let offered = match (leg, trunk) {
            (Leg::Hearing, Some(trunk)) => sfu.trunk_offer(session, trunk.line()).await,
            (Leg::Hearing, None) => Err(crate::sfu::SfuError::Gone),
            (_, _) => sfu.offer(session, leg, &[]).await,
        };
        match offered {
            Ok(sdp) => {
                let reinvite = Command::Reinvite { session, leg, sdp };
                self.services.signalling.send(reinvite).await;
            }
            Err(error) => {
                info!(%leg, %error, "no media after the restart");
                self.pending.push_back(Input::Lost(leg));
            }
        }
    }

    /// Whether a path that was offered after a restart, and did not come about, is offered once
    /// more: all parties of all calls look for theirs in the same moment.
    pub(super) fn may_offer_again(&self, leg: Leg) -> bool {
        let offered = self.offered_anew.get(&leg);
        leg != Leg::Hearing && offered.is_some_and(|times| *times < OFFERS_AFTER_RESTART)
    }

    async fn answer_reinvite(&self, leg: Leg, sdp: Option<String>) {
        let session = self.id;
        let answer = Command::AnswerReinvite { session, leg, sdp };
        self.services.signalling.send(answer).await;
    }

    pub(super) async fn reanswered(&self, leg: Leg, sdp: String) {
        if leg == Leg::Hearing
            && let Err(error) = self.services.sfu.trunk_answer(self.id, sdp).await
        {
            info!(%error, "the gateway's answer does not fit; its sound stays as it was");
        }
    }
}

/// Whether an offer puts the call on hold; `None` when there is none to be read.
fn is_hold(offer: Option<&str>) -> Option<bool> {
    let offer = SessionDescription::parse(offer?).ok()?;
    Some(offer.is_hold())
}

const fn other_subscriber(leg: Leg) -> Leg {
    match leg {
        Leg::Caller => Leg::Callee,
        Leg::Callee
        | Leg::Hearing
        | Leg::Interpreter
        | Leg::Relief
        | Leg::Team
        | Leg::Supervisor => Leg::Caller,
    }
}

const fn no_answer(leg: Leg) -> EndReason {
    match leg {
        Leg::Hearing => EndReason::HearingNoAnswer,
        Leg::Caller
        | Leg::Callee
        | Leg::Interpreter
        | Leg::Relief
        | Leg::Team
        | Leg::Supervisor => EndReason::SubscriberNoAnswer,
    }
}
