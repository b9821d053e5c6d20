//! Interpreters who are lost, and sessions that look for another one.

use super::office::{ANA, BEN, CALLER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::Party;

/// A caller talks to a telephone through Ana.
pub(crate) async fn talking(office: &mut Office, number: &str) -> (Party, Party, Party) {
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut caller = office.sign_in(CALLER).await;
    let call = caller.call(number).await;
    ana.answer_next().await;
    gateway.answer_next().await;
    caller.answered(call).await;
    pass(seconds(5)).await;
    (caller, ana, gateway)
}

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
