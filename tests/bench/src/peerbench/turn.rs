//! TURN: our server in a process of its own, and clients that speak as much of it as the load
//! needs (Allocate, ChannelBind, channel data).

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use relay_server::config::Config;
use relay_server::turn::{self, Credential, credential};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use turn_server_proto::types::attribute::{
    ChannelNumber, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_server_proto::types::message::{ALLOCATE, CHANNEL_BIND};
use turn_server_proto::types::stun::attribute::{Nonce, Realm, Username};
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageWriteVec, Method,
};
use turn_server_proto::types::stun::prelude::{MessageWrite, MessageWriteExt};
use vrs_domain::Sensitive;

use super::Outcome;
use super::daemon::Daemon;
use super::load::End;
use super::plain::PlainEnd;

/// Seconds for which credentials are good.
const CREDENTIAL_S: u64 = 3600;
/// The channel of every client.
const CHANNEL: u16 = 0x4000;
/// An answer takes no longer; what is asked later meets a server that has started.
const ANSWER: Duration = Duration::from_millis(500);
/// A request is repeated so often.
const TRIES: usize = 20;
const ANSWER_BYTES_MAX: usize = 1500;

/// A configuration of ours in a folder of its own; its secret is good for others, too.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn make() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        relay_server::init::init(folder.path(), &[])?;
        let file = configuration(folder.path());
        let text = fs::read_to_string(&file)?
            .replace("127.0.0.1:3478", "127.0.0.1:0")
            .replace(
                "#allow_loopback_peers = false",
                "allow_loopback_peers = true",
            );
        fs::write(&file, text)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn secret(&self) -> Outcome<Sensitive<Vec<u8>>> {
        let text = fs::read_to_string(self.path().join("secrets").join("turn"))?;
        Ok(Sensitive::new(text.trim().as_bytes().to_vec()))
    }

    /// For each session a client of the server and its peer, who send each other so many bytes.
    pub(crate) fn clients(
        &self,
        server: SocketAddr,
        sessions: usize,
        bytes: usize,
    ) -> Outcome<Vec<Box<dyn End>>> {
        let secret = self.secret()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let payload = vec![7; bytes];
        let mut ends: Vec<Box<dyn End>> = Vec::new();
        for session in 0..sessions {
            let account = format!("load-{session}");
            let client = Client {
                socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
                credential: credential::issue(&secret, &account, now, CREDENTIAL_S),
                realm: String::new(),
                nonce: String::new(),
            };
            let mut peer = PlainEnd::repeating(server, payload.clone())?;
            let (client, relay) = client.relayed(server, peer.address()?, &payload)?;
            peer.send_to(relay);
            ends.push(Box::new(client));
            ends.push(Box::new(peer));
        }
        Ok(ends)
    }
}

fn configuration(folder: &Path) -> PathBuf {
    folder.join("relay-server.toml")
}

/// The child's side: serves until its input ends.
pub(crate) fn serve() -> Outcome<()> {
    let folder = std::env::args_os().nth(2).ok_or("no folder")?;
    let config = Config::load(&configuration(Path::new(&folder)))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = CancellationToken::new();
    let server = runtime.block_on(turn::serve(&config, None, stop.clone()))?;
    let server = server.ok_or("no TURN")?;
    println!("{}", server.udp_address().ok_or("no listener")?);
    runtime.block_on(async {
        let input = tokio::task::spawn_blocking(|| io::stdin().lines().count());
        input.await.map(drop)?;
        stop.cancel();
        server.stopped().await;
        Ok(())
    })
}

/// The parent's side.
pub(crate) struct Server {
    pub(crate) daemon: Daemon,
    pub(crate) folder: Folder,
    _input: ChildStdin,
}

/// Our server, and where it listens.
pub(crate) fn start() -> Outcome<(Server, SocketAddr)> {
    let folder = Folder::make()?;
    let path = folder.path().to_str().ok_or("a strange folder")?;
    let (daemon, input, output) = Daemon::own(&["turn-server", path])?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let server = Server {
        daemon,
        folder,
        _input: input,
    };
    Ok((server, line.trim().parse()?))
}

struct Client {
    socket: UdpSocket,
    credential: Credential,
    realm: String,
    nonce: String,
}

impl Client {
    /// The client with a relay and a channel to its peer, and where the relay is.
    fn relayed(
        mut self,
        server: SocketAddr,
        peer: SocketAddr,
        payload: &[u8],
    ) -> Outcome<(PlainEnd, SocketAddr)> {
        self.socket.connect(server)?;
        self.socket.set_read_timeout(Some(ANSWER))?;
        let answer = self.ask(ALLOCATE, |message| {
            message.add_attribute(&RequestedTransport::new(RequestedTransport::UDP))
        })?;
        let answer = Message::from_bytes(&answer)?;
        let (realm, nonce) = (answer.attribute::<Realm>()?, answer.attribute::<Nonce>()?);
        self.realm = realm.realm().to_owned();
        self.nonce = nonce.nonce().to_owned();
        let answer = self.ask(ALLOCATE, |message| {
            message.add_attribute(&RequestedTransport::new(RequestedTransport::UDP))
        })?;
        let answer = Message::from_bytes(&answer)?;
        let relay = answer.attribute::<XorRelayedAddress>()?;
        let relay = relay.addr(answer.transaction_id());
        let bound = self.ask(CHANNEL_BIND, |message| {
            message.add_attribute(&ChannelNumber::new(CHANNEL))?;
            let peer = XorPeerAddress::new(peer, message.transaction_id());
            message.add_attribute(&peer)
        })?;
        if !Message::from_bytes(&bound)?.has_class(MessageClass::Success) {
            return Err("the channel is not bound".into());
        }
        let length = u16::try_from(payload.len())?;
        let header = [CHANNEL.to_be_bytes(), length.to_be_bytes()].concat();
        let packet = [&header, payload].concat();
        Ok((PlainEnd::with(self.socket, server, packet)?, relay))
    }

    fn ask<E: std::error::Error + 'static>(
        &self,
        method: Method,
        fill: impl Fn(&mut MessageWriteVec) -> Result<(), E>,
    ) -> Outcome<Vec<u8>> {
        let mut message = Message::builder_request(method, MessageWriteVec::new());
        fill(&mut message)?;
        if !self.nonce.is_empty() {
            let (username, password) = (&self.credential.username, &self.credential.password);
            message.add_attribute(&Username::new(username)?)?;
            message.add_attribute(&Realm::new(&self.realm)?)?;
            message.add_attribute(&Nonce::new(&self.nonce)?)?;
            let (username, password) = (username.clone(), password.expose().clone());
            let key = LongTermKeyCredentials::new(username, password, self.realm.clone())
                .make_key(IntegrityAlgorithm::Sha1);
            message.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1)?;
        }
        let request = message.finish();
        let mut answer = vec![0; ANSWER_BYTES_MAX];
        for _ in 0..TRIES {
            // A server that does not listen yet refuses.
            let _sent = self.socket.send(&request);
            if let Ok(length) = self.socket.recv(&mut answer) {
                answer.truncate(length);
                return Ok(answer);
            }
            std::thread::sleep(ANSWER / 10);
        }
        Err("the TURN server does not answer".into())
    }
}
