use proptest::option;
use proptest::prelude::*;

use super::*;

/// How the text is refused.
#[track_caller]
fn refusal(text: &str) -> String {
    let profile: Result<Profile, ProfileError> = text.parse();
    profile.unwrap_err().to_string()
}

fn percent() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(100.0), 0.0..=100.0]
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![
        (1..=limits::HOLD_PACKETS_MAX).prop_map(Hold::Packets),
        (1..=limits::HOLD_MS_MAX).prop_map(Hold::Ms),
    ]
}

prop_compose! {
    fn burst()(p in [percent(), percent(), percent(), percent()]) -> Burst {
        let [enter_percent, leave_percent, bad_loss_percent, good_loss_percent] = p;
        Burst { enter_percent, leave_percent, bad_loss_percent, good_loss_percent }
    }
}

prop_compose! {
    fn profile()(
        loss_percent in percent(),
        duplicate_percent in percent(),
        burst in option::of(burst()),
        (delay_ms, jitter_ms) in (0..=limits::DELAY_MS_MAX)
            .prop_flat_map(|delay| (Just(delay), 0..=delay)),
        overtaking: bool,
        reorder in option::of(
            (percent(), hold()).prop_map(|(percent, hold)| Reorder { percent, hold })
        ),
        rate in option::of(
            (1..=limits::RATE_KBIT_S_MAX, 0..=limits::QUEUE_MS_MAX)
                .prop_map(|(kbit_s, queue_ms)| Rate { kbit_s, queue_ms })
        ),
    ) -> Profile {
        Profile {
            loss_percent, burst, delay_ms, jitter_ms, overtaking, reorder, duplicate_percent, rate,
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(profile in profile()) {
        let text = profile.to_string();
        prop_assert_eq!(text.parse::<Profile>(), Ok(profile), "{}", text);
    }

    #[test]
    fn no_text_makes_reading_panic(text in ".*", words in "[a-z_]{1,12}=[0-9.e-]{0,12}(,[a-z_]{1,12}=[0-9]{1,12}){0,3}") {
        for text in [text, words] {
            if let Ok(profile) = text.parse::<Profile>() {
                prop_assert_eq!(profile.validate(), Ok(()));
            }
        }
    }
}

#[test]
fn what_is_not_written_is_clear_or_a_named_default() {
    let read = |text: &str| text.parse::<Profile>().unwrap();
    assert_eq!(read("clear"), Profile::default());
    assert_eq!(
        read("rate=2000").rate,
        Some(Rate {
            kbit_s: 2000,
            queue_ms: 200
        })
    );
    assert_eq!(
        read("reorder=5").reorder,
        Some(Reorder {
            percent: 5.0,
            hold: Hold::Packets(1)
        })
    );
    assert_eq!(
        read("burst_enter=1,burst_leave=25").burst,
        Some(Burst {
            enter_percent: 1.0,
            leave_percent: 25.0,
            bad_loss_percent: 100.0,
            good_loss_percent: 0.0
        })
    );
    let whole = read("delay=50,loss=2.5,order=free,jitter=10");
    assert_eq!(
        whole.to_string(),
        "loss=2.5,delay=50,jitter=10,order=free",
        "in an order of its own"
    );
}

#[test]
fn a_value_out_of_range_is_refused_with_its_key_and_range() {
    for (text, key, allowed) in [
        ("loss=101", "loss", "0 to 100, in percent"),
        ("loss=-1", "loss", "0 to 100, in percent"),
        ("loss=NaN", "loss", "0 to 100, in percent"),
        ("loss=much", "loss", "0 to 100, in percent"),
        ("loss=", "loss", "0 to 100, in percent"),
        ("duplicate=1e3", "duplicate", "0 to 100, in percent"),
        (
            "burst_enter=200,burst_leave=1",
            "burst_enter",
            "0 to 100, in percent",
        ),
        (
            "burst_enter=1,burst_leave=inf",
            "burst_leave",
            "0 to 100, in percent",
        ),
        (
            "burst_enter=1,burst_leave=1,burst_loss=-5",
            "burst_loss",
            "0 to 100, in percent",
        ),
        (
            "burst_enter=1,burst_leave=1,good_loss=x",
            "good_loss",
            "0 to 100, in percent",
        ),
        ("delay=10001", "delay", "0 to 10000, in ms"),
        ("delay=1.5", "delay", "a whole number from 0 to 10000"),
        (
            "delay=5,jitter=6",
            "jitter",
            "at most the delay, which is 5 ms",
        ),
        ("jitter=-1", "jitter", "a whole number"),
        ("order=strict", "order", "kept or free"),
        ("reorder=100.1", "reorder", "0 to 100, in percent"),
        (
            "reorder=1,hold_packets=0",
            "hold_packets",
            "1 to 100, in packets",
        ),
        ("reorder=1,hold_ms=1001", "hold_ms", "1 to 1000, in ms"),
        ("rate=0", "rate", "1 to 1000000, in kbit/s"),
        ("rate=99999999999", "rate", "1 to 1000000, in kbit/s"),
        ("rate=1,queue=10001", "queue", "0 to 10000, in ms"),
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.starts_with(&format!("{key}=")) && refusal.contains(allowed),
            "{text}: {refusal}"
        );
    }
}

#[test]
fn a_word_that_means_nothing_is_named() {
    for (text, said) in [
        ("los=5", "'los': no such key; there are loss, "),
        (" loss=5", "' loss': no such key"),
        ("loss=5,", "'': write it as key=value"),
        ("", "'': write it as key=value"),
        ("clear,loss=5", "'clear': write it as key=value"),
        ("delay", "'delay': write it as key=value"),
        ("loss=1,loss=2", "loss: stands there twice"),
        ("queue=5", "queue: needs rate beside it"),
        ("hold_ms=5", "hold_ms: needs reorder beside it"),
        ("hold_packets=5", "hold_packets: needs reorder beside it"),
        ("burst_enter=5", "burst_enter: needs burst_leave beside it"),
        ("burst_leave=5", "burst_leave: needs burst_enter beside it"),
        ("good_loss=5", "good_loss: needs burst_enter beside it"),
        (
            "reorder=1,hold_ms=5,hold_packets=5",
            "hold_packets: cannot stand beside hold_ms",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(said), "{text}: {refusal}");
    }
}
