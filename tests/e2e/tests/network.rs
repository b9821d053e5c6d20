//! Calls over networks that are worse than a loopback.

use vrs_e2e::{Party, ServiceBuilder};
use vrs_impair::{Direction, Profile, Rate};

/// Waits for so many more pictures of at most this width.
fn sees(party: &mut Party, pictures: u64, width: u32) {
    let before = party.stats_where("figures", |_| true).frames_decoded;
    party.stats_where("smaller pictures, and many", |stats| {
        let small = stats.seen_width.is_some_and(|seen| seen <= width);
        small && stats.frames_decoded > before + pictures
    });
}

#[test]
fn v3_over_a_narrow_network_the_picture_gets_smaller_and_keeps_moving_and_large_again_after_it() {
    let (service, proxy) = ServiceBuilder::default().behind_proxy();
    let (mut caller, mut interpreter) = service.conversation();
    let large = |party: &mut Party| {
        party.stats_where("the whole picture", |stats| stats.seen_width == Some(640));
    };
    large(&mut caller);
    large(&mut interpreter);
    let narrow = Profile {
        rate: Some(Rate {
            kbit_s: 300,
            queue_ms: 500,
        }),
        delay_ms: 20,
        ..Profile::default()
    };
    // What the caller sees: the interpreter is told how much passes.
    proxy.set_profile(Direction::Down, narrow).unwrap();
    sees(&mut caller, 150, 480);
    let told = interpreter.stats_where("how much passes", |stats| stats.path_kbps.is_some());
    assert!(told.path_kbps.is_some_and(|kbps| kbps < 450), "{told:?}");
    proxy
        .set_profile(Direction::Down, Profile::default())
        .unwrap();
    large(&mut caller);
    // What the caller sends: they find out themselves.
    proxy.set_profile(Direction::Up, narrow).unwrap();
    sees(&mut interpreter, 150, 480);
    proxy
        .set_profile(Direction::Up, Profile::default())
        .unwrap();
    large(&mut interpreter);
}

#[test]
fn a_call_goes_on_through_loss_in_bursts_jitter_and_copies() {
    let (service, proxy) = ServiceBuilder::default().behind_proxy();
    let (mut caller, mut interpreter) = service.conversation();
    let bad: Profile = "burst_enter=2,burst_leave=40,delay=40,jitter=20,reorder=2,duplicate=2"
        .parse()
        .unwrap();
    for direction in [Direction::Up, Direction::Down] {
        proxy.set_profile(direction, bad).unwrap();
    }
    for party in [&mut caller, &mut interpreter] {
        let before = party.stats_where("figures", |_| true);
        party.stats_where("pictures in spite of it", |stats| {
            stats.frames_decoded > before.frames_decoded + 150
                && stats.nacks_sent > before.nacks_sent
        });
    }
}
