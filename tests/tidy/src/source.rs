//! Rules for source text: size, opening words, banned words, unsafe, unbounded channels.
//!
//! Words that the rules look for are put together from halves, so that this file obeys them.

use crate::Complaint;
use crate::tree::File;

/// Longest source file, in lines; a longer one is cut in two by what it is about.
const LINES_MAX: usize = 800;
/// Where `unsafe` may stand: glue to devices and codecs.
const UNSAFE_HOMES: [&str; 2] = ["shared/client/src/codec/", "shared/client/src/capture/"];
/// Lines above an `unsafe` in which its SAFETY line has to stand.
const SAFETY_LINES: usize = 4;

/// Rust files that are too long.
#[must_use]
pub fn too_long(file: &File) -> Vec<Complaint> {
    let lines = file.text.lines().count();
    if file.is(&["rs"]) && lines > LINES_MAX {
        return vec![format!(
            "{}: {lines} lines, {LINES_MAX} is the limit",
            file.path
        )];
    }
    Vec::new()
}

/// Crate roots and folder modules that do not say what they are.
#[must_use]
pub fn without_opening(file: &File) -> Vec<Complaint> {
    let opens = ["lib.rs", "mod.rs", "main.rs"].contains(&file.name());
    if !opens || file.text.trim_start().starts_with("//!") {
        return Vec::new();
    }
    vec![format!(
        "{}: open with `//!`: what it is, what it is not, where to start",
        file.path
    )]
}

/// Unfinished places, skipped tests and paths of one machine.
#[must_use]
pub fn banned_words(file: &File) -> Vec<Complaint> {
    let in_code = [
        (concat!("to", "do!("), "finish it"),
        (concat!("unimpl", "emented!("), "finish it"),
        (concat!("db", "g!("), "remove it"),
        (concat!("FIX", "ME"), "mend it, or write an issue"),
        (
            concat!("#[ign", "ore"),
            "assert what happens today instead of skipping",
        ),
        (concat!("not ", "implemented"), "finish it"),
        (concat!("not yet ", "implemented"), "finish it"),
    ];
    let anywhere = [
        (concat!("/wo", "rk/"), "a path of one machine"),
        (concat!("/fa", "rm/"), "a path of one machine"),
        (concat!("/tmp/", "bash_jobs"), "a path of one machine"),
        (concat!("/ro", "ot/"), "a path of one machine"),
        (concat!("/ho", "me/"), "a path of one machine"),
    ];
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let mut check = |words: &[(&str, &str)]| {
            for (word, advice) in words {
                if line.contains(word) {
                    complaints.push(format!("{}:{}: {word}: {advice}", file.path, number + 1));
                }
            }
        };
        if file.is(&["rs"]) {
            check(&in_code);
        }
        check(&anywhere);
    }
    complaints
}

/// `unsafe` outside its homes, or without saying why it is sound.
#[must_use]
pub fn unsafe_places(file: &File) -> Vec<Complaint> {
    if !file.is(&["rs"]) {
        return Vec::new();
    }
    let keyword = concat!("uns", "afe");
    let starts = ["{", "fn ", "impl ", "extern "].map(|next| format!("{keyword} {next}"));
    let allowance = format!("allow({keyword}_code");
    let at_home = UNSAFE_HOMES.iter().any(|home| file.path.starts_with(home));
    let lines: Vec<&str> = file.text.lines().collect();
    let mut complaints = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        let used = starts.iter().any(|start| code.contains(start.as_str()));
        let place = format!("{}:{}", file.path, number + 1);
        if (used || code.contains(&allowance)) && !at_home {
            complaints.push(format!(
                "{place}: {keyword} lives in {} only",
                UNSAFE_HOMES.join(", ")
            ));
        } else if used {
            let above = &lines[number.saturating_sub(SAFETY_LINES)..=number];
            if !above.iter().any(|line| line.contains("SAFETY")) {
                complaints.push(format!("{place}: say in a SAFETY line why this is sound"));
            }
        }
    }
    complaints
}

/// Channels that can grow without bound.
#[must_use]
pub fn unbounded_channels(file: &File) -> Vec<Complaint> {
    if !file.is(&["rs"]) {
        return Vec::new();
    }
    let words = [
        concat!("unbounded", "_channel("),
        concat!("unbounded", "_channel::<"),
        concat!("mpsc::", "channel()"),
        concat!("channel::", "unbounded("),
    ];
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let bare_std = line.contains(concat!("mpsc::", "channel::<")) && line.contains(">()");
        if bare_std || words.iter().any(|word| line.contains(word)) {
            complaints.push(format!(
                "{}:{}: give the channel a bound",
                file.path,
                number + 1
            ));
        }
    }
    complaints
}

