//! Whole calls between two endpoints, in good weather and bad.

use super::pair::{CLIENT, FLOW, Pair, SERVER, WSS, Weather, address, invite_params, sdp};
use std::time::Duration;
use vrs_sip::{Body, Event, FlowId, FlowKind, Reason};

const STORM: Weather = Weather {
    loss: 250,
    twice: 250,
    late: 300,
};

const KINDS: [FlowKind; 4] = [
    FlowKind::Datagram,
    FlowKind::Reliable {
        websocket: false,
        tls: false,
    },
    FlowKind::Reliable {
        websocket: false,
        tls: true,
    },
    WSS,
];

fn ended(event: &Event) -> Option<Option<Reason>> {
    match event {
        Event::Ended { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

fn hung_up(event: &Event) -> Option<()> {
    matches!(event, Event::HungUp { .. }).then_some(())
}

#[test]
fn a_call_is_placed_answered_and_ended_over_every_transport() {
    for kind in KINDS {
        let mut pair = Pair::new(kind, Weather::default(), 7);
        let (client, _) = pair.established();
        let via = format!(
            "Via: SIP/2.0/{} client.invalid;branch=z9hG4bK",
            kind.transport()
        );
        assert!(pair.sides[CLIENT].sent[0].1.contains(&via));
        pair.sides[CLIENT]
            .endpoint
            .hang_up(pair.now, client, Some(Reason::sip(200, "done")));
        assert_eq!(pair.until(SERVER, ended), Some(Reason::sip(200, "done")));
        pair.until(CLIENT, hung_up);
        pair.assert_empty();
    }
}

#[test]
fn progress_carries_headers_and_the_answer_its_body() {
    let mut pair = Pair::wss();
    pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let request = pair.until(SERVER, |event| match event {
        Event::IncomingInvite { request, call, .. } => Some((*call, request.clone())),
        _ => None,
    });
    assert_eq!(request.1.body, b"v=0 offer");
    assert_eq!(request.1.headers.get("VRS-Languages"), Some("ase/en"));
    let queue = vec![("VRS-Queue-Position".to_owned(), "3".to_owned())];
    pair.sides[SERVER]
        .endpoint
        .progress(pair.now, request.0, 182, queue, None);
    let progress = pair.until(CLIENT, |event| match event {
        Event::Progress { response, .. } => Some(response.clone()),
        _ => None,
    });
    assert_eq!(
        (progress.status, progress.headers.get("VRS-Queue-Position")),
        (182, Some("3"))
    );
    pair.sides[SERVER]
        .endpoint
        .accept(pair.now, request.0, Vec::new(), sdp("v=0 answer"));
    let answer = pair.until(CLIENT, |event| match event {
        Event::Answered { response, .. } => Some(response.clone()),
        _ => None,
    });
    assert_eq!(answer.body, b"v=0 answer");
    assert_eq!(
        answer.headers.content_type().as_deref(),
        Some("application/sdp")
    );
}

#[test]
fn websocket_clients_name_themselves_invalid_and_are_reached_all_the_same() {
    let mut pair = Pair::wss();
    let (_, server) = pair.established();
    let invite = &pair.sides[CLIENT].sent[0].1;
    assert!(
        invite.contains("Contact: <sip:alice@client.invalid;transport=ws;ob>\r\n"),
        "{invite}"
    );
    assert!(!invite.contains("rport"));
    pair.sides[SERVER].endpoint.hang_up_with(
        pair.now,
        server,
        Some(Reason::sip(480, "no interpreter")),
        vec![("VRS-Reason".to_owned(), "no_interpreter".to_owned())],
    );
    let (reason, word) = pair.until(CLIENT, |event| match event {
        Event::Ended {
            reason, headers, ..
        } => Some((
            reason.clone(),
            headers.get("VRS-Reason").map(ToOwned::to_owned),
        )),
        _ => None,
    });
    assert_eq!(reason, Some(Reason::sip(480, "no interpreter")));
    assert_eq!(word.as_deref(), Some("no_interpreter"));
    let bye = pair.sides[SERVER]
        .sent
        .iter()
        .find(|(_, text)| text.starts_with("BYE "))
        .unwrap();
    assert!(
        bye.1
            .starts_with("BYE sip:alice@client.invalid;transport=ws;ob SIP/2.0\r\n")
    );
    pair.until(SERVER, hung_up);
    pair.assert_empty();
}

#[test]
fn calls_survive_loss_doubling_and_reordering_of_datagrams() {
    for seed in 1..=40 {
        let mut pair = Pair::new(FlowKind::Datagram, STORM, seed);
        let (client, server) = pair.established();
        for n in 0..3 {
            let body = Body::new("text/plain", format!("{n}"));
            pair.sides[SERVER].endpoint.info(
                pair.now,
                server,
                vec![("Info-Package".into(), "vrs-status".into())],
                body,
            );
            let got = pair.until(CLIENT, |event| match event {
                Event::Info { request, .. } => Some(request.body.clone()),
                _ => None,
            });
            assert_eq!(got, format!("{n}").as_bytes(), "seed {seed}");
        }
        pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
        pair.until(SERVER, ended);
        pair.until(CLIENT, hung_up);
        pair.assert_empty();
        for side in &pair.sides {
            // Nothing happened twice: all that is left over is the 180, if it came.
            let extra = side
                .events
                .iter()
                .filter(|event| !matches!(event, Event::Progress { .. }))
                .count();
            assert_eq!(extra, 0, "seed {seed}: {:?}", side.events);
        }
    }
}

#[test]
fn every_datagram_twice_is_one_call() {
    let mut pair = Pair::new(
        FlowKind::Datagram,
        Weather {
            twice: 1000,
            ..Weather::default()
        },
        3,
    );
    let (client, _) = pair.established();
    pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
    pair.until(SERVER, ended);
    pair.until(CLIENT, hung_up);
    pair.assert_empty();
    assert!(
        pair.sides[SERVER].events.is_empty(),
        "{:?}",
        pair.sides[SERVER].events
    );
}

#[test]
fn a_200_is_repeated_until_its_ack_arrives() {
    let repeated = |pair: &Pair| pair.count(SERVER, "SIP/2.0 200");
    let mut pair = Pair::datagram();
    pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let server = pair.incoming();
    pair.sides[SERVER]
        .endpoint
        .accept(pair.now, server, Vec::new(), sdp("v=0"));
    pair.drain();
    pair.weather.loss = 1000;
    pair.wait(Duration::from_secs(3));
    assert!(repeated(&pair) >= 3, "{}", repeated(&pair));
    pair.weather.loss = 0;
    pair.until(SERVER, |event| {
        matches!(event, Event::Acked { .. }).then_some(())
    });
    let copies = repeated(&pair);
    pair.wait(Duration::from_secs(10));
    assert_eq!(repeated(&pair), copies);
}

#[test]
fn a_call_whose_200_is_never_acknowledged_ends_after_32_s() {
    let mut pair = Pair::wss();
    pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let server = pair.incoming();
    pair.weather.loss = 1000;
    let before = pair.at();
    pair.sides[SERVER]
        .endpoint
        .accept(pair.now, server, Vec::new(), sdp("v=0"));
    let reason = pair.until(SERVER, ended).unwrap();
    assert_eq!((reason.cause, (pair.at() - before).as_secs()), (408, 32));
    assert!(pair.count(SERVER, "BYE ") >= 1);
    pair.finish();
    assert_eq!(pair.sides[SERVER].endpoint.counts().0, 0);
}

#[test]
fn an_invite_nobody_answers_fails_with_408_after_64_t1() {
    for kind in KINDS {
        let mut pair = Pair::new(
            kind,
            Weather {
                loss: 1000,
                ..Weather::default()
            },
            5,
        );
        pair.sides[CLIENT]
            .endpoint
            .invite(pair.now, FLOW, invite_params());
        let status = pair.until(CLIENT, |event| match event {
            Event::Failed {
                status,
                response: None,
                ..
            } => Some(*status),
            _ => None,
        });
        assert_eq!((status, pair.at().as_secs()), (408, 32));
        assert_eq!(
            pair.count(CLIENT, "INVITE "),
            if kind == FlowKind::Datagram { 7 } else { 1 }
        );
        pair.assert_empty();
    }
}

#[test]
fn a_refusal_reaches_the_caller_and_is_acknowledged() {
    for weather in [Weather::default(), STORM] {
        let mut pair = Pair::new(FlowKind::Datagram, weather, 9);
        pair.sides[CLIENT]
            .endpoint
            .invite(pair.now, FLOW, invite_params());
        let server = pair.incoming();
        let why = vec![("VRS-Reason".to_owned(), "busy".to_owned())];
        pair.sides[SERVER]
            .endpoint
            .reject(pair.now, server, 486, why);
        let (status, word) = pair.until(CLIENT, |event| match event {
            Event::Failed {
                status,
                response: Some(response),
                ..
            } => Some((
                *status,
                response.headers.get("VRS-Reason").map(ToOwned::to_owned),
            )),
            _ => None,
        });
        assert_eq!((status, word.as_deref()), (486, Some("busy")));
        assert!(pair.count(CLIENT, "ACK ") >= 1);
        pair.assert_empty();
    }
}

#[test]
fn a_cancel_before_the_answer_ends_the_invite_with_487() {
    for (kind, weather) in [(WSS, Weather::default()), (FlowKind::Datagram, STORM)] {
        for seed in 1..=10 {
            let mut pair = Pair::new(kind, weather, seed);
            let client = pair.sides[CLIENT]
                .endpoint
                .invite(pair.now, FLOW, invite_params());
            pair.incoming();
            pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
            pair.until(SERVER, |event| {
                matches!(event, Event::Cancelled { .. }).then_some(())
            });
            pair.until(CLIENT, hung_up);
            pair.assert_empty();
            assert!(pair.sides[CLIENT].events.is_empty());
        }
    }
}

#[test]
fn a_cancel_waits_for_the_first_provisional() {
    let mut pair = Pair::wss();
    let client = pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
    pair.drain();
    assert_eq!(pair.count(CLIENT, "CANCEL "), 0);
    pair.until(CLIENT, hung_up);
    assert_eq!(pair.count(CLIENT, "CANCEL "), 1);
    pair.assert_empty();
}

#[test]
fn a_cancel_that_crosses_the_200_becomes_a_bye() {
    for weather in [Weather::default(), STORM] {
        let mut pair = Pair::new(FlowKind::Datagram, weather, 11);
        let client = pair.sides[CLIENT]
            .endpoint
            .invite(pair.now, FLOW, invite_params());
        let server = pair.incoming();
        pair.wait(Duration::from_millis(1500));
        pair.sides[SERVER]
            .endpoint
            .accept(pair.now, server, Vec::new(), sdp("v=0"));
        pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
        pair.until(SERVER, ended);
        pair.until(CLIENT, hung_up);
        let answered = pair.sides[CLIENT]
            .events
            .iter()
            .any(|event| matches!(event, Event::Answered { .. }));
        assert!(!answered);
        pair.assert_empty();
    }
}

#[test]
fn hanging_up_an_unanswered_incoming_call_refuses_it_with_603_and_its_reason() {
    let mut pair = Pair::wss();
    pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let server = pair.incoming();
    pair.sides[SERVER]
        .endpoint
        .hang_up(pair.now, server, Some(Reason::sip(603, "declined")));
    let reason = pair.until(CLIENT, |event| match event {
        Event::Failed {
            status: 603,
            response: Some(response),
            ..
        } => response.headers.reason(),
        _ => None,
    });
    assert_eq!(reason, Reason::sip(603, "declined"));
    pair.until(SERVER, hung_up);
    pair.assert_empty();
}

#[test]
fn the_called_party_waits_for_the_ack_before_its_bye() {
    let mut pair = Pair::datagram();
    pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let server = pair.incoming();
    pair.sides[SERVER]
        .endpoint
        .accept(pair.now, server, Vec::new(), sdp("v=0"));
    pair.sides[SERVER].endpoint.hang_up(pair.now, server, None);
    pair.drain();
    assert_eq!(pair.count(SERVER, "BYE "), 0);
    pair.until(CLIENT, ended);
    pair.until(SERVER, hung_up);
    pair.assert_empty();
}

#[test]
fn both_hanging_up_at_once_leaves_nothing_behind() {
    let mut pair = Pair::wss();
    let (client, server) = pair.established();
    pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
    pair.sides[SERVER].endpoint.hang_up(pair.now, server, None);
    pair.until(CLIENT, hung_up);
    pair.until(SERVER, hung_up);
    pair.assert_empty();
}

#[test]
fn a_reinvite_changes_the_session_and_a_refusal_leaves_it() {
    let mut pair = Pair::datagram();
    let (client, server) = pair.established();
    pair.sides[CLIENT]
        .endpoint
        .reinvite(pair.now, client, sdp("v=0 second"));
    let offer = pair.until(SERVER, |event| match event {
        Event::Reinvite { request, .. } => Some(request.body.clone()),
        _ => None,
    });
    assert_eq!(offer, b"v=0 second");
    pair.sides[SERVER]
        .endpoint
        .answer_reinvite(pair.now, server, 200, Some(sdp("v=0 yes")));
    let result = |event: &Event| match event {
        Event::ReinviteResult {
            status, response, ..
        } => Some((
            *status,
            response.as_ref().map(|response| response.body.clone()),
        )),
        _ => None,
    };
    assert_eq!(pair.until(CLIENT, result), (200, Some(b"v=0 yes".to_vec())));
    pair.until(SERVER, |event| {
        matches!(event, Event::Acked { .. }).then_some(())
    });

    pair.sides[SERVER]
        .endpoint
        .reinvite(pair.now, server, sdp("v=0 third"));
    pair.until(CLIENT, |event| {
        matches!(event, Event::Reinvite { .. }).then_some(())
    });
    pair.sides[CLIENT]
        .endpoint
        .answer_reinvite(pair.now, client, 488, None);
    assert_eq!(pair.until(SERVER, result).0, 488);
    pair.sides[SERVER].endpoint.hang_up(pair.now, server, None);
    pair.until(CLIENT, ended);
    pair.assert_empty();
}

#[test]
fn reinvites_that_cross_get_491_and_both_succeed_later() {
    for kind in [WSS, FlowKind::Datagram] {
        let mut pair = Pair::new(kind, Weather::default(), 13);
        let calls = pair.established();
        pair.sides[CLIENT]
            .endpoint
            .reinvite(pair.now, calls.0, sdp("v=0 client"));
        pair.sides[SERVER]
            .endpoint
            .reinvite(pair.now, calls.1, sdp("v=0 server"));
        for (side, call) in [(CLIENT, calls.0), (SERVER, calls.1)] {
            pair.until(side, |event| {
                matches!(event, Event::Reinvite { .. }).then_some(())
            });
            pair.sides[side]
                .endpoint
                .answer_reinvite(pair.now, call, 200, Some(sdp("v=0 ok")));
            let status = pair.until(1 - side, |event| match event {
                Event::ReinviteResult { status, .. } => Some(*status),
                _ => None,
            });
            assert_eq!(status, 200);
        }
        assert_eq!(
            pair.count(CLIENT, "SIP/2.0 491") + pair.count(SERVER, "SIP/2.0 491"),
            2
        );
    }
}

#[test]
fn an_info_package_that_nobody_takes_is_refused_by_469_and_the_call_goes_on() {
    let mut pair = Pair::wss();
    let (client, _) = pair.established();
    let package = vec![("Info-Package".to_owned(), "tango".to_owned())];
    pair.sides[CLIENT]
        .endpoint
        .info(pair.now, client, package, Body::new("text/plain", "x"));
    let status = pair.until(CLIENT, |event| match event {
        Event::InfoFailed { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 469);
    let told = &pair.sides[SERVER].sent.last().unwrap().1;
    assert!(told.contains("Recv-Info: vrs-status\r\n"), "{told}");
    assert!(pair.sides[SERVER].events.is_empty());
    pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
    pair.until(SERVER, ended);
}

#[test]
fn a_refused_info_is_reported_and_the_call_goes_on() {
    let mut pair = Pair::wss();
    let (client, server) = pair.established();
    // The server forgets the call behind the client's back: 481 ends it at the client too.
    pair.sides[SERVER].endpoint.close_flow(pair.now, FLOW);
    pair.until(SERVER, |event| {
        matches!(event, Event::FlowLost { .. }).then_some(())
    });
    pair.sides[SERVER].endpoint.hang_up(pair.now, server, None);
    pair.until(SERVER, hung_up);
    pair.sides[SERVER]
        .endpoint
        .open_flow(FLOW, WSS, address("vrs.test"));
    pair.sides[CLIENT]
        .endpoint
        .info(pair.now, client, Vec::new(), Body::new("text/plain", "x"));
    let status = pair.until(CLIENT, |event| match event {
        Event::InfoFailed { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 481);
    assert_eq!(pair.until(CLIENT, ended).unwrap().cause, 481);
    pair.assert_empty();
}

#[test]
fn info_in_an_early_dialog_does_not_disturb_the_numbers_of_the_established_one() {
    let mut pair = Pair::wss();
    let client = pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let server = pair.incoming();
    pair.sides[SERVER]
        .endpoint
        .progress(pair.now, server, 182, Vec::new(), None);
    pair.until(CLIENT, |event| {
        matches!(event, Event::Progress { .. }).then_some(())
    });
    for (side, call) in [(SERVER, server), (CLIENT, client)] {
        pair.sides[side].endpoint.info(
            pair.now,
            call,
            Vec::new(),
            Body::new("text/plain", "early"),
        );
        pair.until(1 - side, |event| {
            matches!(event, Event::Info { .. }).then_some(())
        });
    }
    pair.sides[SERVER]
        .endpoint
        .accept(pair.now, server, Vec::new(), sdp("v=0"));
    pair.until(SERVER, |event| {
        matches!(event, Event::Acked { .. }).then_some(())
    });
    pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
    pair.until(SERVER, ended);
    pair.until(CLIENT, hung_up);
    pair.assert_empty();
}

#[test]
fn a_caller_in_a_queue_hears_the_last_provisional_again_every_minute() {
    let mut pair = Pair::wss();
    pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    let server = pair.incoming();
    pair.sides[SERVER]
        .endpoint
        .progress(pair.now, server, 182, Vec::new(), None);
    pair.wait(Duration::from_secs(150));
    assert_eq!(pair.count(SERVER, "SIP/2.0 182"), 3);
    pair.sides[SERVER]
        .endpoint
        .reject(pair.now, server, 480, Vec::new());
    pair.assert_empty();
}

#[test]
fn a_lost_flow_fails_what_is_unanswered_and_keeps_what_is_established() {
    let mut pair = Pair::wss();
    let (client, server) = pair.established();
    let waiting = pair.sides[CLIENT]
        .endpoint
        .invite(pair.now, FLOW, invite_params());
    pair.incoming();
    for side in [CLIENT, SERVER] {
        pair.sides[side].endpoint.close_flow(pair.now, FLOW);
    }
    pair.drain();
    let failed = pair.until(CLIENT, |event| match event {
        Event::Failed { call, status, .. } => Some((*call, *status)),
        _ => None,
    });
    assert_eq!(failed, (waiting, 503));
    pair.until(SERVER, |event| {
        matches!(event, Event::Cancelled { .. }).then_some(())
    });
    for (side, call) in [(CLIENT, client), (SERVER, server)] {
        let lost = pair.until(side, |event| match event {
            Event::FlowLost { call } => Some(*call),
            _ => None,
        });
        assert_eq!(lost, call);
    }
}

#[test]
fn a_call_moved_to_a_new_connection_goes_on_there() {
    let mut pair = Pair::wss();
    let (client, server) = pair.established();
    for side in [CLIENT, SERVER] {
        pair.sides[side].endpoint.close_flow(pair.now, FLOW);
    }
    pair.until(CLIENT, |event| {
        matches!(event, Event::FlowLost { .. }).then_some(())
    });
    // The new connection; the harness carries one flow at a time under the same number.
    pair.sides[CLIENT]
        .endpoint
        .open_flow(FLOW, WSS, address("second.invalid"));
    pair.sides[SERVER]
        .endpoint
        .open_flow(FLOW, WSS, address("vrs.test"));
    pair.sides[CLIENT].endpoint.move_call(client, FLOW);
    pair.sides[SERVER].endpoint.move_call(server, FLOW);
    pair.sides[CLIENT]
        .endpoint
        .reinvite(pair.now, client, sdp("v=0 moved"));
    pair.until(SERVER, |event| {
        matches!(event, Event::Reinvite { .. }).then_some(())
    });
    pair.sides[SERVER]
        .endpoint
        .answer_reinvite(pair.now, server, 200, Some(sdp("v=0 ok")));
    pair.until(CLIENT, |event| {
        matches!(event, Event::ReinviteResult { status: 200, .. }).then_some(())
    });
    pair.until(SERVER, |event| {
        matches!(event, Event::Acked { .. }).then_some(())
    });
    pair.sides[SERVER].endpoint.hang_up(pair.now, server, None);
    pair.until(CLIENT, ended);
    let bye = pair.sides[SERVER]
        .sent
        .iter()
        .find(|(_, text)| text.starts_with("BYE "))
        .unwrap();
    assert!(
        bye.1
            .starts_with("BYE sip:alice@second.invalid;transport=ws;ob "),
        "{}",
        bye.1
    );
    assert_eq!(
        pair.sides[SERVER].endpoint.call_flow(server),
        Some(FlowId(1))
    );
    pair.assert_empty();
}

#[test]
fn hanging_up_a_call_whose_flow_is_lost_ends_it_at_once() {
    let mut pair = Pair::wss();
    let (client, _) = pair.established();
    pair.sides[CLIENT].endpoint.close_flow(pair.now, FLOW);
    pair.sides[CLIENT].endpoint.hang_up(pair.now, client, None);
    pair.until(CLIENT, hung_up);
    assert_eq!(pair.sides[CLIENT].endpoint.counts(), (0, 0, 0));
}

/// Hangs up with patience, once without a connection and once just before it breaks; the BYE goes
/// out on the next one.
#[test]
fn a_hang_up_waits_for_a_connection_and_not_for_ever() {
    let patience = Duration::from_secs(60);
    for breaks_first in [true, false] {
        let mut pair = Pair::wss();
        let (client, server) = pair.established();
        let until = pair.now + patience;
        if breaks_first {
            pair.sides[SERVER].endpoint.close_flow(pair.now, FLOW);
        }
        let headers = vec![("Reason".to_owned(), "Q.850;cause=16".to_owned())];
        pair.sides[SERVER]
            .endpoint
            .hang_up_patiently(pair.now, server, headers, until);
        if !breaks_first {
            pair.sides[SERVER].endpoint.close_flow(pair.now, FLOW);
        }
        // What was on its way is lost with the connection.
        while pair.sides[SERVER].endpoint.poll_output().is_some() {}
        assert!(pair.sides[SERVER].endpoint.waits_to_hang_up(server));
        pair.sides[CLIENT].endpoint.close_flow(pair.now, FLOW);
        for side in [CLIENT, SERVER] {
            pair.sides[side]
                .endpoint
                .open_flow(FLOW, WSS, address("again.invalid"));
        }
        pair.sides[CLIENT].endpoint.move_call(client, FLOW);
        pair.sides[SERVER]
            .endpoint
            .hang_up_on(pair.now, server, FLOW);
        assert_eq!(pair.until(CLIENT, ended).unwrap().cause, 16);
        pair.until(SERVER, hung_up);
        pair.assert_empty();
    }
    let mut pair = Pair::wss();
    let (_, server) = pair.established();
    pair.sides[SERVER].endpoint.close_flow(pair.now, FLOW);
    let until = pair.now + patience;
    pair.sides[SERVER]
        .endpoint
        .hang_up_patiently(pair.now, server, Vec::new(), until);
    pair.until(SERVER, hung_up);
    assert_eq!(pair.now, until);
    assert_eq!(pair.sides[SERVER].endpoint.counts().0, 0);
}
