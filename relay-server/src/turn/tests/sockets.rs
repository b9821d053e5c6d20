//! Real sockets around the machine: what a kernel joins on the way in is still what was sent.

use std::net::UdpSocket;
use std::path::Path;

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{Transmit, UdpSocketState};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::Config;
use crate::init::init;
use crate::turn::serve;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Datagrams of one run; the last is shorter.
const RUN: u16 = 12;
const DATAGRAM_BYTES: u16 = 600;
const LAST_BYTES: u16 = 41;

fn config(folder: &Path) -> Config {
    init(folder, &[]).unwrap();
    let file = folder.join("relay-server.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("127.0.0.1:3478", "127.0.0.1:0").replace(
        "#allow_loopback_peers = false",
        "allow_loopback_peers = true",
    );
    std::fs::write(&file, text).unwrap();
    Config::load(&file).unwrap()
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn ask(socket: &UdpSocket, request: &[u8]) -> Vec<u8> {
    socket.send(request).unwrap();
    heard(socket)
}

fn heard(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 2000];
    let length = socket.recv(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

/// The data of a run, each datagram unlike the others.
fn run() -> Vec<Vec<u8>> {
    let length = |n| {
        if n + 1 == RUN {
            LAST_BYTES
        } else {
            DATAGRAM_BYTES
        }
    };
    let fill = |n: u16| vec![u8::try_from(n).unwrap(); length(n).into()];
    (0..RUN).map(fill).collect()
}

fn with_header(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0x40, 0][..], &length, data].concat()
}

/// Sends datagrams as one run, which a kernel keeps together on the loopback.
fn send_run(socket: &UdpSocket, to: SocketAddr, datagrams: &[Vec<u8>]) {
    let state = UdpSocketState::new(socket.into()).unwrap();
    // What comes back is to come one by one.
    setsockopt(socket, sockopt::UdpGroSegment, &false).unwrap();
    socket.set_nonblocking(false).unwrap();
    let transmit = Transmit {
        destination: to,
        ecn: None,
        contents: &datagrams.concat(),
        segment_size: Some(datagrams[0].len()),
        src_ip: None,
    };
    state.try_send(socket.into(), &transmit).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_that_came_together_are_relayed_each_as_it_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let stop = CancellationToken::new();
    let server = serve(&config, None, stop.clone()).await.unwrap().unwrap();
    let address = server.udp_address().unwrap();
    let turn = config.turn.clone().unwrap();
    let exchange = tokio::task::spawn_blocking(move || {
        let (client, peer) = (socket(), socket());
        let peer_address = peer.local_addr().unwrap();
        client.connect(address).unwrap();
        let challenge = ask(&client, &first_allocate());
        let challenge = Message::from_bytes(&challenge).unwrap();
        let nonce = challenge.attribute::<Nonce>().unwrap();
        let nonce = nonce.nonce().to_owned();
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let who = credential::issue(&turn.secret, "ana", now, 600);
        let sign = |method, fill: &dyn Fn(&mut MessageWriteVec)| {
            signed_in(&turn.realm, &who, &nonce, method, |message| fill(message))
        };
        let request = sign(ALLOCATE, &|message| {
            message.add_attribute(&RequestedTransport::new(17)).unwrap();
        });
        let answer = ask(&client, &request);
        let answer = Message::from_bytes(&answer).unwrap();
        let relay = answer.attribute::<XorRelayedAddress>().unwrap();
        let relay = relay.addr(answer.transaction_id());
        let request = sign(CHANNEL_BIND, &|message| {
            let peer = XorPeerAddress::new(peer_address, message.transaction_id());
            message.add_attribute(&ChannelNumber::new(0x4000)).unwrap();
            message.add_attribute(&peer).unwrap();
        });
        let bound = ask(&client, &request);
        assert_eq!(code(&Message::from_bytes(&bound).unwrap()), 0);

        let data = run();
        let units: Vec<Vec<u8>> = data.iter().map(|data| with_header(data)).collect();
        send_run(&client, address, &units);
        let arrived: Vec<Vec<u8>> = data.iter().map(|_| heard(&peer)).collect();
        assert_eq!(arrived, data);
        send_run(&peer, relay, &data);
        let arrived: Vec<Vec<u8>> = data.iter().map(|_| heard(&client)).collect();
        assert_eq!(arrived, units);
    });
    exchange.await.unwrap();
    stop.cancel();
    server.stopped().await;
}
