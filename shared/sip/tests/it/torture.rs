//! RFC 4475: every message, what must be read out of it, and how a bad one is answered (A01).

use super::pair::Alone;
use std::path::PathBuf;
use vrs_sip::{Contacts, Event, FlowKind, Message, Method, Request, Response, Role, Uri, parse};

fn load(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/sip-torture")
        .join(format!("{name}.dat"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn request(name: &str) -> Request {
    match parse(&load(name)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn response(name: &str) -> Response {
    match parse(&load(name)) {
        Ok(Message::Response(response)) => response,
        other => panic!("{name}: {other:?}"),
    }
}

fn contacts(request: &Request) -> Vec<vrs_sip::NameAddr> {
    match request.headers.contacts() {
        Some(Contacts::List(list)) => list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a01_wsinv_a_short_tortuous_invite() {
    let m = request("wsinv");
    assert_eq!(m.method, Method::Invite);
    assert!(m.uri.params.has("unknownparam"));
    assert_eq!(m.headers.to().unwrap().tag(), Some("1918181833n"));
    let from = m.headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(m.headers.get("Max-Forwards"), Some("0068"));
    assert_eq!(m.headers.cseq().unwrap().number, 9);
    assert_eq!(m.headers.get("Subject"), Some(""));
    assert_eq!(
        m.headers.get("NewFangledHeader"),
        Some("newfangled value continued newfangled value")
    );
    assert_eq!(
        m.headers.get("UnknownHeaderWithUnusualValue"),
        Some(";;,,;;,;")
    );
    let vias = m.headers.vias().unwrap();
    let hops: Vec<_> = vias
        .iter()
        .map(|v| (v.transport.as_str(), v.host.as_str(), v.branch().unwrap()))
        .collect();
    assert_eq!(
        hops,
        [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239")
        ]
    );
    let routes = m.headers.addresses("Route").unwrap();
    assert!(
        routes[0].uri.params.has("lr") && routes[0].uri.params.get("unknownwith") == Some("value")
    );
    let contact = &contacts(&m)[0];
    assert_eq!(contact.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!(contact.params.get("newparam"), Some("newvalue"));
    assert_eq!(
        (contact.params.get("secondparam"), contact.params.get("q")),
        (Some(""), Some("0.33"))
    );
    assert_eq!(m.body.len(), 150);
}

#[test]
fn a01_intmeth_wide_range_of_valid_characters() {
    let m = request("intmeth");
    assert_eq!(
        m.method,
        Method::Other("!interesting-Method0123456789_*+`.%indeed'~".into())
    );
    assert_eq!(
        m.uri.user.as_deref(),
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(
        m.uri.password.as_deref(),
        Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    );
    assert_eq!(m.uri.host, "example.com");
    assert_eq!(
        m.headers.to().unwrap().display.as_deref(),
        Some("BEL:\x07 NUL:\0 DEL:\x7f")
    );
    let from = m.headers.from().unwrap();
    assert_eq!(
        from.display.as_deref(),
        Some("token1~` token2'+_ token3*%!.-")
    );
    assert_eq!(
        from.params.unquoted("fromParam''~+*_!.-%").as_deref(),
        Some("работающий")
    );
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(
        m.headers.call_id(),
        Some("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")
    );
    assert_eq!(
        m.headers.get("extensionHeader-!.%*+_`'~"),
        Some("\u{feff}大停電")
    );
}

#[test]
fn a01_escapes_are_escapes_only_where_the_grammar_says_so() {
    let m = request("esc01");
    assert_eq!(
        m.uri.user_decoded().as_deref(),
        Some("sips:user@example.com")
    );
    assert_eq!(m.uri.host, "example.net");
    assert_eq!(m.headers.to().unwrap().uri.user.as_deref(), Some("user"));
    assert_eq!(
        m.headers.from().unwrap().uri.user_decoded().as_deref(),
        Some("I have spaces")
    );
    let contact = &contacts(&m)[0];
    assert_eq!(contact.uri.user.as_deref(), Some("caller"));
    assert!(contact.uri.params.has("lr"));
    assert_eq!(contact.uri.params.get("name"), Some("value%2541"));

    let m = request("escnull");
    assert_eq!(
        m.headers.to().unwrap().uri.user_decoded().as_deref(),
        Some("null-\0-null")
    );
    let both = contacts(&m);
    assert_eq!(both.len(), 2);
    assert_ne!(both[0].uri, both[1].uri);

    let m = request("esc02");
    assert_eq!(m.method, Method::Other("RE%47IST%45R".into()));
    assert_eq!(m.headers.to().unwrap().display.as_deref(), Some("%Z%45"));
    assert_eq!(contacts(&m).len(), 2);
    assert!(m.headers.has("C%6Fntact"));
}

#[test]
fn a01_the_other_valid_messages_are_read_right() {
    let from = request("lwsdisp").headers.from().unwrap();
    assert_eq!(
        (from.display.as_deref(), from.uri.to_string().as_str()),
        (Some("caller"), "sip:caller@example.com")
    );

    let m = request("longreq");
    assert_eq!(m.headers.vias().unwrap().len(), 34);
    assert_eq!(m.headers.to().unwrap().uri.port, Some(6000));
    assert_eq!(
        m.headers.from().unwrap().tag().map(str::len),
        Some(2 + 150 + 3)
    );
    assert_eq!(m.body.len(), 150);

    let m = request("dblreq");
    assert_eq!((m.method, m.body.len()), (Method::Register, 0));

    let m = request("semiuri");
    assert_eq!(
        m.uri.user_decoded().as_deref(),
        Some("user;par=u@example.net")
    );
    assert_eq!(m.headers.list("Accept").unwrap().len(), 6);

    let m = request("transports");
    let seen: Vec<_> = m
        .headers
        .vias()
        .unwrap()
        .into_iter()
        .map(|via| via.transport)
        .collect();
    assert_eq!(seen, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);

    let m = request("mpart01");
    assert_eq!((m.method, m.body.len()), (Method::Message, 553));
    assert_eq!(m.headers.content_type().as_deref(), Some("multipart/mixed"));

    assert!(
        response("unreason")
            .reason
            .starts_with("= 2**3 * 5**2 но сто")
    );
    let m = response("noreason");
    assert_eq!((m.status, m.reason.as_str()), (100, ""));
}

#[test]
fn a01_contacts_keep_uri_and_header_parameters_apart() {
    let plain = &contacts(&request("cparam01"))[0];
    assert!(plain.params.has("unknownparam") && !plain.uri.params.has("unknownparam"));
    let bracketed = &contacts(&request("cparam02"))[0];
    assert!(bracketed.uri.params.has("unknownparam") && !bracketed.params.has("unknownparam"));
    let escaped = &contacts(&request("regescrt"))[0];
    assert_eq!(
        escaped.uri.headers,
        [("Route".to_owned(), "%3Csip:sip.example.com%3E".to_owned())]
    );
    assert_eq!(
        escaped.uri.to_string(),
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
    );
}

#[test]
fn a01_an_invite_of_rfc_2543_is_understood() {
    let m = request("inv2543");
    assert_eq!(m.headers.from().unwrap().tag(), None);
    assert_eq!(m.headers.top_via().unwrap().branch(), None);
    assert!(m.body.starts_with(b"v=0"));
}

/// name, status of the answer. 0: no answer, it is a response to drop.
const REFUSED_BY_PARSER: [(&str, u16); 24] = [
    ("badinv01", 400),
    ("clerr", 400),
    ("ncl", 400),
    ("scalar02", 400),
    ("scalarlg", 0),
    ("quotbal", 400),
    ("ltgtruri", 400),
    ("lwsruri", 400),
    ("lwsstart", 400),
    ("trws", 400),
    ("escruri", 400),
    ("regbadct", 400),
    ("badaspec", 400),
    ("baddn", 400),
    ("badvers", 505),
    ("mismatch01", 400),
    ("mismatch02", 501),
    ("bigcode", 0),
    ("badbranch", 400),
    ("insuf", 400),
    ("multi01", 400),
    ("mcl01", 400),
    ("test", 0),
    ("bcast", 0),
];

fn status_of(sent: &str) -> u16 {
    sent.strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .unwrap()
}

#[test]
fn a01_bad_messages_are_answered_as_rfc_4475_suggests_or_dropped() {
    for kind in [FlowKind::Datagram, super::pair::WSS] {
        for (name, status) in REFUSED_BY_PARSER {
            let mut alone = Alone::new(kind, Role::Server);
            let (sent, events) = alone.feed(&load(name));
            if name == "bcast" {
                // Well formed, but meant for a proxy.
                assert!(sent.is_empty() && events.is_empty());
                continue;
            }
            assert!(
                matches!(events.as_slice(), [Event::Malformed { .. }]),
                "{name}: {events:?}"
            );
            if status == 0 {
                assert!(sent.is_empty(), "{name}: {sent:?}");
            } else {
                assert_eq!(status_of(&sent[0]), status, "{name}");
            }
            assert_alive(&mut alone, name);
        }
    }
}

/// name, status of the endpoint's own answer. 0: it is the application's to answer.
const ANSWERED_BY_ENDPOINT: [(&str, u16); 22] = [
    ("wsinv", 481),
    ("intmeth", 501),
    ("esc01", 0),
    ("escnull", 0),
    ("esc02", 501),
    ("lwsdisp", 0),
    ("longreq", 0),
    ("dblreq", 0),
    ("semiuri", 0),
    ("transports", 0),
    ("mpart01", 0),
    ("baddate", 0),
    ("unkscm", 416),
    ("novelsc", 416),
    ("unksm2", 400),
    ("bext01", 420),
    ("invut", 415),
    ("regaut01", 0),
    ("zeromf", 0),
    ("cparam01", 0),
    ("sdp01", 406),
    ("inv2543", 0),
];

#[test]
fn a01_well_formed_messages_reach_the_application_or_get_the_status_of_section_3_3() {
    for (name, status) in ANSWERED_BY_ENDPOINT {
        let mut alone = Alone::new(FlowKind::Datagram, Role::Server);
        let (sent, events) = alone.feed(&load(name));
        if status == 0 {
            let incoming = events.iter().any(|e| {
                matches!(
                    e,
                    Event::IncomingInvite { .. } | Event::IncomingRequest { .. }
                )
            });
            assert!(incoming, "{name}: {events:?}");
            assert!(
                sent.iter().all(|text| status_of(text) == 100),
                "{name}: {sent:?}"
            );
        } else {
            let last = sent.last().unwrap();
            assert_eq!(status_of(last), status, "{name}");
            assert!(events.is_empty(), "{name}: {events:?}");
            match status {
                420 => {
                    assert!(last.contains(
                        "Unsupported: nothingSupportsThis, nothingSupportsThisEither\r\n"
                    ))
                }
                501 => assert!(last.contains("Allow: INVITE")),
                415 => assert!(last.contains("Accept: application/sdp")),
                _ => {}
            }
        }
        assert_alive(&mut alone, name);
    }
}

/// A01: whatever came before, an OPTIONS is still taken.
fn assert_alive(alone: &mut Alone, name: &str) {
    let options = "OPTIONS sip:vrs.test SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKalive\r\nFrom: <sip:a@x>;tag=1\r\n\
                   To: <sip:vrs.test>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let (_, events) = alone.feed(options.as_bytes());
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::IncomingRequest { .. })),
        "after {name}"
    );
}

#[test]
fn every_message_of_the_archive_is_in_one_of_the_tables() {
    let known: Vec<&str> = REFUSED_BY_PARSER
        .iter()
        .chain(&ANSWERED_BY_ENDPOINT)
        .map(|(name, _)| *name)
        .collect();
    let elsewhere = ["unreason", "noreason", "cparam02", "regescrt"];
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/sip-torture");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "dat") {
            assert!(
                known.contains(&name.as_str()) || elsewhere.contains(&name.as_str()),
                "{name}"
            );
            count += 1;
        }
    }
    // The 49 of the RFC and the archive's own `test`.
    assert_eq!(count, 50);
}

#[test]
fn printing_a_valid_message_changes_nothing_that_is_read_again() {
    for (name, _) in ANSWERED_BY_ENDPOINT {
        let first = parse(&load(name)).unwrap();
        let again = parse(&first.to_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(first, again, "{name}");
        let headers = first.headers();
        for address in headers.from().into_iter().chain(headers.to()) {
            assert_eq!(
                vrs_sip::NameAddr::parse(&address.to_string()),
                Some(address),
                "{name}"
            );
        }
        if let Message::Request(request) = first {
            assert_eq!(
                Uri::parse(&request.uri.to_string()),
                Some(request.uri),
                "{name}"
            );
        }
    }
}
