//! A profile as people write it: `loss=5,delay=50,jitter=10`, or `clear`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::range::{self, Whole, read_share};
use super::{Burst, Hold, Profile, ProfileError, Rate, Reorder};

/// A profile that impairs nothing.
const CLEAR: &str = "clear";
/// What may stand before an `=`.
const KEYS: [&str; 14] = [
    "loss",
    "burst_enter",
    "burst_leave",
    "burst_loss",
    "good_loss",
    "delay",
    "jitter",
    "order",
    "reorder",
    "hold_packets",
    "hold_ms",
    "duplicate",
    "rate",
    "queue",
];
/// Keys that mean nothing without the second one.
const COMPANIONS: [(&str, &str); 7] = [
    ("burst_enter", "burst_leave"),
    ("burst_leave", "burst_enter"),
    ("burst_loss", "burst_enter"),
    ("good_loss", "burst_enter"),
    ("hold_packets", "reorder"),
    ("hold_ms", "reorder"),
    ("queue", "rate"),
];
/// The queue before a rate where none is written, in milliseconds.
const QUEUE_MS_DEFAULT: u32 = 200;

/// All keys, for people who wrote another one.
pub(super) fn keys() -> String {
    KEYS.join(", ")
}

/// The words of one profile by their keys.
struct Words<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Words<'a> {
    fn split(text: &'a str) -> Result<Self, ProfileError> {
        let mut words = BTreeMap::new();
        for word in text.split(',') {
            let Some((key, value)) = word.split_once('=') else {
                return Err(ProfileError::NoValue { word: word.into() });
            };
            let Some(key) = KEYS.into_iter().find(|known| *known == key) else {
                return Err(ProfileError::UnknownKey { word: key.into() });
            };
            if words.insert(key, value).is_some() {
                return Err(ProfileError::Twice { key });
            }
        }
        let missing =
            |(key, needed): &(_, _)| words.contains_key(key) && !words.contains_key(needed);
        if let Some((key, needed)) = COMPANIONS.into_iter().find(missing) {
            return Err(ProfileError::Alone { key, needed });
        }
        Ok(Self(words))
    }

    fn share(&self, key: &'static str) -> Result<Option<f64>, ProfileError> {
        let value = self.0.get(key);
        value.map(|value| read_share(key, value)).transpose()
    }

    fn whole(&self, range: &Whole) -> Result<Option<u32>, ProfileError> {
        let value = self.0.get(range.key);
        value.map(|value| range.read(value)).transpose()
    }

    fn burst(&self) -> Result<Option<Burst>, ProfileError> {
        let (Some(enter_percent), Some(leave_percent)) =
            (self.share("burst_enter")?, self.share("burst_leave")?)
        else {
            return Ok(None);
        };
        Ok(Some(Burst {
            enter_percent,
            leave_percent,
            bad_loss_percent: self.share("burst_loss")?.unwrap_or(100.0),
            good_loss_percent: self.share("good_loss")?.unwrap_or(0.0),
        }))
    }

    fn overtaking(&self) -> Result<bool, ProfileError> {
        match self.0.get("order").copied() {
            None | Some("kept") => Ok(false),
            Some("free") => Ok(true),
            Some(other) => Err(ProfileError::OutOfRange {
                key: "order",
                value: other.to_owned(),
                allowed: "kept or free".to_owned(),
            }),
        }
    }

    fn reorder(&self) -> Result<Option<Reorder>, ProfileError> {
        let Some(percent) = self.share("reorder")? else {
            return Ok(None);
        };
        let hold = match (
            self.whole(&range::HOLD_PACKETS)?,
            self.whole(&range::HOLD_MS)?,
        ) {
            (Some(_), Some(_)) => {
                return Err(ProfileError::Together {
                    key: range::HOLD_PACKETS.key,
                    other: range::HOLD_MS.key,
                });
            }
            (None, Some(ms)) => Hold::Ms(ms),
            (count, None) => Hold::Packets(count.unwrap_or(1)),
        };
        Ok(Some(Reorder { percent, hold }))
    }

    fn rate(&self) -> Result<Option<Rate>, ProfileError> {
        let queue_ms = self.whole(&range::QUEUE)?.unwrap_or(QUEUE_MS_DEFAULT);
        let rate = self.whole(&range::RATE)?;
        Ok(rate.map(|kbit_s| Rate { kbit_s, queue_ms }))
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        if text == CLEAR {
            return Ok(Self::default());
        }
        let words = Words::split(text)?;
        let profile = Self {
            loss_percent: words.share("loss")?.unwrap_or(0.0),
            burst: words.burst()?,
            delay_ms: words.whole(&range::DELAY)?.unwrap_or(0),
            jitter_ms: words.whole(&range::JITTER)?.unwrap_or(0),
            overtaking: words.overtaking()?,
            reorder: words.reorder()?,
            duplicate_percent: words.share("duplicate")?.unwrap_or(0.0),
            rate: words.rate()?,
        };
        profile.validate()?;
        Ok(profile)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let mut share = |key: &str, percent: f64| {
            if percent != 0.0 {
                words.push(format!("{key}={percent}"));
            }
        };
        share("loss", self.loss_percent);
        share("duplicate", self.duplicate_percent);
        if let Some(burst) = self.burst {
            words.push(format!(
                "burst_enter={},burst_leave={},burst_loss={},good_loss={}",
                burst.enter_percent,
                burst.leave_percent,
                burst.bad_loss_percent,
                burst.good_loss_percent
            ));
        }
        if self.delay_ms != 0 {
            words.push(format!("delay={}", self.delay_ms));
        }
        if self.jitter_ms != 0 {
            words.push(format!("jitter={}", self.jitter_ms));
        }
        if self.overtaking {
            words.push("order=free".to_owned());
        }
        if let Some(Reorder { percent, hold }) = self.reorder {
            words.push(match hold {
                Hold::Packets(count) => format!("reorder={percent},hold_packets={count}"),
                Hold::Ms(ms) => format!("reorder={percent},hold_ms={ms}"),
            });
        }
        if let Some(Rate { kbit_s, queue_ms }) = self.rate {
            words.push(format!("rate={kbit_s},queue={queue_ms}"));
        }
        if words.is_empty() {
            return f.write_str(CLEAR);
        }
        f.write_str(&words.join(","))
    }
}
