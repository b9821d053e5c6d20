//! What the journal does not take does not happen, and what happened replays.

use relay_core::session::Dialog;
use relay_server::journal::Kind;
use relay_server::session::{Message, News, Speaker};
use vrs_domain::Leg;

use super::office::{ANA, CALLER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::talking;

/// The id of the only session there is.
fn only(office: &Office) -> vrs_domain::SessionId {
    office.entries()[0].session.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_leg_too_long_for_a_record_leaves_no_gap_in_it() {
    let mut office = Office::open().await;
    let (_caller, _ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    let bound = Message::Party {
        who: Speaker {
            leg: Leg::Caller,
            epoch: None,
        },
        news: News::Bound {
            dialog: Dialog("x".repeat(20_000)),
        },
    };
    office.switchboard().tell(only(&office), bound);
    pass(seconds(5)).await;
    let call = gateway.calls()[0];
    gateway.hang_up(call).await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["hearing_hung_up"]);
    office.assert_replays();
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_whose_names_are_kilobytes_long_has_a_call_with_a_record() {
    let mut office = Office::open().await;
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut caller = office.sign_in(CALLER).await;
    let name = "x".repeat(6_000);
    let call = caller.call_named(TELEPHONE, Some(&name)).await;
    ana.answer_next().await;
    let telephone = gateway.answer_next().await;
    caller.answered(call).await;
    pass(seconds(5)).await;
    let bound = |kind: &Kind| matches!(kind, Kind::LegBound { leg, .. } if leg == "caller");
    let entries = office.entries();
    assert!(!entries.iter().any(|entry| bound(&entry.kind)));
    gateway.hang_up(telephone).await;
    assert!(caller.is_ended(call, seconds(5)).await);
    assert_eq!(office.ends(), ["hearing_hung_up"]);
    office.assert_replays();
}
