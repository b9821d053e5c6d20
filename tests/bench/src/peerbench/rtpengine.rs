//! rtpengine in user space, one worker thread, RTP in and SRTP (keys in the SDP) out.
//!
//! It only encrypts, where our media plane decrypts and encrypts; its control protocol is `ng`
//! with JSON bodies.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Outcome;
use super::daemon::Daemon;
use super::load::End;
use super::plain::PlainEnd;

/// Ports for media: four for each session, and some to spare.
const PORTS: [u16; 2] = [30_000, 32_000];
/// It is up when it answers; a question is asked anew this often.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 65_536;
const RTP_HEADER: [u8; 12] = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// What the receivers agree to; they count packets and decrypt none.
#[derive(Clone, Copy)]
pub(crate) struct Suite {
    name: &'static str,
    /// Key and salt in base64, for the direction that nobody uses.
    unused_key: &'static str,
    /// SRTP adds so much to what is sent in.
    tag_bytes: usize,
}

/// The one that every program has which takes keys in the SDP (RFC 4568 section 6.2.1).
pub(crate) const USUAL: Suite = Suite {
    name: "AES_CM_128_HMAC_SHA1_80",
    unused_key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    tag_bytes: 10,
};
/// The one that ours agrees with its peers.
pub(crate) const GCM: Suite = Suite {
    name: "AEAD_AES_128_GCM",
    unused_key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    tag_bytes: 16,
};

pub(crate) struct Rtpengine {
    pub(crate) daemon: Daemon,
    control: UdpSocket,
    cookie: u64,
}

impl Rtpengine {
    /// The daemon with its calls set up, and their ends: one that sends and one that receives for
    /// each session. What it sends has so many bytes.
    pub(crate) fn start(
        sessions: usize,
        bytes: usize,
        suite: Suite,
    ) -> Outcome<(Self, Vec<Box<dyn End>>)> {
        let mut engine = Self::launch()?;
        engine.await_start()?;
        let mut packet = RTP_HEADER.to_vec();
        packet.resize(bytes - suite.tag_bytes, 7);
        let mut ends: Vec<Box<dyn End>> = Vec::new();
        for session in 0..sessions {
            let mut from = PlainEnd::counting(packet.clone())?;
            let mut to = PlainEnd::counting(packet.clone())?;
            engine.call(session, suite, &mut from, &mut to)?;
            ends.push(Box::new(from));
            ends.push(Box::new(to));
        }
        Ok((engine, ends))
    }

    fn launch() -> Outcome<Self> {
        let control = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        control.set_read_timeout(Some(ASK_AGAIN))?;
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        control.connect(free)?;
        let mut command = Command::new("rtpengine");
        command
            .args(["--config-file=none", "--foreground", "--log-stderr"])
            .args(["--log-level=3", "--table=-1", "--num-threads=1"])
            .args(["--interface=127.0.0.1", &format!("--listen-ng={free}")])
            .args([
                format!("--port-min={}", PORTS[0]),
                format!("--port-max={}", PORTS[1]),
            ]);
        let daemon = Daemon::quiet(&mut command, "rtpengine-daemon")?;
        Ok(Self {
            daemon,
            control,
            cookie: 0,
        })
    }

    fn await_start(&mut self) -> Outcome<()> {
        let begin = Instant::now();
        while let Err(error) = self.ask(&json!({"command": "ping"})) {
            if begin.elapsed() > PATIENCE {
                return Err(format!("rtpengine does not answer: {error}").into());
            }
            std::thread::sleep(ASK_AGAIN);
        }
        Ok(())
    }

    fn ask(&mut self, question: &Value) -> Outcome<Value> {
        self.cookie += 1;
        let cookie = self.cookie.to_string();
        self.control
            .send(format!("{cookie} {question}").as_bytes())?;
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        let length = self.control.recv(&mut buffer)?;
        let text = std::str::from_utf8(&buffer[..length])?;
        let (_, body) = text.split_once(' ').ok_or("an answer without a cookie")?;
        let answer: Value = serde_json::from_str(body)?;
        match answer["result"].as_str() {
            Some("ok" | "pong") => Ok(answer),
            _ => Err(format!("rtpengine: {answer}").into()),
        }
    }

    /// Offer and answer of one call: `from` sends RTP, `to` is sent SRTP.
    fn call(
        &mut self,
        session: usize,
        suite: Suite,
        from: &mut PlainEnd,
        to: &mut PlainEnd,
    ) -> Outcome<()> {
        let call = format!("call-{session}");
        let offer = description(from.address()?, "RTP/AVP", "");
        let offered = self.ask(&json!({
            "command": "offer", "call-id": call, "from-tag": "a", "sdp": offer,
            "transport-protocol": "RTP/SAVP", "DTLS": "off", "ICE": "remove",
        }))?;
        let sdp = offered["sdp"].as_str().unwrap_or_default();
        to.send_to(place(sdp)?);
        let tag = crypto_tag(sdp, suite)?;
        let (name, key) = (suite.name, suite.unused_key);
        let crypto = format!("a=crypto:{tag} {name} inline:{key}\r\n");
        let answer = description(to.address()?, "RTP/SAVP", &crypto);
        let answered = self.ask(&json!({
            "command": "answer", "call-id": call, "from-tag": "a", "to-tag": "b", "sdp": answer,
        }))?;
        from.send_to(place(answered["sdp"].as_str().unwrap_or_default())?);
        Ok(())
    }
}

fn description(address: SocketAddr, transport: &str, attributes: &str) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=video {port} {transport} 96\r\na=rtpmap:96 H264/90000\r\n{attributes}"
    )
}

/// Where a description wants media to be sent.
fn place(sdp: &str) -> Outcome<SocketAddr> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=video "));
    let port = line.and_then(|line| line.split(' ').next());
    let port = port.ok_or("a description without video")?.parse()?;
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Under which number a suite is offered: an answer has to repeat it.
fn crypto_tag(sdp: &str, suite: Suite) -> Outcome<String> {
    let offered = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=crypto:"));
    let mut words = offered.filter_map(|line| line.split_once(' '));
    let ours = words.find(|(_, rest)| rest.starts_with(suite.name));
    Ok(ours.ok_or("the cipher is not offered")?.0.to_owned())
}
