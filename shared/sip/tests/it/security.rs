//! Attacks by their ids: A06 digest leak, A11 header smuggling, A13 digest replay, limits.

use super::pair::{Alone, CLIENT, FLOW, Pair, SERVER, WSS, credentials, invite_params, message};
use std::time::{Duration, Instant};
use vrs_sip::digest::{Algorithm, AuthError, Authenticator, ha1};
use vrs_sip::{Event, FlowId, FlowKind, InviteParams, Message, ParseError, Role, limit, parse};

const ALL: [Algorithm; 2] = [Algorithm::Sha512_256, Algorithm::Sha256];

fn in_dialog_reply(request: &str, status: &str, extra: &str) -> String {
    let mut reply = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n").skip(1) {
        if ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
            .iter()
            .any(|name| line.starts_with(name))
        {
            reply.push_str(line);
            reply.push_str("\r\n");
        }
    }
    reply + extra + "\r\n"
}

const CHALLENGE: &str = "Proxy-Authenticate: Digest realm=\"vrs.test\", nonce=\"abc\", algorithm=SHA-256, qop=\"auth\"\r\n";

#[test]
fn a06_a_challenge_to_our_bye_in_a_call_we_took_gets_no_credentials() {
    let mut pair = Pair::wss();
    let (_, server) = pair.established();
    // A rogue peer answers the called party's BYE with the trunk's realm.
    pair.sides[SERVER].endpoint.hang_up(pair.now, server, None);
    pair.drain();
    let bye = pair.sides[SERVER].sent.last().unwrap().1.clone();
    assert!(bye.starts_with("BYE "));
    let reply = in_dialog_reply(&bye, "407 Proxy Authentication Required", CHALLENGE);
    pair.sides[SERVER]
        .endpoint
        .receive(pair.now, FLOW, reply.as_bytes());
    pair.until(SERVER, |event| {
        matches!(event, Event::HungUp { .. }).then_some(())
    });
    for side in &pair.sides {
        assert!(
            side.sent
                .iter()
                .all(|(_, text)| !text.contains("Authorization:"))
        );
    }
}

#[test]
fn a06_credentials_answer_only_on_their_own_flow_and_only_one_realm() {
    let mut alone = Alone::new(WSS, Role::Client);
    let other = FlowId(2);
    alone.endpoint.open_flow(
        other,
        FlowKind::Datagram,
        super::pair::address("elsewhere.test"),
    );
    let params = InviteParams {
        credentials: Some(credentials()),
        ..invite_params()
    };
    alone.endpoint.invite(alone.now, FLOW, params.clone());
    let invite = alone.drain().0.remove(0);
    let reply = in_dialog_reply(&invite, "407 Proxy Authentication Required", CHALLENGE);
    // The right answer from the wrong place is nobody's.
    alone.endpoint.receive(alone.now, other, reply.as_bytes());
    assert!(alone.drain().0.is_empty());
    let (sent, _) = alone.feed(reply.as_bytes());
    let again = sent
        .iter()
        .find(|text| text.starts_with("INVITE "))
        .unwrap();
    assert!(again.contains("Proxy-Authorization: Digest username=\"alice\", realm=\"vrs.test\""));
    // A second realm, even with stale=true, learns nothing.
    let lure = CHALLENGE
        .replace("vrs.test", "evil.test")
        .replace("qop", "stale=true, qop");
    let (sent, events) =
        alone.feed(in_dialog_reply(again, "407 Proxy Authentication Required", &lure).as_bytes());
    assert!(sent.iter().all(|text| text.starts_with("ACK ")), "{sent:?}");
    assert!(matches!(
        events.as_slice(),
        [Event::Failed { status: 407, .. }]
    ));
}

#[test]
fn a06_passwords_do_not_print() {
    let printed = format!("{:?} {:?}", credentials(), credentials().password);
    assert!(!printed.contains("secret") && !printed.contains("alice"));
}

#[test]
fn a_message_printed_for_a_log_names_nobody() {
    let mut alone = Alone::new(WSS, Role::Client);
    let mut params = invite_params();
    params.body = vrs_sip::Body::sdp("o=alice 1 1 IN IP4 192.0.2.1");
    alone.endpoint.invite(alone.now, FLOW, params);
    let invite = alone.drain().0.remove(0);
    let parsed = message(&invite);
    let from = parsed.headers().from();
    let printed = format!(
        "{parsed:?} {:?} {from:?} {:?}",
        parsed.headers(),
        from.as_ref().map(|from| &from.uri)
    );
    assert!(
        !printed.contains("alice") && !printed.contains("bob") && !printed.contains("192.0.2"),
        "{printed}"
    );
}

