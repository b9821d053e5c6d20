//! Calls from a telephone, between subscribers, in an emergency, and changes of interpreter.

use vrs_client::{CallView, Command};
use vrs_domain::{CallKind, EndReason, Leg, ReliefReason, Seat, SessionId, Urgency};
use vrs_e2e::{CALLER, Cable, NUMBER, Party, Record, SECOND, Service, ServiceBuilder, is_talking};

/// A trunk whose telephones may be silent for two seconds.
const SOON_SILENT: &str = "name = \"telephone\"\nsilence_s = 2";
const FRIEND: &str = "+15550100002";
const FRIEND_PASSWORD: &str = "a friend's password";

/// The telephone calls our caller.
fn telephone_calls(service: &mut Service, how: &str) {
    let trunk = service.trunk();
    service.at_telephone(&format!("call {CALLER} at {trunk} {how}"));
}

/// One record for each of the two interpreters of a session.
fn two_records(service: &Service, session: Option<SessionId>) {
    let first = Record::ordinary(session.expect("an id"));
    let second = Record {
        number: 2,
        ca: Some(SECOND),
        ..first.clone()
    };
    service.check_records(&[first, second]);
}

/// Two records of a session to 911, the second one by this interpreter.
fn emergency_records(service: &Service, session: Option<SessionId>, then: Option<&'static str>) {
    let first = Record {
        outbound: "911",
        url: "sip:911@".to_owned(),
        ..Record::ordinary(session.expect("an id"))
    };
    let second = Record {
        number: 2,
        ca: then.or(first.ca),
        ..first.clone()
    };
    service.check_records(&[first, second]);
}

/// How a caller sees the interpreter.
fn interpreted_by(ca: &str) -> impl Fn(&CallView) -> bool {
    move |view| {
        view.interpreter
            .as_ref()
            .is_some_and(|id| id.as_str() == ca)
    }
}

#[test]
fn a_telephone_reaches_a_subscriber_whose_devices_all_ring_and_the_first_answer_wins() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut phone = service.caller();
    let mut laptop = service.second_device();
    telephone_calls(&mut service, &format!("from {NUMBER}"));
    let invited = interpreter.invited();
    assert_eq!(invited.kind, Some(CallKind::RelayInbound));
    assert_eq!(invited.caller.map(|n| n.to_string()), Some(NUMBER.into()));
    interpreter.send(Command::Answer);
    let ringing = phone.invited();
    assert_eq!(ringing.kind, Some(CallKind::RelayInbound));
    assert_eq!(ringing.from, NUMBER);
    laptop.invited();
    laptop.send(Command::Answer);
    assert_eq!(phone.ended().reason, Some(EndReason::AnsweredElsewhere));
    let talking = laptop.call_where("the conversation", is_talking);
    interpreter.call_where("the conversation", is_talking);
    laptop.stats_where("the interpreter's picture", |stats| {
        stats.frames_decoded > 10
    });
    interpreter.hears_the_telephone();
    service.at_telephone("hang up");
    assert_eq!(laptop.ended().reason, Some(EndReason::HearingHungUp));
    assert_eq!(interpreter.ended().reason, Some(EndReason::HearingHungUp));
    service.telephone_heard(440.0);
    service.stop_and_verify();
    service.check_records(&[Record {
        incoming: Some(NUMBER),
        outbound: CALLER,
        url: format!("sip:{CALLER}@"),
        ..Record::ordinary(talking.session.expect("an id"))
    }]);
}

#[test]
fn an_anonymous_telephone_stays_anonymous_and_a_decline_is_told_by_name() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    telephone_calls(&mut service, "anonymously");
    let invited = interpreter.invited();
    assert_eq!(invited.caller, None);
    interpreter.send(Command::Answer);
    assert_eq!(caller.invited().from, "Anonymous");
    caller.send(Command::Decline);
    assert_eq!(
        interpreter.ended().reason,
        Some(EndReason::SubscriberDeclined)
    );
    service.telephone_report();
    assert!(service.stop_and_verify().contains("subscriber_declined"));
    service.check_records(&[Record {
        incoming: None,
        outbound: CALLER,
        called: false,
        talked: false,
        url: format!("sip:{CALLER}@"),
        ..Record::ordinary(invited.session.expect("an id"))
    }]);
}

