//! A caller whose connection breaks while they wait for an interpreter.

use std::time::Duration;

use vrs_sip::{CallHandle, Event};

use super::office::{ANA, BEN, CALLER, OTHER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::Party;

const SESSION: &str = "VRS-Session";
const PLACE: &str = "VRS-Queue-Position";

/// The session and the place in the queue that a caller is told next.
async fn place(caller: &mut Party, call: CallHandle) -> (String, String) {
    let told = caller.until(|event| match event {
        Event::Progress { call: c, response } if *c == call => {
            let header = |name| response.headers.get(name).map(str::to_owned);
            Some((header(SESSION)?, header(PLACE)?))
        }
        _ => None,
    });
    told.await
}

/// Ana is busy with somebody else, so that a caller waits.
async fn busy(office: &mut Office) -> (Party, Party, Party) {
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut other = office.sign_in(OTHER).await;
    let call = other.call(TELEPHONE).await;
    ana.answer_next().await;
    gateway.answer_next().await;
    other.answered(call).await;
    (ana, gateway, other)
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_changes_network_keeps_their_session_and_their_place() {
    let mut office = Office::open().await;
    let (mut ana, mut gateway, mut other) = busy(&mut office).await;
    let mut caller = office.sign_in(CALLER).await;
    let first = caller.call(TELEPHONE).await;
    let (session, position) = place(&mut caller, first).await;
    assert_eq!(position, "1");
    caller.cut().await;
    pass(seconds(2)).await;
    caller.sign_in(&mut office).await;
    let again = caller.call(TELEPHONE).await;
    assert_eq!(place(&mut caller, again).await, (session, position));
    assert_eq!(office.ends(), [""; 0]);
    let busy_with = other.placed();
    other.hang_up(busy_with).await;
    ana.answer_next().await;
    caller.answered(again).await;
    gateway.answer_next().await;
    pass(seconds(60)).await;
    assert_eq!(office.ends(), ["caller_hung_up"], "the other's call only");
    office.assert_replays();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_assigned_an_interpreter_while_away_is_answered_when_they_are_back() {
    let mut office = Office::open().await;
    let (_ana, mut gateway, _other) = busy(&mut office).await;
    let mut caller = office.sign_in(CALLER).await;
    caller.call(TELEPHONE).await;
    pass(seconds(2)).await;
    caller.cut().await;
    let mut ben = office.sign_in(BEN).await;
    ben.answer_next().await;
    pass(seconds(2)).await;
    caller.sign_in(&mut office).await;
    let again = caller.call(TELEPHONE).await;
    caller.answered(again).await;
    gateway.answer_next().await;
    pass(seconds(60)).await;
    assert_eq!(office.ends(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_does_not_come_back_is_lost_and_whoever_cancels_has_cancelled() {
    let mut office = Office::open().await;
    let _busy = busy(&mut office).await;
    let mut caller = office.sign_in(CALLER).await;
    caller.call(TELEPHONE).await;
    pass(seconds(2)).await;
    caller.cut().await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), [""; 0]);
    pass(seconds(10)).await;
    assert_eq!(office.ends(), ["caller_lost"]);
    // Too late, and to another number: each is a call of its own.
    caller.sign_in(&mut office).await;
    let call = caller.call(TELEPHONE).await;
    pass(seconds(2)).await;
    caller.hang_up(call).await;
    pass(seconds(2)).await;
    assert_eq!(office.ends(), ["caller_lost", "caller_cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn f21_an_emergency_caller_who_is_away_is_rung_when_an_interpreter_is_there() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    caller.call("911").await;
    pass(seconds(2)).await;
    caller.cut().await;
    pass(seconds(120)).await;
    assert_eq!(office.ends(), [""; 0]);
    let mut ana = office.sign_in(ANA).await;
    ana.answer_next().await;
    gateway.answer_next().await;
    caller.sign_in(&mut office).await;
    caller.answer_next().await;
    pass(seconds(60)).await;
    assert_eq!(office.ends(), [""; 0]);
    office.assert_replays();
}

#[tokio::test(start_paused = true)]
async fn f18_an_emergency_caller_who_calls_again_is_still_the_first() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let first = caller.call("911").await;
    let (session, _) = place(&mut caller, first).await;
    caller.cut().await;
    pass(seconds(60)).await;
    caller.sign_in(&mut office).await;
    let again = caller.call("911").await;
    assert_eq!(place(&mut caller, again).await.0, session);
    let mut ana = office.sign_in(ANA).await;
    ana.answer_next().await;
    caller.answered(again).await;
}

/// The answer that was on its way when the caller came back belongs to an offer that nobody makes
/// any more, and what the parties are told must not come before the right one.
#[tokio::test(start_paused = true)]
async fn a_caller_who_is_back_the_moment_the_interpreter_answers_is_answered_once() {
    for before_ms in 0..6 {
        let mut office = Office::open().await;
        let mut ana = office.sign_in(ANA).await;
        let mut gateway = office.gateway(TRUNKS[0]).await;
        let mut caller = office.sign_in(CALLER).await;
        caller.call(TELEPHONE).await;
        let (invitation, _) = ana.incoming().await;
        caller.cut().await;
        caller.sign_in(&mut office).await;
        let answer = async {
            pass(Duration::from_millis(before_ms)).await;
            ana.accept(invitation, "v=0 test").await;
        };
        let back = async {
            pass(Duration::from_millis(3)).await;
            caller.call(TELEPHONE).await
        };
        let ((), again) = tokio::join!(answer, back);
        caller.answered(again).await;
        gateway.answer_next().await;
        pass(seconds(60)).await;
        assert_eq!(office.ends(), [""; 0], "{before_ms} ms");
        office.assert_replays();
    }
}