/// A server's challenge answered by a client; the Authorization header's value.
fn authorization(server: &mut Authenticator, now: Instant) -> String {
    let mut alone = Alone::new(WSS, Role::Client);
    let params = InviteParams {
        credentials: Some(credentials()),
        ..invite_params()
    };
    alone.endpoint.invite(alone.now, FLOW, params);
    let invite = alone.drain().0.remove(0);
    let mut challenges = String::new();
    for value in server.challenge(now) {
        challenges.push_str(&format!("WWW-Authenticate: {value}\r\n"));
    }
    let (sent, _) =
        alone.feed(in_dialog_reply(&invite, "401 Unauthorized", &challenges).as_bytes());
    let again = sent
        .iter()
        .find(|text| text.starts_with("INVITE "))
        .unwrap();
    match message(again) {
        Message::Request(request) => request.headers.get("Authorization").unwrap().to_owned(),
        Message::Response(_) => panic!("a request"),
    }
}

fn server(algorithms: &[Algorithm]) -> Authenticator {
    Authenticator::new(
        "vrs.test",
        [4; 32],
        algorithms.to_vec(),
        Duration::from_secs(60),
    )
}

fn verify(server: &mut Authenticator, now: Instant, value: &str) -> Result<String, AuthError> {
    verify_for(server, now, "INVITE", "sip:bob@vrs.test", value)
}

fn verify_for(
    server: &mut Authenticator,
    now: Instant,
    method: &str,
    uri: &str,
    value: &str,
) -> Result<String, AuthError> {
    server.verify(now, method, uri, b"", value, |user, algorithm| {
        (user == "alice").then(|| ha1(algorithm, user, "vrs.test", "secret"))
    })
}

#[test]
fn a13_the_same_authorization_twice_is_a_replay() {
    let (mut server, now) = (server(&ALL), Instant::now());
    let value = authorization(&mut server, now);
    assert_eq!(verify(&mut server, now, &value), Ok("alice".to_owned()));
    assert_eq!(verify(&mut server, now, &value), Err(AuthError::Replay));
}

#[test]
fn a13_an_authorization_covers_one_method_one_uri_one_user_and_its_nonce_lifetime() {
    let (mut server, now) = (server(&ALL), Instant::now());
    let value = authorization(&mut server, now);
    assert_eq!(
        verify_for(&mut server, now, "BYE", "sip:bob@vrs.test", &value),
        Err(AuthError::Wrong)
    );
    assert_eq!(
        verify_for(&mut server, now, "INVITE", "sip:eve@vrs.test", &value),
        Err(AuthError::Wrong)
    );
    let eve = value.replace("\"alice\"", "\"eve\"");
    assert_eq!(verify(&mut server, now, &eve), Err(AuthError::Unknown));
    let late = now + Duration::from_secs(61);
    assert_eq!(verify(&mut server, late, &value), Err(AuthError::Stale));
    for broken in [
        "",
        "Basic abc",
        "Digest",
        "NoOneKnowsThisScheme opaque-data=here",
        "Digest username=\"x",
    ] {
        assert_eq!(
            verify(&mut server, now, broken),
            Err(AuthError::Malformed),
            "{broken}"
        );
    }
    let no_count = value.replace(", qop=auth", "");
    assert_eq!(
        verify(&mut server, now, &no_count),
        Err(AuthError::Malformed)
    );
}

#[test]
fn a13_md5_is_refused_unless_it_was_offered() {
    let now = Instant::now();
    let mut weak = Authenticator::new(
        "vrs.test",
        [4; 32],
        vec![Algorithm::Md5],
        Duration::from_secs(60),
    );
    let value = authorization(&mut weak, now);
    assert_eq!(
        verify(&mut server(&ALL), now, &value),
        Err(AuthError::AlgorithmNotAllowed)
    );
    assert_eq!(verify(&mut weak, now, &value), Ok("alice".to_owned()));
}

#[test]
fn a13_another_servers_nonce_is_stale_not_accepted() {
    let now = Instant::now();
    let mut first = Authenticator::new("vrs.test", [5; 32], ALL.to_vec(), Duration::from_secs(60));
    let value = authorization(&mut first, now);
    assert_eq!(
        verify(&mut server(&ALL), now, &value),
        Err(AuthError::Stale)
    );
}

const HEAD: &str = "OPTIONS sip:vrs.test SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
                    To: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n";

fn with_header(line: &str) -> Result<Message, ParseError> {
    parse(format!("{HEAD}{line}\r\n\r\n").as_bytes())
}

#[test]
fn a11_headers_cannot_hide_behind_control_characters_or_line_ends() {
    for line in [
        "P-Asserted-Identity\x0b: <sip:boss@x>",
        "P-Asserted-Identity\0: <sip:boss@x>",
        "X: a\x0bb",
        "X: a\rP-Asserted-Identity: <sip:boss@x>",
        "X: a\nP-Asserted-Identity: <sip:boss@x>",
        "X: \x0c",
        "X: a\r\n \x0cb",
        "X Y: z",
        ": nameless",
        "no colon at all",
        "X\u{a0}: z",
    ] {
        assert_eq!(with_header(line), Err(ParseError::HeaderLine), "{line:?}");
    }
    assert_eq!(
        parse(format!("{HEAD}X: ").as_bytes()),
        Err(ParseError::Incomplete)
    );
}

