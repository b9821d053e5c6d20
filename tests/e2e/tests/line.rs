//! What the telephone's line sounds like, as those see it who do not hear it.

use vrs_client::{CallView, Command};
use vrs_domain::{LineSignal, Loudness, TelephoneState};
use vrs_e2e::{Party, Service, ServiceBuilder};

/// Waits until this is what the line does.
fn line_is(party: &mut Party, signal: Option<LineSignal>) -> CallView {
    let what = signal.map_or("people", LineSignal::word);
    party.call_where(what, |view| view.line.signal == signal)
}

/// A service whose network plays this before the telephone is answered.
fn early(signal: &str, plan: &str) -> Service {
    let telephone = [
        "--behaviour",
        "no-answer",
        "--early",
        signal,
        "--plan",
        plan,
    ];
    ServiceBuilder::default().telephone(&telephone).start()
}

#[test]
fn u2_busy_before_the_answer_is_seen_by_both_although_the_network_says_it_rings() {
    for plan in ["american", "european"] {
        let mut service = early("busy", plan);
        let mut interpreter = service.interpreter();
        let mut caller = service.caller();
        caller.call(vrs_e2e::NUMBER);
        interpreter.invited();
        interpreter.send(Command::Answer);
        let view = line_is(&mut caller, Some(LineSignal::Busy));
        assert_eq!(view.telephone, TelephoneState::Ringing);
        line_is(&mut interpreter, Some(LineSignal::Busy));
        caller.send(Command::HangUp);
        interpreter.ended();
        service.stop_and_verify();
    }
}

#[test]
fn u2_each_signal_of_a_line_is_seen_by_both_and_gone_when_people_talk_again() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    for signal in [
        LineSignal::Ringback,
        LineSignal::Congestion,
        LineSignal::Announcement,
        LineSignal::Music,
        LineSignal::Fax,
        LineSignal::TextTelephone,
        LineSignal::Beep,
        LineSignal::Silence,
    ] {
        service.at_telephone(&format!("play {signal}"));
        for party in [&mut caller, &mut interpreter] {
            line_is(party, Some(signal));
        }
        service.at_telephone("play nothing");
        for party in [&mut caller, &mut interpreter] {
            line_is(party, None);
        }
    }
    caller.send(Command::HangUp);
    interpreter.ended();
    let journal = service.stop_and_verify();
    for signal in LineSignal::ALL {
        let word = format!("\"{signal}\"");
        assert!(
            !journal.contains(&word),
            "nothing of it is recorded:\n{journal}"
        );
    }
}

#[test]
fn n3_who_does_not_hear_sees_that_somebody_speaks_in_either_direction() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let loud = |party: &mut Party, what, is: fn(&CallView) -> bool| {
        party.call_where(what, is);
    };
    for party in [&mut caller, &mut interpreter] {
        loud(party, "both speak", |view| {
            view.line.from >= Loudness::Normal && view.line.to >= Loudness::Normal
        });
    }
    interpreter.send(Command::SetMicrophoneMuted(true));
    for party in [&mut caller, &mut interpreter] {
        loud(party, "the interpreter is silent", |view| {
            view.line.to == Loudness::Silent
        });
    }
    service.at_telephone("play silence");
    for party in [&mut caller, &mut interpreter] {
        loud(party, "nobody speaks", |view| {
            view.line.from == Loudness::Silent && view.line.to == Loudness::Silent
        });
    }
    interpreter.send(Command::SetMicrophoneMuted(false));
    for party in [&mut caller, &mut interpreter] {
        loud(party, "the interpreter speaks", |view| {
            view.line.from == Loudness::Silent && view.line.to >= Loudness::Normal
        });
    }
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();
}
