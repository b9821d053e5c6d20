//! The server is killed: who goes on, and who is told that it is over.

use relay_server::journal::{Entry, Kind};
use vrs_domain::Leg;

use super::office::{ANA, CALLER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::talking;

#[tokio::test(start_paused = true)]
async fn whoever_was_on_the_line_of_a_call_that_a_restart_ends_is_hung_up() {
    let mut office = Office::open().await;
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut caller = office.sign_in(CALLER).await;
    let call = caller.call(TELEPHONE).await;
    let hers = ana.answer_next().await;
    caller.answered(call).await;
    let (_rings, _) = gateway.incoming().await;
    pass(seconds(2)).await;
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    assert_eq!(office.ends(), ["server_restarted"]);
    caller.sign_in(&mut office).await;
    assert!(caller.is_ended(call, seconds(5)).await);
    ana.sign_in(&mut office).await;
    assert!(ana.is_ended(hers, seconds(5)).await);
}

#[tokio::test(start_paused = true)]
async fn a_kill_right_after_the_end_leaves_nobody_on_the_line() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    let (telephone, hers) = (gateway.calls()[0], ana.calls()[0]);
    // Nothing that the server says in its last moment arrives.
    gateway.deafen().await;
    ana.deafen().await;
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(1)).await;
    assert_eq!(office.ends(), ["caller_hung_up"]);
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    assert!(gateway.is_ended(telephone, seconds(5)).await);
    ana.sign_in(&mut office).await;
    assert!(ana.is_ended(hers, seconds(5)).await);
}

/// Takes what was kept of a leg out of the record, as if the kill had come before it.
fn forget(entries: Vec<Entry>, leg: Leg) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::new();
    for mut entry in entries {
        let bound =
            matches!(&entry.kind, Kind::LegBound { leg: bound, .. } if *bound == leg.word());
        if !bound {
            entry.event = kept.len() as u64;
            kept.push(entry);
        }
    }
    kept
}

#[tokio::test(start_paused = true)]
async fn a_leg_of_which_nothing_was_kept_is_lost_at_a_restart() {
    for (number, leg, then) in [
        (TELEPHONE, Leg::Hearing, Some("hearing_lost")),
        (TELEPHONE, Leg::Caller, Some("caller_lost")),
        ("911", Leg::Hearing, None),
        (TELEPHONE, Leg::Interpreter, None),
    ] {
        let mut office = Office::open().await;
        let (mut caller, mut ana, mut gateway) = talking(&mut office, number).await;
        office.kill();
        for party in [&mut caller, &mut ana, &mut gateway] {
            party.cut().await;
        }
        let entries = forget(office.entries(), leg);
        office.rewrite(entries).await;
        office.start().await;
        gateway.connect(&mut office, Some(TRUNKS[0])).await;
        pass(seconds(1)).await;
        assert_eq!(
            office.ends(),
            Vec::from_iter(then.map(str::to_owned)),
            "{number} {leg}"
        );
        if number == "911" {
            // It is dialled again (F21).
            gateway.answer_next().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_telephone_that_answers_is_in_the_record_before_the_conversation() {
    let mut office = Office::open().await;
    let _there = talking(&mut office, TELEPHONE).await;
    let words: Vec<_> = office
        .entries()
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    let place = |fits: &dyn Fn(&Kind) -> bool| words.iter().position(fits).unwrap();
    let bound = place(&|kind| matches!(kind, Kind::LegBound { leg, .. } if leg == "hearing"));
    let answered = place(&|kind| matches!(kind, Kind::CalledAnswered { .. }));
    assert!(bound < answered, "{words:?}");
}

#[tokio::test(start_paused = true)]
async fn f43_nothing_is_billed_from_a_restart_until_the_last_party_is_back() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    pass(seconds(55)).await;
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    ana.sign_in(&mut office).await;
    pass(seconds(30)).await;
    caller.sign_in(&mut office).await;
    pass(seconds(10)).await;
    let telephone = gateway.calls()[0];
    gateway.hang_up(telephone).await;
    pass(seconds(5)).await;
    let ended = office
        .entries()
        .into_iter()
        .find_map(|entry| match entry.kind {
            Kind::Ended {
                reason,
                conversation_ms,
                ..
            } => Some((reason, conversation_ms)),
            _ => None,
        });
    let (reason, conversation_ms) = ended.unwrap();
    assert_eq!(reason, "hearing_hung_up");
    assert!(
        (69_000..71_500).contains(&conversation_ms),
        "{conversation_ms}"
    );
}
