//! From event to record and back: the only place where the two meet.

use relay_core::session::{CallEvent, Dialog, EventKind, Placed};
use vrs_domain::Epoch;

use super::record::{self, Entry, Kind};

/// A record whose words are not those of an event: written by another version, or not by us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its {field} is not one")]
pub struct NotAnEvent {
    /// The field that cannot be understood.
    pub field: &'static str,
}

impl From<&CallEvent> for Entry {
    fn from(event: &CallEvent) -> Self {
        Self {
            session: event.session.to_string(),
            event: event.sequence,
            at_ms: event.at_ms,
            session_ms: event.session_ms,
            up_ms: event.up_ms,
            kind: (&event.kind).into(),
        }
    }
}

impl From<&EventKind> for Kind {
    fn from(kind: &EventKind) -> Self {
        match kind {
            EventKind::CallPlaced(placed) => Self::CallPlaced(Box::new(placed.into())),
            EventKind::InterpreterInvited { seat, ca, epoch } => Self::InterpreterInvited {
                seat: seat.to_string(),
                interpreter: ca.to_string(),
                epoch: epoch.0,
            },
            EventKind::InvitationDeclined {
                seat,
                ca,
                epoch,
                how,
            } => Self::InvitationDeclined {
                seat: seat.to_string(),
                interpreter: ca.to_string(),
                epoch: epoch.0,
                how: how.to_string(),
            },
            EventKind::InterpreterAssigned {
                seat,
                ca,
                epoch,
                center,
            } => Self::InterpreterAssigned {
                seat: seat.to_string(),
                interpreter: ca.to_string(),
                epoch: epoch.0,
                center: text(center.as_ref()),
            },
            EventKind::InterpreterLost { ca, epoch } => Self::InterpreterLost {
                interpreter: ca.to_string(),
                epoch: epoch.0,
            },
            EventKind::InterpreterRelieved { from, to } => Self::InterpreterRelieved {
                from: from.to_string(),
                to: to.to_string(),
            },
            EventKind::SeatAsked { seat, reason } => Self::SeatAsked {
                seat: seat.to_string(),
                why: text(reason.as_ref()),
            },
            EventKind::SeatLeft { seat } => Self::SeatLeft {
                seat: seat.to_string(),
            },
            EventKind::LegConnected { leg } => Self::LegConnected {
                leg: leg.to_string(),
            },
            EventKind::LegBound { leg, dialog } => Self::LegBound {
                leg: leg.to_string(),
                dialog: dialog.0.clone(),
            },
            EventKind::HoldBegan { leg } => Self::HoldBegan {
                leg: leg.to_string(),
            },
            EventKind::HoldEnded { leg } => Self::HoldEnded {
                leg: leg.to_string(),
            },
            EventKind::LegDropped { leg } => Self::LegDropped {
                leg: leg.to_string(),
            },
            EventKind::LegStillMissing { leg } => Self::LegStillMissing {
                leg: leg.to_string(),
            },
            EventKind::LegRestored { leg } => Self::LegRestored {
                leg: leg.to_string(),
            },
            EventKind::DialingStarted { address } => Self::DialingStarted {
                address: text(address.as_ref()),
            },
            EventKind::DialingFailed { reason } => Self::DialingFailed {
                reason: reason.to_string(),
            },
            EventKind::CalledRang => Self::CalledRang,
            EventKind::CalledAnswered { address } => Self::CalledAnswered {
                address: text(address.as_ref()),
            },
            EventKind::Resumed { alive_ms } => Self::Resumed {
                alive_ms: *alive_ms,
            },
            EventKind::Ended {
                reason,
                stage,
                session_ms,
                conversation_ms,
            } => Self::Ended {
                reason: reason.to_string(),
                stage: stage.to_string(),
                total_ms: *session_ms,
                conversation_ms: *conversation_ms,
            },
        }
    }
}

impl From<&Placed> for record::Placed {
    fn from(placed: &Placed) -> Self {
        Self {
            call: placed.kind.to_string(),
            urgency: placed.urgency.to_string(),
            caller: text(placed.caller.as_ref()),
            anonymous: placed.anonymous,
            number: placed.number.to_string(),
            languages: placed.languages.to_string(),
            skill: text(placed.skill.as_ref()),
            gender: text(placed.gender.as_ref()),
            address: text(placed.address.as_ref()),
            url: placed.url.clone(),
        }
    }
}

fn text(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}

impl TryFrom<&Entry> for CallEvent {
    type Error = NotAnEvent;

    fn try_from(entry: &Entry) -> Result<Self, NotAnEvent> {
        Ok(Self {
            session: word(&entry.session, "session")?,
            sequence: entry.event,
            at_ms: entry.at_ms,
            session_ms: entry.session_ms,
            up_ms: entry.up_ms,
            kind: (&entry.kind).try_into()?,
        })
    }
}

