//! Which records an operator wants to see.

use std::fmt;
use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::record::{Kind, Record};

/// A moment as an operator writes it: RFC 3339, such as `2026-11-21T09:30:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// A text that is no moment after 1970.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not a time in UTC; write it like 2026-11-21T09:30:00Z")]
pub struct WrongTime;

impl FromStr for Instant {
    type Err = WrongTime;

    fn from_str(text: &str) -> Result<Self, WrongTime> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| WrongTime)?;
        if !time.offset().is_utc() {
            return Err(WrongTime);
        }
        let ms = time.unix_timestamp_nanos() / 1_000_000;
        let at_ms = u64::try_from(ms).map_err(|_| WrongTime)?;
        Ok(Self { at_ms })
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.at_ms) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos);
        f.write_str(&time.map_or_else(
            |_| self.at_ms.to_string(),
            |t| t.format(&Rfc3339).unwrap_or_default(),
        ))
    }
}

/// The word of a record kind, such as `call_placed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindWord(String);

/// A word that no record kind has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such kind of record; there are {0}")]
pub struct UnknownKind(String);

impl KindWord {
    /// The word under which a kind is written.
    #[must_use]
    pub fn of(kind: &Kind) -> Self {
        // A struct with a tag always becomes an object with that tag.
        let value = serde_json::to_value(kind).unwrap_or_default();
        Self(value["kind"].as_str().unwrap_or_default().to_owned())
    }
}

impl FromStr for KindWord {
    type Err = UnknownKind;

    /// The list of kinds is the one that reads records: it names itself when it meets another word.
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let probe = serde_json::json!({ "kind": text });
        match serde_json::from_value::<Kind>(probe) {
            Err(error) if error.to_string().starts_with("unknown variant") => {
                let said = error.to_string();
                let list = said.split_once("expected one of ").map(|(_, list)| list);
                Err(UnknownKind(list.unwrap_or_default().replace('`', "")))
            }
            Ok(_) | Err(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for KindWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wanted; everything by default.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this session: its id as it stands in the records.
    pub session: Option<String>,
    /// Not before this moment of the wall clock.
    pub since: Option<Instant>,
    /// Before this moment.
    pub until: Option<Instant>,
    /// Only this kind.
    pub kind: Option<KindWord>,
}

impl Filter {
    /// Whether a record is wanted.
    #[must_use]
    pub fn admits(&self, record: &Record) -> bool {
        let entry = &record.entry;
        self.session.as_ref().is_none_or(|s| *s == entry.session)
            && self.since.is_none_or(|t| entry.at_ms >= t.at_ms)
            && self.until.is_none_or(|t| entry.at_ms < t.at_ms)
            && self
                .kind
                .as_ref()
                .is_none_or(|k| *k == KindWord::of(&entry.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_in_utc_and_nothing_else() {
        let time: Instant = "2026-09-21T14:13:20.25Z".parse().unwrap();
        assert_eq!(time.at_ms, 1_790_000_000_250);
        assert_eq!(time.to_string(), "2026-09-21T14:13:20.25Z");
        for wrong in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-09-21",
            "2026-09-21T14:13:20",
            "2026-09-21T14:13:20+02:00",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(wrong.parse::<Instant>(), Err(WrongTime), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_kind_is_told_which_there_are() {
        for known in ["call_placed", "dialing_started", "ended"] {
            assert_eq!(known.parse::<KindWord>().unwrap().to_string(), known);
        }
        let error = "call_lost".parse::<KindWord>().unwrap_err().to_string();
        assert!(
            error.contains("call_placed, ") && error.contains("ended"),
            "{error}"
        );
        assert_eq!(
            KindWord::of(&Kind::DialingStarted { address: None }).to_string(),
            "dialing_started"
        );
    }
}
