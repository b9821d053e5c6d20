//! The words we add to SIP; docs/flows/wire.md describes them for others.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vrs_domain::{Activity, EndReason, LineReport, LineSignal, LocationRefusal};
use vrs_sip::Headers;

use crate::session::queue::Chosen;

/// The session a message belongs to.
pub const SESSION: &str = "VRS-Session";
/// What finds a call in the logs of all who take part (RFC 7989).
pub const CORRELATION: &str = "Session-ID";
/// How many sessions are served before this one, 1 for the next.
pub const QUEUE_POSITION: &str = "VRS-Queue-Position";
/// The assignment an invitation belongs to.
pub const EPOCH: &str = "VRS-Epoch";
/// The seat an invitation is for: `lead`, `relief`, `team` or `supervisor`.
pub const SEAT: &str = "VRS-Seat";
/// What kind of call it is, as `relay_outbound`.
pub const KIND: &str = "VRS-Call-Kind";
/// How urgent it is: `emergency`, `urgent` or `standard`.
pub const URGENCY: &str = "VRS-Urgency";
/// A field in which the interpreter should be trained, as `medical`.
pub const SKILL: &str = "VRS-Skill";
/// Who the interpreter should be, as `female`.
pub const GENDER: &str = "VRS-Gender";
/// The number that is called.
pub const CALLED_NUMBER: &str = "VRS-Called-Number";
/// Which languages are asked for, as `ase/en`.
pub const LANGUAGES: &str = "VRS-Languages";
/// Who calls, unless they withhold it.
pub const CALLER_NUMBER: &str = "VRS-Caller-Number";
/// What an interpreter does: `available`, `break`, `meal`, `training` or `away`.
pub const AVAILABILITY: &str = "VRS-Availability";
/// In an invitation: for how many seconds it stands.
pub const ANSWER_WITHIN: &str = "VRS-Answer-Within";
/// Whether a caller's location is registered; see [`location_header`].
pub const LOCATION: &str = "VRS-Location";
/// Why a call ended, as a word of our list.
pub const REASON: &str = "VRS-Reason";
/// The INFO package of [`Status`] (RFC 6086).
pub const STATUS_PACKAGE: &str = "vrs-status";
/// The INFO package of [`SeatRequest`] (RFC 6086).
pub const SEAT_PACKAGE: &str = "vrs-seat";
/// The content type of [`Status`].
pub const STATUS_TYPE: &str = "application/vrs-status+json";

/// When a request refused with 503 may be tried again, in seconds.
pub const RETRY_AFTER_S: u32 = 10;

/// What an interpreter's REGISTER says they do: `break;choice=3`. Without the header they take
/// calls; other parameters are left alone.
///
/// # Errors
/// What is wrong with it.
pub fn chosen(value: Option<&str>) -> Result<Chosen, String> {
    let mut parts = value.unwrap_or(Activity::Available.word()).split(';');
    let word = parts.next().unwrap_or_default().trim();
    let activity = Activity::from_str(word).map_err(|error| error.to_string())?;
    let mut parameters = parts.filter_map(|part| part.split_once('='));
    let number = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("choice"));
    let number = number.map(|(_, number)| number.trim().parse());
    let number = number
        .transpose()
        .map_err(|_| "choice is not a number".to_owned())?;
    Ok(Chosen { activity, number })
}

/// In the 200 to a caller's REGISTER: `registered` or `missing`, and with `;refused=` why the
/// location that came along was not taken.
#[must_use]
pub fn location_header(registered: bool, refused: Option<LocationRefusal>) -> (String, String) {
    let word = if registered { "registered" } else { "missing" };
    let refused = refused.map(|why| format!(";refused={why}"));
    let value = format!("{word}{}", refused.unwrap_or_default());
    (LOCATION.to_owned(), value)
}

/// What a party is told while a session goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// 32 hexadecimal digits.
    pub session: String,
    /// One of the five states.
    pub state: &'static str,
    /// What kind of call it is.
    pub kind: &'static str,
    /// How urgent it is.
    pub urgency: &'static str,
    /// What the called party's leg is doing.
    pub telephone: &'static str,
    /// What its line sounds like, unless there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<LineStatus>,
    /// The interpreter's CA id, while there is one.
    pub interpreter: Option<String>,
    /// Of who stands ready to take over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relief: Option<String>,
    /// Of the second interpreter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Of the supervisor who assists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<String>,
    /// Legs of an emergency call that are being called back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<&'static str>,
    /// Who put the call on hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<&'static str>,
    /// Who is there and sends neither picture nor sound.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<&'static str>,
    /// The called number; only in what interpreters get.
    pub number: Option<String>,
    /// Milliseconds since the request came.
    pub session_ms: u64,
    /// Milliseconds of conversation so far.
    pub conversation_ms: u64,
    /// Place in the queue while waiting.
    pub queue_position: Option<u32>,
    /// For how many seconds after this call nobody else is sent; only in what interpreters get,
    /// where there is such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_up_s: Option<u64>,
    /// What this party asked for and does not get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// What a telephone's line sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LineStatus {
    /// What kind of sound comes from it, where there is a word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<&'static str>,
    /// How loud the telephone is.
    pub from: &'static str,
    /// How loud those are who speak to it.
    pub to: &'static str,
}

