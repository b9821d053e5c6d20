//! What the telephone's line sounds like, as far as it can be told without listening to anybody.

use std::fmt;
use std::str::FromStr;

use crate::state::{UnknownWord, words};

words! {
    /// What kind of sound is on the telephone's line, as far as a machine can tell without
    /// listening to what is said: never the sound itself.
    LineSignal, "line signal" {
        /// It rings at the other end.
        Ringback = "ringback",
        /// The busy tone.
        Busy = "busy",
        /// The fast busy tone: the network could not reach the telephone (congestion, reorder).
        Congestion = "congestion",
        /// The three rising tones before an announcement of the network.
        Announcement = "announcement",
        /// Nothing for a long time.
        Silence = "silence",
        /// Music, as it is played to those on hold.
        Music = "music",
        /// The beep after which an answering machine records.
        Beep = "beep",
        /// A fax machine.
        Fax = "fax",
        /// A text telephone (TTY).
        TextTelephone = "text_telephone",
    }
}

words! {
    /// How loud somebody is, in steps that an eye can tell apart.
    Loudness, "loudness" {
        /// Nothing is to be heard: below -50 dBFS.
        Silent = "silent",
        /// Below -35 dBFS.
        Soft = "soft",
        /// As people speak on the telephone.
        Normal = "normal",
        /// From -15 dBFS.
        Loud = "loud",
    }
}

impl Loudness {
    /// The step of a root mean square in dBFS.
    #[must_use]
    pub fn of_dbfs(dbfs: f32) -> Self {
        if dbfs < -50.0 {
            Self::Silent
        } else if dbfs < -35.0 {
            Self::Soft
        } else if dbfs < -15.0 {
            Self::Normal
        } else {
            Self::Loud
        }
    }
}

/// What a telephone's line sounds like at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineReport {
    /// What kind of sound comes from the telephone, where there is a word for it.
    pub signal: Option<LineSignal>,
    /// How loud the telephone is.
    pub from: Loudness,
    /// How loud those are who speak to it.
    pub to: Loudness,
}

impl Default for LineReport {
    /// A line on which nothing has happened yet.
    fn default() -> Self {
        Self {
            signal: None,
            from: Loudness::Silent,
            to: Loudness::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for &signal in LineSignal::ALL {
            assert_eq!(signal.word().parse(), Ok(signal));
        }
        for &loudness in Loudness::ALL {
            assert_eq!(loudness.word().parse(), Ok(loudness));
        }
        assert!("humming".parse::<LineSignal>().is_err());
    }

    #[test]
    fn loudness_goes_up_with_the_level() {
        let steps = [-120.0, -50.1, -40.0, -20.0, -3.0].map(Loudness::of_dbfs);
        let [silent, still, soft, normal, loud] = steps;
        assert_eq!(
            (silent, still, soft),
            (Loudness::Silent, Loudness::Silent, Loudness::Soft)
        );
        assert_eq!((normal, loud), (Loudness::Normal, Loudness::Loud));
    }
}