impl TryFrom<&Kind> for EventKind {
    type Error = NotAnEvent;

    fn try_from(kind: &Kind) -> Result<Self, NotAnEvent> {
        Ok(match kind {
            Kind::CallPlaced(placed) => Self::CallPlaced(placed.as_ref().try_into()?),
            Kind::InterpreterInvited {
                seat,
                interpreter,
                epoch,
            } => Self::InterpreterInvited {
                seat: word(seat, "seat")?,
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
            },
            Kind::InvitationDeclined {
                seat,
                interpreter,
                epoch,
                how,
            } => Self::InvitationDeclined {
                seat: word(seat, "seat")?,
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
                how: word(how, "how")?,
            },
            Kind::InterpreterAssigned {
                seat,
                interpreter,
                epoch,
                center,
            } => Self::InterpreterAssigned {
                seat: word(seat, "seat")?,
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
                center: maybe(center.as_ref(), "center")?,
            },
            Kind::InterpreterLost { interpreter, epoch } => Self::InterpreterLost {
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
            },
            Kind::InterpreterRelieved { from, to } => Self::InterpreterRelieved {
                from: word(from, "from")?,
                to: word(to, "to")?,
            },
            Kind::SeatAsked { seat, why } => Self::SeatAsked {
                seat: word(seat, "seat")?,
                reason: maybe(why.as_ref(), "why")?,
            },
            Kind::SeatLeft { seat } => Self::SeatLeft {
                seat: word(seat, "seat")?,
            },
            Kind::LegConnected { leg } => Self::LegConnected {
                leg: word(leg, "leg")?,
            },
            Kind::LegBound { leg, dialog } => Self::LegBound {
                leg: word(leg, "leg")?,
                dialog: Dialog(dialog.clone()),
            },
            Kind::HoldBegan { leg } => Self::HoldBegan {
                leg: word(leg, "leg")?,
            },
            Kind::HoldEnded { leg } => Self::HoldEnded {
                leg: word(leg, "leg")?,
            },
            Kind::LegDropped { leg } => Self::LegDropped {
                leg: word(leg, "leg")?,
            },
            Kind::LegStillMissing { leg } => Self::LegStillMissing {
                leg: word(leg, "leg")?,
            },
            Kind::LegRestored { leg } => Self::LegRestored {
                leg: word(leg, "leg")?,
            },
            Kind::DialingStarted { address } => Self::DialingStarted {
                address: maybe(address.as_ref(), "address")?,
            },
            Kind::DialingFailed { reason } => Self::DialingFailed {
                reason: word(reason, "reason")?,
            },
            Kind::CalledRang => Self::CalledRang,
            Kind::CalledAnswered { address } => Self::CalledAnswered {
                address: maybe(address.as_ref(), "address")?,
            },
            Kind::Resumed { alive_ms } => Self::Resumed {
                alive_ms: *alive_ms,
            },
            Kind::Ended {
                reason,
                stage,
                total_ms,
                conversation_ms,
            } => Self::Ended {
                reason: word(reason, "reason")?,
                stage: word(stage, "stage")?,
                session_ms: *total_ms,
                conversation_ms: *conversation_ms,
            },
        })
    }
}

impl TryFrom<&record::Placed> for Placed {
    type Error = NotAnEvent;

    fn try_from(placed: &record::Placed) -> Result<Self, NotAnEvent> {
        Ok(Self {
            kind: word(&placed.call, "call")?,
            urgency: word(&placed.urgency, "urgency")?,
            caller: maybe(placed.caller.as_ref(), "caller")?,
            anonymous: placed.anonymous,
            number: word(&placed.number, "number")?,
            languages: word(&placed.languages, "languages")?,
            skill: maybe(placed.skill.as_ref(), "skill")?,
            gender: maybe(placed.gender.as_ref(), "gender")?,
            address: maybe(placed.address.as_ref(), "address")?,
            url: placed.url.clone(),
        })
    }
}

fn maybe<T: std::str::FromStr>(
    text: Option<&String>,
    field: &'static str,
) -> Result<Option<T>, NotAnEvent> {
    text.map(|text| word(text, field)).transpose()
}

fn word<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, NotAnEvent> {
    text.parse().map_err(|_| NotAnEvent { field })
}

#[cfg(test)]
mod tests {
    use relay_core::session::Decline;
    use vrs_domain::{
        CallKind, EndReason, Gender, LanguagePair, Leg, ReliefReason, Seat, SessionId,
        SessionState, Skill, Urgency,
    };

    use super::*;
    use crate::journal::Record;

