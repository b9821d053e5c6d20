//! Two calls at once: waiting, parked, taken back; and hold alone.

use vrs_client::{CallEnd, CallView, Command, Event};
use vrs_domain::{EndReason, Leg};
use vrs_e2e::{Party, Service};

const FRIEND: &str = "+15550100002";
const FRIEND_PASSWORD: &str = "a friend's password";
const OTHER: &str = "+15550100003";
const OTHER_PASSWORD: &str = "another friend's password";

fn friend(service: &Service) -> Party {
    service.add_account("caller", FRIEND, FRIEND_PASSWORD, &[]);
    Party::caller(service, FRIEND, FRIEND_PASSWORD)
}

/// In the conversation, and not on hold.
fn is_talking(view: &CallView) -> bool {
    vrs_e2e::is_talking(view) && !view.on_hold
}

/// Waits until there is a parked call, or none.
fn parked(party: &mut Party, there: bool) -> Option<CallView> {
    party.wait("the parked call", |event| {
        let Event::Parked(view) = event else {
            return None;
        };
        (view.is_some() == there).then(|| view.clone())
    })
}

fn waiting_ended(party: &mut Party) -> CallEnd {
    party.wait("the end of the waiting call", |event| {
        let Event::WaitingEnded(end) = event else {
            return None;
        };
        Some(end.clone())
    })
}

#[test]
fn a_second_call_is_taken_while_the_first_is_on_hold_and_both_can_be_had_back() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let mut friend = friend(&service);
    friend.call(vrs_e2e::CALLER);
    assert_eq!(caller.invited().from, FRIEND);
    caller.send(Command::Answer);
    let first = parked(&mut caller, true).expect("a parked call");
    assert!(first.on_hold && first.connected);
    interpreter.call_where("hold", |view| view.held == [Leg::Caller]);
    caller.call_where("the friend", |view| {
        is_talking(view) && view.from.as_deref() == Some(FRIEND)
    });
    friend.sees("the caller's picture");
    caller.sees("the friend's picture");

    caller.send(Command::Swap);
    friend.call_where("hold", |view| view.held == [Leg::Callee]);
    interpreter.call_where("the end of hold", |view| view.held.is_empty());
    caller.call_where("the interpreter", |view| {
        is_talking(view) && view.from.is_none()
    });
    caller.sees("the interpreter's picture");
    interpreter.sees("the caller's picture");

    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    parked(&mut caller, false);
    caller.call_where("the friend again", is_talking);
    friend.call_where("the end of hold", |view| view.held.is_empty());
    friend.sees("the caller's picture again");
    friend.send(Command::HangUp);
    assert_eq!(caller.ended().reason, Some(EndReason::CallerHungUp));
    let journal = service.stop_and_verify();
    assert_eq!(journal.matches("hold_began").count(), 2, "{journal}");
    assert_eq!(journal.matches("hold_ended").count(), 2, "{journal}");
}

#[test]
fn a_waiting_call_is_declined_or_given_up_and_a_third_one_hears_busy() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let mut friend = friend(&service);
    service.add_account("caller", OTHER, OTHER_PASSWORD, &[]);
    let mut other = Party::caller(&service, OTHER, OTHER_PASSWORD);
    friend.call(vrs_e2e::CALLER);
    caller.invited();
    other.call(vrs_e2e::CALLER);
    assert_eq!(other.ended().reason, Some(EndReason::SubscriberBusy));
    caller.send(Command::Decline);
    assert_eq!(friend.ended().reason, Some(EndReason::SubscriberDeclined));
    assert!(waiting_ended(&mut caller).by_us);
    friend.call(vrs_e2e::CALLER);
    caller.invited();
    friend.send(Command::HangUp);
    friend.ended();
    assert!(!waiting_ended(&mut caller).by_us);
    // The first call never noticed.
    caller.sees("the interpreter's picture");
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();
}

#[test]
fn a_second_call_is_placed_and_its_end_brings_the_first_back() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let mut friend = friend(&service);
    caller.call(FRIEND);
    parked(&mut caller, true);
    interpreter.call_where("hold", |view| view.held == [Leg::Caller]);
    friend.invited();
    friend.send(Command::Decline);
    assert_eq!(caller.ended().reason, Some(EndReason::SubscriberDeclined));
    caller.call_where("the interpreter", is_talking);
    interpreter.call_where("the end of hold", |view| view.held.is_empty());
    interpreter.sees("the caller's picture");
    // While it is parked, whoever hangs up ends it there.
    caller.call(FRIEND);
    friend.invited();
    friend.send(Command::Answer);
    caller.call_where("the friend", is_talking);
    interpreter.send(Command::HangUp);
    let end = caller.wait("the end of the parked call", |event| {
        let Event::ParkedEnded(end) = event else {
            return None;
        };
        Some(end.clone())
    });
    assert_eq!(end.reason, Some(EndReason::InterpreterHungUp));
    caller.sees("the friend's picture");
    caller.send(Command::HangUp);
    assert_eq!(friend.ended().reason, Some(EndReason::CallerHungUp));
    service.stop_and_verify();
}

#[test]
fn hold_alone_is_told_to_the_others_and_taken_back() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    caller.send(Command::Hold(true));
    caller.call_where("hold", |view| view.on_hold);
    interpreter.call_where("hold", |view| view.held == [Leg::Caller]);
    caller.send(Command::Hold(false));
    interpreter.call_where("the end of hold", |view| view.held.is_empty());
    caller.call_where("the end of hold", is_talking);
    caller.sees("the interpreter's picture");
    interpreter.sees("the caller's picture");
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();
}

#[test]
fn f18_nothing_rings_beside_an_emergency_call_and_it_is_not_put_on_hold() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    let mut friend = friend(&service);
    caller.call("911");
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.call_where("the conversation", |view| {
        is_talking(view) && view.urgency.is_some()
    });
    friend.call(vrs_e2e::CALLER);
    assert_eq!(friend.ended().reason, Some(EndReason::SubscriberBusy));
    caller.send(Command::Hold(true));
    caller.sees("the interpreter's picture");
    caller.send(Command::HangUp);
    interpreter.ended();
    assert!(!service.stop_and_verify().contains("hold_began"));
}
