//! An ordinary browser with an ordinary SIP library is enough to call and to interpret.

use serde_json::Value;
use vrs_client::{Command, Event};
use vrs_domain::{Seat, SessionState};
use vrs_e2e::{NUMBER, Party, Service, ServiceBuilder};
use vrs_peers::Browser;

const PASSWORD: &str = "a browser's password";

/// JsSIP knows no digest but MD5, so the service must allow it and the account must be made for it.
fn service() -> Service {
    ServiceBuilder::default()
        .configure("allow_md5 = false", "allow_md5 = true")
        .start()
}

/// An interpreter who signed in with a browser.
fn interpreter_in_a_browser(service: &Service) -> Browser {
    service.add_account(
        "interpreter",
        "3456",
        PASSWORD,
        &["--languages", "ase/en", "--digest", "md5"],
    );
    let browser = Browser::start(service, "3456", PASSWORD, None);
    browser.event("registered");
    browser
}

#[test]
fn chromium_with_jssip_calls_through_an_interpreter_in_our_app() {
    let mut service = service();
    service.add_account("caller", "+15550100002", PASSWORD, &["--digest", "md5"]);
    let mut interpreter: Party = service.interpreter();
    let mut browser = Browser::start(&service, "+15550100002", PASSWORD, Some(NUMBER));
    browser.event("registered");
    interpreter.invited();
    interpreter.send(Command::Answer);
    browser.event("confirmed");
    interpreter.state(SessionState::RelayActive);
    interpreter.stats_where("the browser's picture and the telephone", |stats| {
        stats.frames_decoded > 20 && stats.heard_hz.is_some()
    });
    let seen = browser.event_where("stats", |stats| stats["framesDecoded"].as_u64() > Some(20));
    assert_eq!(seen["codec"], "video/H264");
    assert_eq!(seen["cipher"], "SRTP_AEAD_AES_128_GCM");
    browser.event_where("stats", |stats| stats["audioLevel"].as_f64() > Some(0.01));
    // On hold the browser sees nothing new; afterwards the picture goes on.
    browser.hold();
    browser.event("held");
    let since = browser.event_where("stats", |stats| stats["held"] == true);
    let after = |seconds: u64| {
        let second = since["second"].as_u64().map(|since| since + seconds);
        let stats = browser.event_where("stats", |stats| stats["second"].as_u64() == second);
        stats["framesDecoded"].as_u64()
    };
    let held = after(1);
    assert_eq!(after(3), held);
    browser.unhold();
    browser.event("resumed");
    browser.event_where("stats", |stats| {
        stats["framesDecoded"].as_u64() > held.map(|frames| frames + 10)
    });
    browser.hang_up();
    interpreter.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn v3_chromium_sends_two_sizes_and_the_interpreter_sees_the_larger_one() {
    let mut service = ServiceBuilder::default()
        .configure("allow_md5 = false", "allow_md5 = true")
        .turn(&["turn_udp"]) // with the operator's port
        .start();
    service.add_account("caller", "+15550100002", PASSWORD, &["--digest", "md5"]);
    let mut interpreter: Party = service.interpreter();
    let mut browser = Browser::with_sizes(&service, "+15550100002", PASSWORD, NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    browser.event_where("stats", |stats| {
        let sent = |size: &str| stats["sent"][size].as_u64() > Some(30);
        sent("small") && sent("large")
    });
    interpreter.stats_where("the larger picture", |stats| stats.seen_width == Some(640));
    let before = interpreter.stats_where("pictures", |stats| stats.frames_decoded > 30);
    interpreter.stats_where("more of them", |stats| {
        stats.frames_decoded > before.frames_decoded + 60 && stats.seen_width == Some(640)
    });
    let larger = service.metric_of("visavis_media_layer_packets_total", "layer=\"1\"");
    assert!(larger > 100.0, "{larger} packets");
    // The browser tells when packets came, and hears it.
    for way in ["in", "out"] {
        let labels = format!("leg=\"caller\",kind=\"video\",direction=\"{way}\"");
        let arrivals = service.metric_of("visavis_media_arrivals_total", &labels);
        assert!(arrivals > 10.0, "{arrivals} reports {way}");
    }
    browser.hang_up();
    interpreter.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn r14_chromium_restarts_ice_in_the_middle_of_a_call_and_nothing_is_lost_by_it() {
    let mut service = service();
    service.add_account("caller", "+15550100002", PASSWORD, &["--digest", "md5"]);
    let mut interpreter: Party = service.interpreter();
    let mut browser = Browser::start(&service, "+15550100002", PASSWORD, Some(NUMBER));
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    let flows = |stats: &Value| stats["framesDecoded"].as_u64() > Some(20) && stats["ufrag"] != "";
    let before = browser.event_where("stats", flows);
    for _ in 0..2 {
        browser.restart();
        browser.event("restarted");
        let after = browser.event_where("stats", |stats| {
            let second = |stats: &Value| stats["second"].as_u64();
            let more = stats["framesDecoded"].as_u64()
                > before["framesDecoded"].as_u64().map(|frames| frames + 30);
            second(stats) > second(&before) && stats["ufrag"] != before["ufrag"] && more
        });
        assert_eq!(after["cipher"], before["cipher"]);
    }
    interpreter.sees("the browser's picture");
    browser.hang_up();
    interpreter.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn r9_chromium_calls_through_the_turn_server_that_it_was_told_when_it_registered() {
    let mut service = ServiceBuilder::default()
        .turn(&["turn_udp", "turn_tcp"])
        .configure("allow_md5 = false", "allow_md5 = true")
        .start();
    service.add_account("caller", "+15550100002", PASSWORD, &["--digest", "md5"]);
    let mut interpreter: Party = service.interpreter();
    let mut browser = Browser::start_relayed(&service, "+15550100002", PASSWORD, NUMBER);
    let registered = browser.event("registered");
    assert_eq!(registered["ways"].as_array().map(Vec::len), Some(3));
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    interpreter.sees("the browser's picture");
    let seen = browser.event_where("stats", |stats| stats["framesDecoded"].as_u64() > Some(20));
    assert_eq!(seen["local"], "relay");
    browser.hang_up();
    interpreter.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn chromium_with_jssip_interprets_for_a_caller_in_our_app() {
    let mut service = service();
    let browser = interpreter_in_a_browser(&service);
    let mut caller = service.caller();
    caller.call(NUMBER);
    let invited = browser.event("invited");
    assert_eq!(invited["number"], NUMBER);
    assert_eq!(invited["languages"], "ase/en");
    caller.state(SessionState::RelayActive);
    caller.stats_where("the browser's picture", |stats| stats.frames_decoded > 20);
    let seen = browser.event_where("stats", |stats| stats["framesDecoded"].as_u64() > Some(20));
    assert_eq!(seen["cipher"], "SRTP_AEAD_AES_128_GCM");
    caller.send(Command::HangUp);
    let ended = browser.event("ended");
    assert_eq!(ended["reason"], "caller_hung_up");
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn r43_keys_that_chromium_presses_arrive_at_the_telephone_however_long_they_are_held() {
    let mut service = service();
    let mut browser = interpreter_in_a_browser(&service);
    let mut caller = service.caller();
    caller.call(NUMBER);
    caller.state(SessionState::RelayActive);
    browser.event("confirmed");
    let keyed = |service: &Service, keys: &str| {
        let telephone = service.telephone().expect("a telephone");
        let _line = telephone.line(&format!(": keys {keys}"));
    };
    browser.press("1905*#", 100);
    keyed(&service, "1905*#");
    // Longer than a duration can be told: such an event goes on in further segments.
    browser.press("88", 3_000);
    keyed(&service, "1905*#88");
    browser.press("0", 100);
    keyed(&service, "1905*#880");
    caller.send(Command::HangUp);
    browser.event("ended");
    assert_eq!(service.telephone_report()["digits"], "1905*#880");
    service.stop_and_verify();
}

/// The two of a call write to each other: one in a browser, one in our app.
fn converse(browser: &mut Browser, app: &mut Party) {
    browser.event("textOpen");
    for sign in "hola á".chars() {
        app.send(Command::SendText(sign.to_string()));
    }
    browser.read("hola á");
    browser.write("and the browser's words: ¿qué?");
    let mut text = String::new();
    app.wait("the browser's text", |event| {
        if let Event::TextReceived(more) = event {
            text.push_str(&more.text);
        }
        (text == "and the browser's words: ¿qué?").then_some(())
    });
    app.send(Command::SendText("\u{8}!".into()));
    browser.read("hola á\u{8}!");
}

#[test]
fn r40_a_caller_in_chromium_and_our_interpreter_read_each_other() {
    let mut service = service();
    service.add_account("caller", "+15550100002", PASSWORD, &["--digest", "md5"]);
    let mut interpreter: Party = service.interpreter();
    // Opened in the association, and named in the descriptions.
    for text in ["open", "4"] {
        let number = Some(NUMBER);
        let user = "+15550100002";
        let mut browser = Browser::writing(&service, user, PASSWORD, number, Some(text));
        browser.event("registered");
        interpreter.invited();
        interpreter.send(Command::Answer);
        browser.event("confirmed");
        interpreter.state(SessionState::RelayActive);
        converse(&mut browser, &mut interpreter);
        browser.hang_up();
        interpreter.ended();
    }
    service.stop_and_verify();
}

#[test]
fn r40_an_interpreter_in_chromium_and_our_caller_read_each_other() {
    let mut service = service();
    service.add_account(
        "interpreter",
        "3456",
        PASSWORD,
        &["--languages", "ase/en", "--digest", "md5"],
    );
    let mut browser = Browser::writing(&service, "3456", PASSWORD, None, Some("wait"));
    browser.event("registered");
    let mut caller = service.caller();
    caller.call(NUMBER);
    caller.state(SessionState::RelayActive);
    converse(&mut browser, &mut caller);
    caller.send(Command::HangUp);
    browser.event("ended");
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn r39_a_caller_in_chromium_reads_a_team_interpreter_under_a_label() {
    let mut service = service();
    let user = "+15550100002";
    service.add_account("caller", user, PASSWORD, &["--digest", "md5"]);
    let more = ["--languages", "ase/en"];
    service.add_account("interpreter", "5678", PASSWORD, &more);
    let mut interpreter: Party = service.interpreter();
    let mut browser = Browser::writing(&service, user, PASSWORD, Some(NUMBER), Some("open"));
    browser.event("registered");
    interpreter.invited();
    interpreter.send(Command::Answer);
    browser.event("confirmed");
    interpreter.state(SessionState::RelayActive);
    converse(&mut browser, &mut interpreter);
    let mut team = Party::interpreter(&service, "5678", PASSWORD);
    let seat = Seat::Team;
    interpreter.send(Command::AskSeat { seat, reason: None });
    assert_eq!(team.invited().seat, Some(seat));
    team.send(Command::Answer);
    team.call_where("the picture's path", |view| view.media_connected);
    team.send(Command::SendText("One more.".into()));
    browser.read("hola á\u{8}!\u{2028}[Interpreter 2] One more.");
    interpreter.send(Command::SendText("Yes".into()));
    browser.read("hola á\u{8}!\u{2028}[Interpreter 2] One more.\u{2028}[Interpreter] Yes");
    browser.hang_up();
    interpreter.ended();
    team.ended();
    service.stop_and_verify();
}
