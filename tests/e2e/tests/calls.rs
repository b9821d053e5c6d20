//! Whole calls through the real programs.

use std::time::Duration;

use vrs_client::{Command, Event, Role, SignInProblem};
use vrs_domain::{Activity, CaId, EndReason, Sensitive, SessionState, TelephoneState};
use vrs_e2e::{CALLER, INTERPRETER, NUMBER, Party, Service, ServiceBuilder};

#[test]
fn an_outbound_call_passes_all_five_states_with_picture_sound_and_text_on_every_leg() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call("(555) 010-0199");

    let invitation = interpreter.invited();
    assert_eq!(
        invitation.number.map(|n| n.to_string()).as_deref(),
        Some(NUMBER)
    );
    interpreter.send(Command::Answer);

    let told = |ca: &Option<CaId>| ca.as_ref().is_some_and(|ca| ca.as_str() == INTERPRETER);
    caller.call_where("the interpreter's id (F12)", |view| told(&view.interpreter));
    caller.call_where("ringing", |view| view.telephone == TelephoneState::Ringing);
    let active = caller.state(SessionState::RelayActive);
    assert_eq!(active.telephone, TelephoneState::Answered);
    let placed = service.server().line("call_placed");
    assert!(placed.contains("\"correlation\":\"") && placed.contains("\"session\":\""));
    assert!(
        active.microphone_muted,
        "a caller's voice is off until they turn it on"
    );

    let seen = caller.stats_where("pictures of the interpreter", |s| s.frames_decoded > 10);
    assert_eq!(seen.candidate_type.as_deref(), Some("host"));
    assert!(
        seen.delay_ms_p50.is_some(),
        "the clock in the picture is read"
    );
    let heard = interpreter.stats_where("pictures and the telephone's tone", |s| {
        s.frames_decoded > 10 && s.heard_hz.is_some_and(|hz| (hz - 1000.0).abs() < 40.0)
    });
    assert!(heard.level_dbfs.is_some_and(|level| level > -40.0));

    for sign in "hola á".chars() {
        caller.send(Command::SendText(sign.to_string()));
    }
    let mut text = String::new();
    interpreter.wait("the caller's text", |event| {
        if let Event::TextReceived(more) = event {
            text.push_str(&more.text);
        }
        (text == "hola á").then_some(())
    });

    caller.send(Command::HangUp);
    assert!(caller.ended().by_us);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.telephone_heard(440.0);

    let journal = service.stop_and_verify();
    for event in [
        "call_placed",
        "interpreter_assigned",
        "dialing_started",
        "called_rang",
        "called_answered",
        "ended",
    ] {
        assert!(journal.contains(event), "{event} is journalled:\n{journal}");
    }
}

#[test]
fn the_callers_own_voice_reaches_the_telephone_when_they_turn_it_on() {
    let mut service = Service::start();
    let (caller, interpreter) = service.conversation();
    interpreter.send(Command::SetMicrophoneMuted(true));
    caller.send(Command::SetMicrophoneMuted(false));
    std::thread::sleep(std::time::Duration::from_secs(4));
    caller.send(Command::HangUp);
    service.telephone_heard(660.0);
    service.stop_and_verify();
}

#[test]
fn r43_keys_get_an_interpreter_through_a_menu_and_a_caller_too() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let keyed = |service: &Service, keys: &str| {
        let telephone = service.telephone().expect("a telephone");
        let _line = telephone.line(&format!(": keys {keys}"));
    };
    for key in "1905*#".chars() {
        interpreter.send(Command::SendKey(Sensitive::new(key)));
    }
    // No key of a telephone: nothing is sent.
    interpreter.send(Command::SendKey(Sensitive::new('x')));
    keyed(&service, "1905*#");
    for key in "22".chars() {
        caller.send(Command::SendKey(Sensitive::new(key)));
    }
    keyed(&service, "1905*#22");

    service.at_telephone("press 77#");
    for party in [&mut caller, &mut interpreter] {
        let mut keys = String::new();
        party.wait("the telephone's keys", |event| {
            if let Event::KeyPressed(key) = event {
                keys.push(*key.expose());
            }
            (keys == "77#").then_some(())
        });
    }
    caller.send(Command::HangUp);
    let report = service.telephone_report();
    assert_eq!(report["digits"], "1905*#22", "{report}");
    service.stop_and_verify();
}

#[test]
fn a_caller_who_gives_up_while_queued_leaves_no_leg_behind() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    caller.call_where("a place in the queue", |view| {
        view.queue_position == Some(1)
    });
    caller.send(Command::HangUp);
    assert!(caller.ended().by_us);
    interpreter.ended();
    let journal = service.stop_and_verify();
    assert!(journal.contains("caller_cancelled"), "{journal}");
}

#[test]
fn a_caller_who_gives_up_while_the_telephone_rings_leaves_no_leg_behind() {
    let mut service = ServiceBuilder::default()
        .telephone(&["--behaviour", "no-answer"])
        .start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.call_where("ringing", |view| view.telephone == TelephoneState::Ringing);
    caller.send(Command::HangUp);
    assert!(caller.ended().by_us);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    let journal = service.stop_and_verify();
    assert!(journal.contains("caller_hung_up"), "{journal}");
}

