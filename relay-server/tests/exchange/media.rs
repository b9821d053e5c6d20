//! Media that is refused, that ends, and that falls silent.

use std::time::Duration;

use relay_core::sfu::PeerNews;
use vrs_domain::Leg;
use vrs_sip::{CallHandle, Event};

use super::office::{ANA, BEN, CALLER, OTHER, Office, TELEPHONE, pass, seconds};
use super::party::{Party, incoming, talking};
use super::plane::{BAIT, UNFIT, VP8};

/// Two subscribers who talk to each other, and their calls.
async fn friends(office: &mut Office) -> ((Party, CallHandle), (Party, CallHandle)) {
    let mut caller = office.sign_in(CALLER).await;
    let mut other = office.sign_in(OTHER).await;
    let call = caller.call(OTHER).await;
    let taken = other.answer_next().await;
    caller.answered(call).await;
    pass(seconds(2)).await;
    ((caller, call), (other, taken))
}

#[tokio::test(start_paused = true)]
async fn a39_an_offer_that_breaks_a_rule_is_refused_by_name_and_nobody_is_asked() {
    for number in [TELEPHONE, OTHER, "911"] {
        let mut office = Office::open().await;
        let mut ana = office.sign_in(ANA).await;
        let mut other = office.sign_in(OTHER).await;
        let mut caller = office.sign_in(CALLER).await;
        caller.offer = UNFIT;
        let call = caller.call(number).await;
        let (status, reason) = caller.refused(call).await;
        assert_eq!((status, reason.as_deref()), (488, Some("media_refused")));
        pass(seconds(5)).await;
        assert_eq!(office.ends(), ["media_refused"], "{number}");
        for party in [&mut ana, &mut other] {
            assert!(party.within(Duration::ZERO, incoming).await.is_none());
        }
        office.assert_replays();
    }
}

#[tokio::test(start_paused = true)]
async fn a39_an_answer_between_subscribers_that_breaks_a_rule_reaches_nobody() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let mut other = office.sign_in(OTHER).await;
    let call = caller.call(OTHER).await;
    let (taken, _) = other.incoming().await;
    other.accept(taken, UNFIT).await;
    let (status, reason) = caller.refused(call).await;
    assert_eq!((status, reason.as_deref()), (488, Some("media_refused")));
    assert!(other.is_ended(taken, seconds(5)).await);
    assert_eq!(office.ends(), ["media_refused"]);
    office.assert_replays();
}

#[tokio::test(start_paused = true)]
async fn a39_changes_between_subscribers_are_checked_on_their_way_there_and_back() {
    let mut office = Office::open().await;
    let ((mut caller, call), (mut other, taken)) = friends(&mut office).await;
    assert_eq!(caller.reinvite(call, "v=0 fine").await, 200);
    assert_eq!(other.reinvite(taken, "v=0 fine").await, 200);
    let asked = |event: &Event| matches!(event, Event::Reinvite { .. }).then_some(());
    for party in [&mut caller, &mut other] {
        assert!(party.within(seconds(1), asked).await.is_some());
        assert!(party.within(seconds(1), asked).await.is_none());
    }
    // One that breaks a rule reaches nobody.
    assert_eq!(caller.reinvite(call, UNFIT).await, 488);
    assert!(other.within(seconds(1), asked).await.is_none());
    assert_eq!(other.reinvite(taken, UNFIT).await, 488);
    assert!(caller.within(seconds(1), asked).await.is_none());
    // Nor does an answer that does.
    assert_eq!(caller.reinvite(call, BAIT).await, 488);
    assert!(other.within(seconds(1), asked).await.is_some());
    pass(seconds(5)).await;
    assert_eq!(office.ends(), [""; 0], "what stood stands");
    assert_eq!(caller.reinvite(call, "v=0 fine").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_the_interpreters_pictures_is_told_so_after_the_first_of_them() {
    let mut office = Office::open().await;
    let mut ana = office.sign_in(ANA).await;
    let mut ben = office.sign_in(BEN).await;
    let mut caller = office.sign_in(CALLER).await;
    caller.offer = VP8;
    let call = caller.call(TELEPHONE).await;
    let (asked, _) = ana.incoming().await;
    ana.reject(asked, 488).await;
    let (status, reason) = caller.refused(call).await;
    assert_eq!((status, reason.as_deref()), (488, Some("no_common_codec")));
    pass(seconds(60)).await;
    assert_eq!(office.ends(), ["no_common_codec"]);
    assert!(ben.within(Duration::ZERO, incoming).await.is_none());
    office.assert_replays();
    // Of a caller with the usual pictures it is the interpreter's app that is broken.
    let mut other = office.sign_in(OTHER).await;
    other.call(TELEPHONE).await;
    let (asked, _) = ben.incoming().await;
    ben.reject(asked, 488).await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["no_common_codec"], "they wait for another");
}

#[tokio::test(start_paused = true)]
async fn r25_media_that_is_over_ends_the_call_by_the_name_of_whose_it_was() {
    for (leg, end) in [
        (Leg::Caller, "caller_lost"),
        (Leg::Hearing, "hearing_lost"),
        (Leg::Interpreter, "interpreter_lost"),
    ] {
        let mut office = Office::open().await;
        let (_caller, _ana, _gateway) = talking(&mut office, TELEPHONE).await;
        office.rooms().fail(leg);
        // Another interpreter is sought for five minutes; Ana's media failed and so will she not
        // be asked again at once.
        pass(seconds(900)).await;
        assert_eq!(office.ends(), [end]);
        assert_eq!(office.rooms().legs(), []);
        office.assert_replays();
    }
}

/// Who is called silent in a status.
fn silent(event: &Event) -> Option<Vec<String>> {
    let Event::Info { request, .. } = event else {
        return None;
    };
    let status: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let legs = status["silent"].as_array().cloned().unwrap_or_default();
    let word = |leg: &serde_json::Value| leg.as_str().map(str::to_owned);
    Some(legs.iter().filter_map(word).collect())
}

#[tokio::test(start_paused = true)]
async fn r25_whoever_sends_nothing_is_named_to_the_others_and_stays_in_the_call() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, _gateway) = talking(&mut office, TELEPHONE).await;
    while ana.within(seconds(1), silent).await.is_some() {}
    while caller.within(seconds(1), silent).await.is_some() {}
    for (news, named) in [(PeerNews::Silent, &["caller"][..]), (PeerNews::Heard, &[])] {
        office.rooms().tell(Leg::Caller, &news);
        for party in [&mut ana, &mut caller] {
            let told = party.within(seconds(2), silent).await;
            assert_eq!(told.expect("a status"), named);
        }
    }
    pass(seconds(600)).await;
    assert_eq!(office.ends(), [""; 0]);
}
