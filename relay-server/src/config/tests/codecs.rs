//! `[media]`: which formats may be agreed.

use vrs_media::{Allowed, Codec};

use super::{Folder, GOOD};

fn with(lines: &str) -> String {
    GOOD.replace("[tls]", &format!("[media]\n{lines}\n[tls]"))
}

#[test]
fn without_a_word_everything_that_can_be_passed_on_is_allowed() {
    let config = Folder::new().parse(GOOD).unwrap();
    assert_eq!(config.media.allowed, Allowed::everything());
    assert!(
        config
            .summary()
            .contains("opus, PCMU, PCMA, H264 (baseline, up to level 3.1), VP8, t140, keys"),
        "{}",
        config.summary()
    );
}

#[test]
fn the_formats_are_those_that_are_named_in_their_order() {
    let folder = Folder::new();
    let config = folder.parse(&with(
        "codecs = [\"vp8\", \"H264\", \"opus\", \"t140\"]\n\
         h264_profile = \"constrained-baseline\"\nh264_level = \"4\"",
    ));
    let config = config.unwrap();
    let allowed = &config.media.allowed;
    assert_eq!(
        allowed.codecs,
        [Codec::Vp8, Codec::H264, Codec::Opus, Codec::T140]
    );
    assert!(!allowed.keys && !allowed.redundancy && !allowed.h264.baseline);
    assert_eq!(allowed.h264.level_idc, 40);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let formats = "VP8, H264 (constrained baseline, up to level 4), opus, t140\n";
    assert!(config.summary().contains(formats), "{}", config.summary());
    let foreign = folder.parse(&with("codecs = [\"vp8\", \"opus\"]")).unwrap();
    assert_eq!(foreign.warnings.len(), 1, "{:?}", foreign.warnings);
    assert!(foreign.warnings[0].message.contains("without h264"));
}

#[test]
fn what_is_wrong_with_the_formats_is_said_with_its_line() {
    let folder = Folder::new();
    for (lines, why) in [
        (
            "codecs = [\"h264\", \"opuss\"]",
            "there is no codec 'opuss' here\n    hint: did you mean 'opus'?",
        ),
        (
            "codecs = [\"h264\", \"opus\", \"H264\"]",
            "'H264' is named twice",
        ),
        ("codecs = [\"opus\"]", "allows no format of pictures"),
        ("codecs = [\"h264\"]", "allows no format of sound"),
        (
            "codecs = [\"h264\", \"opus\", \"red\"]",
            "no text is allowed",
        ),
        ("codecs = \"h264\"", "expected a list of texts in quotes"),
        (
            "h264_profile = \"high\"",
            "[media] h264_profile: there is no profile 'high' here",
        ),
        (
            "h264_level = \"9\"",
            "[media] h264_level: there is no level '9'",
        ),
        ("h264_level = 3.1", "expected text in quotes"),
    ] {
        let problems = folder.problems(&with(lines)).join("\n");
        assert!(problems.contains(why), "{lines}: {problems}");
        assert!(problems.starts_with("c.toml:"), "{lines}: {problems}");
    }
    let nothing = folder.problems(&with("codecs = []")).join("\n");
    for why in ["no format of pictures", "no format of sound"] {
        assert!(nothing.contains(why), "{nothing}");
    }
}
