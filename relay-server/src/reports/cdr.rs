//! Call detail records: 47 CFR 64.604(c)(5)(iii)(D)(2), domain list F30 to F39.
//!
//! One record for each stretch of conversation with one interpreter, and one without conversation
//! for a call that came to none: a change of interpreter makes two records of one session, as the
//! CA id is a field of the record. A call between subscribers is not relayed and has none.

use std::io::Write;

use relay_core::session::{Session, State, Stretch};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vrs_domain::CallKind;

/// Seconds in a minute.
const MINUTE_S: f64 = 60.0;

/// One record: exactly the fields that the rule names, in its order. Stamps are RFC 3339 in UTC,
/// to the second; durations are the differences of their stamps (F40), in minutes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallDetail {
    /// F30: the session and the number of the record within it.
    pub call_record_id: String,
    /// F31; empty when no interpreter took the call.
    pub ca_id: Option<String>,
    /// F32.
    pub session_start: String,
    /// F32.
    pub session_end: String,
    /// F33; empty without conversation.
    pub conversation_start: Option<String>,
    /// F33; empty without conversation.
    pub conversation_end: Option<String>,
    /// F34; empty when the network withholds it.
    pub incoming_number: Option<String>,
    /// F34.
    pub incoming_ip: Option<String>,
    /// F35.
    pub outbound_number: String,
    /// F35; empty when nobody was called.
    pub outbound_ip: Option<String>,
    /// F36.
    pub conversation_minutes: f64,
    /// F37.
    pub session_minutes: f64,
    /// F38; empty when no interpreter took the call, or their account names none.
    pub call_center_id: Option<String>,
    /// F39.
    pub initiating_url: Option<String>,
}

/// The records of a session that has ended; none for a call between subscribers.
#[must_use]
pub fn records(session: &Session) -> Vec<CallDetail> {
    let State::CallEnded {
        interpreter,
        stretches,
        session_ms,
        ..
    } = session.state()
    else {
        return Vec::new();
    };
    match session.placed().kind {
        CallKind::RelayOutbound | CallKind::RelayInbound => {}
        CallKind::PointToPoint => return Vec::new(),
    }
    if stretches.is_empty() {
        let nothing = Stretch {
            ca: interpreter.as_ref().map(|one| one.ca.clone()),
            center: interpreter.as_ref().and_then(|one| one.center.clone()),
            from_ms: 0,
            until_ms: None,
        };
        return vec![record(session, *session_ms, 1, &nothing)];
    }
    (1..)
        .zip(stretches)
        .map(|(number, stretch)| record(session, *session_ms, number, stretch))
        .collect()
}

fn record(session: &Session, session_ms: u64, number: u32, stretch: &Stretch) -> CallDetail {
    let placed = session.placed();
    let second = |session_ms: u64| session.placed_at_ms().saturating_add(session_ms) / 1_000;
    let (start, end) = (second(0), second(session_ms));
    let conversation = stretch
        .until_ms
        .map(|until_ms| (second(stretch.from_ms), second(until_ms)));
    let minutes = |(from, until): (u64, u64)| until.saturating_sub(from) as f64 / MINUTE_S;
    CallDetail {
        call_record_id: format!("{}-{number}", session.id()),
        ca_id: stretch.ca.as_ref().map(ToString::to_string),
        session_start: stamp(start),
        session_end: stamp(end),
        conversation_start: conversation.map(|(from, _)| stamp(from)),
        conversation_end: conversation.map(|(_, until)| stamp(until)),
        incoming_number: placed.caller.as_ref().map(ToString::to_string),
        incoming_ip: placed.address.map(|address| address.to_string()),
        outbound_number: placed.number.to_string(),
        outbound_ip: session
            .milestones()
            .called_address
            .map(|address| address.to_string()),
        conversation_minutes: conversation.map_or(0.0, minutes),
        session_minutes: minutes((start, end)),
        call_center_id: stretch.center.as_ref().map(ToString::to_string),
        initiating_url: placed.url.clone(),
    }
}

/// RFC 3339 in UTC, to the second.
fn stamp(utc_s: u64) -> String {
    let seconds = i64::try_from(utc_s).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds);
    time.ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated, with a line of names (RFC 4180)
    Csv,
    /// One JSON object a line
    Json,
}

/// Writes records, one after another.
pub enum Writer<W: Write> {
    /// See [`Format::Csv`].
    Csv(Box<csv::Writer<W>>),
    /// See [`Format::Json`].
    Json(W),
}