#[test]
fn a_number_that_nobody_has_is_refused_and_an_offline_subscriber_is_told_as_such() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let trunk = service.trunk();
    service.at_telephone(&format!("call +15550109999 at {trunk} from {NUMBER}"));
    let report = service.telephone_report();
    assert_eq!(report["outcome"], "refused");
    telephone_calls(&mut service, &format!("from {NUMBER}"));
    interpreter.invited();
    interpreter.send(Command::Answer);
    assert_eq!(
        interpreter.ended().reason,
        Some(EndReason::SubscriberOffline)
    );
    service.stop_and_verify();
}

#[test]
fn subscribers_call_each_other_directly() {
    let mut service = Service::start();
    service.add_account("caller", FRIEND, FRIEND_PASSWORD, &[]);
    let mut caller = service.caller();
    let mut friend = Party::caller(&service, FRIEND, FRIEND_PASSWORD);
    caller.call(FRIEND);
    let ringing = friend.invited();
    assert_eq!(
        (ringing.kind, ringing.from.as_str()),
        (Some(CallKind::PointToPoint), CALLER)
    );
    friend.send(Command::Answer);
    caller.call_where("the conversation", is_talking);
    friend.call_where("the conversation", is_talking);
    caller.stats_where("the friend's picture", |stats| stats.frames_decoded > 10);
    friend.stats_where("the caller's picture", |stats| stats.frames_decoded > 10);
    friend.send(Command::HangUp);
    assert_eq!(caller.ended().reason, Some(EndReason::CalleeHungUp));
    let journal = service.stop_and_verify();
    assert!(journal.contains("point_to_point"));
    assert!(!journal.contains("interpreter_invited"), "{journal}");
    // What is not relayed is not billed.
    service.check_records(&[]);
}

#[test]
fn f21_a_caller_who_is_lost_in_an_emergency_is_called_back_and_the_call_goes_on() {
    let mut service = Service::start();
    let cable = Cable::to(service.secure());
    let mut interpreter = service.interpreter();
    let mut caller = service.caller_over(&cable);
    caller.call("911");
    assert_eq!(interpreter.invited().urgency, Some(Urgency::Emergency));
    interpreter.send(Command::Answer);
    let talking = caller.call_where("the conversation", is_talking);
    let mut tablet = service.second_device();
    // The caller's network is gone for good; the other device rings at once.
    cable.lay_to("127.0.0.1:1");
    cable.cut();
    assert_eq!(tablet.invited().kind, Some(CallKind::RelayOutbound));
    tablet.send(Command::Answer);
    tablet.call_where("the conversation", is_talking);
    interpreter.call_where("all are there again", |view| view.missing.is_empty());
    service.at_telephone("hang up");
    assert_eq!(tablet.ended().reason, Some(EndReason::HearingHungUp));
    service.stop_and_verify();
    // Before and after the loss; what lay between is not conversation.
    emergency_records(&service, talking.session, None);
}

/// A call for help that has come to a conversation.
fn emergency(service: &Service) -> (Party, Party) {
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call("911");
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.call_where("the conversation", is_talking);
    (caller, interpreter)
}

#[test]
fn f21_a_telephone_that_is_lost_in_an_emergency_is_called_again_and_the_call_goes_on() {
    let mut service = ServiceBuilder::default().over_cable().start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call("911");
    interpreter.invited();
    interpreter.send(Command::Answer);
    let talking = caller.call_where("the conversation", is_talking);
    interpreter.call_where("the conversation", is_talking);
    service.telephone_is_lost_and_called_back(&mut caller, &mut interpreter);
    interpreter.hears_the_telephone();
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    let journal = service.stop_and_verify();
    assert_eq!(journal.matches("call_placed").count(), 1, "{journal}");
    emergency_records(&service, talking.session, None);
}

#[test]
fn r25_a_telephone_that_falls_silent_in_an_emergency_is_called_again_and_the_call_goes_on() {
    let mut service = ServiceBuilder::default()
        .configure("name = \"telephone\"", SOON_SILENT)
        .start();
    let (mut caller, mut interpreter) = emergency(&service);
    interpreter.hears_the_telephone();
    let address = service.lose_telephone();
    caller.call_where("that the telephone is lost", |view| {
        view.missing == [Leg::Hearing]
    });
    service.find_telephone(&address);
    caller.call_where("the telephone again", |view| view.missing.is_empty());
    interpreter.hears_the_telephone();
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    let journal = service.stop_and_verify();
    assert_eq!(journal.matches("call_placed").count(), 1, "{journal}");
}

