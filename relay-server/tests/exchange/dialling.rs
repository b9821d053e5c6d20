//! Calling the telephone, over trunks that refuse.

use relay_server::journal::Kind;
use vrs_domain::Leg;

use super::office::{Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::{Party, caller_with_interpreter, goes_on_until_hung_up, talking};
use super::plane::UNFIT;

/// A caller who has an interpreter, and two gateways.
async fn dialling(office: &mut Office, number: &str) -> (Party, Party, Party, Party) {
    let north = office.gateway(TRUNKS[0]).await;
    let south = office.gateway(TRUNKS[1]).await;
    let (caller, ana) = caller_with_interpreter(office, number).await;
    (caller, ana, north, south)
}

#[tokio::test(start_paused = true)]
async fn f18_an_emergency_tries_every_trunk_and_then_all_again_whatever_they_say() {
    let mut office = Office::open().await;
    let (mut caller, _ana, mut north, mut south) = dialling(&mut office, "911").await;
    for status in [403, 404, 603, 486, 503] {
        for gateway in [&mut north, &mut south] {
            let (call, _) = gateway.incoming().await;
            gateway.reject(call, status).await;
        }
    }
    north.answer_next().await;
    goes_on_until_hung_up(&office, &mut caller).await;
}

#[tokio::test(start_paused = true)]
async fn f35_the_record_names_the_gateway_that_was_asked_last() {
    let mut office = Office::open().await;
    let (_caller, _ana, mut north, mut south) = dialling(&mut office, TELEPHONE).await;
    let (call, _) = north.incoming().await;
    north.ring(call).await;
    north.reject(call, 503).await;
    let (call, _) = south.incoming().await;
    south.ring(call).await;
    south.reject(call, 486).await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["hearing_busy"]);
    let address = |kind| match kind {
        Kind::DialingStarted { address } => address,
        _ => None,
    };
    let entries = office.entries().into_iter();
    let addresses: Vec<_> = entries.filter_map(|entry| address(entry.kind)).collect();
    assert_eq!(addresses, ["198.51.100.11", "198.51.100.12"]);
}

#[tokio::test(start_paused = true)]
async fn f21_an_unfit_answer_to_a_recall_is_hung_up_and_cannot_end_the_good_one_after_it() {
    let mut office = Office::open().await;
    let (_caller, _ana, mut gateway) = talking(&mut office, "911").await;
    gateway.cut().await;
    pass(seconds(5)).await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    let (unfit, _) = gateway.incoming().await;
    gateway.accept(unfit, UNFIT).await;
    assert!(
        gateway.is_ended(unfit, seconds(2)).await,
        "nobody talks there"
    );
    let good = gateway.answer_next().await;
    pass(seconds(60)).await;
    assert_eq!(office.ends(), [""; 0]);
    gateway.hang_up(good).await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["hearing_hung_up"]);
}

#[tokio::test(start_paused = true)]
async fn r25_a_telephone_need_not_be_heard_before_it_answers_and_has_to_be_afterwards() {
    let mut office = Office::open().await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let (mut caller, _ana) = caller_with_interpreter(&mut office, TELEPHONE).await;
    let (call, _) = gateway.incoming().await;
    gateway.ring(call).await;
    office.rooms().fail(Leg::Hearing);
    pass(seconds(5)).await;
    assert_eq!(office.ends(), [""; 0]);
    gateway.accept(call, "v=0 answer").await;
    let placed = caller.placed();
    caller.answered(placed).await;
    pass(seconds(5)).await;
    office.rooms().fail(Leg::Hearing);
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["hearing_lost"]);
    assert_eq!(office.rooms().legs(), []);
    office.assert_replays();
}
