//! A call goes on after the server's process was replaced.

use crate::pair::{CLIENT, FLOW, Pair, SERVER, WSS, address, config, invite_params, sdp};
use vrs_sip::{CallHandle, Endpoint, Event, Role};

/// The server's process is another one now: it knows the call from what was written down.
fn replace_server(pair: &mut Pair, server: CallHandle) -> CallHandle {
    let saved = pair.sides[SERVER].endpoint.save_call(server).unwrap();
    pair.sides[CLIENT].endpoint.close_flow(pair.now, FLOW);
    pair.sides[SERVER].endpoint = Endpoint::new(config(9, Role::Server), pair.now);
    for (side, host) in [(CLIENT, "second.invalid"), (SERVER, "vrs.test")] {
        pair.sides[side]
            .endpoint
            .open_flow(FLOW, WSS, address(host));
    }
    pair.sides[SERVER].endpoint.restore_call(&saved).unwrap()
}

#[test]
fn a_call_is_taken_up_by_another_process_and_offered_anew() {
    let mut pair = Pair::wss();
    let (client, before) = pair.established();
    // What was sent after the call was written down does not disturb its numbers.
    let saved = pair.sides[SERVER].endpoint.save_call(before).unwrap();
    let server = replace_server(&mut pair, before);
    assert!(pair.sides[SERVER].endpoint.restore_call(&saved).is_none());
    pair.sides[CLIENT].endpoint.move_call(client, FLOW);
    pair.sides[SERVER].endpoint.move_call(server, FLOW);
    let now = pair.now;
    pair.sides[SERVER]
        .endpoint
        .reinvite(now, server, sdp("v=0 anew"));
    pair.until(CLIENT, |event| {
        matches!(event, Event::Reinvite { .. }).then_some(())
    });
    let now = pair.now;
    pair.sides[CLIENT]
        .endpoint
        .answer_reinvite(now, client, 200, Some(sdp("v=0 ok")));
    pair.until(SERVER, |event| {
        matches!(event, Event::ReinviteResult { status: 200, .. }).then_some(())
    });
    let now = pair.now;
    pair.sides[CLIENT].endpoint.hang_up(now, client, None);
    pair.until(SERVER, |event| {
        matches!(event, Event::Ended { .. }).then_some(())
    });
}

#[test]
fn a_restored_call_without_a_connection_can_be_ended_and_leaves_nothing() {
    let mut pair = Pair::wss();
    let (_, before) = pair.established();
    let server = replace_server(&mut pair, before);
    let now = pair.now;
    pair.sides[SERVER].endpoint.hang_up(now, server, None);
    pair.until(SERVER, |event| {
        matches!(event, Event::HungUp { .. }).then_some(())
    });
    assert_eq!(pair.sides[SERVER].endpoint.counts().0, 0);
}

#[test]
fn only_an_established_call_is_written_down() {
    let mut pair = Pair::wss();
    let now = pair.now;
    pair.sides[CLIENT]
        .endpoint
        .invite(now, FLOW, invite_params());
    let ringing = pair.incoming();
    assert!(pair.sides[SERVER].endpoint.save_call(ringing).is_none());
}