impl<W: Write> Writer<W> {
    /// The names go out with the first record, or at [`Self::finish`] when there is none.
    pub fn new(format: Format, out: W) -> Self {
        match format {
            Format::Csv => {
                let writer = csv::WriterBuilder::new().has_headers(true).from_writer(out);
                Self::Csv(Box::new(writer))
            }
            Format::Json => Self::Json(out),
        }
    }

    /// Writes one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &CallDetail) -> std::io::Result<()> {
        match self {
            Self::Csv(writer) => writer.serialize(record).map_err(std::io::Error::other),
            Self::Json(out) => {
                serde_json::to_writer(&mut *out, record)?;
                out.write_all(b"\n")
            }
        }
    }

    /// Everything is out.
    ///
    /// # Errors
    /// When it is not.
    pub fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Csv(mut writer) => writer.flush(),
            Self::Json(mut out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use relay_core::clock::Now;
    use relay_core::session::{Input, Placed};
    use vrs_domain::{Epoch, LanguagePair, Leg, ReliefReason, Seat, SessionId, Urgency};

    use super::*;

    const PLACED_AT_MS: u64 = 1_790_000_000_400;

    fn at(ms: u64) -> Now {
        Now {
            utc_ms: PLACED_AT_MS + ms,
            mono_ms: ms,
        }
    }

    fn placed(kind: CallKind) -> Placed {
        Placed {
            kind,
            urgency: Urgency::Standard,
            caller: Some("+15550100001".parse().unwrap()),
            anonymous: false,
            number: "+15550100199".parse().unwrap(),
            languages: LanguagePair::default(),
            skill: None,
            gender: None,
            address: Some("192.0.2.7".parse().unwrap()),
            url: Some("sip:+15550100199@relay.example".into()),
        }
    }

    fn seated(seat: Seat, ca: &str, epoch: u32) -> [Input; 2] {
        let (ca, epoch): (vrs_domain::CaId, _) = (ca.parse().unwrap(), Epoch(epoch));
        [
            Input::Matched {
                seat,
                ca: ca.clone(),
                epoch,
            },
            Input::InvitationAccepted {
                seat,
                ca,
                epoch,
                center: Some("denver".parse().unwrap()),
            },
        ]
    }

    /// Everything that happens, and when.
    fn session(kind: CallKind, story: Vec<(u64, Input)>) -> Session {
        let (mut session, _) = Session::place(SessionId(7), at(0), placed(kind));
        for (ms, input) in story {
            take(&mut session, at(ms), &input);
        }
        session
    }

    /// An interpreter who answers is seen at once.
    fn take(session: &mut Session, now: Now, input: &Input) {
        session.handle(now, input).unwrap();
        if let Input::InvitationAccepted { seat, .. } = input {
            let seen = Input::MediaConnected(seat.leg());
            session.handle(now, &seen).unwrap();
        }
    }

    fn dialled() -> Input {
        Input::DialStarted {
            address: Some("198.51.100.1".parse().unwrap()),
        }
    }

    const ANSWERED: Input = Input::CalledAnswered { address: None };

    #[test]
    fn f30_to_f39_every_field_of_a_relayed_call_is_in_its_record() {
        let [matched, accepted] = seated(Seat::Lead, "1234", 1);
        let story = vec![
            (1_000, matched),
            (5_000, accepted),
            (5_100, dialled()),
            (12_700, ANSWERED),
            (133_250, Input::HungUp(Leg::Caller)),
        ];
        let records = records(&session(CallKind::RelayOutbound, story));
        let expected = CallDetail {
            call_record_id: "00000000000000000000000000000007-1".into(),
            ca_id: Some("1234".into()),
            session_start: "2026-09-21T14:13:20Z".into(),
            session_end: "2026-09-21T14:15:33Z".into(),
            conversation_start: Some("2026-09-21T14:13:33Z".into()),
            conversation_end: Some("2026-09-21T14:15:33Z".into()),
            incoming_number: Some("+15550100001".into()),
            incoming_ip: Some("192.0.2.7".into()),
            outbound_number: "+15550100199".into(),
            outbound_ip: Some("198.51.100.1".into()),
            conversation_minutes: 2.0,
            session_minutes: 133.0 / 60.0,
            call_center_id: Some("denver".into()),
            initiating_url: Some("sip:+15550100199@relay.example".into()),
        };
        assert_eq!(records, [expected]);
    }

    #[test]
    fn f31_a_change_of_interpreter_makes_two_records_that_meet() {
        let [matched, accepted] = seated(Seat::Lead, "1", 1);
        let [relief, comes] = seated(Seat::Relief, "2", 2);
        let asked = Input::SeatAsked {
            seat: Seat::Relief,
            reason: Some(ReliefReason::Illness),
        };
        let story = vec![
            (0, matched),
            (0, accepted),
            (0, dialled()),
            (600, ANSWERED),
            (30_000, asked),
            (31_000, relief),
            (32_000, comes),
            (60_600, Input::HungUp(Leg::Interpreter)),
            (90_600, Input::HungUp(Leg::Hearing)),
        ];
        let records = records(&session(CallKind::RelayOutbound, story));
        let cas: Vec<_> = records.iter().filter_map(|r| r.ca_id.as_deref()).collect();
        assert_eq!(cas, ["1", "2"]);
        assert_eq!(records[0].conversation_end, records[1].conversation_start);
        let minutes: f64 = records.iter().map(|r| r.conversation_minutes).sum();
        assert!((minutes - 1.5).abs() < 1e-9, "{minutes}");
    }

    #[test]
    fn f31_f38_an_interpreter_who_was_lost_before_the_answer_is_in_the_record() {
        let [matched, accepted] = seated(Seat::Lead, "1", 1);
        let story = vec![
            (0, matched),
            (0, accepted),
            (0, dialled()),
            (20_000, Input::Lost(Leg::Interpreter)),
            (30_000, Input::HungUp(Leg::Caller)),
        ];
        let records = records(&session(CallKind::RelayOutbound, story));
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].ca_id.as_deref(), Some("1"));
        assert_eq!(records[0].call_center_id.as_deref(), Some("denver"));
        assert_eq!(records[0].conversation_start, None);
    }

    #[test]
    fn f43_what_only_rang_has_a_record_without_conversation_and_direct_calls_have_none() {
        let [matched, accepted] = seated(Seat::Lead, "1", 1);
        let reason = vrs_domain::EndReason::HearingNoAnswer;
        let story = vec![
            (0, matched),
            (0, accepted),
            (0, dialled()),
            (180_000, Input::CalledFailed { reason }),
        ];
        let only_rang = records(&session(CallKind::RelayOutbound, story));
        assert_eq!(only_rang.len(), 1);
        assert_eq!(only_rang[0].conversation_start, None);
        assert!(only_rang[0].conversation_minutes.abs() < f64::EPSILON);
        assert_eq!(only_rang[0].ca_id.as_deref(), Some("1"));
        let direct = vec![
            (0, dialled()),
            (600, ANSWERED),
            (9_000, Input::HungUp(Leg::Caller)),
        ];
        assert!(records(&session(CallKind::PointToPoint, direct)).is_empty());
    }

    #[test]
    fn r07_a_wall_clock_that_stepped_changes_no_duration() {
        let [matched, accepted] = seated(Seat::Lead, "1", 1);
        let (mut session, _) = Session::place(SessionId(7), at(0), placed(CallKind::RelayOutbound));
        for input in [matched, accepted, dialled(), ANSWERED] {
            take(&mut session, at(600), &input);
        }
        let stepped = Now {
            utc_ms: 1_000,
            mono_ms: 60_600,
        };
        session
            .handle(stepped, &Input::HungUp(Leg::Caller))
            .unwrap();
        let record = records(&session).remove(0);
        assert_eq!(record.session_end, "2026-09-21T14:14:21Z");
        assert!((record.conversation_minutes - 1.0).abs() < 1e-9);
    }

    #[test]
    fn both_formats_carry_every_field() {
        let [matched, accepted] = seated(Seat::Lead, "1234", 1);
        let story = vec![
            (0, matched),
            (0, accepted),
            (0, dialled()),
            (600, ANSWERED),
            (60_600, Input::HungUp(Leg::Caller)),
        ];
        let records = records(&session(CallKind::RelayOutbound, story));
        let write = |format| {
            let mut out = Vec::new();
            let mut writer = Writer::new(format, &mut out);
            for record in &records {
                writer.write(record).unwrap();
            }
            writer.finish().unwrap();
            String::from_utf8(out).unwrap()
        };
        let csv = write(Format::Csv);
        let names = csv.lines().next().unwrap();
        assert_eq!(
            names,
            "call_record_id,ca_id,session_start,session_end,conversation_start,conversation_end,\
             incoming_number,incoming_ip,outbound_number,outbound_ip,conversation_minutes,\
             session_minutes,call_center_id,initiating_url"
        );
        let values = csv.lines().nth(1).unwrap();
        assert_eq!(values.split(',').count(), names.split(',').count());
        let json: serde_json::Value = serde_json::from_str(&write(Format::Json)).unwrap();
        for name in names.split(',') {
            assert!(json.get(name).is_some(), "{name}");
        }
    }
}
