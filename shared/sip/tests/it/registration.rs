//! REGISTER with digest, refresh, change, leaving.

use super::pair::{CLIENT, FLOW, Pair, SERVER, WSS, Weather, credentials, uri};
use std::time::Duration;
use vrs_sip::digest::{Algorithm, AuthError, Authenticator, ha1};
use vrs_sip::{
    Body, Enclosure, Event, FlowKind, NameAddr, RegisterParams, RegistrationHandle, Request,
    RequestParams, Secret, TransactionHandle,
};

const REALM: &str = "vrs.test";
const ALL: [Algorithm; 3] = [Algorithm::Md5, Algorithm::Sha512_256, Algorithm::Sha256];

fn authenticator(algorithms: &[Algorithm], lifetime_s: u64) -> Authenticator {
    Authenticator::new(
        REALM,
        [9; 32],
        algorithms.to_vec(),
        Duration::from_secs(lifetime_s),
    )
}

fn params() -> RegisterParams {
    RegisterParams {
        registrar: uri("sip:vrs.test"),
        aor: NameAddr::new(uri("sip:+15550100001@vrs.test;user=phone")),
        contact_user: "alice".to_owned(),
        instance: Some("urn:uuid:00000000-0000-4000-8000-000000000001".to_owned()),
        reg_id: Some(1),
        expires_s: 600,
        headers: vec![("VRS-Availability".to_owned(), "available".to_owned())],
        enclosure: None,
        credentials: Some(credentials()),
    }
}

fn incoming(event: &Event) -> Option<(TransactionHandle, Request)> {
    match event {
        Event::IncomingRequest { txn, request, .. } => Some((*txn, request.clone())),
        _ => None,
    }
}

/// What the registrar of these tests does with one request.
fn judge(
    pair: &mut Pair,
    authenticator: &mut Authenticator,
    grant_s: u32,
) -> Result<String, AuthError> {
    let (txn, request) = pair.until(SERVER, incoming);
    let verdict = match request.headers.get("Authorization") {
        None => Err(AuthError::Malformed),
        Some(value) => authenticator.verify(
            pair.now,
            request.method.as_str(),
            &request.uri.to_string(),
            &request.body,
            value,
            |user, algorithm| (user == "alice").then(|| ha1(algorithm, user, REALM, "secret")),
        ),
    };
    let server = &mut pair.sides[SERVER].endpoint;
    match &verdict {
        Ok(_) => {
            let contact = request.headers.get("Contact").unwrap().to_owned();
            let expires = if request.headers.expires(600) == Some(0) {
                0
            } else {
                grant_s
            };
            let binding = contact.split(";expires=").next().unwrap().to_owned();
            let headers = vec![("Contact".to_owned(), format!("{binding};expires={expires}"))];
            server.respond(pair.now, txn, 200, headers, None);
        }
        Err(error) => {
            let values = match error {
                AuthError::Stale => authenticator.challenge_stale(pair.now),
                _ => authenticator.challenge(pair.now),
            };
            let headers = values
                .into_iter()
                .map(|value| ("WWW-Authenticate".to_owned(), value))
                .collect();
            server.respond(pair.now, txn, 401, headers, None);
        }
    }
    verdict
}

fn registered(event: &Event) -> Option<(RegistrationHandle, u32)> {
    match event {
        Event::Registered {
            registration,
            expires_s,
            ..
        } => Some((*registration, *expires_s)),
        _ => None,
    }
}

#[test]
fn each_algorithm_lets_the_right_password_in() {
    for algorithm in ALL {
        for (kind, loss) in [(WSS, 0), (FlowKind::Datagram, 250)] {
            let mut pair = Pair::new(
                kind,
                Weather {
                    loss,
                    twice: loss,
                    late: loss,
                },
                21,
            );
            let mut server = authenticator(&[algorithm], 300);
            let handle = pair.sides[CLIENT]
                .endpoint
                .register(pair.now, FLOW, params());
            assert!(judge(&mut pair, &mut server, 600).is_err());
            assert_eq!(judge(&mut pair, &mut server, 600), Ok("alice".to_owned()));
            assert_eq!(pair.until(CLIENT, registered), (handle, 600));
        }
    }
}

#[test]
fn the_strongest_algorithm_offered_is_used_and_offered_first() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 300);
    let offers = server.challenge(pair.now);
    let order: Vec<_> = offers
        .iter()
        .map(|offer| {
            offer
                .split("algorithm=")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(order, ["SHA-512-256", "SHA-256", "MD5"]);
    pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    judge(&mut pair, &mut server, 600).unwrap_err();
    judge(&mut pair, &mut server, 600).unwrap();
    assert!(
        pair.sides[CLIENT]
            .sent
            .last()
            .unwrap()
            .1
            .contains("algorithm=SHA-512-256")
    );
}

#[test]
fn a_wrong_password_is_tried_once_and_then_reported() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 300);
    let mut wrong = params();
    wrong.credentials.as_mut().unwrap().password = Secret::new("guess");
    pair.sides[CLIENT].endpoint.register(pair.now, FLOW, wrong);
    judge(&mut pair, &mut server, 600).unwrap_err();
    assert_eq!(judge(&mut pair, &mut server, 600), Err(AuthError::Wrong));
    let status = pair.until(CLIENT, |event| match event {
        Event::RegistrationFailed {
            status,
            response: Some(_),
            ..
        } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 401);
    assert_eq!(pair.count(CLIENT, "REGISTER "), 2);
    pair.assert_empty();
}

