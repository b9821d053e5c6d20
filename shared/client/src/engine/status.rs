//! What the server says about a session beyond standard SIP, converted once, here: `VRS-*` headers
//! and the JSON body of the `vrs-status` INFO package. Whatever is unknown or malformed is left
//! out: a newer server must not break an older client.

use std::time::Duration;

use serde::Deserialize;
use vrs_domain::{
    CaId, CallKind, EndReason, Epoch, LanguagePair, Leg, LineReport, LocationRefusal, Loudness,
    PhoneNumber, Seat, SessionId, SessionState, TelephoneState, Urgency,
};
use vrs_sip::Headers;

use super::{SeatRefusal, Seats};

/// What a 200 to REGISTER says of a caller's location.
const LOCATION: &str = "VRS-Location";
/// Largest status body we read, in bytes.
const STATUS_BYTES_MAX: usize = 4096;
/// Name of the INFO package (RFC 6086), as we announce it and as it comes.
pub(super) const PACKAGE: &str = "vrs-status";
/// Longest reason of a refusal shown to the user, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// The INFO package by which an interpreter asks for another one.
pub(super) const SEAT_PACKAGE: &str = "vrs-seat";
/// Its media type.
const MEDIA_TYPE: &str = "application/vrs-status+json";

/// Whether the provider has a location of ours, and why it does not take the one we told.
pub(super) fn location(headers: &Headers) -> (Option<bool>, Option<LocationRefusal>) {
    let mut words = headers.get(LOCATION).unwrap_or_default().split(';');
    let registered = match words.next().map(str::trim) {
        Some("registered") => Some(true),
        Some("missing") => Some(false),
        Some(_) | None => None,
    };
    let refused = words.find_map(|word| word.trim().strip_prefix("refused="));
    // Of another provider, or a word of later times.
    let refused = match refused {
        Some(word) => Some(word.parse().unwrap_or(LocationRefusal::Unreadable)),
        None if headers.get("Geolocation-Error").is_some() => Some(LocationRefusal::Unreadable),
        None => None,
    };
    (registered, refused)
}

/// A wrap-up that is said to be longer is a mistake, in seconds.
const WRAP_UP_S_MAX: u64 = 3_600;

/// One status report, as far as it makes sense.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Status {
    pub(super) session: Option<SessionId>,
    pub(super) state: Option<SessionState>,
    pub(super) telephone: Option<TelephoneState>,
    /// What the telephone's line sounds like.
    pub(super) line: LineReport,
    pub(super) interpreter: Option<CaId>,
    pub(super) number: Option<PhoneNumber>,
    /// How long the session has lasted, in milliseconds.
    pub(super) session_ms: Option<u64>,
    /// How long the conversation has lasted, in milliseconds; `None` before it began.
    pub(super) conversation_ms: Option<u64>,
    pub(super) queue_position: Option<u32>,
    pub(super) kind: Option<CallKind>,
    pub(super) urgency: Option<Urgency>,
    /// Who has the other seats, as far as somebody has.
    pub(super) seats: Seats,
    /// Legs of an emergency call that are being called back.
    pub(super) missing: Vec<Leg>,
    /// Who put the call on hold.
    pub(super) held: Vec<Leg>,
    /// Who is there and sends neither picture nor sound.
    pub(super) silent: Vec<Leg>,
    /// For how long nobody is sent to us after the call, in seconds.
    pub(super) wrap_up_s: Option<u64>,
    /// What we asked for and do not get.
    pub(super) refused: Option<SeatRefusal>,
}

