//! A disk that fills while people talk: who is refused, by which name, and that nothing is lost.

mod support;

use relay_server::journal::{Health, Kind};
use support::phone::Phone;
use support::{Place, pass};
use vrs_sim::cast::{CALLING, TELEPHONES, ca_id, number};

#[tokio::test(start_paused = true)]
async fn r03_a_full_disk_refuses_new_calls_by_name_and_those_that_are_up_stay_up() {
    let mut place = Place::new();
    let service = place.start().await;
    Phone::gateway(&place.network).await.lives();
    for (index, seed) in [(0, 10), (1, 11), (2, 12)] {
        let interpreter = Phone::signed_in(&place.network, &ca_id(index), seed).await;
        interpreter.lives();
    }
    let mut talking = Phone::signed_in(&place.network, &number(CALLING, 0), 1).await;
    let mut refused = Phone::signed_in(&place.network, &number(CALLING, 1), 2).await;
    let mut in_need = Phone::signed_in(&place.network, &number(CALLING, 2), 3).await;
    talking.call(&number(TELEPHONES, 0));
    talking.answered().await;
    talking.idle(5).await;
    let before = place.records();
    let answered = |(_, kind): &(String, Kind)| matches!(kind, Kind::CalledAnswered { .. });
    assert!(before.iter().any(answered), "{before:?}");

    place.disk.set_failing(true);
    refused.call(&number(TELEPHONES, 1));
    let word = "journal_unavailable".to_owned();
    assert_eq!(refused.refused().await, (503, word));
    assert_ne!(*service.journal.health().borrow(), Health::Working);
    // Nobody who calls for help is turned away for the record's sake (F18).
    in_need.call("911");
    in_need.answered().await;
    assert!(!talking.idle(20).await, "a call that was up was ended");
    assert!(!in_need.idle(1).await, "an emergency call was ended");
    assert_eq!(place.records(), before, "written to a disk that is full");

    place.disk.set_failing(false);
    pass(10).await;
    assert_eq!(*service.journal.health().borrow(), Health::Working);
    refused.call(&number(TELEPHONES, 1));
    refused.answered().await;
    refused.idle(3).await;
    for phone in [&mut talking, &mut in_need, &mut refused] {
        phone.hang_up();
        phone.idle(3).await;
    }
    place.kill(&service);
    // The record is unbroken and holds every session whole, the emergency call with all that was
    // kept of it; of the call that was refused it holds nothing.
    let (_, open) = place.journal();
    assert!(open.is_empty(), "{open:?}");
    let reasons: Vec<_> = place.ends().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["caller_hung_up"; 3]);
    let placed = |(_, kind): &&(String, Kind)| matches!(kind, Kind::CallPlaced(_));
    assert_eq!(place.records().iter().filter(placed).count(), 3);
}
