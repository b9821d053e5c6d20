//! A call from a computer whose address changes: from Wi-Fi to a cable.
//!
//! The test runs again inside a network of its own (`unshare`, package util-linux), where it may
//! give itself addresses; no rights are needed for that.

use std::process::Command;

use vrs_domain::EndReason;
use vrs_e2e::{Party, Service};

/// Says that we are inside.
const INSIDE: &str = "VRS_E2E_NETWORK_OF_ITS_OWN";
const WIFI: &str = "127.0.0.2";
const CABLE: &str = "127.0.0.3";

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    let status = status.expect("ip (package iproute2) starts");
    assert!(status.success(), "ip {arguments}: {status}");
}

/// From now on whoever goes to the server goes from this address.
fn go_from(address: &str) {
    ip(&format!(
        "route replace table local local 127.0.0.1 dev lo proto kernel scope host src {address}"
    ));
}

/// Gives what the test inside says.
fn inside(test: &str) {
    let this = std::env::current_exe().expect("the test's own program");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net"])
        .arg(this)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare (package util-linux) starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "in a network of its own:\n{said}");
}

#[test]
fn r14_from_wifi_to_a_cable_in_the_middle_of_a_call_picture_and_sound_go_on() {
    if std::env::var_os(INSIDE).is_none() {
        return inside("r14_from_wifi_to_a_cable_in_the_middle_of_a_call_picture_and_sound_go_on");
    }
    ip("link set lo up");
    go_from(WIFI);
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    caller.sees("the interpreter's picture");
    interpreter.sees("the caller's picture");
    // Wi-Fi is gone: what comes from there, or goes there, arrives nowhere.
    go_from(CABLE);
    ip(&format!("route add table local unreachable {WIFI}"));
    let moved = |party: &mut Party| {
        party.stats_where("another path", |stats| stats.ice_restarts > 0);
    };
    moved(&mut caller);
    moved(&mut interpreter);
    caller.sees("the interpreter's picture");
    interpreter.sees("the caller's picture");
    interpreter.hears_the_telephone();
    caller.send(vrs_client::Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.stop_and_verify();
}
