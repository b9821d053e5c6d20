//! Which format of pictures a room has: nothing is converted here, so that all of a call have to
//! have the same one.
//!
//! Whoever calls says first what they have; of that the others are offered what is allowed, and
//! whoever answers first settles it.

use std::hash::Hash;

use relay_core::sfu::Party;
use vrs_domain::SessionId;
use vrs_media::sdp::{LayerRole, SessionDescription, policy};
use vrs_media::{Allowed, Codec, MediaError, MediaKind, Refusal};

use super::SfuError;
use super::rooms::Rooms;

impl<L: Party + Hash> Rooms<L> {
    /// What may be agreed with this peer: of pictures what the others in its room have, or else
    /// `takes`, what whoever called has; all that is allowed if that is empty.
    pub(super) fn allowed_for(&self, session: SessionId, leg: L, takes: &[Codec]) -> Allowed {
        let mut allowed = self.allowed().clone();
        match self.picture_beside(session, leg) {
            Some(codec) => allowed.retain(MediaKind::Video, |one| one == codec),
            None if takes.is_empty() => {}
            None => allowed.retain(MediaKind::Video, |one| takes.contains(&one)),
        }
        allowed
    }

    /// The format of pictures of the others in the room.
    fn picture_beside(&self, session: SessionId, leg: L) -> Option<Codec> {
        let mut others = self.agreed(session).filter(|(other, _)| *other != leg);
        others.find_map(|(_, codec)| codec)
    }

    /// After an answer: whether the peer has what the others have. Two who were offered media at
    /// the same time may have settled on different formats, and one may have refused pictures
    /// although it is there to see some.
    pub(super) fn check_picture(&self, session: SessionId, leg: L) -> Result<(), SfuError> {
        let own = self.agreed(session).find(|(other, _)| *other == leg);
        let own = own.and_then(|(_, codec)| codec);
        match (self.picture_beside(session, leg), own) {
            (Some(theirs), Some(own)) if own != theirs => Err(SfuError::NoCommonCodec),
            (_, None) if leg.needs_picture() => Err(SfuError::NoCommonCodec),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// Says whether the rules are broken, or the others of the room have something else.
    pub(super) fn refusal(&self, error: &MediaError, allowed: &Allowed) -> SfuError {
        let narrowed = allowed != self.allowed();
        match error {
            MediaError::NotAcceptable(Refusal::Codec(MediaKind::Video)) if narrowed => {
                SfuError::NoCommonCodec
            }
            MediaError::NotAcceptable(_)
            | MediaError::Sdp(_)
            | MediaError::WrongState(_)
            | MediaError::Engine(_)
            | _ => SfuError::NotAcceptable(error.to_string()),
        }
    }

    /// The formats of pictures that an offer has and that are allowed, best first.
    pub(super) fn pictures_of(&self, offer: &str) -> Vec<Codec> {
        let Ok(offer) = SessionDescription::parse(offer) else {
            return Vec::new();
        };
        let has = |codec: &Codec| {
            let mut only = self.allowed().clone();
            only.retain(MediaKind::Video, |one| one == *codec);
            policy::accept_offer(&offer, &[MediaKind::Video], (&only, LayerRole::Takes)).is_ok()
        };
        let pictures = self.allowed().of(MediaKind::Video);
        pictures.filter(has).collect()
    }

    /// Whether the answer of one peer to the offer of another may stand.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when it may not.
    pub fn check_answer(&self, offer: &str, answer: &str) -> Result<(), SfuError> {
        let checked = SessionDescription::parse(offer)
            .and_then(|offer| Ok((offer, SessionDescription::parse(answer)?)))
            .map_err(MediaError::Sdp)
            .and_then(|(offer, answer)| policy::check_answer(&offer, &answer, self.allowed()));
        checked.map_err(|error| SfuError::NotAcceptable(error.to_string()))
    }
}
