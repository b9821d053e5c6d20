//! Calls that pass the server's TURN, calls that need not, and calls whose path changes.

use std::time::{Duration, Instant};

use vrs_client::{Command, Role};
use vrs_domain::{EndReason, SessionState};
use vrs_e2e::{CALLER, CALLER_PASSWORD, Party, Service, ServiceBuilder, is_talking};
use vrs_impair::Direction;

const FRIEND: &str = "+15550100002";
const FRIEND_PASSWORD: &str = "a friend's password";
/// Far more than connectivity checks take, and less than a second of pictures.
const CHECKS_BYTES_MAX: f64 = 20_000.0;
/// The server tells its figures once a second.
const FIGURES_WITHIN: Duration = Duration::from_secs(30);

/// A service with TURN over these carriers, and two subscribers.
fn two_subscribers(carriers: &[&str]) -> (Service, Party, Party) {
    let service = ServiceBuilder::default().turn(carriers).start();
    service.add_account("caller", FRIEND, FRIEND_PASSWORD, &[]);
    let caller = service.caller();
    let friend = Party::caller(&service, FRIEND, FRIEND_PASSWORD);
    (service, caller, friend)
}

fn call_each_other(caller: &mut Party, friend: &mut Party) {
    caller.call(FRIEND);
    friend.invited();
    friend.send(Command::Answer);
    for party in [&mut *caller, &mut *friend] {
        party.call_where("the conversation", is_talking);
    }
    caller.sees("the friend's picture");
    friend.sees("the caller's picture");
}

fn path(party: &mut Party) -> String {
    let stats = party.stats_where("a path", |stats| stats.candidate_type.is_some());
    stats.candidate_type.unwrap_or_default()
}

fn hang_up(mut service: Service, caller: &mut Party, friend: &mut Party) {
    friend.send(Command::HangUp);
    assert_eq!(caller.ended().reason, Some(EndReason::CalleeHungUp));
    service.stop_and_verify();
}

