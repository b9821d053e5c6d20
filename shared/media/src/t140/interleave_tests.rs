use super::*;
use crate::testing::{Dice, start};

fn writer(source: u32) -> Writer {
    let names = ["Alice", "Bob", "Eve"];
    Writer::new(source, names[source as usize % 3])
}

/// Types of writers at moments in milliseconds; gives what the reader's line holds at the end.
fn mixed(typed: &[(u64, u32, &str)], until: u64) -> String {
    let begin = start();
    let mut feed = Interleaver::new(begin);
    let mut out = String::new();
    for step in 0..=until {
        let now = begin + Duration::from_millis(step);
        for (_, source, text) in typed.iter().filter(|(at, ..)| *at == step) {
            assert!(feed.push(now, Some(&writer(*source)), text));
        }
        assert_eq!(
            feed.due().is_some_and(|due| due <= now),
            {
                let taken = feed.take(now, 1_000, 10_000);
                out.push_str(&taken);
                !taken.is_empty()
            },
            "at {step} ms"
        );
    }
    out
}

#[test]
fn r39_one_writer_alone_gets_no_label_and_nothing_is_changed() {
    let text = "\u{8}hi\r\n\u{9b}1m\u{7}there\u{2028}";
    assert_eq!(
        mixed(&[(0, 0, text), (20_000, 0, "b")], 21_000),
        format!("{text}b")
    );
}

#[test]
fn r39_labels_stand_at_each_change_of_writer_and_changes_wait_for_the_end_of_a_phrase() {
    let typed = [
        (0, 0, "My flight is"),
        (1_000, 1, "Hi all, can we "),
        (2_000, 0, " to Orly."),
        (3_000, 1, "plan?\u{2028}"),
        (4_000, 0, "Eve"),
        (5_000, 1, "Yes"),
        (6_000, 0, ", will you"),
    ];
    assert_eq!(
        mixed(&typed, 9_000),
        "My flight is to Orly.\u{2028}[Bob] Hi all, can we plan?\u{2028}[Alice] Eve, \
         \u{2028}[Bob] Yes"
    );
    // Bob says nothing for ten seconds.
    assert_eq!(
        mixed(&typed, 16_000),
        "My flight is to Orly.\u{2028}[Bob] Hi all, can we plan?\u{2028}[Alice] Eve, \
         \u{2028}[Bob] Yes\u{2028}[Alice] will you"
    );
}

#[test]
fn numbers_are_not_cut_and_wide_signs_end_a_phrase() {
    let typed = [
        (0, 0, "1"),
        (10, 1, "b"),
        (20, 0, "0,5 and 3.5 "),
        (30, 0, "。x"),
    ];
    assert_eq!(mixed(&typed, 100), "10,5 and 3.5 。\u{2028}[Bob] b");
}

#[test]
fn r39_who_never_ends_a_phrase_is_interrupted_between_two_words_after_a_minute() {
    for (word, at) in [("on and ", 60_000u64), ("onandon", 75_000)] {
        let mut typed: Vec<(u64, u32, &str)> = (0..1_000).map(|n| (n * 100, 0, word)).collect();
        typed.push((1_050, 1, "stop"));
        let before = mixed(&typed, at + 1_000);
        assert!(!before.contains("Bob"), "{word}");
        let after = mixed(&typed, at + 1_200);
        let (first, _) = after.split_once("\u{2028}[Bob] stop").unwrap();
        assert!(word != "on and " || first.ends_with(' '), "{first}");
    }
}

#[test]
fn who_has_left_is_not_waited_for() {
    let begin = start();
    let mut feed = Interleaver::new(begin);
    assert!(feed.push(begin, Some(&writer(0)), "and th"));
    assert_eq!(feed.take(begin, 100, 100), "and th");
    assert!(feed.push(begin, Some(&writer(1)), "hello"));
    assert_eq!(feed.take(begin, 100, 100), "");
    assert!(feed.due().unwrap() > begin);
    feed.gone(0);
    assert!(feed.due().unwrap() <= begin);
    assert_eq!(feed.take(begin, 100, 100), "\u{2028}[Bob] hello");
}

