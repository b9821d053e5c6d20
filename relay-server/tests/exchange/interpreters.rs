//! Interpreters who are lost, and sessions that look for another one.

use std::time::Duration;

use relay_server::journal::Kind;
use vrs_sip::Event;

use super::office::{ANA, BEN, CALLER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::{incoming, talking};

#[tokio::test(start_paused = true)]
async fn f18_f21_an_emergency_waits_for_another_interpreter_although_nobody_is_signed_in() {
    let mut office = Office::open().await;
    let (_caller, mut ana, _gateway) = talking(&mut office, "911").await;
    ana.cut().await;
    pass(seconds(600)).await;
    assert_eq!(office.ends(), [""; 0], "nobody gives up an emergency call");
    let mut ben = office.sign_in(BEN).await;
    ben.answer_next().await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_without_an_interpreter_waits_as_long_as_the_rule_says() {
    let mut office = Office::open().await;
    let (_caller, mut ana, _gateway) = talking(&mut office, TELEPHONE).await;
    ana.cut().await;
    pass(seconds(200)).await;
    assert_eq!(office.ends(), [""; 0]);
    pass(seconds(120)).await;
    assert_eq!(office.ends(), ["interpreter_lost"]);
}

#[tokio::test(start_paused = true)]
async fn f18_an_emergency_call_waits_for_the_first_interpreter_to_sign_in() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    caller.call("911").await;
    pass(seconds(400)).await;
    let mut ana = office.sign_in(ANA).await;
    ana.answer_next().await;
    assert_eq!(office.ends(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn q4_who_is_asked_after_a_restart_has_an_epoch_that_the_session_takes() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    // Ana is lost, Ben declines: nobody leads when the server is killed.
    let mut ben = office.sign_in(BEN).await;
    ana.cut().await;
    for _ in 0..2 {
        let (call, _) = ben.incoming().await;
        ben.reject(call, 486).await;
        pass(seconds(40)).await;
    }
    office.kill();
    for party in [&mut caller, &mut ben, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    caller.sign_in(&mut office).await;
    ana.sign_in(&mut office).await;
    let asked = ana.within(seconds(5), incoming).await;
    let (call, _) = asked.expect("the first to sign in is asked at once");
    ana.accept(call, "v=0 test").await;
    pass(seconds(60)).await;
    assert_eq!(office.ends(), [""; 0]);
    office.assert_replays();
}

/// How the session stands, as it is told.
fn status(event: &Event) -> Option<serde_json::Value> {
    match event {
        Event::Info { request, .. } => Some(serde_json::from_slice(&request.body).unwrap()),
        _ => None,
    }
}

/// For how long nobody is sent after the call.
fn wrap_up(event: &Event) -> Option<u64> {
    status(event)?["wrap_up_s"].as_u64()
}

#[tokio::test(start_paused = true)]
async fn a_wrap_up_is_told_and_ended_by_another_choice_and_by_no_refresh() {
    let mut office = Office::with_wrap_up(seconds(90)).await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    ana.choose("available;choice=1").await;
    assert_eq!(ana.until(wrap_up).await, 90);
    for told in [&mut caller, &mut gateway] {
        assert_eq!(told.within(Duration::ZERO, wrap_up).await, None);
    }
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(5)).await;
    caller.call(TELEPHONE).await;
    ana.choose("available;choice=1").await;
    assert!(ana.within(seconds(20), incoming).await.is_none());
    ana.choose("available;choice=2").await;
    assert!(ana.within(seconds(2), incoming).await.is_some());
}

/// Why a request for an interpreter was refused, if it was.
fn refused(event: &Event) -> Option<String> {
    status(event)?["refused"]["why"].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn f4_a_change_of_shift_is_refused_at_9_59_of_conversation_and_made_at_10_00() {
    let mut office = Office::open().await;
    // The telephone was answered five seconds ago.
    let (_caller, mut ana, _gateway) = talking(&mut office, TELEPHONE).await;
    let mut ben = office.sign_in(BEN).await;
    let call = ana.calls()[0];
    pass(Duration::from_millis(594_500)).await;
    ana.ask_for(call, "relief", "rotation").await;
    let why = ana.within(seconds(1), refused).await.expect("a word");
    assert!(why.contains("before ten minutes"), "{why}");
    assert!(ben.within(Duration::ZERO, incoming).await.is_none());
    pass(seconds(1)).await;
    ana.ask_for(call, "relief", "rotation").await;
    let (asked, invite) = ben.incoming().await;
    assert_eq!(invite.headers.get("VRS-Seat"), Some("relief"));
    ben.accept(asked, "v=0 test").await;
    pass(seconds(2)).await;
    ana.hang_up(call).await;
    pass(seconds(5)).await;
    let relieved = |kind: &Kind| matches!(kind, Kind::InterpreterRelieved { to, .. } if to == BEN);
    let entries = office.entries();
    assert!(entries.iter().any(|entry| relieved(&entry.kind)));
    assert_eq!(office.ends(), [""; 0], "the call goes on");
}