/// Colours written down outside the theme, where no contrast test sees them.
#[must_use]
pub fn stray_colours(file: &File) -> Vec<Complaint> {
    let drawn = file.path.starts_with("desktop-") || file.path.starts_with("shared/ui/src/");
    if !drawn || !file.is(&["rs"]) || file.path.starts_with("shared/ui/src/theme") {
        return Vec::new();
    }
    let words = [
        "Color32::from_rgb(",
        "Color32::from_hex(",
        "Color32::RED",
        "Color32::GREEN",
    ];
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        if words.iter().any(|word| line.contains(word)) {
            let place = format!("{}:{}", file.path, number + 1);
            complaints.push(format!("{place}: take the colour from the theme"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(path: &str, text: &str) -> File {
        File::sample(path, text)
    }

    #[test]
    fn a_file_of_801_lines_is_too_long() {
        assert!(too_long(&rust("a.rs", &"x\n".repeat(800))).is_empty());
        assert_eq!(too_long(&rust("a.rs", &"x\n".repeat(801))).len(), 1);
        assert!(too_long(&rust("Cargo.lock.txt", &"x\n".repeat(9000))).is_empty());
    }

    #[test]
    fn modules_open_by_saying_what_they_are() {
        assert!(without_opening(&rust("a/lib.rs", "//! What it is.\n")).is_empty());
        assert_eq!(
            without_opening(&rust("a/mod.rs", "use x;\n//! late\n")).len(),
            1
        );
        assert!(without_opening(&rust("a/other.rs", "use x;\n")).is_empty());
    }

    #[test]
    fn unfinished_places_and_machine_paths_are_found_where_they_stand() {
        let code = format!("fn a() {{\n    {}\n}}", concat!("to", "do!()"));
        assert!(banned_words(&rust("a.rs", &code))[0].starts_with("a.rs:2: "));
        let skipped = concat!("#[ign", "ore]");
        assert_eq!(banned_words(&rust("a.rs", skipped)).len(), 1);
        assert!(
            banned_words(&rust("a.md", skipped)).is_empty(),
            "prose may speak of it"
        );
        let path = format!("see {}main", concat!("/wo", "rk/"));
        assert_eq!(banned_words(&rust("a.md", &path)).len(), 1);
        assert!(banned_words(&rust("a.rs", "the frame work / rest")).is_empty());
    }

    #[test]
    fn unsafe_is_found_outside_its_homes_and_without_a_reason() {
        let block = concat!("let x = uns", "afe { read() };");
        assert_eq!(
            unsafe_places(&rust("relay-server/src/a.rs", block)).len(),
            1
        );
        let home = "shared/client/src/codec/a.rs";
        assert_eq!(unsafe_places(&rust(home, block)).len(), 1);
        let reasoned = format!("// SAFETY: the pointer lives as long as self.\n{block}");
        assert!(unsafe_places(&rust(home, &reasoned)).is_empty());
        let comment = concat!("// uns", "afe { in a comment }");
        assert!(unsafe_places(&rust("a.rs", comment)).is_empty());
    }

    #[test]
    fn channels_need_a_bound() {
        for bad in [
            concat!("mpsc::unbounded", "_channel()"),
            concat!("let (a, b) = mpsc::", "channel();"),
            concat!("let (a, b) = mpsc::", "channel::<u8>();"),
        ] {
            assert_eq!(unbounded_channels(&rust("a.rs", bad)).len(), 1, "{bad}");
        }
        assert!(unbounded_channels(&rust("a.rs", "mpsc::channel(64)")).is_empty());
        assert!(unbounded_channels(&rust("a.rs", "mpsc::channel::<u8>(64)")).is_empty());
    }

    #[test]
    fn colours_live_in_the_theme() {
        let line = "let red = Color32::from_rgb(200, 0, 0);";
        assert_eq!(
            stray_colours(&rust("desktop-caller/src/view/call.rs", line)).len(),
            1
        );
        assert!(stray_colours(&rust("shared/ui/src/theme/tokens.rs", line)).is_empty());
    }
}