/// As written on the wire.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Written {
    session: Option<String>,
    state: Option<String>,
    telephone: Option<String>,
    line: Option<WrittenLine>,
    interpreter: Option<String>,
    number: Option<String>,
    session_ms: Option<u64>,
    conversation_ms: Option<u64>,
    queue_position: Option<u32>,
    kind: Option<String>,
    urgency: Option<String>,
    relief: Option<String>,
    team: Option<String>,
    supervisor: Option<String>,
    missing: Vec<String>,
    held: Vec<String>,
    silent: Vec<String>,
    wrap_up_s: Option<u64>,
    refused: Option<WrittenRefusal>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WrittenLine {
    signal: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl From<WrittenLine> for LineReport {
    fn from(written: WrittenLine) -> Self {
        Self {
            signal: known(written.signal),
            from: known(written.from).unwrap_or(Loudness::Silent),
            to: known(written.to).unwrap_or(Loudness::Silent),
        }
    }
}

#[derive(Deserialize)]
struct WrittenRefusal {
    seat: String,
    why: String,
}

fn known<T: std::str::FromStr>(word: Option<String>) -> Option<T> {
    word.and_then(|word| word.parse().ok())
}

/// The legs whose names we know.
fn legs(words: &[String]) -> Vec<Leg> {
    words.iter().filter_map(|word| word.parse().ok()).collect()
}

impl Status {
    /// Reads an INFO; `None` when it is none of ours or its body is no JSON object of this kind.
    pub(super) fn of_info(headers: &Headers, body: &[u8]) -> Option<Self> {
        let ours = headers
            .get("Info-Package")
            .is_some_and(|package| package.trim().eq_ignore_ascii_case(PACKAGE));
        let json = headers.content_type().as_deref() == Some(MEDIA_TYPE);
        if !ours || !json || body.len() > STATUS_BYTES_MAX || !body.trim_ascii().starts_with(b"{") {
            return None;
        }
        let written: Written = serde_json::from_slice(body).ok()?;
        Some(Self {
            session: known(written.session),
            state: known(written.state),
            telephone: known(written.telephone),
            line: written.line.unwrap_or_default().into(),
            interpreter: known(written.interpreter),
            number: known(written.number),
            session_ms: written.session_ms,
            conversation_ms: written.conversation_ms.filter(|ms| *ms > 0),
            queue_position: written.queue_position,
            kind: known(written.kind),
            urgency: known(written.urgency),
            seats: Seats {
                relief: known(written.relief),
                team: known(written.team),
                supervisor: known(written.supervisor),
            },
            missing: legs(&written.missing),
            held: legs(&written.held),
            silent: legs(&written.silent),
            wrap_up_s: written.wrap_up_s.filter(|s| *s <= WRAP_UP_S_MAX),
            refused: written.refused.and_then(|refused| {
                Some(SeatRefusal {
                    seat: refused.seat.parse().ok()?,
                    why: refused.why.chars().take(TEXT_CHARS_MAX).collect(),
                })
            }),
        })
    }
}

/// The `VRS-*` headers of an INVITE or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SessionHeaders {
    pub(super) session: Option<SessionId>,
    pub(super) epoch: Option<Epoch>,
    pub(super) number: Option<PhoneNumber>,
    pub(super) caller: Option<PhoneNumber>,
    pub(super) seat: Option<Seat>,
    pub(super) kind: Option<CallKind>,
    pub(super) urgency: Option<Urgency>,
    pub(super) languages: Option<LanguagePair>,
    pub(super) queue_position: Option<u32>,
    /// For how long an invitation stands.
    pub(super) answer_within: Option<Duration>,
}

impl SessionHeaders {
    pub(super) fn of(headers: &Headers) -> Self {
        let word = |name: &str| headers.get(name).map(|value| value.trim().to_owned());
        let number = |name: &str| word(name).and_then(|word| word.parse::<u32>().ok());
        Self {
            session: known(word("VRS-Session")),
            epoch: number("VRS-Epoch").map(Epoch),
            number: known(word("VRS-Called-Number")),
            caller: known(word("VRS-Caller-Number")),
            seat: known(word("VRS-Seat")),
            kind: known(word("VRS-Call-Kind")),
            urgency: known(word("VRS-Urgency")),
            languages: known(word("VRS-Languages")),
            queue_position: number("VRS-Queue-Position"),
            answer_within: number("VRS-Answer-Within").map(|s| Duration::from_secs(s.into())),
        }
    }
}

