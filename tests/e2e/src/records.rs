//! Call detail records as `relay-server cdr export` writes them, held to what was done.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use vrs_domain::SessionId;

use crate::programs::binary;
use crate::service::{CALLER, INTERPRETER, NUMBER, Service};

/// What one record must say; its times are held to each other.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// F30: the session.
    pub session: SessionId,
    /// F30: which record of the session, from 1.
    pub number: u32,
    /// F31; none when no interpreter took the call.
    pub ca: Option<&'a str>,
    /// F34.
    pub incoming: Option<&'a str>,
    /// F35.
    pub outbound: &'a str,
    /// F35: whether anybody was called, who then has an address.
    pub called: bool,
    /// F33, F36: whether there was a conversation.
    pub talked: bool,
    /// F38.
    pub center: Option<&'a str>,
    /// F39: how the URL begins.
    pub url: String,
}

impl Record<'static> {
    /// Our caller talked with the telephone through our interpreter.
    #[must_use]
    pub fn ordinary(session: SessionId) -> Self {
        Self {
            session,
            number: 1,
            ca: Some(INTERPRETER),
            incoming: Some(CALLER),
            outbound: NUMBER,
            called: true,
            talked: true,
            center: None,
            url: format!("sip:{NUMBER}@"),
        }
    }
}

/// Runs `relay-server` with these arguments and the configuration.
///
/// # Panics
/// When it does not run.
#[must_use]
pub fn server(arguments: &[&str], config: &Path) -> Output {
    Command::new(binary("relay-server"))
        .args(arguments)
        .arg(config)
        .output()
        .expect("it runs")
}

impl Service {
    /// Exports the records of the stopped server and holds each field of each of them to what is
    /// expected; there are no others. The order is that of the sessions' ends.
    ///
    /// # Panics
    /// When a record is not right.
    pub fn check_records(&self, expected: &[Record<'_>]) {
        let records = self.records();
        assert_eq!(records.len(), expected.len(), "{records:#?}");
        for wanted in expected {
            check(find(&records, wanted).expect("a record"), wanted);
        }
    }

    fn records(&self) -> Vec<Value> {
        let output = server(&["cdr", "export", "--format", "json"], self.config());
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let records: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let output = server(&["cdr", "export", "--format", "csv"], self.config());
        assert!(output.status.success(), "{output:?}");
        same_in_csv(&records, &output.stdout);
        records
    }
}

/// Both formats say the same, field by field.
fn same_in_csv(records: &[Value], table: &[u8]) {
    let mut reader = csv::Reader::from_reader(table);
    let names = reader.headers().expect("a header").clone();
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(records) {
        let fields = record.as_object().expect("an object");
        assert_eq!(names.len(), fields.len(), "{names:?}");
        for (name, cell) in names.iter().zip(row) {
            let same = match &fields[name] {
                Value::Null => cell.is_empty(),
                Value::String(text) => cell == text,
                Value::Number(number) => {
                    let cell: f64 = cell.parse().expect("a number");
                    number
                        .as_f64()
                        .is_some_and(|said| (cell - said).abs() < 1e-9)
                }
                Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
            };
            assert!(same, "{name}: {cell} is not what {record} says");
        }
    }
}

/// The record of this session and number.
fn find<'a>(records: &'a [Value], wanted: &Record<'_>) -> Option<&'a Value> {
    let id = format!("{}-{}", wanted.session, wanted.number);
    let mut records = records.iter();
    records.find(|record| record["call_record_id"] == id.as_str())
}

fn check(record: &Value, wanted: &Record<'_>) {
    let ip = |there: bool| there.then_some("127.0.0.1");
    for (field, expected) in [
        ("ca_id", wanted.ca),
        ("incoming_number", wanted.incoming),
        ("incoming_ip", ip(true)),
        ("outbound_number", Some(wanted.outbound)),
        ("outbound_ip", ip(wanted.called)),
        ("call_center_id", wanted.center),
    ] {
        assert_eq!(record[field].as_str(), expected, "{field} of {record}");
    }
    let url = record["initiating_url"].as_str().unwrap_or_default();
    assert!(url.starts_with(&wanted.url), "{url} is not {}", wanted.url);
    let (start, end) = (
        seconds(record, "session_start"),
        seconds(record, "session_end"),
    );
    assert!(start <= end, "{record}");
    // No test lasts so long.
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    assert!(now - 1_800 < start && end <= now, "{record} at {now}");
    let minutes = |field: &str| record[field].as_f64().unwrap_or(f64::NAN) * 60.0;
    let is = |field: &str, seconds: i64| (minutes(field) - seconds as f64).abs() < 1e-6;
    assert!(is("session_minutes", end - start), "{record}");
    if wanted.talked {
        let from = seconds(record, "conversation_start");
        let until = seconds(record, "conversation_end");
        assert!(start <= from && from <= until && until <= end, "{record}");
        assert!(is("conversation_minutes", until - from), "{record}");
    } else {
        for field in ["conversation_start", "conversation_end"] {
            assert!(record[field].is_null(), "{field} of {record}");
        }
        assert!(is("conversation_minutes", 0), "{record}");
    }
    let fields = record.as_object().map(serde_json::Map::len);
    assert_eq!(fields, Some(14), "F30 to F39, and nothing else: {record}");
}

/// Seconds since 1970 of a stamp, and that it is one to the second, in UTC.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn seconds(record: &Value, field: &str) -> i64 {
    let stamp = record[field].as_str().unwrap_or_default();
    let length = "2026-09-21T14:13:20Z".len();
    assert_eq!(stamp.len(), length, "{field}: {stamp}");
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(stamp, format)
        .expect("a time")
        .unix_timestamp()
}
