//! Invitations, and who sits where.

use relay_core::queue::{Match, Request};
use relay_core::session::{Decline, Input, Why};
use tracing::{error, info};
use vrs_domain::{CaId, CallCenter, EndReason, Epoch, Leg, Seat, Urgency};
use vrs_media::Codec;

use super::Driver;
use crate::sfu::SfuError;
use crate::signalling::{Command, Invitation};

impl Driver {
    pub(super) async fn enter_queue(&mut self, request: Request) {
        let seat = request.seat;
        let waiting = self.is_waiting();
        // A caller who has nobody yet is told at once that nobody works. Whoever stands in a
        // conversation, or calls for help, waits for somebody to sign in: an interpreter whose app
        // died is about to, and after a restart all of them are (F18, F21).
        let waits = !waiting || request.urgency == Urgency::Emergency;
        let Err(reason) = self.services.queue.enter(request, waits).await else {
            return;
        };
        self.pending.push_back(match seat {
            Seat::Lead if waiting => Input::Refused { reason },
            // The parties stand in a conversation already: for them the interpreter is lost.
            Seat::Lead => Input::Refused {
                reason: EndReason::InterpreterLost,
            },
            Seat::Relief | Seat::Team | Seat::Supervisor => Input::SeatWithdrawn { seat },
        });
    }

    /// Whether this is an asking that the session waits for.
    pub(super) fn is_asked(&self, asked: &Match) -> bool {
        let parties = self.session.state().parties();
        let known = parties.and_then(|parties| parties.crew.asked(asked.seat));
        known.is_some_and(|known| known.ca == asked.ca && known.epoch == asked.epoch)
    }

    pub(super) async fn invite(&mut self, seat: Seat, ca: CaId, epoch: Epoch) {
        let session = self.id;
        let asked = Match {
            session,
            seat,
            ca,
            epoch,
        };
        match self
            .services
            .sfu
            .offer(session, seat.leg(), &self.takes)
            .await
        {
            Ok(sdp) => {
                let placed = self.session.placed();
                let invitation = Invitation {
                    asked,
                    sdp,
                    kind: placed.kind,
                    urgency: placed.urgency,
                    number: placed.number.clone(),
                    caller: self.shown_caller(),
                    languages: placed.languages,
                    answer_within: self.services.queue_rules.invitation_timeout,
                };
                let invite = Command::Invite(Box::new(invitation));
                self.services.signalling.send(invite).await;
            }
            Err(error) => {
                error!(%error, "no offer for the interpreter");
                self.lose(asked).await;
            }
        }
    }

    /// The queue proposed somebody whom the session cannot ask: nobody sits waiting for a call that
    /// never comes, and it is not held against them.
    pub(super) async fn hand_back(&self, asked: Match, why: Why) {
        let queue = &self.services.queue;
        info!(interpreter = %asked.ca, seat = %asked.seat, epoch = %asked.epoch, %why, "handed back");
        match (why, self.session.state().parties()) {
            (Why::StaleEpoch, Some(parties)) => {
                queue.hand_back(asked, parties.crew.latest).await;
            }
            (Why::AlreadyInvited, Some(_)) => queue.declined(asked, Decline::Lost).await,
            (_, Some(_)) => queue.vacate(asked.session, asked.seat).await,
            (_, None) => queue.leave(asked.session).await,
        }
    }

    /// An invitation came to nothing on our side.
    async fn lose(&mut self, asked: Match) {
        let how = Decline::Lost;
        self.services.queue.declined(asked.clone(), how).await;
        self.pending.push_back(declined(asked, how));
    }

    /// An answer to an invitation that is over goes nowhere, least of all into the media of the
    /// one that followed it (Q4).
    pub(super) async fn interpreter_answered(
        &mut self,
        asked: Match,
        center: Option<CallCenter>,
        sdp: String,
    ) {
        let leg = asked.seat.leg();
        if !self.is_asked(&asked) {
            return self.too_late(asked.epoch).await;
        }
        let sfu = &self.services.sfu;
        if let Err(error) = sfu.accept_answer(self.id, leg, sdp).await {
            info!(%error, "the interpreter's answer does not fit");
            self.unfit(asked.seat, matches!(error, SfuError::NoCommonCodec));
            return self.lose(asked).await;
        }
        if !self.services.queue.accepted(asked.clone()).await {
            self.services.sfu.leave(self.id, leg).await;
            return self.too_late(asked.epoch).await;
        }
        let Match {
            seat, ca, epoch, ..
        } = asked;
        self.pending.push_back(Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center,
        });
    }

    /// Whether a seat is taken or offered with this epoch.
    fn counts(&self, epoch: Epoch) -> bool {
        let parties = self.session.state().parties();
        parties.is_some_and(|parties| {
            let crew = &parties.crew;
            let who = |seat: &Seat| crew.taken(*seat).or_else(|| crew.asked(*seat));
            let mut seated = Seat::ALL.iter().filter_map(who);
            seated.any(|one| one.epoch == epoch)
        })
    }

    async fn too_late(&self, epoch: Epoch) {
        info!(%epoch, "an interpreter's answer came too late");
        // A second answer, or one in another's name: the leg is not theirs to end.
        if self.counts(epoch) {
            return;
        }
        self.cancel_invitation(epoch, EndReason::InvitationTimedOut)
            .await;
    }

    /// An interpreter's device has other pictures than a caller who has only unusual ones. The next
    /// one's is most likely as theirs: instead of asking them all in vain the caller is told.
    fn unfit(&mut self, seat: Seat, is_unfit: bool) {
        let usual = self.takes.is_empty() || self.takes.contains(&Codec::H264);
        if is_unfit && !usual && seat == Seat::Lead && self.is_waiting() {
            let reason = EndReason::NoCommonCodec;
            self.pending.push_back(Input::Refused { reason });
        }
    }

    /// `unfit`: their device could not take the media that it was offered.
    pub(super) async fn interpreter_refused(&mut self, asked: Match, how: Decline, unfit: bool) {
        self.services.queue.declined(asked.clone(), how).await;
        if self.is_asked(&asked) {
            let leg = asked.seat.leg();
            self.services.sfu.leave(self.id, leg).await;
            self.unfit(asked.seat, unfit);
        }
        self.pending.push_back(declined(asked, how));
    }

    pub(super) async fn cancel_invitation(&self, epoch: Epoch, reason: EndReason) {
        let session = self.id;
        self.services
            .signalling
            .send(Command::CancelInvitation {
                reason,
                session,
                epoch,
            })
            .await;
    }

    /// The relief's connection is the interpreter's from here on.
    pub(super) async fn relieve(&mut self) {
        let session = self.id;
        self.silent.remove(&Leg::Interpreter);
        if self.silent.remove(&Leg::Relief) {
            self.silent.insert(Leg::Interpreter);
        }
        let services = &self.services;
        services.queue.relieve(session).await;
        services
            .sfu
            .rename(session, Leg::Relief, Leg::Interpreter)
            .await;
        services.signalling.send(Command::Relieve { session }).await;
    }
}

pub(super) fn declined(asked: Match, how: Decline) -> Input {
    let Match {
        seat, ca, epoch, ..
    } = asked;
    Input::InvitationDeclined {
        seat,
        ca,
        epoch,
        how,
    }
}
