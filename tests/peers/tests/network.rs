//! Programs that we did not write call over a network that loses packets: what is lost is asked for
//! and sent again, by them and by us.

use vrs_client::Command;
use vrs_domain::{EndReason, SessionState};
use vrs_e2e::{NUMBER, Party, Service, ServiceBuilder};
use vrs_impair::{Counters, Direction, Profile, Proxy};
use vrs_peers::{Aiortc, Browser};

const PASSWORD: &str = "a password from far away";
const CALLER: &str = "+15550100002";
/// Pictures that have to come in spite of the loss.
const PICTURES: u64 = 100;

/// A service behind a network that is good at first, with an interpreter.
fn service() -> (Service, Proxy, Party) {
    let (service, proxy) = ServiceBuilder::default()
        .configure("allow_md5 = false", "allow_md5 = true")
        .turn(&["turn_udp"]) // with the operator's port
        .behind_proxy();
    let interpreter = service.interpreter();
    (service, proxy, interpreter)
}

/// Five of a hundred packets are lost each way, and all are late.
fn make_bad(proxy: &Proxy) {
    let bad: Profile = "loss=5,delay=20".parse().expect("a profile");
    for direction in [Direction::Up, Direction::Down] {
        proxy.set_profile(direction, bad).expect("a proxy");
    }
}

/// The interpreter sees many more pictures, and these figures of the caller's leg say that packets
/// were asked for and came again.
fn comes_in_spite_of_loss(
    service: &mut Service,
    interpreter: &mut Party,
    figures: &[(&str, &str)],
) {
    let before = interpreter.stats_where("figures", |_| true).frames_decoded;
    interpreter.stats_where("the caller's picture", |stats| {
        stats.frames_decoded > before + PICTURES
    });
    for (metric, way) in figures {
        let name = format!("visavis_media_{metric}_total");
        let labels = format!("leg=\"caller\",kind=\"video\",direction=\"{way}\"");
        let count = service.metric_of(&name, &labels);
        assert!(count > 0.0, "{metric} {way}: {count}");
    }
}

fn lost(counters: &Counters) -> bool {
    counters.dropped_loss > 10
}

#[test]
fn chromium_and_we_send_again_what_a_bad_network_lost() {
    let (mut service, proxy, mut interpreter) = service();
    service.add_account("caller", CALLER, PASSWORD, &["--digest", "md5"]);
    let mut browser = Browser::hidden(&service, CALLER, PASSWORD, NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    let flows = |stats: &serde_json::Value| stats["framesDecoded"].as_u64() > Some(20);
    let before = browser.event_where("stats", flows);
    make_bad(&proxy);
    browser.event_where("stats", |stats| {
        let more = before["framesDecoded"].as_u64().map(|n| n + PICTURES);
        stats["framesDecoded"].as_u64() > more && stats["repaired"].as_u64() > Some(5)
    });
    let figures = [
        ("nacks", "in"),
        ("nacks", "out"),
        ("resent", "in"),
        ("resent", "out"),
    ];
    comes_in_spite_of_loss(&mut service, &mut interpreter, &figures);
    let report = proxy.report().unwrap();
    assert!(lost(&report.up) && lost(&report.down), "{report:?}");
    browser.hang_up();
    interpreter.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn aiortc_and_we_send_again_what_a_bad_network_lost() {
    let (mut service, proxy, mut interpreter) = service();
    service.add_account("caller", CALLER, PASSWORD, &[]);
    let mut aiortc = Aiortc::hidden(&service, (CALLER, PASSWORD), NUMBER, "H264");
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    let flows = |stats: &serde_json::Value| stats["framesDecoded"].as_u64() > Some(20);
    let before = aiortc.event_where("stats", flows);
    make_bad(&proxy);
    let _many = aiortc.event_where("stats", |stats| {
        let more = before["framesDecoded"].as_u64().map(|n| n + PICTURES);
        stats["framesDecoded"].as_u64() > more
    });
    // What it sends again it sends as it was.
    let figures = [("nacks", "in"), ("nacks", "out"), ("resent", "out")];
    comes_in_spite_of_loss(&mut service, &mut interpreter, &figures);
    let report = proxy.report().unwrap();
    assert!(lost(&report.up) && lost(&report.down), "{report:?}");
    aiortc.hang_up();
    interpreter.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn a_caller_whose_media_is_cut_for_thirty_seconds_is_named_by_the_end_of_the_call() {
    let (mut service, proxy, mut interpreter) = service();
    service.add_account("caller", CALLER, PASSWORD, &["--digest", "md5"]);
    let browser = Browser::hidden(&service, CALLER, PASSWORD, NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    interpreter.stats_where("the browser's picture", |stats| stats.frames_decoded > 20);
    // What they say to each other about the call passes on; nothing of it is seen or heard.
    for direction in [Direction::Up, Direction::Down] {
        proxy.cut(direction).unwrap();
    }
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerLost));
    assert_eq!(browser.event("ended")["reason"], "caller_lost");
    service.telephone_report();
    service.stop_and_verify();
}