    fn kinds() -> Vec<EventKind> {
        let ca: vrs_domain::CaId = "1234".parse().unwrap();
        let epoch = Epoch(3);
        let mut kinds = vec![
            EventKind::CallPlaced(Placed {
                kind: CallKind::RelayOutbound,
                urgency: Urgency::Emergency,
                caller: Some("+15550100001".parse().unwrap()),
                anonymous: false,
                number: "911".parse().unwrap(),
                languages: LanguagePair::default(),
                skill: None,
                gender: None,
                address: None,
                url: None,
            }),
            EventKind::CallPlaced(Placed {
                kind: CallKind::RelayInbound,
                urgency: Urgency::Standard,
                caller: None,
                anonymous: true,
                number: "+15550100001".parse().unwrap(),
                languages: LanguagePair::default(),
                skill: Some(Skill::Medical),
                gender: Some(Gender::Female),
                address: Some("192.0.2.1".parse().unwrap()),
                url: Some("sip:+15550100001@relay.example".into()),
            }),
            EventKind::InterpreterLost {
                ca: ca.clone(),
                epoch,
            },
            EventKind::InterpreterRelieved {
                from: ca.clone(),
                to: "77".parse().unwrap(),
            },
            EventKind::SeatAsked {
                seat: Seat::Relief,
                reason: Some(ReliefReason::Illness),
            },
            EventKind::SeatLeft { seat: Seat::Team },
            EventKind::DialingStarted {
                address: Some("2001:db8::1".parse().unwrap()),
            },
            EventKind::DialingFailed {
                reason: EndReason::TrunkUnavailable,
            },
            EventKind::CalledRang,
            EventKind::CalledAnswered { address: None },
            EventKind::Resumed { alive_ms: 77 },
        ];
        for &seat in Seat::ALL {
            let ca = ca.clone();
            kinds.push(EventKind::InterpreterInvited { seat, ca, epoch });
        }
        kinds.push(EventKind::InterpreterAssigned {
            seat: Seat::Lead,
            ca: ca.clone(),
            epoch,
            center: Some("denver-2".parse().unwrap()),
        });
        for &leg in Leg::ALL {
            let dialog = Dialog("a b c".into());
            kinds.extend([
                EventKind::LegConnected { leg },
                EventKind::LegBound { leg, dialog },
                EventKind::HoldBegan { leg },
                EventKind::HoldEnded { leg },
                EventKind::LegDropped { leg },
                EventKind::LegStillMissing { leg },
                EventKind::LegRestored { leg },
            ]);
        }
        kinds.extend(
            Decline::ALL
                .iter()
                .map(|&how| EventKind::InvitationDeclined {
                    seat: Seat::Lead,
                    ca: ca.clone(),
                    epoch,
                    how,
                }),
        );
        kinds.extend(EndReason::ALL.iter().map(|&reason| EventKind::Ended {
            reason,
            stage: SessionState::RelayActive,
            session_ms: 61_000,
            conversation_ms: 50_000,
        }));
        kinds
    }

    #[test]
    fn every_event_survives_its_written_form() {
        for (n, kind) in (0_u64..).zip(kinds()) {
            let event = CallEvent {
                session: SessionId(7),
                sequence: n,
                at_ms: 1000 + n,
                session_ms: n,
                up_ms: 70 + n,
                kind,
            };
            let record = Record {
                sequence: n + 1,
                entry: Entry::from(&event),
            };
            let text = serde_json::to_string(&record).unwrap();
            let read: Record = serde_json::from_str(&text).unwrap();
            assert_eq!(read, record, "{text}");
            assert_eq!(
                CallEvent::try_from(&read.entry).as_ref(),
                Ok(&event),
                "{text}"
            );
        }
    }

    #[test]
    fn the_written_form_is_stable() {
        let event = CallEvent {
            session: SessionId(7),
            sequence: 0,
            at_ms: 1_790_000_000_000,
            session_ms: 0,
            up_ms: 70,
            kind: kinds().remove(0),
        };
        let record = Record {
            sequence: 1,
            entry: Entry::from(&event),
        };
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            "{\"sequence\":1,\"session\":\"00000000000000000000000000000007\",\"event\":0,\
             \"at_ms\":1790000000000,\"session_ms\":0,\"up_ms\":70,\"kind\":\"call_placed\",\
             \"call\":\"relay_outbound\",\"urgency\":\"emergency\",\"caller\":\"+15550100001\",\"number\":\"911\",\"languages\":\"ase/en\"}"
        );
    }

    #[test]
    fn a_word_of_another_version_is_named_and_not_repeated() {
        let entry = Entry {
            session: "7".repeat(32),
            event: 1,
            at_ms: 0,
            session_ms: 0,
            up_ms: 70,
            kind: Kind::LegConnected {
                leg: "+1555".into(),
            },
        };
        assert_eq!(
            CallEvent::try_from(&entry).unwrap_err().to_string(),
            "its leg is not one"
        );
    }
}
