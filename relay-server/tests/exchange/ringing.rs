//! Ringing a subscriber's devices.

use super::office::{CALLER, OTHER, Office, pass, seconds};

#[tokio::test(start_paused = true)]
async fn a_device_whose_connection_breaks_while_it_rings_rings_again() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let mut device = office.sign_in(OTHER).await;
    let call = caller.call(OTHER).await;
    let (rings, _) = device.incoming().await;
    device.ring(rings).await;
    pass(seconds(5)).await;
    device.cut().await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), [""; 0]);
    device.sign_in(&mut office).await;
    device.answer_next().await;
    caller.answered(call).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_come_back_is_not_waited_for_longer_than_for_an_answer() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let mut device = office.sign_in(OTHER).await;
    let call = caller.call(OTHER).await;
    device.incoming().await;
    device.cut().await;
    let (status, reason) = caller.refused(call).await;
    assert_eq!(
        (status, reason.as_deref()),
        (480, Some("subscriber_no_answer"))
    );
    // Nothing rings on.
    device.sign_in(&mut office).await;
    let rings = device.within(seconds(5), super::party::incoming).await;
    assert!(rings.is_none());
}
