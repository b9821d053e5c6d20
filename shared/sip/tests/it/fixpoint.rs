//! A11: parse, print, parse is a fixpoint, and nothing put in by an application opens a new line.

use proptest::prelude::*;
use std::time::Instant;
use vrs_sip::{
    Endpoint, FlowId, FlowKind, Framed, Headers, Message, Method, NameAddr, Params, Reason,
    Request, Role, Scheme, StreamFramer, Uri, Via, parse,
};

/// Anything, with a taste for what breaks parsers.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9]{1,6}",
        "[\\x00-\\x7f]{0,3}",
        Just("\r\n".to_owned()),
        Just("\r\nVia: x".to_owned()),
        Just("%41%00".to_owned()),
        Just("\"".to_owned()),
        Just("<>".to_owned()),
        Just(";,=".to_owned()),
        Just("大".to_owned()),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn params() -> impl Strategy<Value = Params> {
    prop::collection::vec((nasty(), prop::option::of(nasty())), 0..3).prop_map(|pairs| {
        let mut params = Params::new();
        for (name, value) in pairs {
            if !name.is_empty() {
                params.set(&name, value.as_deref());
            }
        }
        params
    })
}

fn uris() -> impl Strategy<Value = Uri> {
    (
        nasty(),
        nasty(),
        prop::option::of(any::<u16>()),
        params(),
        0..3_u8,
    )
        .prop_map(|(user, host, port, params, kind)| {
            let mut uri = Uri::sip(&user, &host);
            uri.port = port;
            uri.params = params;
            uri.scheme = match kind {
                0 => Scheme::Sip,
                1 => Scheme::Sips,
                _ => Scheme::Tel,
            };
            uri
        })
}

fn addresses() -> impl Strategy<Value = NameAddr> {
    (prop::option::of(nasty()), uris(), params()).prop_map(|(display, uri, params)| NameAddr {
        display,
        uri,
        params,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_parsed_without_panic_and_what_is_accepted_is_a_fixpoint(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = parse(&octets) {
            prop_assert_eq!(parse(&message.to_bytes()), Ok(message));
        }
    }

    #[test]
    fn a_mutilated_message_is_refused_or_a_fixpoint(at in 0..700_usize, with in nasty(), cut in 0..4_usize) {
        let mut text = "INVITE sip:b;x=1@vrs.test;lr SIP/2.0\r\nv: SIP/2.0/TCP p1;branch=z9hG4bK1, SIP/2.0/TCP a;branch=z9\r\n\
            f: \"A \\\" B\" <sip:a@x;p?h=v>;tag=1\r\nTo: <sip:b@vrs.test>\r\ni: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
            m: <sip:a@one>;q=0.5,\r\n <sip:a@two>\r\nRecord-Route: <sip:p1;lr>\r\nc: application/sdp\r\nX-Y: \"q\\\x01\"\r\n\
            l: 3\r\n\r\nv=0".as_bytes().to_vec();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.bytes());
        if let Ok(message) = parse(&text) {
            let again = parse(&message.to_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&message));
            let headers = message.headers();
            for via in headers.vias().unwrap() {
                prop_assert_eq!(Via::parse(&via.to_string()), Some(via));
            }
            for address in headers.addresses("Contact").unwrap() {
                prop_assert_eq!(NameAddr::parse(&address.to_string()), Some(address));
            }
            let from = headers.from().unwrap();
            prop_assert_eq!(NameAddr::parse(&from.to_string()), Some(from));
        }
    }

    #[test]
    fn a_uri_of_any_scheme_is_refused_or_reads_back_as_itself(scheme in "[a-z]{1,4}", rest in nasty()) {
        if let Some(uri) = Uri::parse(&format!("{scheme}:{rest}")) {
            prop_assert_eq!(Uri::parse(&uri.to_string()), Some(uri));
        }
    }

    #[test]
    fn an_endpoint_survives_any_text(pieces in prop::collection::vec(nasty(), 0..20), stream in any::<bool>()) {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let mut endpoint = Endpoint::new(super::pair::config(1, Role::Server), now);
        let kind = if stream { super::pair::WSS } else { FlowKind::Datagram };
        endpoint.open_flow(FlowId(1), kind, super::pair::address("vrs.test"));
        let mut framer = StreamFramer::new();
        for piece in pieces {
            endpoint.receive(now, FlowId(1), piece.as_bytes());
            if framer.push(piece.as_bytes()).is_ok() {
                while let Ok(Some(framed)) = framer.poll() {
                    prop_assert!(framed != Framed::Message(Vec::new()));
                }
            }
        }
    }

    #[test]
    fn whatever_an_application_puts_in_stays_where_it_was_put(
        uri in uris(), from in addresses(), name in nasty(), value in nasty(), method in nasty(), reason in nasty(),
    ) {
        let mut headers = Headers::new();
        headers.push("Via", "SIP/2.0/TCP a;branch=z9hG4bK1");
        headers.push("From", &from.to_string());
        headers.push("To", "<sip:b@x>");
        headers.push("Call-ID", "c");
        headers.push("Reason", &Reason { protocol: name.clone(), cause: 1, text: reason.clone() }.to_string());
        let before = headers.len();
        headers.push(&name, &value);
        let added = headers.len() - before;
        let request = Request { method: Method::Other(method), uri, headers, body: Vec::new() };
        let text = String::from_utf8(request.to_bytes()).unwrap();
        // Request line, the headers above, Content-Length, the empty line: never one more.
        prop_assert_eq!(text.split("\r\n").count(), 1 + before + added + 1 + 2);
        prop_assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
        prop_assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }

    #[test]
    fn printed_addresses_read_back_as_themselves(from in addresses()) {
        let printed = from.to_string();
        if let Some(read) = NameAddr::parse(&printed) {
            prop_assert_eq!(read.to_string(), printed);
        }
    }

    #[test]
    fn header_lists_split_the_same_after_printing(value in nasty()) {
        let mut headers = Headers::new();
        headers.push("Accept", &value);
        let once = headers.list("Accept").map(|list| list.join(", "));
        if let Some(once) = once {
            let mut again = Headers::new();
            again.push("Accept", &once);
            prop_assert_eq!(again.list("Accept").map(|list| list.join(", ")), Some(once));
        }
    }

    #[test]
    fn messages_read_back_from_a_stream_as_they_were_written(body in prop::collection::vec(any::<u8>(), 0..200), step in 1..50_usize) {
        let mut headers = Headers::new();
        for (name, value) in [("Via", "SIP/2.0/TCP a;branch=z9hG4bK1"), ("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>"), ("Call-ID", "c"), ("CSeq", "1 MESSAGE")] {
            headers.push(name, value);
        }
        let request = Request { method: Method::Message, uri: Uri::sip("b", "x"), headers, body };
        let mut framer = StreamFramer::new();
        let mut read = Vec::new();
        for chunk in request.to_bytes().repeat(2).chunks(step) {
            framer.push(chunk).unwrap();
            while let Some(Framed::Message(bytes)) = framer.poll().unwrap() {
                read.push(parse(&bytes));
            }
        }
        let message = Message::Request(request);
        prop_assert_eq!(read, vec![Ok(message.clone()), Ok(message)]);
    }
}