#[test]
fn contacts_carry_instance_and_reg_id_over_websocket() {
    let mut pair = Pair::wss();
    pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    pair.drain();
    let register = &pair.sides[CLIENT].sent[0].1;
    assert!(
        register.contains(
            "Contact: <sip:alice@client.invalid;transport=ws>\
             ;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\";reg-id=1;expires=600\r\n"
        ),
        "{register}"
    );
    assert!(
        register.contains("Supported: path, outbound\r\n")
            && register.contains("VRS-Availability: available\r\n")
    );
    assert!(register.starts_with(
        "REGISTER sip:vrs.test SIP/2.0\r\nVia: SIP/2.0/WSS client.invalid;branch=z9hG4bK"
    ));
}

#[test]
fn a_registration_is_refreshed_at_half_its_time_with_the_same_nonce() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 3600);
    pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    judge(&mut pair, &mut server, 100).unwrap_err();
    judge(&mut pair, &mut server, 100).unwrap();
    pair.until(CLIENT, registered);
    let before = pair.at();
    // No second challenge: nonce count 2.
    judge(&mut pair, &mut server, 100).unwrap();
    assert_eq!((pair.at() - before).as_secs(), 50);
    assert!(
        pair.sides[CLIENT]
            .sent
            .last()
            .unwrap()
            .1
            .contains("nc=00000002")
    );
    pair.until(CLIENT, registered);
}

#[test]
fn a_stale_nonce_is_replaced_without_asking_anybody() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 20);
    pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    judge(&mut pair, &mut server, 100).unwrap_err();
    judge(&mut pair, &mut server, 100).unwrap();
    pair.until(CLIENT, registered);
    assert_eq!(judge(&mut pair, &mut server, 100), Err(AuthError::Stale));
    judge(&mut pair, &mut server, 100).unwrap();
    pair.until(CLIENT, registered);
}

#[test]
fn changed_headers_register_again_at_once_and_leaving_says_expires_0() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 3600);
    let handle = pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    judge(&mut pair, &mut server, 600).unwrap_err();
    judge(&mut pair, &mut server, 600).unwrap();
    pair.until(CLIENT, registered);
    let away = vec![("VRS-Availability".to_owned(), "away".to_owned())];
    pair.sides[CLIENT]
        .endpoint
        .update_headers(pair.now, handle, away);
    judge(&mut pair, &mut server, 600).unwrap();
    pair.until(CLIENT, registered);
    assert!(
        pair.sides[CLIENT]
            .sent
            .last()
            .unwrap()
            .1
            .contains("VRS-Availability: away\r\n")
    );
    pair.sides[CLIENT].endpoint.unregister(pair.now, handle);
    judge(&mut pair, &mut server, 600).unwrap();
    assert_eq!(pair.until(CLIENT, registered), (handle, 0));
    pair.assert_empty();
}

#[test]
fn a_change_during_a_register_is_sent_after_it() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 3600);
    let handle = pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    pair.sides[CLIENT].endpoint.unregister(pair.now, handle);
    judge(&mut pair, &mut server, 600).unwrap_err();
    judge(&mut pair, &mut server, 600).unwrap();
    // Whatever is left of it, in the end the registrar is told to forget us.
    let mut last = pair.until(CLIENT, registered);
    if last.1 != 0 {
        judge(&mut pair, &mut server, 600).unwrap();
        last = pair.until(CLIENT, registered);
    }
    assert_eq!(last, (handle, 0));
    pair.assert_empty();
}

fn enclosure(body: &str) -> Enclosure {
    Enclosure {
        headers: vec![("Geolocation".to_owned(), "<cid:1@x>".to_owned())],
        body: Body::new("application/pidf+xml", body),
    }
}

/// What the next REGISTER has along; it is answered with this status.
fn along(pair: &mut Pair, status: u16) -> Option<String> {
    let (txn, request) = pair.until(SERVER, incoming);
    let server = &mut pair.sides[SERVER].endpoint;
    server.respond(pair.now, txn, status, Vec::new(), None);
    let body = String::from_utf8(request.body).unwrap();
    let is_there = request.headers.get("Geolocation").is_some();
    assert_eq!(is_there, !body.is_empty());
    assert_eq!(is_there, request.headers.get("Content-Type").is_some());
    is_there.then_some(body)
}

fn granted_with(event: &Event) -> Option<bool> {
    match event {
        Event::Registered { enclosed, .. } => Some(*enclosed),
        _ => None,
    }
}