/// Waits for what the figures are to show.
fn comes_to(service: &mut Service, what: &str, is: impl Fn(&mut Service) -> bool) {
    let end = Instant::now() + FIGURES_WITHIN;
    while !is(service) {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn r9_two_subscribers_without_a_direct_path_see_each_other_through_the_relay() {
    let (mut service, mut caller, mut friend) = two_subscribers(&["turn_udp"]);
    for party in [&caller, &friend] {
        party.send(Command::SetRelayOnly(true));
    }
    call_each_other(&mut caller, &mut friend);
    assert_eq!(
        (path(&mut caller), path(&mut friend)),
        ("relay".into(), "relay".into())
    );
    comes_to(&mut service, "pictures are relayed", |service| {
        service.relayed_bytes() > CHECKS_BYTES_MAX
    });
    assert!(service.metric("visavis_turn_allocations") >= 2.0);
    // Who asks for the first time is asked for a password.
    assert!(service.metric_of("visavis_turn_refusals_total", "code=\"401\"") >= 2.0);
    friend.send(Command::HangUp);
    assert_eq!(caller.ended().reason, Some(EndReason::CalleeHungUp));
    comes_to(&mut service, "the relays are given back", |service| {
        service.metric("visavis_turn_allocations") == 0.0
    });
    service.stop_and_verify();
}

#[test]
fn r9_one_who_may_use_only_the_relay_reaches_one_who_has_none() {
    let (service, mut caller, mut friend) = two_subscribers(&["turn_udp"]);
    caller.send(Command::SetRelayOnly(true));
    call_each_other(&mut caller, &mut friend);
    assert_eq!(path(&mut caller), "relay");
    hang_up(service, &mut caller, &mut friend);
}

#[test]
fn r9_where_udp_is_not_served_the_relay_is_reached_over_tcp() {
    let (service, mut caller, mut friend) = two_subscribers(&["turn_tcp"]);
    for party in [&caller, &friend] {
        party.send(Command::SetRelayOnly(true));
    }
    call_each_other(&mut caller, &mut friend);
    assert_eq!(path(&mut caller), "relay");
    hang_up(service, &mut caller, &mut friend);
}

#[test]
fn r9_where_only_tls_passes_a_relayed_call_passes_it() {
    let mut service = ServiceBuilder::default().turn(&["turn_tls"]).start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.send(Command::SetRelayOnly(true));
    caller.converse_through(&mut interpreter);
    caller.sees("the interpreter's picture");
    interpreter.sees("the caller's picture");
    interpreter.hears_the_telephone();
    assert_eq!(path(&mut caller), "relay");
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.stop_and_verify();
}

#[test]
fn with_a_direct_path_nothing_passes_the_relay() {
    let (mut service, mut caller, mut friend) = two_subscribers(&["turn_udp", "turn_tcp"]);
    call_each_other(&mut caller, &mut friend);
    for party in [&mut caller, &mut friend] {
        assert_ne!(path(party), "relay");
    }
    let mut pictures = |count: u64| {
        for party in [&mut caller, &mut friend] {
            let seen = party.stats_where("figures", |_| true).frames_decoded;
            party.stats_where("pictures", |stats| stats.frames_decoded > seen + count);
        }
    };
    // Whoever is slow may have tried the relay before the direct path was found, and the server
    // tells its figures with some delay.
    pictures(40);
    let before = service.relayed_bytes();
    assert!(before < CHECKS_BYTES_MAX, "{before}");
    pictures(60);
    assert_eq!(service.relayed_bytes(), before);
    hang_up(service, &mut caller, &mut friend);
}

#[test]
fn who_may_use_only_the_relay_is_told_when_there_is_none() {
    let service = Service::start();
    let mut caller = service.caller();
    caller.send(Command::SetRelayOnly(true));
    caller.call(vrs_e2e::NUMBER);
    let end = caller.ended();
    assert_eq!(end.reason, Some(EndReason::MediaFailed));
    assert!(end.text.contains("relay"), "{}", end.text);
    // It is a choice of each call.
    caller.send(Command::SetRelayOnly(false));
    let mut interpreter = service.interpreter();
    caller.converse_through(&mut interpreter);
}

#[test]
fn a45_what_is_told_of_turn_stands_in_no_log() {
    let mut service = ServiceBuilder::default()
        .turn(&["turn_udp", "turn_tls"])
        .configure("level = \"info\"", "level = \"trace\"")
        .start();
    let mut caller = Party::new(&service, Role::Caller, CALLER, 660.0);
    caller.sign_in(&service, CALLER, CALLER_PASSWORD);
    caller.signed_in();
    caller.send(Command::SetRelayOnly(true));
    caller.call(vrs_e2e::NUMBER);
    let mut interpreter = service.interpreter();
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.state(SessionState::RelayActive);
    caller.send(Command::HangUp);
    caller.ended();
    let said = service.server().said();
    assert!(said.contains("TURN"), "the log says what it always says");
    for secret in ["VRS-Ice", "password="] {
        assert!(!said.contains(secret), "{secret} stands in the log");
    }
    // A user name of TURN is a time and an account.
    let account = format!(":{CALLER}");
    let named = said.split(&account);
    let after_time = |text: &str| text.ends_with(|last: char| last.is_ascii_digit());
    let count = said.matches(&account).count();
    assert!(!named.take(count).any(after_time));
}

#[test]
fn r14_a_path_that_is_lost_is_replaced_by_another_one_and_the_call_goes_on() {
    let (mut service, proxy) = ServiceBuilder::default().behind_proxy();
    let (mut caller, mut interpreter) = service.conversation();
    caller.sees("the interpreter's picture");
    let before = caller.stats_where("figures", |_| true);
    assert_eq!(before.ice_restarts, 0);
    for way in [Direction::Up, Direction::Down] {
        proxy.cut(way).unwrap();
    }
    caller.call_where("that the path is lost", |view| !view.media_connected);
    for way in [Direction::Up, Direction::Down] {
        proxy.restore(way).unwrap();
    }
    caller.call_where("the call on another path", |view| view.media_connected);
    caller.stats_where("another path", |stats| stats.ice_restarts > 0);
    caller.sees("the interpreter's picture");
    interpreter.sees("the caller's picture");
    let after = caller.stats_where("figures", |_| true);
    // No new handshake: the same keys, the same streams.
    assert_eq!(after.cipher_suite, before.cipher_suite);
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.stop_and_verify();
}