#[test]
fn a_caller_who_hangs_up_in_conversation_ends_it_for_all() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    caller.send(Command::HangUp);
    assert!(caller.ended().by_us);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn a_telephone_that_hangs_up_ends_it_for_all() {
    let answer = [
        "--behaviour",
        "answer",
        "--tone",
        "1000",
        "--hang-up-after-s",
        "2",
    ];
    let mut service = ServiceBuilder::default().telephone(&answer).start();
    let (mut caller, mut interpreter) = service.conversation();
    assert_eq!(caller.ended().reason, Some(EndReason::HearingHungUp));
    assert_eq!(interpreter.ended().reason, Some(EndReason::HearingHungUp));
    service.stop_and_verify();
}

#[test]
fn a_declined_invitation_goes_to_the_next_interpreter() {
    let mut service = Service::start();
    service.add_account(
        "interpreter",
        "2345",
        "another password",
        &["--languages", "ase/en"],
    );
    let mut first = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    first.invited();
    let mut second = Party::interpreter(&service, "2345", "another password");
    first.send(Command::Decline);
    second.invited();
    second.send(Command::Answer);
    let active = caller.state(SessionState::RelayActive);
    assert_eq!(
        active.interpreter.map(|ca| ca.to_string()).as_deref(),
        Some("2345")
    );
    caller.send(Command::HangUp);
    second.ended();
    let journal = service.stop_and_verify();
    assert!(journal.contains("invitation_declined"), "{journal}");
}

#[test]
fn a_busy_telephone_ends_the_call_with_its_name() {
    let mut service = ServiceBuilder::default()
        .telephone(&["--behaviour", "busy"])
        .start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    let end = caller.ended();
    assert_eq!(
        (end.reason, end.by_us),
        (Some(EndReason::HearingBusy), false)
    );
    assert_eq!(interpreter.ended().reason, Some(EndReason::HearingBusy));
    assert!(service.stop_and_verify().contains("hearing_busy"));
}

#[test]
fn a_telephone_that_nobody_answers_ends_the_call_with_its_name() {
    let mut service = ServiceBuilder::default()
        .telephone(&["--behaviour", "no-answer"])
        .configure(
            "#hearing_ring_timeout_s = 180",
            "hearing_ring_timeout_s = 3",
        )
        .start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    assert_eq!(caller.ended().reason, Some(EndReason::HearingNoAnswer));
    assert_eq!(interpreter.ended().reason, Some(EndReason::HearingNoAnswer));
    assert!(service.stop_and_verify().contains("hearing_no_answer"));
}

#[test]
fn with_no_interpreter_signed_in_the_caller_is_told_so() {
    let mut service = Service::start();
    let mut caller = service.caller();
    caller.call(NUMBER);
    assert_eq!(caller.ended().reason, Some(EndReason::NoInterpreter));
    assert!(service.stop_and_verify().contains("no_interpreter"));
}

#[test]
fn r26_a_dead_trunk_is_named() {
    // Port 9 (discard) of loopback: nobody listens there.
    let mut service = ServiceBuilder::default()
        .gateway("127.0.0.1:9", "tcp")
        .start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    assert_eq!(caller.ended().reason, Some(EndReason::TrunkUnavailable));
    interpreter.ended();
    assert!(service.stop_and_verify().contains("trunk_unavailable"));
}

#[test]
fn a_tls_trunk_carries_srtp_in_both_directions() {
    let mut service = ServiceBuilder::default().transport("tls").start();
    let (mut caller, mut interpreter) = service.conversation();
    interpreter.stats_where("the telephone's tone", |stats| {
        stats.heard_hz.is_some_and(|hz| (hz - 1000.0).abs() < 40.0)
    });
    caller.send(Command::HangUp);
    interpreter.ended();
    caller.ended();
    service.telephone_heard(440.0);
    service.stop_and_verify();
}

#[test]
fn a_tcp_trunk_carries_a_call() {
    let mut service = ServiceBuilder::default().transport("tcp").start();
    let (mut caller, mut interpreter) = service.conversation();
    caller.send(Command::HangUp);
    interpreter.ended();
    caller.ended();
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again() {
    let service = Service::start();
    let mut caller = Party::new(&service, Role::Caller, CALLER, 660.0);
    caller.sign_in(&service, CALLER, "not the password");
    let problem = caller.wait("a refusal", |event| {
        if let Event::SignInFailed(problem) = event {
            Some(problem.clone())
        } else {
            None
        }
    });
    assert!(
        matches!(problem, SignInProblem::WrongPassword),
        "{problem:?}"
    );
}

#[test]
fn an_interpreter_who_is_away_is_not_asked() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    interpreter.send(Command::SetActivity(Activity::Away));
    let mut caller = service.caller();
    caller.call(NUMBER);
    caller.call_where("a place in the queue", |view| {
        view.queue_position == Some(1)
    });
    interpreter.send(Command::SetActivity(Activity::Available));
    interpreter.invited();
    caller.send(Command::HangUp);
    caller.ended();
    service.stop_and_verify();
}

/// A peer looks for a path for half a minute only; the search must not begin with the waiting.
#[test]
fn a_caller_who_waited_long_is_connected_when_an_interpreter_comes() {
    const LONGER_THAN_ICE_LASTS: Duration = Duration::from_secs(33);
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    interpreter.send(Command::SetActivity(Activity::Away));
    let mut caller = service.caller();
    caller.call(NUMBER);
    caller.call_where("a place in the queue", |view| {
        view.queue_position == Some(1)
    });
    std::thread::sleep(LONGER_THAN_ICE_LASTS);
    interpreter.send(Command::SetActivity(Activity::Available));
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.state(SessionState::RelayActive);
    caller.stats_where("the interpreter's picture", |stats| {
        stats.frames_decoded > 10
    });
    interpreter.stats_where("the caller's picture", |stats| stats.frames_decoded > 10);
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();
}
