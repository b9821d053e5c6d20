//! Admission, as promises.

use super::*;
use crate::clock::some_instant;
use proptest::prelude::*;
use vrs_domain::limit;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn key(name: &str) -> Key {
    Key::account_at(name, address("192.0.2.1"))
}

/// Takes what the bucket of `name` holds.
fn exhaust(admission: &mut Admission, now: Instant, name: &str) {
    for _ in 0..FAILURE.allowance().burst {
        admission.check(now, key(name), FAILURE).unwrap();
    }
    assert!(admission.peek(now, &key(name), FAILURE).is_err());
}

const FAILURE: Kind = Kind::AuthenticationFailure;

#[test]
fn the_sixth_wrong_password_within_a_minute_is_refused_and_told_when_to_come_back() {
    let start = some_instant();
    let mut admission = Admission::new();
    for _ in 0..5 {
        assert_eq!(admission.peek(start, &key("anna"), FAILURE), Ok(()));
        assert_eq!(admission.check(start, key("anna"), FAILURE), Ok(()));
    }
    let refused = Err(RetryAfter { seconds: 12 });
    assert_eq!(admission.peek(start, &key("anna"), FAILURE), refused);
    assert_eq!(admission.check(start, key("anna"), FAILURE), refused);
    assert_eq!(admission.check(start, key("ben"), FAILURE), Ok(()));
    let elsewhere = Key::account_at("anna", address("192.0.2.2"));
    assert_eq!(admission.check(start, elsewhere, FAILURE), Ok(()));
    let almost = start + Duration::from_millis(11_500);
    assert_eq!(
        admission.check(almost, key("anna"), FAILURE),
        Err(RetryAfter { seconds: 1 })
    );
    let back = start + Duration::from_secs(12);
    assert_eq!(admission.check(back, key("anna"), FAILURE), Ok(()));
    assert!(admission.check(back, key("anna"), FAILURE).is_err());
}

#[test]
fn the_right_password_wipes_the_slate() {
    let start = some_instant();
    let mut admission = Admission::new();
    for _ in 0..5 {
        admission.check(start, key("anna"), FAILURE).unwrap();
    }
    admission.forgive(&key("anna"), FAILURE);
    assert_eq!(admission.check(start, key("anna"), FAILURE), Ok(()));
    assert_eq!(admission.len(), 1);
}

#[test]
fn kinds_are_counted_apart() {
    let start = some_instant();
    let mut admission = Admission::new();
    exhaust(&mut admission, start, "anna");
    assert_eq!(admission.check(start, key("anna"), Kind::Invite), Ok(()));
}

#[test]
fn a26_an_ipv6_subscriber_is_one_address_and_a_mapped_ipv4_is_itself() {
    let one = Key::address(address("2001:db8:1:2::1"));
    assert_eq!(one, Key::address(address("2001:db8:1:2:ffff::9")));
    assert_ne!(one, Key::address(address("2001:db8:1:3::1")));
    let v4 = Key::address(address("192.0.2.1"));
    assert_eq!(v4, Key::address(address("::ffff:192.0.2.1")));
}

#[test]
fn a_flood_of_names_does_not_free_the_one_who_is_refused() {
    let start = some_instant();
    let mut admission = Admission::with_capacity(100);
    exhaust(&mut admission, start, "guessed");
    for n in 0..10_000 {
        admission
            .check(start, key(&n.to_string()), FAILURE)
            .unwrap();
        assert!(admission.len() <= 100);
    }
    assert!(admission.peek(start, &key("guessed"), FAILURE).is_err());
}

#[test]
fn a_quiet_time_leaves_nothing_behind() {
    let start = some_instant();
    let mut admission = Admission::new();
    for n in 0..1000 {
        admission
            .check(start, key(&n.to_string()), FAILURE)
            .unwrap();
    }
    let later = start + Duration::from_secs(3600);
    for n in 0..1000 {
        let now = later + Duration::from_secs(60 * n);
        admission.check(now, key("one"), FAILURE).unwrap();
    }
    assert_eq!(admission.len(), 1);
}

#[test]
fn endless_names_take_no_room_and_keys_give_nobody_away() {
    let long = Key::account(&"x".repeat(100_000));
    assert_eq!(long, Key::account(&"x".repeat(KEY_ACCOUNT_CHARS_MAX)));
    let shown = format!(
        "{:?}",
        Key::account_at("+15550100001", address("192.0.2.77"))
    );
    assert!(!shown.contains("1555") && !shown.contains("192"), "{shown}");
}

#[test]
fn connections_are_bounded_per_address_and_counted_down() {
    let mut connections = Connections::new();
    let one = address("192.0.2.1");
    for _ in 0..limit::CONNECTIONS_PER_ADDRESS_MAX {
        connections.open(one).unwrap();
    }
    assert!(connections.open(one).is_err());
    assert!(connections.open(address("192.0.2.2")).is_ok());
    connections.close(one);
    assert!(connections.open(one).is_ok());
    connections.close(address("198.51.100.1"));
    assert_eq!(connections.count(), limit::CONNECTIONS_PER_ADDRESS_MAX + 1);
}

proptest! {
    /// Whatever the rhythm of asking: in any span no more pass than burst + span / interval, and
    /// whoever waits for as long as they were told passes.
    #[test]
    fn no_span_lets_more_through_than_its_allowance(
        waits_ms in prop::collection::vec(0_u64..20_000, 1..200)
    ) {
        let allowance = FAILURE.allowance();
        let start = some_instant();
        let mut admission = Admission::new();
        let mut now = start;
        let mut passed: Vec<Instant> = Vec::new();
        for wait_ms in waits_ms {
            now += Duration::from_millis(wait_ms);
            match admission.check(now, key("anna"), FAILURE) {
                Ok(()) => passed.push(now),
                Err(RetryAfter { seconds }) => {
                    let told = now + Duration::from_secs(seconds.into());
                    prop_assert_eq!(admission.peek(told, &key("anna"), FAILURE), Ok(()));
                }
            }
        }
        for (first, begin) in passed.iter().enumerate() {
            for (count, end) in passed[first..].iter().enumerate() {
                let earned = (*end - *begin).as_nanos() / allowance.interval.as_nanos();
                prop_assert!((count as u128) < u128::from(allowance.burst) + earned);
            }
        }
    }
}
