//! The server is killed in the middle of conversations, and they go on.

use std::time::{Duration, Instant};

use vrs_client::{Command, Role, VideoSize};
use vrs_domain::{EndReason, SessionId, SessionState};
use vrs_e2e::{CALLER_PASSWORD, Cable, NUMBER, Party, Record, Service, is_talking, server};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until this party talks; which session it is.
fn talking(party: &mut Party) -> Option<SessionId> {
    party.call_where("the conversation", is_talking).session
}

/// Waits until this many legs are recorded as being back since the restart.
fn are_back(service: &Service, legs: usize) {
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = server(&["journal", "show"], service.config());
        let text = String::from_utf8_lossy(&shown.stdout);
        let since = text
            .lines()
            .skip_while(|line| !line.contains("\"resumed\""));
        let back = since
            .filter(|line| line.contains("\"leg_connected\""))
            .count();
        if back >= legs {
            return;
        }
        assert!(Instant::now() < end, "{back} legs are back, not {legs}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn r02_a_conversation_goes_on_after_the_server_was_killed_and_nobody_redials() {
    let mut service = Service::start();
    let cable = Cable::to(service.secure());
    let mut interpreter = service.interpreter_over(&cable);
    let mut caller = service.caller_over(&cable);
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    let session = talking(&mut caller);
    talking(&mut interpreter);
    caller.stats_where("pictures", |stats| stats.frames_decoded > 10);
    service.kill_server();
    service.run_server();
    cable.lay_to(service.secure());
    for party in [&mut caller, &mut interpreter] {
        party.call_where("no media", |view| !view.media_connected);
        let view = party.call_where("media again", |view| view.media_connected);
        assert_eq!(view.session, session, "the same call");
        assert_eq!(view.state, Some(SessionState::RelayActive));
    }
    caller.sees("pictures again");
    interpreter.sees("pictures again");
    // The telephone was not dropped: it is heard again, and hears.
    interpreter.hears_the_telephone();
    are_back(&service, 3);
    std::thread::sleep(Duration::from_millis(500));
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    let report = service.telephone_heard(440.0);
    assert_eq!(report["ended_by"], "far_end");
    let journal = service.stop_and_verify();
    assert!(journal.contains("\"resumed\""), "{journal}");
    assert_eq!(journal.matches("call_placed").count(), 1, "{journal}");
    let before = Record::ordinary(session.expect("an id"));
    let after = Record {
        number: 2,
        ..before.clone()
    };
    service.check_records(&[before, after]);
}

/// Conversations that are up when the server is killed.
const CROWD: usize = 20;

#[test]
fn r02_twenty_conversations_go_on_after_the_server_was_killed() {
    let mut service = Service::start();
    let cable = Cable::to(service.secure());
    let video = VideoSize {
        width: 160,
        height: 120,
        fps: 5,
    };
    let join = |role, account: String, more: &[&str]| {
        let (kind, hz) = match role {
            Role::Caller => ("caller", 660.0),
            Role::Interpreter => ("interpreter", 440.0),
        };
        service.add_account(kind, &account, CALLER_PASSWORD, more);
        let mut party = Party::with_video(&service, role, &account, hz, video);
        party.sign_in_at(&cable.address(), &account, CALLER_PASSWORD);
        party.signed_in();
        party
    };
    let mut calls = Vec::new();
    for n in 0..CROWD {
        let mut interpreter = join(
            Role::Interpreter,
            format!("{}", 2000 + n),
            &["--languages", "ase/en"],
        );
        let mut caller = join(Role::Caller, format!("+155501002{n:02}"), &[]);
        caller.call(NUMBER);
        interpreter.invited();
        interpreter.send(Command::Answer);
        let session = talking(&mut caller);
        talking(&mut interpreter);
        calls.push((caller, interpreter, session));
    }
    service.kill_server();
    service.run_server();
    cable.lay_to(service.secure());
    for (caller, interpreter, session) in &mut calls {
        for party in [caller, interpreter] {
            party.call_where("no media", |view| !view.media_connected);
            let view = party.call_where("media again", |view| view.media_connected);
            assert_eq!(view.session, *session, "the same call");
        }
    }
    for (_, interpreter, _) in &mut calls {
        interpreter.hears_the_telephone();
    }
    are_back(&service, 3 * CROWD);
    for (caller, interpreter, _) in &mut calls {
        caller.send(Command::HangUp);
        assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    }
    let journal = service.stop_and_verify();
    assert_eq!(journal.matches("\"resumed\"").count(), CROWD, "{journal}");
    assert_eq!(journal.matches("call_placed").count(), CROWD, "{journal}");
    let names: Vec<_> = (0..CROWD)
        .map(|n| (format!("{}", 2000 + n), format!("+155501002{n:02}")))
        .collect();
    let records = calls.iter().zip(&names);
    let records = records.flat_map(|((_, _, session), (ca, caller))| {
        [1, 2].map(|number| Record {
            number,
            ca: Some(ca),
            incoming: Some(caller),
            ..Record::ordinary(session.expect("an id"))
        })
    });
    service.check_records(&records.collect::<Vec<_>>());
}
