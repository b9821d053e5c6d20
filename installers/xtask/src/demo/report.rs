//! From what each program saw to `report.json`: the fields, and the checks that make `ok`.
//!
//! docs/flows/demo-report.md describes every field for readers of the file.

use crate::json::Value;

/// The states every recorded call has to pass, in order.
pub(super) const STATES: [&str; 5] = [
    "request_received",
    "interpreter_assigned",
    "hearing_party_dialing",
    "relay_active",
    "call_ended",
];

/// Fewer decoded pictures than this in a whole conversation count as no picture.
const FRAMES_MIN: f64 = 30.0;
/// Quieter than this counts as no sound, in dB below full scale.
const LEVEL_DBFS_MIN: f64 = -50.0;
/// A tone may be heard this far from where it was played: one step of a 50 ms spectrum.
const TONE_TOLERANCE_HZ: f64 = 25.0;

/// What an app's report says that ours passes on, under the same names.
const APP_FIELDS: [&str; 18] = [
    "frames_captured",
    "frames_encoded",
    "frames_sent",
    "frames_received",
    "frames_decoded",
    "delay_ms_p50",
    "delay_ms_p95",
    "rtt_ms",
    "packets_lost",
    "nacks_sent",
    "plis_sent",
    "heard_hz",
    "level_dbfs",
    "codec_video",
    "codec_audio",
    "srtp_profile",
    "cipher_suite",
    "candidate_type",
];

/// What the telephone's report says that ours passes on.
const TELEPHONE_FIELDS: [&str; 7] = [
    "heard_hz",
    "level_dbfs",
    "packets_sent",
    "packets_received",
    "codec",
    "crypto_suite",
    "duration_ms",
];

/// All that was seen of one call.
pub(super) struct Seen {
    pub(super) session: String,
    /// State and milliseconds since the first, from the server's journal.
    pub(super) states: Vec<(String, f64)>,
    /// Why it ended, in the journal's word.
    pub(super) reason: String,
    pub(super) journal_records: f64,
    pub(super) caller: Value,
    pub(super) interpreter: Value,
    pub(super) telephone: Value,
    /// The tone the telephone played and the one the interpreter's microphone played, in Hz.
    pub(super) tone_telephone_hz: f64,
    pub(super) tone_interpreter_hz: f64,
}

/// Builds the report and names every check that failed.
pub(super) fn judge(seen: &Seen) -> (Value, Vec<String>) {
    let failed = failed_checks(seen);
    let states = seen
        .states
        .iter()
        .map(|(state, ms)| Value::object([("state", state.as_str().into()), ("ms", (*ms).into())]));
    let report = Value::object([
        ("ok", failed.is_empty().into()),
        (
            "failed_checks",
            Value::List(failed.iter().map(|f| f.as_str().into()).collect()),
        ),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("session", seen.session.as_str().into()),
        ("reason", seen.reason.as_str().into()),
        ("states", Value::List(states.collect())),
        ("set_up", set_up(seen)),
        ("caller", pick(&seen.caller, &APP_FIELDS)),
        ("interpreter", pick(&seen.interpreter, &APP_FIELDS)),
        ("telephone", pick(&seen.telephone, &TELEPHONE_FIELDS)),
        (
            "journal",
            Value::object([
                ("verified", true.into()),
                ("records", seen.journal_records.into()),
            ]),
        ),
    ]);
    (report, failed)
}

fn pick(from: &Value, fields: &[&str]) -> Value {
    let members = fields
        .iter()
        .map(|name| ((*name).to_owned(), from.get(name).clone()));
    Value::Object(members.collect())
}

fn set_up(seen: &Seen) -> Value {
    let at = |state: &str| {
        seen.states
            .iter()
            .find(|(name, _)| name == state)
            .map(|(_, ms)| *ms)
    };
    let span = |from: &str, to: &str| match (at(from), at(to)) {
        (Some(from), Some(to)) => Value::Number(to - from),
        _ => Value::Null,
    };
    Value::object([
        ("interpreter_ms", span(STATES[0], STATES[1])),
        ("telephone_ms", span(STATES[2], STATES[3])),
        ("total_ms", span(STATES[0], STATES[3])),
        ("conversation_ms", span(STATES[3], STATES[4])),
    ])
}

