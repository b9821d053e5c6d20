//! Peers that are not us: what JsSIP, sipp, baresip and old gateways write.

use super::pair::{Alone, FLOW, WSS, invite_params};
use std::net::SocketAddr;
use vrs_sip::{Event, FlowKind, Role};

const UDP_INVITE: &str = "INVITE sip:service@127.0.0.1:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 10.0.0.7:5061;branch=z9hG4bK-1-1-0;rport\r\n\
From: sipp <sip:sipp@127.0.1.1:5061>;tag=1SIPpTag001\r\nTo: service <sip:service@127.0.0.1:5060>\r\n\
Call-ID: 1-1@127.0.1.1\r\nCSeq: 1 INVITE\r\nContact: sip:sipp@127.0.1.1:5061\r\nMax-Forwards: 70\r\n\
Subject: Performance Test\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";

#[test]
fn responses_to_datagrams_carry_received_and_rport_when_the_peer_is_known() {
    let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
    alone
        .endpoint
        .set_peer_address(FLOW, "192.0.2.9:40000".parse::<SocketAddr>().unwrap());
    let (sent, events) = alone.feed(UDP_INVITE.as_bytes());
    let via =
        "Via: SIP/2.0/UDP 10.0.0.7:5061;branch=z9hG4bK-1-1-0;rport=40000;received=192.0.2.9\r\n";
    assert!(
        sent[0].starts_with("SIP/2.0 100 Trying\r\n") && sent[0].contains(via),
        "{}",
        sent[0]
    );
    assert!(matches!(events.as_slice(), [Event::IncomingInvite { .. }]));

    let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
    alone
        .endpoint
        .set_peer_address(FLOW, "10.0.0.7:5061".parse::<SocketAddr>().unwrap());
    let (sent, _) = alone.feed(UDP_INVITE.replace(";rport", "").as_bytes());
    assert!(
        sent[0].contains("Via: SIP/2.0/UDP 10.0.0.7:5061;branch=z9hG4bK-1-1-0\r\n"),
        "{}",
        sent[0]
    );
}

#[test]
fn required_extensions_we_lack_are_refused_with_420() {
    let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
    let (sent, events) = alone.feed(
        UDP_INVITE
            .replace("Subject:", "Require: 100rel\r\nSubject:")
            .as_bytes(),
    );
    let last = sent.last().unwrap();
    assert!(
        last.starts_with("SIP/2.0 420 Bad Extension\r\n")
            && last.contains("Unsupported: 100rel\r\n")
    );
    assert!(events.is_empty());
}