impl LineStatus {
    /// `None` for a line on which nothing happens.
    #[must_use]
    pub fn of(report: LineReport) -> Option<Self> {
        let status = Self {
            signal: report.signal.map(LineSignal::word),
            from: report.from.word(),
            to: report.to.word(),
        };
        (report != LineReport::default()).then_some(status)
    }
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Which seat was asked for.
    pub seat: &'static str,
    /// Why not, in English.
    pub why: String,
}

/// What an interpreter asks for during a call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatRequest {
    /// `relief`, `team` or `supervisor`.
    pub seat: String,
    /// Why, for a relief.
    #[serde(default)]
    pub reason: Option<String>,
    /// Take it back.
    #[serde(default)]
    pub withdraw: bool,
}

/// The caller's half of its `Session-ID`, 32 hexadecimal digits (RFC 7989 section 5).
#[must_use]
pub fn correlation(headers: &Headers) -> Option<String> {
    let id = headers.get(CORRELATION)?.split(';').next()?.trim();
    let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| id.to_ascii_lowercase())
}

/// Hands the caller's identifier on to a leg whose own is not known yet.
#[must_use]
pub fn correlation_header(correlation: &str) -> (String, String) {
    let value = format!("{correlation};remote={:0>32}", 0);
    (CORRELATION.into(), value)
}

/// Header fields that say why a call ended, for SIP peers and for ours.
#[must_use]
pub fn reason_headers(reason: EndReason) -> Vec<(String, String)> {
    vec![
        (
            "Reason".into(),
            format!(
                "SIP;cause={};text=\"{}\"",
                reason.sip_status(),
                text(reason)
            ),
        ),
        (REASON.into(), reason.word().into()),
    ]
}

/// As [`reason_headers`], for a request that is refused: one that may be tried again says when
/// (RFC 3261 section 21.5.4).
#[must_use]
pub fn refusal_headers(reason: EndReason) -> Vec<(String, String)> {
    let mut headers = reason_headers(reason);
    if reason.sip_status() == 503 {
        headers.push(("Retry-After".into(), RETRY_AFTER_S.to_string()));
    }
    headers
}

/// A short English text for logs of SIP peers; apps show their own sentence.
fn text(reason: EndReason) -> String {
    let mut words = reason.word().replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interpreter_chose_is_a_word_and_the_number_of_the_choice() {
        let read = |value| chosen(value).map(|one| (one.activity, one.number));
        assert_eq!(read(None), Ok((Activity::Available, None)));
        assert_eq!(read(Some("meal")), Ok((Activity::Meal, None)));
        let third = Ok((Activity::Available, Some(3)));
        assert_eq!(read(Some(" available ; x=y; Choice = 3")), third);
        let asleep = read(Some("asleep")).unwrap_err();
        assert!(asleep.contains("asleep"), "{asleep}");
        let many = read(Some("meal;choice=many")).unwrap_err();
        assert!(many.contains("choice"), "{many}");
    }

    #[test]
    fn a_callers_session_id_is_taken_when_it_is_one() {
        let taken = |value: &str| {
            let mut headers = Headers::default();
            headers.push("Session-ID", value);
            correlation(&headers)
        };
        let id = "AB30317f1a784dc48ff824d0d3715d86";
        let lower = id.to_ascii_lowercase();
        assert_eq!(taken(&format!("{id};remote=0")), Some(lower.clone()));
        assert_eq!(taken(&id[1..]), None);
        assert_eq!(taken(&id.replace('A', "\n")), None);
        let (_, value) = correlation_header(&lower);
        assert_eq!(value, format!("{lower};remote={}", "0".repeat(32)));
    }

    #[test]
    fn a_reason_is_told_in_rfc_3326_form_and_in_our_word() {
        let headers = reason_headers(EndReason::HearingBusy);
        assert_eq!(headers[0].1, "SIP;cause=486;text=\"Hearing busy\"");
        assert_eq!(headers[1], ("VRS-Reason".into(), "hearing_busy".into()));
        assert_eq!(refusal_headers(EndReason::HearingBusy), headers);
        let full = refusal_headers(EndReason::QueueFull);
        assert_eq!(full[2], ("Retry-After".into(), "10".into()));
    }
}