fn failed_checks(seen: &Seen) -> Vec<String> {
    let mut failed = Vec::new();
    let mut require = |holds: bool, what: String| {
        if !holds {
            failed.push(what);
        }
    };
    let passed: Vec<&str> = seen
        .states
        .iter()
        .map(|(state, _)| state.as_str())
        .collect();
    require(
        passed == STATES,
        format!("the five states in order: {}", passed.join(", ")),
    );

    for (side, report) in [("caller", &seen.caller), ("interpreter", &seen.interpreter)] {
        let number = |field: &str| report.get(field).number();
        for field in [
            "frames_captured",
            "frames_encoded",
            "frames_sent",
            "frames_received",
            "frames_decoded",
        ] {
            let count = number(field).unwrap_or(0.0);
            require(
                count >= FRAMES_MIN,
                format!("{side}.{field}: {count}, wanted {FRAMES_MIN}"),
            );
        }
        let level = number("level_dbfs").unwrap_or(f64::NEG_INFINITY);
        require(
            level > LEVEL_DBFS_MIN,
            format!("{side}.level_dbfs: {level}, no sound heard"),
        );
        require(
            number("delay_ms_p50").is_some(),
            format!("{side}.delay_ms_p50: not measured"),
        );
        for field in [
            "srtp_profile",
            "cipher_suite",
            "candidate_type",
            "codec_video",
        ] {
            let named = report
                .get(field)
                .text()
                .is_some_and(|text| !text.is_empty());
            require(named, format!("{side}.{field}: not negotiated"));
        }
    }
    let level = seen
        .telephone
        .get("level_dbfs")
        .number()
        .unwrap_or(f64::NEG_INFINITY);
    require(
        level > LEVEL_DBFS_MIN,
        format!("telephone.level_dbfs: {level}, no sound heard"),
    );

    let tones = [
        ("telephone", &seen.telephone, seen.tone_interpreter_hz),
        ("caller", &seen.caller, seen.tone_interpreter_hz),
        ("interpreter", &seen.interpreter, seen.tone_telephone_hz),
    ];
    for (who, report, played) in tones {
        let heard = report.get("heard_hz").number().unwrap_or(0.0);
        let near = (heard - played).abs() <= TONE_TOLERANCE_HZ;
        require(
            near,
            format!("{who}.heard_hz: {heard}, but {played} Hz was played"),
        );
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(heard_hz: f64) -> Value {
        Value::object([
            ("frames_captured", 300.0.into()),
            ("frames_encoded", 300.0.into()),
            ("frames_sent", 300.0.into()),
            ("frames_received", 299.0.into()),
            ("frames_decoded", 298.0.into()),
            ("delay_ms_p50", 61.0.into()),
            ("delay_ms_p95", 90.0.into()),
            ("heard_hz", heard_hz.into()),
            ("level_dbfs", (-20.0).into()),
            ("codec_video", "H264".into()),
            ("srtp_profile", "AEAD_AES_128_GCM".into()),
            (
                "cipher_suite",
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".into(),
            ),
            ("candidate_type", "host".into()),
        ])
    }

    fn whole() -> Seen {
        let times = [0.0, 900.0, 905.0, 2100.0, 12_000.0];
        Seen {
            session: "00".repeat(16),
            states: STATES
                .iter()
                .zip(times)
                .map(|(s, ms)| ((*s).to_owned(), ms))
                .collect(),
            reason: "caller_hung_up".to_owned(),
            journal_records: 9.0,
            caller: app(660.0),
            interpreter: app(440.0),
            telephone: Value::object([("heard_hz", 655.0.into()), ("level_dbfs", (-18.0).into())]),
            tone_telephone_hz: 440.0,
            tone_interpreter_hz: 660.0,
        }
    }

    #[test]
    fn a_whole_call_is_ok_and_its_times_are_derived() {
        let (report, failed) = judge(&whole());
        assert_eq!(failed, Vec::<String>::new());
        assert_eq!(report.get("ok"), &Value::Bool(true));
        assert_eq!(report.get("set_up").get("total_ms").number(), Some(2100.0));
        assert_eq!(
            report.get("set_up").get("conversation_ms").number(),
            Some(9900.0)
        );
        assert_eq!(report.get("states").items().len(), 5);
        assert_eq!(report.get("telephone").get("packets_sent"), &Value::Null);
    }

    #[test]
    fn each_missing_thing_is_named() {
        let check = |spoil: fn(&mut Seen), expected: &str| {
            let mut seen = whole();
            spoil(&mut seen);
            let (report, failed) = judge(&seen);
            assert_eq!(report.get("ok"), &Value::Bool(false), "{expected}");
            assert!(
                failed.iter().any(|f| f.starts_with(expected)),
                "{expected}: {failed:?}"
            );
        };
        check(
            |seen| drop(seen.states.remove(2)),
            "the five states in order",
        );
        check(|seen| seen.states.swap(1, 2), "the five states in order");
        check(|seen| seen.caller = Value::Null, "caller.frames_decoded");
        check(
            |seen| seen.interpreter = Value::Null,
            "interpreter.level_dbfs",
        );
        check(|seen| seen.telephone = Value::Null, "telephone.level_dbfs");
        check(
            |seen| seen.tone_telephone_hz = 1000.0,
            "interpreter.heard_hz",
        );
        check(
            |seen| seen.tone_interpreter_hz = 1000.0,
            "telephone.heard_hz",
        );
    }
}
