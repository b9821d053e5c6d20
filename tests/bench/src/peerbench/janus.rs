//! Janus with its videoroom: one publisher, some subscribers, told over its WebSocket.
//!
//! It offers no loopback addresses, so that everything here runs in a network namespace of its
//! own with [`ADDRESS`].

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};
use vrs_media::Certificate;

use super::Outcome;
use super::daemon::Daemon;
use super::load::End;
use super::web::WebEnd;

/// The address of both ends of everything.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// It is up when it takes connections; looked at this often.
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);
/// Where the package keeps its libraries, below the folder of libraries.
const LIBRARIES: [(&str, &str); 2] = [
    ("plugins", "libjanus_videoroom.so"),
    ("transports", "libjanus_websockets.so"),
];
const ROOM: u64 = 1;
const FEED: u64 = 7;

pub(crate) struct Janus {
    pub(crate) daemon: Daemon,
    socket: WebSocket<TcpStream>,
    asked: u64,
    session: u64,
    /// Events that came before the answer to what they are about.
    early: VecDeque<Value>,
    _folder: TempDir,
}

impl Janus {
    /// The daemon with a room, and its ends: first the publisher of datagrams of so many bytes.
    pub(crate) fn start(subscribers: usize, bytes: usize) -> Outcome<(Self, Vec<Box<dyn End>>)> {
        let mut janus = Self::launch()?;
        let created = janus.ask(json!({"janus": "create"}))?;
        janus.session = number(&created, "/data/id")?;
        let publisher = janus.attach()?;
        let room = json!({
            "request": "create", "room": ROOM, "publishers": 1, "bitrate": 0,
            "videocodec": "h264", "audiocodec": "opus",
        });
        janus.tell(publisher, &room, None)?;
        let joining = json!({"request": "join", "ptype": "publisher", "room": ROOM, "id": FEED});
        janus.tell(publisher, &joining, None)?;
        janus.event("/plugindata/data/room")?;
        let certificate = Certificate::generate()?;
        let (mut end, offer) = WebEnd::offer(ADDRESS.into(), &certificate, bytes)?;
        let publishing = json!({"request": "publish"});
        janus.tell(publisher, &publishing, Some(("offer", &offer)))?;
        end.accept(&janus.event("/jsep/sdp")?)?;
        let mut ends: Vec<Box<dyn End>> = vec![Box::new(end)];
        super::load::connect(&mut ends, PATIENCE)?;
        // It has no feed before it noticed that, too.
        janus.next("webrtcup")?;
        for _ in 0..subscribers {
            let handle = janus.attach()?;
            let joining = json!({
                "request": "join", "ptype": "subscriber", "room": ROOM,
                "streams": [{"feed": FEED}],
            });
            janus.tell(handle, &joining, None)?;
            let offer = janus.event("/jsep/sdp")?;
            let (end, answer) = WebEnd::answer(ADDRESS.into(), &certificate, bytes, &offer)?;
            janus.tell(
                handle,
                &json!({"request": "start"}),
                Some(("answer", &answer)),
            )?;
            ends.push(Box::new(end));
        }
        Ok((janus, ends))
    }