#[test]
fn a11_spaces_folding_and_case_lead_to_one_header_that_removal_removes() {
    for line in [
        "X-VRS-Tenant : one",
        "x-vrs-TENANT\t: one",
        "X-VRS-Tenant:\r\n one",
        "X-VRS-Tenant: one\r\nx-vrs-tenant: two",
    ] {
        let message = with_header(line).unwrap();
        let mut headers = message.headers().clone();
        assert_eq!(headers.get("X-VRS-Tenant"), Some("one"), "{line:?}");
        headers.remove("X-VRS-Tenant");
        assert!(!headers.has("x-vrs-tenant"));
        assert!(
            !String::from_utf8(message.to_bytes())
                .unwrap()
                .contains("\r\n ")
        );
    }
}

#[test]
fn a11_application_headers_cannot_replace_those_of_the_dialog() {
    let mut alone = Alone::new(WSS, Role::Client);
    let mut params = invite_params();
    params.headers = [
        "Via",
        "From",
        "t",
        "i",
        "CSeq",
        "Content-Length",
        "Max-Forwards",
    ]
    .map(|name| (name.to_owned(), "evil".to_owned()))
    .to_vec();
    params
        .headers
        .push(("X-Note".to_owned(), "a\r\nVia: evil".to_owned()));
    alone.endpoint.invite(alone.now, FLOW, params);
    let invite = alone.drain().0.remove(0);
    assert_eq!(invite.matches("evil").count(), 1, "{invite}");
    assert!(invite.contains("X-Note: a  Via: evil\r\n"));
}

#[test]
fn sizes_beyond_the_limits_are_refused() {
    let many = "X: y\r\n".repeat(limit::HEADERS_MAX);
    assert_eq!(
        parse(format!("{HEAD}{many}\r\n").as_bytes()),
        Err(ParseError::TooLarge)
    );
    let long = format!("X: {}", "y".repeat(limit::LINE_BYTES_MAX));
    assert_eq!(with_header(&long), Err(ParseError::TooLarge));
    let folded = format!("X: a{}", format!("\r\n {}", "y".repeat(1000)).repeat(10));
    assert_eq!(with_header(&folded), Err(ParseError::TooLarge));
    let body = "z".repeat(limit::MESSAGE_BYTES_MAX);
    assert_eq!(
        parse(format!("{HEAD}\r\n{body}").as_bytes()),
        Err(ParseError::TooLarge)
    );
    let vias = format!(
        "Via: {}",
        "SIP/2.0/TCP a, ".repeat(limit::LIST_VALUES_MAX + 1) + "SIP/2.0/TCP b"
    );
    assert!(with_header(&vias).is_err());
}

#[test]
fn a_branch_seen_on_one_flow_cannot_touch_a_transaction_of_another() {
    let mut alone = Alone::new(WSS, Role::Server);
    let other = FlowId(2);
    alone
        .endpoint
        .open_flow(other, WSS, super::pair::address("vrs.test"));
    let invite = "INVITE sip:b@vrs.test SIP/2.0\r\nVia: SIP/2.0/WSS h.invalid;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\n\
                  To: <sip:b@vrs.test>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:a@h.invalid>\r\n\r\n";
    let (_, events) = alone.feed(invite.as_bytes());
    assert!(matches!(events.as_slice(), [Event::IncomingInvite { .. }]));
    let cancel = invite.replace("INVITE", "CANCEL");
    alone.endpoint.receive(alone.now, other, cancel.as_bytes());
    let (sent, events) = alone.drain();
    assert!(events.is_empty() && sent[0].starts_with("SIP/2.0 481 "));
    let (sent, events) = alone.feed(cancel.as_bytes());
    assert!(sent[0].starts_with("SIP/2.0 200 ") && sent[1].starts_with("SIP/2.0 487 "));
    assert!(matches!(events.as_slice(), [Event::Cancelled { .. }]));
}

#[test]
fn nobody_outside_the_dialog_ends_a_call() {
    let mut pair = Pair::wss();
    let (_, server) = pair.established();
    let id = pair.sides[SERVER]
        .endpoint
        .dialog(server)
        .unwrap()
        .id
        .clone();
    let bye = format!(
        "BYE sip:bob@vrs.test SIP/2.0\r\nVia: SIP/2.0/WSS e.invalid;branch=z9hG4bKe\r\nFrom: <sip:alice@vrs.test>;tag=guess\r\n\
         To: <sip:bob@vrs.test>;tag={}\r\nCall-ID: {}\r\nCSeq: 99 BYE\r\n\r\n",
        id.local_tag, id.call_id
    );
    pair.sides[SERVER]
        .endpoint
        .receive(pair.now, FLOW, bye.as_bytes());
    pair.drain();
    assert!(
        pair.sides[SERVER]
            .sent
            .last()
            .unwrap()
            .1
            .starts_with("SIP/2.0 481 ")
    );
    assert_eq!(pair.sides[SERVER].endpoint.counts().0, 1);
    assert!(
        pair.sides[CLIENT]
            .events
            .iter()
            .all(|event| !matches!(event, Event::Ended { .. }))
    );
}