#[test]
fn r25_a_telephone_that_falls_silent_ends_the_call_by_name() {
    let mut service = ServiceBuilder::default()
        .configure("name = \"telephone\"", SOON_SILENT)
        .start();
    let (mut caller, mut interpreter) = service.conversation();
    interpreter.hears_the_telephone();
    service.lose_telephone();
    assert_eq!(caller.ended().reason, Some(EndReason::HearingLost));
    assert_eq!(interpreter.ended().reason, Some(EndReason::HearingLost));
    let journal = service.stop_and_verify();
    assert!(journal.contains("hearing_lost"), "{journal}");
}

#[test]
fn f21_an_interpreter_who_leaves_an_emergency_call_is_replaced_and_the_call_goes_on() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = emergency(&service);
    let mut other = service.second_interpreter();
    interpreter.send(Command::HangUp);
    let end = interpreter.ended();
    assert_eq!(end.reason, Some(EndReason::InterpreterHungUp));
    let invited = other.invited();
    assert_eq!(invited.urgency, Some(Urgency::Emergency));
    other.send(Command::Answer);
    caller.call_where("the other interpreter", interpreted_by(SECOND));
    // They converse when they see each other, and only then there is something to record.
    caller.sees("the other interpreter");
    caller.send(Command::HangUp);
    assert_eq!(other.ended().reason, Some(EndReason::CallerHungUp));
    service.stop_and_verify();
    emergency_records(&service, invited.session, Some(SECOND));
}

#[test]
fn f4_a_relief_takes_over_and_the_call_goes_on_and_before_ten_minutes_a_reason_is_needed() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let mut relief = service.second_interpreter();
    interpreter.send(Command::AskSeat {
        seat: Seat::Relief,
        reason: Some(ReliefReason::Rotation),
    });
    let told = interpreter.call_where("the refusal", |view| view.refused.is_some());
    let why = told.refused.map(|refused| refused.why);
    assert_eq!(why.as_deref(), Some("before ten minutes of conversation"));
    interpreter.relieved_by(&mut relief, ReliefReason::Illness);
    relief.stats_where("the caller's picture", |stats| stats.frames_decoded > 10);
    interpreter.call_where("the relief", |view| view.seats.relief.is_some());
    interpreter.send(Command::HangUp);
    caller.call_where("the other interpreter", interpreted_by(SECOND));
    let before = caller.stats_where("pictures", |_| true).frames_decoded;
    caller.stats_where("the relief's picture", |stats| {
        stats.frames_decoded > before + 15
    });
    caller.send(Command::HangUp);
    assert_eq!(relief.ended().reason, Some(EndReason::CallerHungUp));
    let journal = service.stop_and_verify();
    assert!(journal.contains("interpreter_relieved"));
    two_records(&service, told.session);
}

#[test]
fn a_team_interpreter_joins_sees_and_leaves() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let mut team = service.second_interpreter();
    let seat = Seat::Team;
    interpreter.send(Command::AskSeat { seat, reason: None });
    assert_eq!(team.invited().seat, Some(seat));
    team.send(Command::Answer);
    team.stats_where("the caller's picture", |stats| stats.frames_decoded > 10);
    interpreter.call_where("the team", |view| view.seats.team.is_some());
    team.send(Command::HangUp);
    interpreter.call_where("alone again", |view| view.seats.team.is_none());
    caller.stats_where("pictures", |stats| stats.frames_decoded > 10);
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();
}

#[test]
fn an_interpreter_who_is_lost_in_a_call_is_replaced_and_nobody_redials() {
    let mut service = Service::start();
    let cable = Cable::to(service.secure());
    let mut interpreter = service.interpreter_over(&cable);
    let mut caller = service.caller();
    caller.converse_through(&mut interpreter);
    let mut other = service.second_interpreter();
    cable.lay_to("127.0.0.1:1");
    cable.cut();
    let invited = other.invited();
    assert_eq!(invited.seat, Some(Seat::Lead));
    other.send(Command::Answer);
    caller.call_where("the other interpreter", interpreted_by(SECOND));
    other.hears_the_telephone();
    let before = caller.stats_where("pictures", |_| true).frames_decoded;
    caller.stats_where("the other's picture", |stats| {
        stats.frames_decoded > before + 15
    });
    caller.send(Command::HangUp);
    assert_eq!(other.ended().reason, Some(EndReason::CallerHungUp));
    assert!(service.stop_and_verify().contains("interpreter_lost"));
    two_records(&service, invited.session);
}