#[test]
fn r30_what_is_enclosed_goes_along_until_it_is_granted_and_not_with_refreshes() {
    let mut pair = Pair::wss();
    let with = RegisterParams {
        enclosure: Some(enclosure("one")),
        expires_s: 20,
        ..params()
    };
    let handle = pair.sides[CLIENT].endpoint.register(pair.now, FLOW, with);
    let challenge = authenticator(&ALL, 300).challenge(pair.now);
    let (txn, first) = pair.until(SERVER, incoming);
    assert_eq!(first.body, b"one");
    let headers = challenge
        .into_iter()
        .map(|c| ("WWW-Authenticate".into(), c));
    let server = &mut pair.sides[SERVER].endpoint;
    server.respond(pair.now, txn, 401, headers.collect(), None);
    assert_eq!(along(&mut pair, 200).as_deref(), Some("one"));
    assert!(pair.until(CLIENT, granted_with));
    assert_eq!(along(&mut pair, 200), None, "a refresh");
    assert!(!pair.until(CLIENT, granted_with));
    let client = &mut pair.sides[CLIENT].endpoint;
    client.update_headers(pair.now, handle, Vec::new());
    // Changed while another one is on its way: it comes next, and the last one counts.
    for text in ["two", "three"] {
        let client = &mut pair.sides[CLIENT].endpoint;
        client.enclose(pair.now, handle, enclosure(text));
    }
    assert_eq!(along(&mut pair, 200), None);
    assert!(!pair.until(CLIENT, granted_with));
    assert_eq!(along(&mut pair, 200).as_deref(), Some("three"));
    assert!(pair.until(CLIENT, granted_with));
}

#[test]
fn r30_whoever_refuses_what_is_enclosed_gets_the_registration_without_it() {
    let mut pair = Pair::wss();
    let with = RegisterParams {
        enclosure: Some(enclosure("one")),
        ..params()
    };
    pair.sides[CLIENT].endpoint.register(pair.now, FLOW, with);
    assert!(along(&mut pair, 424).is_some());
    assert_eq!(along(&mut pair, 200), None);
    let refused = pair.until(CLIENT, |event| match event {
        Event::EnclosureRefused { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(refused, 424);
    assert!(!pair.until(CLIENT, granted_with));
}

#[test]
fn an_interval_too_brief_is_raised_once() {
    let mut pair = Pair::wss();
    pair.sides[CLIENT].endpoint.register(
        pair.now,
        FLOW,
        RegisterParams {
            expires_s: 10,
            ..params()
        },
    );
    for _ in 0..2 {
        let (txn, request) = pair.until(SERVER, incoming);
        let enough = request.headers.expires(0) >= Some(60);
        let server = &mut pair.sides[SERVER].endpoint;
        if enough {
            server.respond(pair.now, txn, 200, Vec::new(), None);
        } else {
            server.respond(
                pair.now,
                txn,
                423,
                vec![("Min-Expires".to_owned(), "60".to_owned())],
                None,
            );
        }
    }
    assert_eq!(pair.until(CLIENT, registered).1, 60);
}

#[test]
fn a_lost_flow_and_silence_fail_the_registration() {
    let mut pair = Pair::wss();
    let handle = pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    pair.sides[CLIENT].endpoint.close_flow(pair.now, FLOW);
    let failed = |event: &Event| match event {
        Event::RegistrationFailed {
            registration,
            status,
            ..
        } => Some((*registration, *status)),
        _ => None,
    };
    assert_eq!(pair.until(CLIENT, failed), (handle, 503));

    let mut pair = Pair::new(
        WSS,
        Weather {
            loss: 1000,
            ..Weather::default()
        },
        1,
    );
    let handle = pair.sides[CLIENT]
        .endpoint
        .register(pair.now, FLOW, params());
    assert_eq!(pair.until(CLIENT, failed), (handle, 408));
    assert_eq!(pair.at().as_secs(), 32);
}

#[test]
fn a_request_outside_dialogs_is_answered_and_a_challenge_to_it_too() {
    let mut pair = Pair::wss();
    let mut server = authenticator(&ALL, 300);
    let options = RequestParams {
        method: vrs_sip::Method::Options,
        target: uri("sip:vrs.test"),
        from: NameAddr::new(uri("sip:alice@vrs.test")),
        to: NameAddr::new(uri("sip:vrs.test")),
        headers: vec![(
            "Contact".to_owned(),
            "<sip:alice@client.invalid>".to_owned(),
        )],
        body: None,
        credentials: Some(credentials()),
    };
    let handle = pair.sides[CLIENT].endpoint.request(pair.now, FLOW, options);
    judge(&mut pair, &mut server, 600).unwrap_err();
    judge(&mut pair, &mut server, 600).unwrap();
    let (got, status) = pair.until(CLIENT, |event| match event {
        Event::Response {
            txn_client,
            response,
        } => Some((*txn_client, response.status)),
        _ => None,
    });
    assert_eq!((got, status), (handle, 200));
    pair.assert_empty();
}
