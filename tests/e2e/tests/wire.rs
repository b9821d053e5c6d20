//! Rough clients on the secure port: malformed SIP, oversized frames, strangers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use vrs_e2e::{NUMBER, Service};

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn tls(service: &Service) -> Tls {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(service.ca()).expect("the development CA");
    roots.add(authority).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let stream = TcpStream::connect(service.secure()).expect("the port is open");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    StreamOwned::new(connection, stream)
}

fn websocket(service: &Service) -> WebSocket<Tls> {
    let mut request = "wss://localhost/sip"
        .into_client_request()
        .expect("a request");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "sip".parse().expect("a value"));
    let (socket, response) = tokio_tungstenite::tungstenite::client(request, tls(service))
        .expect("the handshake passes");
    assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
    socket
}

fn sip(method: &str, uri: &str, headers: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bK{method}1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+15550100001@localhost>;tag=1\r\nTo: <{uri}>\r\n\
         Call-ID: {method}@x\r\nCSeq: 1 {method}\r\nContact: <sip:x@x.invalid;transport=ws>\r\n\
         {headers}Content-Length: 0\r\n\r\n"
    )
}

/// Sends one request and returns its final answer.
fn ask(socket: &mut WebSocket<Tls>, request: &str) -> String {
    socket.send(Message::text(request)).expect("sent");
    loop {
        let answer = socket
            .read()
            .expect("an answer")
            .into_text()
            .expect("text")
            .to_string();
        if !answer.starts_with("SIP/2.0 1") {
            return answer;
        }
    }
}

/// Somebody else is served as if nothing had happened.
fn lives_on(service: &Service) {
    let mut caller = service.caller();
    caller.call(NUMBER);
    caller.ended();
}

#[test]
fn a01_malformed_sip_gets_400_and_the_next_request_is_served() {
    let service = Service::start();
    let mut socket = websocket(&service);
    let broken =
        sip("OPTIONS", "sip:localhost", "").replace("CSeq: 1 OPTIONS", "CSeq: one OPTIONS");
    assert!(ask(&mut socket, &broken).starts_with("SIP/2.0 400"));
    assert!(ask(&mut socket, &sip("OPTIONS", "sip:localhost", "")).starts_with("SIP/2.0 200"));
}

#[test]
fn a17_a_frame_over_64_kib_closes_the_connection_and_nothing_else() {
    let service = Service::start();
    let mut socket = websocket(&service);
    let large = sip(
        "OPTIONS",
        "sip:localhost",
        &format!("Subject: {}\r\n", "x".repeat(65 * 1024)),
    );
    // The server may hang up while we still send.
    let _cut = socket.send(Message::text(large));
    let ended = loop {
        match socket.read() {
            Ok(Message::Close(frame)) => break frame.map(|frame| u16::from(frame.code)),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    assert!(matches!(ended, None | Some(1009)), "{ended:?}");
    lives_on(&service);
}

#[test]
fn a13_strangers_are_challenged_with_the_strongest_digest_first() {
    let service = Service::start();
    let mut socket = websocket(&service);
    for method in ["REGISTER", "INVITE"] {
        let answer = ask(&mut socket, &sip(method, "sip:+15550100001@localhost", ""));
        assert!(answer.starts_with("SIP/2.0 401"), "{answer}");
        let offered: Vec<_> = answer
            .lines()
            .filter(|line| line.starts_with("WWW-Authenticate"))
            .collect();
        assert!(
            offered[0].contains("SHA-512-256") && offered[1].contains("SHA-256"),
            "{offered:?}"
        );
        assert!(!answer.contains("MD5"), "{answer}");
    }
}

#[test]
fn a08_strangers_messages_are_not_delivered() {
    let service = Service::start();
    let mut socket = websocket(&service);
    let answer = ask(&mut socket, &sip("MESSAGE", "sip:1234@localhost", ""));
    assert!(answer.starts_with("SIP/2.0 405"), "{answer}");
}

#[test]
fn a_websocket_without_the_sip_subprotocol_is_told_so() {
    let service = Service::start();
    let mut stream = tls(&service);
    stream
        .write_all(
            b"GET /sip HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .expect("written");
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("RFC 7118"),
        "{answer}"
    );
}
