//! Whoever is away when a call ends is told so when they come back.

use super::office::{Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::talking;

#[tokio::test(start_paused = true)]
async fn a_telephone_whose_trunk_is_away_is_hung_up_when_it_is_back() {
    let mut office = Office::open().await;
    let (mut caller, _ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    let telephone = gateway.calls()[0];
    gateway.cut().await;
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(20)).await;
    assert_eq!(office.ends(), ["caller_hung_up"]);
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    assert!(gateway.is_ended(telephone, seconds(5)).await);
}

#[tokio::test(start_paused = true)]
async fn a_trunk_that_breaks_with_the_bye_on_its_way_gets_another() {
    let mut office = Office::open().await;
    let (mut caller, _ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    let telephone = gateway.calls()[0];
    // The gateway reads nothing any more: the BYE gets no answer.
    gateway.deafen().await;
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(3)).await;
    gateway.cut().await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    assert!(gateway.is_ended(telephone, seconds(5)).await);
}

#[tokio::test(start_paused = true)]
async fn an_interpreter_who_was_away_is_told_first_and_asked_then() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, _gateway) = talking(&mut office, TELEPHONE).await;
    let hers = ana.calls()[0];
    ana.cut().await;
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(3)).await;
    let next = caller.call(TELEPHONE).await;
    assert_eq!(caller.refused(next).await.1.unwrap(), "no_interpreter");
    ana.sign_in(&mut office).await;
    assert!(ana.is_ended(hers, seconds(5)).await);
    caller.call(TELEPHONE).await;
    ana.answer_next().await;
}