#[test]
fn compact_folded_and_listed_headers_are_understood() {
    let text = "INVITE sip:b@vrs.test SIP/2.0\r\nv: SIP/2.0/TCP p1;branch=z9hG4bK1 ,\r\n SIP/2.0/TCP a;branch=z9hG4bK0\r\n\
                f: A <sip:a@x>;tag=1\r\nt: <sip:b@vrs.test>\r\ni: c1\r\nCSeq: 1 INVITE\r\n\
                m: <sip:a@one>, <sip:a@two>\r\nRecord-Route: <sip:p1;lr>,\r\n\t<sip:p2;lr>\r\nc: application/sdp\r\nl: 3\r\n\r\nv=0";
    let mut alone = Alone::new(
        FlowKind::Reliable {
            websocket: false,
            tls: false,
        },
        Role::Server,
    );
    let (sent, events) = alone.feed(text.as_bytes());
    let [Event::IncomingInvite { call, .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(sent[0].contains("SIP/2.0/TCP a;branch=z9hG4bK0"));
    let dialog = alone.endpoint.dialog(*call).unwrap();
    assert_eq!(dialog.remote_target.to_string(), "sip:a@one");
    let routes: Vec<_> = dialog.route_set.iter().map(ToString::to_string).collect();
    assert_eq!(routes, ["<sip:p1;lr>", "<sip:p2;lr>"]);
}

#[test]
fn a_javascript_client_registers_and_calls() {
    let register = "REGISTER sip:vrs.test SIP/2.0\r\nVia: SIP/2.0/WSS 5k8sd9fk2l.invalid;branch=z9hG4bK4512\r\nMax-Forwards: 69\r\n\
        To: <sip:1234@vrs.test>\r\nFrom: \"CA\" <sip:1234@vrs.test>;tag=8ah2\r\nCall-ID: q4d\r\nCSeq: 1 REGISTER\r\n\
        Contact: <sip:k2@5k8sd9fk2l.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:1c>\";expires=600\r\n\
        Expires: 600\r\nAllow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\nSupported: path,gruu,outbound\r\n\
        User-Agent: JsSIP 3.13.8\r\nContent-Length: 0\r\n\r\n";
    let mut alone = Alone::new(WSS, Role::Server);
    let (_, events) = alone.feed(register.as_bytes());
    let [Event::IncomingRequest { txn, request, .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(request.headers.lists_token("Supported", "outbound"));
    alone
        .endpoint
        .respond(alone.now, *txn, 200, Vec::new(), None);
    let (sent, _) = alone.drain();
    assert!(
        sent[0].contains("\r\nServer: Visavis/test\r\n")
            && sent[0].contains("To: <sip:1234@vrs.test>;tag=")
    );
    assert!(sent[0].ends_with("Content-Length: 0\r\n\r\n"));
}

#[test]
fn keep_alives_are_answered_on_connections_and_ignored_on_datagrams() {
    let mut alone = Alone::new(WSS, Role::Server);
    assert_eq!(alone.feed(b"\r\n\r\n").0, ["\r\n"]);
    assert!(alone.feed(b"\r\n").0.is_empty());
    let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
    for octets in [&b"\r\n\r\n"[..], b"\0\0\0\0", b""] {
        let (sent, events) = alone.feed(octets);
        assert!(sent.is_empty() && events.is_empty());
    }
}

#[test]
fn requests_for_dialogs_we_do_not_have_get_481_and_stray_acks_nothing() {
    let bye = "BYE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKb\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n\
               Call-ID: gone\r\nCSeq: 5 BYE\r\n\r\n";
    let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
    assert!(
        alone.feed(bye.as_bytes()).0[0]
            .starts_with("SIP/2.0 481 Call/Transaction Does Not Exist\r\n")
    );
    assert!(alone.feed(bye.replace("BYE", "CANCEL").as_bytes()).0[0].starts_with("SIP/2.0 481 "));
    assert!(
        alone
            .feed(bye.replace("BYE", "ACK").as_bytes())
            .0
            .is_empty()
    );
}

#[test]
fn a_second_answer_from_a_fork_is_acknowledged_and_ended() {
    let mut alone = Alone::new(FlowKind::Datagram, Role::Client);
    alone.endpoint.invite(alone.now, FLOW, invite_params());
    let invite = alone.drain().0.remove(0);
    let answer = |tag: &str| {
        let mut text = "SIP/2.0 200 OK\r\n".to_owned();
        for line in invite.split("\r\n").skip(1) {
            if line.starts_with("To:") {
                text.push_str(&format!("{line};tag={tag}\r\nContact: <sip:{tag}@h>\r\n"));
            } else if ["Via:", "From:", "Call-ID:", "CSeq:"]
                .iter()
                .any(|name| line.starts_with(name))
            {
                text.push_str(&format!("{line}\r\n"));
            }
        }
        text + "\r\n"
    };
    let (sent, events) = alone.feed(answer("one").as_bytes());
    assert!(sent.len() == 1 && sent[0].starts_with("ACK sip:one@h "));
    assert!(matches!(events.as_slice(), [Event::Answered { .. }]));
    let (sent, events) = alone.feed(answer("two").as_bytes());
    assert!(
        sent[0].starts_with("ACK sip:two@h ") && sent[1].starts_with("BYE sip:two@h "),
        "{sent:?}"
    );
    assert!(events.is_empty());
    let (sent, _) = alone.feed(answer("one").as_bytes());
    assert!(sent.len() == 1 && sent[0].starts_with("ACK sip:one@h "));
}

#[test]
fn an_ack_carries_the_body_of_a_late_answer() {
    let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
    let offerless = UDP_INVITE.replace(
        "Content-Length: 5\r\n\r\nv=0\r\n",
        "Content-Length: 0\r\n\r\n",
    );
    let (_, events) = alone.feed(offerless.as_bytes());
    let [Event::IncomingInvite { call, .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    alone
        .endpoint
        .accept(alone.now, *call, Vec::new(), super::pair::sdp("v=0 offer"));
    let ok = alone.drain().0.remove(0);
    let to = ok
        .split("\r\n")
        .find(|line| line.starts_with("To:"))
        .unwrap();
    let ack = format!(
        "ACK sip:service@vrs.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5061;branch=z9hG4bK-1-1-5\r\n\
         From: sipp <sip:sipp@127.0.1.1:5061>;tag=1SIPpTag001\r\n{to}\r\nCall-ID: 1-1@127.0.1.1\r\nCSeq: 1 ACK\r\n\
         Content-Type: application/sdp\r\nContent-Length: 10\r\n\r\nv=0 answer"
    );
    let (_, events) = alone.feed(ack.as_bytes());
    assert_eq!(
        events,
        [Event::Acked {
            call: *call,
            body: Some(b"v=0 answer".to_vec())
        }]
    );
}
