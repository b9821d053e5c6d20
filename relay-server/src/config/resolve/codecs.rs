//! `[media]`: which formats may be agreed with callers and interpreters.

use vrs_media::MediaKind;
use vrs_media::sdp::{Allowed, Codec, H264Limits};

use super::super::problem::Problem;
use super::super::raw::{At, RawMedia};
use super::super::reader::suggestion;
use super::Resolver;

const KEY: &str = "[media] codecs";
const KEYS: &str = "telephone-event";
const REDUNDANCY: &str = "red";
/// What our apps speak.
const APPS: [Codec; 2] = [Codec::H264, Codec::Opus];
/// Levels of H.264 (Rec. ITU-T H.264 table A-1) that may be the limit.
const LEVELS: [&str; 16] = [
    "1", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "3", "3.1", "3.2", "4", "4.1", "4.2", "5", "5.1",
    "5.2",
];
const PROFILES: [&str; 2] = ["baseline", "constrained-baseline"];

impl Resolver<'_> {
    pub(super) fn allowed(&mut self, raw: &RawMedia) -> Allowed {
        let h264 = self.h264_limits(raw);
        let Some(words) = &raw.codecs else {
            return Allowed {
                h264,
                ..Allowed::everything()
            };
        };
        let mut allowed = Allowed {
            codecs: Vec::new(),
            keys: false,
            redundancy: false,
            h264,
        };
        for word in words {
            self.allow(&mut allowed, word);
        }
        let line = words.first().map(|word| word.line);
        self.check_codecs(&allowed, line);
        allowed
    }

    fn allow(&mut self, allowed: &mut Allowed, word: &At<String>) {
        let codec = Codec::ALL.iter().find(|codec| {
            let name = codec.name();
            name.eq_ignore_ascii_case(&word.value)
        });
        let is_new = match (codec, word.value.as_str()) {
            (Some(codec), _) => {
                let is_new = !allowed.codecs.contains(codec);
                allowed.codecs.push(*codec);
                is_new
            }
            (None, KEYS) => !std::mem::replace(&mut allowed.keys, true),
            (None, REDUNDANCY) => !std::mem::replace(&mut allowed.redundancy, true),
            (None, other) => {
                let names = Codec::ALL.iter().map(|codec| codec.name().to_lowercase());
                let names: Vec<String> = names.collect();
                let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
                known.extend([KEYS, REDUNDANCY]);
                let message = format!("there is no codec '{other}' here");
                self.problem(Some(word.line), KEY, message, suggestion(other, &known));
                return;
            }
        };
        if !is_new {
            let message = format!("'{}' is named twice", word.value);
            self.problem(Some(word.line), KEY, message, "name each once, best first");
        }
    }

    fn check_codecs(&mut self, allowed: &Allowed, line: Option<usize>) {
        let has = |kind| allowed.of(kind).next().is_some();
        for (kind, what, hint) in [
            (MediaKind::Video, "pictures", "add \"h264\""),
            (MediaKind::Audio, "sound", "add \"opus\""),
        ] {
            if !has(kind) {
                let message = format!("allows no format of {what}, so that nobody could call");
                self.problem(line, KEY, message, hint);
            }
        }
        if allowed.redundancy && !has(MediaKind::Text) {
            let message = "'red' is about text, and no text is allowed";
            self.problem(line, KEY, message, "add \"t140\", or remove \"red\"");
        }
        for codec in APPS.iter().filter(|codec| !allowed.codecs.contains(codec)) {
            self.warnings.push(Problem {
                line,
                key: KEY.into(),
                message: format!(
                    "without {} the apps of Visavis can neither call nor interpret",
                    codec.name().to_lowercase()
                ),
                hint: "only foreign clients are left that way".into(),
            });
        }
    }

    fn h264_limits(&mut self, raw: &RawMedia) -> H264Limits {
        let mut limits = H264Limits::default();
        if let Some(profile) = &raw.h264_profile {
            match profile.value.as_str() {
                "baseline" => limits.baseline = true,
                "constrained-baseline" => limits.baseline = false,
                other => {
                    let message = format!("there is no profile '{other}' here");
                    let hint = suggestion(other, &PROFILES);
                    self.problem(Some(profile.line), "[media] h264_profile", message, hint);
                }
            }
        }
        if let Some(level) = &raw.h264_level {
            match level_idc(&level.value) {
                Some(level_idc) => limits.level_idc = level_idc,
                None => {
                    let message = format!("there is no level '{}'", level.value);
                    let hint = format!("write one of {}", LEVELS.join(", "));
                    self.problem(Some(level.line), "[media] h264_level", message, hint);
                }
            }
        }
        limits
    }
}

/// `3.1` is 31.
fn level_idc(text: &str) -> Option<u8> {
    let known = LEVELS
        .iter()
        .find(|level| **level == text || (!level.contains('.') && text == format!("{level}.0")))?;
    let (whole, part) = known.split_once('.').unwrap_or((known, "0"));
    format!("{whole}{part}").parse().ok()
}

#[cfg(test)]
mod tests {
    use vrs_media::h264;

    use super::*;

    #[test]
    fn levels_are_read_as_they_are_written() {
        for level in LEVELS {
            let read = level_idc(level).unwrap();
            assert!(level.starts_with(&(read / 10).to_string()), "{level}");
            assert_eq!(read.is_multiple_of(10), !level.contains('.'), "{level}");
        }
        assert_eq!(level_idc("3.0"), Some(30));
        assert_eq!(level_idc("3.1"), Some(h264::LEVEL_IDC));
        for bad in ["", "31", "3.", ".1", "3.4", "3.1.0", "-3", "high", "٣"] {
            assert_eq!(level_idc(bad), None, "{bad}");
        }
    }
}