#[test]
fn r39_a_backspace_takes_away_nothing_before_the_own_label() {
    let typed = [
        (0, 0, "ab.\u{2028}"),
        (10, 1, "cd\u{8}\u{8}\u{8}\u{8}e\u{8}f"),
    ];
    assert_eq!(mixed(&typed, 50), "ab.\u{2028}[Bob] cd\u{8}\u{8}XXe\u{8}f");
    // A line end of two characters is one action.
    let typed = [(0, 0, "ab."), (10, 1, "c\r\n\u{8}\u{8}\u{8}")];
    assert_eq!(mixed(&typed, 50), "ab.\u{2028}[Bob] c\r\n\u{8}\u{8}X");
}

#[test]
fn r39_renditions_do_not_spill_over_and_control_strings_are_not_cut() {
    let typed = [
        (0, 0, "\u{9b}31mred. \u{98}a.b"),
        (10, 1, "plain. "),
        (20, 0, ".c\u{9c}"),
        (30, 0, "more."),
        (40, 1, "end"),
    ];
    assert_eq!(
        mixed(&typed, 100),
        "\u{9b}31mred. \u{98}a.b.c\u{9c}\u{2028}\u{9b}\0m[Bob] plain. \u{2028}\
         \u{9b}31m[Alice] more.\u{2028}\u{9b}\0m[Bob] end"
    );
}

#[test]
fn names_cannot_break_out_of_their_label() {
    let begin = start();
    let mut feed = Interleaver::new(begin);
    assert!(feed.push(begin, Some(&writer(0)), "a."));
    let bad = Writer::new(7, " [x]\u{2028}\u{8}\u{1b}y\r\n ");
    assert!(feed.push(begin, Some(&bad), "b"));
    let out = feed.take(begin, 100, 100);
    assert_eq!(out, "[Alice] a.\u{2028}[xy] b");
    assert!(Writer::new(1, &"ü".repeat(500)).name.len() <= 48);
}

/// Removes labels, separators before them and marks of erasing: per writer what was passed on.
fn taken_apart(mixed: &str) -> [String; 3] {
    let mut texts = [String::new(), String::new(), String::new()];
    let mut who = None;
    let mut rest = mixed;
    while let Some(c) = rest.chars().next() {
        let label = ["[Alice] ", "[Bob] ", "[Eve] "];
        let found = (label.iter()).position(|label| rest.starts_with(label));
        if let Some(at) = found {
            who = Some(at);
            rest = &rest[label[at].len()..];
            continue;
        }
        if c != LINE_SEPARATOR {
            texts[who.unwrap_or(0)].push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    texts
}

#[test]
fn r39_whoever_writes_whatever_when_nothing_is_lost_doubled_or_put_to_another() {
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let begin = start();
        let mut feed = Interleaver::new(begin);
        let mut typed = [String::new(), String::new(), String::new()];
        let mut out = String::new();
        // The first one gets no label until the second writes.
        for step in 0..4_000u64 {
            let now = begin + Duration::from_millis(step * 50);
            if step < 2_000 && (step == 0 || dice.chance(10)) {
                let who = if step == 0 { 0 } else { dice.below(3) as usize };
                let signs = ["a", "b ", "c, ", "d. ", "e", "f? ", "1.5 ", "ü"];
                let text = signs[dice.below(8) as usize];
                assert!(feed.push(now, Some(&writer(who as u32)), text));
                typed[who].push_str(text);
            }
            let room = dice.below(4) as usize;
            out.push_str(&feed.take(now, room, 8));
        }
        assert_eq!(taken_apart(&out), typed, "seed {seed}");
        assert_eq!(feed.due(), None);
    }
}

#[test]
fn too_much_of_one_writer_is_refused_and_marked_and_the_others_go_on() {
    let begin = start();
    let mut feed = Interleaver::new(begin);
    let (alice, bob) = (writer(0), writer(1));
    let all = "x".repeat(TEXT_PENDING_BYTES_MAX);
    assert!(feed.push(begin, Some(&alice), &all));
    for _ in 0..3 {
        assert!(!feed.push(begin, Some(&alice), "y"));
        feed.overflow(begin, Some(&alice));
    }
    assert!(feed.push(begin, Some(&bob), "z"));
    let out = feed.take(begin, 10_000, 10_000);
    assert_eq!(out, format!("[Alice] {all}\u{fffd}"));
    for source in 2..=TEXT_WRITERS_MAX as u32 {
        let room = source < TEXT_WRITERS_MAX as u32;
        assert_eq!(feed.push(begin, Some(&writer(source)), "z"), room);
    }
}