/// Why the server ended or refused a call: `VRS-Reason`, and the words of `Reason` (RFC 3326).
pub(super) fn end_reason(headers: &Headers) -> (Option<EndReason>, Option<u16>, String) {
    let reason = headers
        .get("VRS-Reason")
        .and_then(|word| word.trim().parse().ok());
    let (cause, text) = match headers.reason() {
        Some(written) => (
            Some(written.cause).filter(|cause| *cause >= 100),
            written.text,
        ),
        None => (None, String::new()),
    };
    (reason, cause, text)
}

#[cfg(test)]
mod tests {
    use vrs_domain::LineSignal;

    use super::*;

    fn info(body: &str) -> Option<Status> {
        let mut headers = Headers::new();
        headers.push("Info-Package", "vrs-status");
        headers.push("Content-Type", "application/vrs-status+json");
        Status::of_info(&headers, body.as_bytes())
    }

    #[test]
    fn a_status_is_read_and_strange_words_are_left_out() {
        let status = info(
            r#"{"session":"0000000000000000000000000000002a","state":"hearing_party_dialing","telephone":"ringing",
               "interpreter":"1234","session_ms":12345,"conversation_ms":0,"queue_position":null,"new_field":[1]}"#,
        )
        .unwrap();
        assert_eq!(status.session, Some(SessionId(42)));
        assert_eq!(status.state, Some(SessionState::HearingPartyDialing));
        assert_eq!(status.telephone, Some(TelephoneState::Ringing));
        assert_eq!(status.interpreter.unwrap().as_str(), "1234");
        assert_eq!(
            (status.session_ms, status.conversation_ms),
            (Some(12345), None)
        );
        assert_eq!(info(r#"{"state":"sixth_state"}"#), Some(Status::default()));
    }

    #[test]
    fn u2_what_a_line_sounds_like_is_read_as_far_as_we_know_the_words() {
        let line = |text: &str| info(&format!("{{\"line\":{text}}}")).map(|status| status.line);
        let busy = LineReport {
            signal: Some(LineSignal::Busy),
            from: Loudness::Normal,
            to: Loudness::Silent,
        };
        let told = r#"{"signal":"busy","from":"normal","to":"silent"}"#;
        assert_eq!(line(told), Some(busy));
        let strange = r#"{"signal":"whale","from":"deafening","more":1}"#;
        assert_eq!(line(strange), Some(LineReport::default()));
        assert_eq!(
            info("{}").map(|status| status.line),
            Some(LineReport::default())
        );
        assert_eq!(line("7"), None);
    }

    #[test]
    fn what_is_no_status_is_ignored() {
        assert_eq!(info("[]"), None);
        assert_eq!(info(r#"{"session_ms":-1}"#), None);
        assert_eq!(
            info(&format!("{{\"state\":\"{}\"}}", "x".repeat(5000))),
            None
        );
        assert_eq!(Status::of_info(&Headers::new(), b"{}"), None);
    }

    #[test]
    fn reasons_are_read_from_both_headers() {
        let mut headers = Headers::new();
        headers.push("Reason", "SIP;cause=486;text=\"The line is busy\"");
        headers.push("VRS-Reason", "hearing_busy");
        assert_eq!(
            end_reason(&headers),
            (
                Some(EndReason::HearingBusy),
                Some(486),
                "The line is busy".into()
            )
        );
        assert_eq!(end_reason(&Headers::new()), (None, None, String::new()));
    }

    #[test]
    fn f22_what_a_provider_says_of_a_location_is_understood_as_far_as_it_goes() {
        let said = |named: &[(&str, &str)]| location(&named.iter().copied().collect());
        let none = None::<LocationRefusal>;
        assert_eq!(said(&[]), (None, none));
        assert_eq!(said(&[("VRS-Location", "registered")]), (Some(true), none));
        assert_eq!(
            said(&[("VRS-Location", "missing; refused=too_soon")]),
            (Some(false), Some(LocationRefusal::TooSoon))
        );
        let strange = [("VRS-Location", "elsewhere;refused=whim")];
        assert_eq!(said(&strange), (None, Some(LocationRefusal::Unreadable)));
        let foreign = [("Geolocation-Error", "100;code=\"Cannot Process Location\"")];
        assert_eq!(said(&foreign), (None, Some(LocationRefusal::Unreadable)));
    }
}