    fn launch() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((ADDRESS, 0))?.local_addr()?.port();
        configure(folder.path(), port)?;
        let mut command = Command::new("janus");
        command
            .arg("--configs-folder")
            .arg(folder.path())
            .arg("--disable-colors");
        let mut daemon = Daemon::quiet(&mut command, "janus")?;
        let begin = Instant::now();
        let stream = loop {
            match TcpStream::connect((ADDRESS, port)) {
                Ok(stream) => break stream,
                Err(_) if !daemon.has_ended()? && begin.elapsed() < PATIENCE => {
                    std::thread::sleep(LOOK);
                }
                Err(error) => return Err(format!("janus does not start: {error}").into()),
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("ws://{ADDRESS}:{port}/").into_client_request()?;
        let protocol = "janus-protocol".parse()?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
        let (socket, _) = client(request, stream).map_err(|error| error.to_string())?;
        Ok(Self {
            daemon,
            socket,
            asked: 0,
            session: 0,
            early: VecDeque::new(),
            _folder: folder,
        })
    }

    fn attach(&mut self) -> Outcome<u64> {
        let attach = json!({
            "janus": "attach", "session_id": self.session,
            "plugin": "janus.plugin.videoroom",
        });
        number(&self.ask(attach)?, "/data/id")
    }

    fn tell(&mut self, handle: u64, body: &Value, sdp: Option<(&str, &str)>) -> Outcome<()> {
        let mut message = json!({
            "janus": "message", "session_id": self.session, "handle_id": handle, "body": body,
        });
        if let Some((kind, sdp)) = sdp {
            message["jsep"] = json!({"type": kind, "sdp": sdp});
        }
        self.ask(message).map(drop)
    }

    /// Asks, and waits for the answer or the word that it will come as an event.
    fn ask(&mut self, mut question: Value) -> Outcome<Value> {
        self.asked += 1;
        let transaction = self.asked.to_string();
        question["transaction"] = transaction.clone().into();
        self.socket.send(Message::text(question.to_string()))?;
        loop {
            let answer = self.read()?;
            let same = answer["transaction"] == transaction.as_str();
            if same && matches!(answer["janus"].as_str(), Some("success" | "ack")) {
                return Ok(answer);
            }
            self.early.push_back(answer);
        }
    }

    /// The text at this place in the next event that has it.
    fn event(&mut self, at: &str) -> Outcome<String> {
        loop {
            let event = self.next("event")?;
            if let Some(found) = event.pointer(at) {
                return Ok(found
                    .as_str()
                    .map_or_else(|| found.to_string(), str::to_owned));
            }
        }
    }

    /// The next message of this kind, of those that answer nothing.
    fn next(&mut self, kind: &str) -> Outcome<Value> {
        loop {
            let message = match self.early.pop_front() {
                Some(message) => message,
                None => self.read()?,
            };
            if message["janus"] == kind {
                return Ok(message);
            }
        }
    }

    fn read(&mut self) -> Outcome<Value> {
        loop {
            let Message::Text(text) = self.socket.read()? else {
                continue;
            };
            let message: Value = serde_json::from_str(&text)?;
            let error = message.pointer("/plugindata/data/error");
            if message["janus"] == "error" || error.is_some() {
                return Err(format!("janus: {message}").into());
            }
            return Ok(message);
        }
    }
}

fn number(answer: &Value, at: &str) -> Outcome<u64> {
    let number = answer.pointer(at).and_then(Value::as_u64);
    number.ok_or_else(|| format!("janus: no {at} in {answer}").into())
}

/// Its files: only the videoroom, only the WebSocket, no servers outside.
fn configure(folder: &Path, port: u16) -> Outcome<()> {
    for (kind, library) in LIBRARIES {
        let place = installed(kind, library)?;
        fs::create_dir(folder.join(kind))?;
        symlink(place, folder.join(kind).join(library))?;
    }
    let at = |name: &str| folder.join(name).display().to_string();
    let general = format!(
        "general: {{ plugins_folder = \"{}\"; transports_folder = \"{}\"; debug_level = 2; \
         session_timeout = 0; }}\n",
        at("plugins"),
        at("transports")
    );
    fs::write(folder.join("janus.jcfg"), general)?;
    fs::write(folder.join("janus.plugin.videoroom.jcfg"), "general: { }\n")?;
    let websockets = format!(
        "general: {{ ws = true; ws_port = {port}; ws_ip = \"{ADDRESS}\"; }}\n\
         admin: {{ admin_ws = false; }}\n"
    );
    fs::write(folder.join("janus.transport.websockets.jcfg"), websockets)?;
    Ok(())
}

/// Where the distribution has put a library.
fn installed(kind: &str, library: &str) -> Outcome<std::path::PathBuf> {
    let roots = fs::read_dir("/usr/lib")?.filter_map(Result::ok);
    let places = roots.map(|root| root.path().join("janus").join(kind).join(library));
    let mut found = places.filter(|place| place.exists());
    found
        .next()
        .ok_or_else(|| format!("{library} (package janus) is missing").into())
}

/// Runs this program again in a network namespace with [`ADDRESS`], unless it is in one.
/// `None`: it is.
pub(crate) fn in_namespace(name: &str) -> Outcome<Option<i32>> {
    let here = IpAddr::V4(ADDRESS);
    if std::net::UdpSocket::bind((here, 0)).is_ok() {
        return Ok(None);
    }
    let script = format!(
        "ip link set lo up && ip link add vrs0 type veth peer name vrs1 && \
         ip addr add {ADDRESS}/24 dev vrs0 && ip link set vrs0 up && ip link set vrs1 up && \
         exec \"$0\" \"$1\""
    );
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "sh", "-c", &script])
        .arg(std::env::current_exe()?)
        .arg(name)
        .status()
        .map_err(|error| format!("unshare (package util-linux): {error}"))?;
    Ok(Some(status.code().unwrap_or(1)))
}
