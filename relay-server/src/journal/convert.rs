//! From event to record and back: the only place where the two meet.

use relay_core::session::{CallEvent, EventKind, Placed};
use vrs_domain::Epoch;

use super::record::{Entry, Kind};

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
            kind: (&event.kind).into(),
        }
    }
}

impl From<&EventKind> for Kind {
    fn from(kind: &EventKind) -> Self {
        match kind {
            EventKind::CallPlaced(placed) => Self::CallPlaced {
                caller: placed.caller.to_string(),
                number: placed.number.to_string(),
                languages: placed.languages.to_string(),
            },
            EventKind::InterpreterInvited { ca, epoch } => Self::InterpreterInvited {
                interpreter: ca.to_string(),
                epoch: epoch.0,
            },
            EventKind::InvitationDeclined { ca, epoch, how } => Self::InvitationDeclined {
                interpreter: ca.to_string(),
                epoch: epoch.0,
                how: how.to_string(),
            },
            EventKind::InterpreterAssigned { ca, epoch } => Self::InterpreterAssigned {
                interpreter: ca.to_string(),
                epoch: epoch.0,
            },
            EventKind::LegConnected { leg } => Self::LegConnected {
                leg: leg.to_string(),
            },
            EventKind::DialingStarted => Self::DialingStarted,
            EventKind::TelephoneRang => Self::TelephoneRang,
            EventKind::HearingAnswered => Self::HearingAnswered,
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

impl TryFrom<&Entry> for CallEvent {
    type Error = NotAnEvent;

    fn try_from(entry: &Entry) -> Result<Self, NotAnEvent> {
        Ok(Self {
            session: word(&entry.session, "session")?,
            sequence: entry.event,
            at_ms: entry.at_ms,
            session_ms: entry.session_ms,
            kind: (&entry.kind).try_into()?,
        })
    }
}

impl TryFrom<&Kind> for EventKind {
    type Error = NotAnEvent;

    fn try_from(kind: &Kind) -> Result<Self, NotAnEvent> {
        Ok(match kind {
            Kind::CallPlaced {
                caller,
                number,
                languages,
            } => Self::CallPlaced(Placed {
                caller: word(caller, "caller")?,
                number: word(number, "number")?,
                languages: word(languages, "languages")?,
            }),
            Kind::InterpreterInvited { interpreter, epoch } => Self::InterpreterInvited {
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
            },
            Kind::InvitationDeclined {
                interpreter,
                epoch,
                how,
            } => Self::InvitationDeclined {
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
                how: word(how, "how")?,
            },
            Kind::InterpreterAssigned { interpreter, epoch } => Self::InterpreterAssigned {
                ca: word(interpreter, "interpreter")?,
                epoch: Epoch(*epoch),
            },
            Kind::LegConnected { leg } => Self::LegConnected {
                leg: word(leg, "leg")?,
            },
            Kind::DialingStarted => Self::DialingStarted,
            Kind::TelephoneRang => Self::TelephoneRang,
            Kind::HearingAnswered => Self::HearingAnswered,
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

fn word<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, NotAnEvent> {
    text.parse().map_err(|_| NotAnEvent { field })
}

#[cfg(test)]
mod tests {
    use relay_core::session::Decline;
    use vrs_domain::{EndReason, LanguagePair, Leg, SessionId, SessionState};

    use super::*;
    use crate::journal::Record;

    fn kinds() -> Vec<EventKind> {
        let ca: vrs_domain::CaId = "1234".parse().unwrap();
        let epoch = Epoch(3);
        let mut kinds = vec![
            EventKind::CallPlaced(Placed {
                caller: "+15550100001".parse().unwrap(),
                number: "911".parse().unwrap(),
                languages: LanguagePair::default(),
            }),
            EventKind::InterpreterInvited {
                ca: ca.clone(),
                epoch,
            },
            EventKind::InterpreterAssigned {
                ca: ca.clone(),
                epoch,
            },
            EventKind::DialingStarted,
            EventKind::TelephoneRang,
            EventKind::HearingAnswered,
        ];
        kinds.extend(
            Decline::ALL
                .iter()
                .map(|&how| EventKind::InvitationDeclined {
                    ca: ca.clone(),
                    epoch,
                    how,
                }),
        );
        kinds.extend(
            [Leg::Caller, Leg::Interpreter, Leg::Hearing]
                .map(|leg| EventKind::LegConnected { leg }),
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
            kind: kinds().remove(0),
        };
        let record = Record {
            sequence: 1,
            entry: Entry::from(&event),
        };
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            "{\"sequence\":1,\"session\":\"00000000000000000000000000000007\",\"event\":0,\
             \"at_ms\":1790000000000,\"session_ms\":0,\"kind\":\"call_placed\",\
             \"caller\":\"+15550100001\",\"number\":\"911\",\"languages\":\"ase/en\"}"
        );
    }

    #[test]
    fn a_word_of_another_version_is_named_and_not_repeated() {
        let entry = Entry {
            session: "7".repeat(32),
            event: 1,
            at_ms: 0,
            session_ms: 0,
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
