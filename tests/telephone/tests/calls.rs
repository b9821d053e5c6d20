//! The telephone, called over real sockets by an endpoint of our own.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use vrs_media::jitter::Played;
use vrs_media::trunk::{TrunkConfig, TrunkLeg, TrunkOutput};
use vrs_sip::{
    Body, CallHandle, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, FlowKind, Framed,
    InviteParams, NameAddr, Output, Role, StreamFramer, Uri,
};
use vrs_telephone::ear::{Ear, Heard};
use vrs_telephone::{Behaviour, Happening, Settings, Telephone, Voice};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
const FLOW: FlowId = FlowId(1);

/// How the far end reaches the telephone.
#[derive(Clone)]
enum Way {
    Udp,
    Tcp,
    Tls(Arc<rustls::ClientConfig>),
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>, StreamFramer),
}

impl Wire {
    async fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket) => drop(socket.send(bytes).await.unwrap()),
            Self::Stream(stream, _) => stream.write_all(bytes).await.unwrap(),
        }
    }

    async fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        match self {
            Self::Udp(socket) => {
                let length = socket.recv(&mut buffer).await.unwrap();
                buffer.truncate(length);
                buffer
            }
            Self::Stream(stream, framer) => loop {
                if let Some(Framed::Message(bytes)) = framer.poll().unwrap() {
                    return bytes;
                }
                let length = stream.read(&mut buffer).await.unwrap();
                assert!(length > 0, "the telephone closed the stream");
                framer.push(&buffer[..length]).unwrap();
            },
        }
    }
}

/// The server's part: places one call and talks.
struct FarEnd {
    wire: Wire,
    endpoint: Endpoint,
    call: CallHandle,
    leg: TrunkLeg,
    sound: UdpSocket,
    voice: Voice,
    ear: Ear,
    next_frame: Instant,
    answered: bool,
}

impl FarEnd {
    async fn call(telephone: SocketAddr, way: Way, secure: bool, hz: f32) -> Self {
        let now = Instant::now();
        let (wire, kind, local) = connect(telephone, way).await;
        let config = EndpointConfig {
            user_agent: "test".into(),
            seed: [7; 32],
            role: Role::Server,
            info_packages: Vec::new(),
        };
        let mut endpoint = Endpoint::new(config, now);
        let local = local.to_string();
        endpoint.open_flow(
            FLOW,
            kind,
            FlowAddress {
                via_sent_by: local.clone(),
                contact_host_port: local,
            },
        );
        let sound = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let config = TrunkConfig {
            local: sound.local_addr().unwrap(),
            secure,
            seed: [9; 32],
            latch: false,
            silence: None,
        };
        let (leg, offer) = TrunkLeg::offerer(config, now);
        let target = Uri::sip("+15550100199", &telephone.to_string());
        let params = InviteParams {
            to: NameAddr::new(target.clone()),
            target,
            from: NameAddr::new(Uri::sip("+15550100001", "relay.test")),
            contact_user: "relay".into(),
            headers: Vec::new(),
            body: Body::sdp(&offer),
            credentials: None,
        };
        let call = endpoint.invite(now, FLOW, params);
        let voice = Voice::tone(hz);
        let ear = Ear::default();
        Self {
            wire,
            endpoint,
            call,
            leg,
            sound,
            voice,
            ear,
            next_frame: now,
            answered: false,
        }
    }

    /// Runs until the endpoint reports something that `found` takes, or for `PATIENCE`.
    async fn until<T>(&mut self, found: impl Fn(&Event) -> Option<T>) -> T {
        tokio::time::timeout(PATIENCE, self.run(found))
            .await
            .expect("it happens in time")
    }

    async fn run<T>(&mut self, found: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => self.wire.send(&bytes).await,
                    Output::Event(event) => {
                        if let Event::Answered { response, .. } = &event {
                            let answer = String::from_utf8_lossy(&response.body).into_owned();
                            self.leg.accept_answer(Instant::now(), &answer).unwrap();
                            self.answered = true;
                        }
                        if let Some(value) = found(&event) {
                            return value;
                        }
                    }
                }
            }
            self.step().await;
        }
    }

    /// Waits for the next thing from the network or the clock.
    async fn step(&mut self) {
        let timers = [self.endpoint.poll_timeout(), self.leg.poll_timeout()];
        let timeout = timers.into_iter().flatten().chain([self.next_frame]).min();
        let mut buffer = [0; 2048];
        tokio::select! {
            bytes = self.wire.receive() => self.endpoint.receive(Instant::now(), FLOW, &bytes),
            received = self.sound.recv_from(&mut buffer) => {
                let (length, source) = received.unwrap();
                self.leg.handle_datagram(Instant::now(), source, &buffer[..length]);
            }
            () = tokio::time::sleep_until(timeout.unwrap_or(self.next_frame).into()) => {
                let now = Instant::now();
                self.endpoint.handle_timeout(now);
                self.leg.handle_timeout(now);
                if now >= self.next_frame {
                    self.next_frame += Duration::from_millis(20);
                    if self.answered {
                        self.leg.send_pcm(now, &self.voice.frame());
                        let mut heard = [0; 160];
                        if self.leg.play(&mut heard) != Played::Nobody {
                            self.ear.hear(&heard);
                        }
                    }
                }
            }
        }
        while let Some(output) = self.leg.poll_output() {
            match output {
                TrunkOutput::Transmit { destination, bytes } => {
                    self.sound.send_to(&bytes, destination).await.unwrap();
                }
                TrunkOutput::Dtmf(_) | TrunkOutput::Silent => {}
            }
        }
    }

    /// Talks for a while.
    async fn talk(&mut self, time: Duration) -> Heard {
        let nothing = |_: &Event| None::<()>;
        drop(tokio::time::timeout(time, self.run(nothing)).await);
        self.ear.report()
    }

    fn hang_up(&mut self) {
        self.endpoint.hang_up(Instant::now(), self.call, None);
    }
}

async fn connect(telephone: SocketAddr, way: Way) -> (Wire, FlowKind, SocketAddr) {
    let tls = match way {
        Way::Udp => {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            socket.connect(telephone).await.unwrap();
            let local = socket.local_addr().unwrap();
            return (Wire::Udp(socket), FlowKind::Datagram, local);
        }
        Way::Tcp => None,
        Way::Tls(config) => Some(TlsConnector::from(config)),
    };
    let stream = TcpStream::connect(telephone).await.unwrap();
    let local = stream.local_addr().unwrap();
    let kind = FlowKind::Reliable {
        websocket: false,
        tls: tls.is_some(),
    };
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let name = ServerName::try_from("localhost").unwrap();
            Box::new(tls.connect(name, stream).await.unwrap())
        }
    };
    (Wire::Stream(stream, StreamFramer::new()), kind, local)
}

fn failed(event: &Event) -> Option<u16> {
    if let Event::Failed { status, .. } = event {
        Some(*status)
    } else {
        None
    }
}

fn answered(event: &Event) -> Option<()> {
    matches!(event, Event::Answered { .. }).then_some(())
}

async fn both_hear_each_other(way: Way, settings: Settings) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heard.json");
    let secure = !matches!(way, Way::Udp);
    let settings = Settings {
        report: Some(file.clone()),
        ..settings
    };
    let mut telephone = Telephone::spawn(settings).await.unwrap();
    let mut far_end = FarEnd::call(telephone.address(), way, secure, 700.0).await;
    let ringing =
        |event: &Event| matches!(event, Event::Progress { response, .. } if response.status == 180);
    far_end.until(|event| ringing(event).then_some(())).await;
    assert_eq!(telephone.next(PATIENCE).await, Some(Happening::Ringing(1)));
    far_end.until(answered).await;
    let heard = far_end.talk(Duration::from_millis(1500)).await;
    far_end.hang_up();
    far_end
        .until(|event| matches!(event, Event::HungUp { .. }).then_some(()))
        .await;

    assert!(
        (heard.hz.unwrap() - 440.0).abs() < 5.0,
        "the far end hears the telephone: {heard:?}"
    );
    let report = telephone.report(PATIENCE).await.unwrap();
    assert_eq!(
        (report.outcome, report.ended_by),
        ("answered", Some("far_end"))
    );
    assert!((report.heard_hz.unwrap() - 700.0).abs() < 5.0, "{report:?}");
    assert!(
        (report.level_dbfs.unwrap() + 21.0).abs() < 1.0,
        "{report:?}"
    );
    assert!(
        report.packets_received > 40 && report.packets_sent > 40,
        "{report:?}"
    );
    assert!(report.duration_ms >= 1_000, "{report:?}");
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(written["outcome"], "answered");
    assert_eq!(written["codec"], "PCMU");
}

#[tokio::test]
async fn both_ends_hear_each_other_over_udp() {
    both_hear_each_other(Way::Udp, Settings::default()).await;
}

#[tokio::test]
async fn both_ends_hear_each_other_over_tcp_with_srtp() {
    both_hear_each_other(Way::Tcp, Settings::default()).await;
}

#[tokio::test]
async fn both_ends_hear_each_other_over_tls_with_srtp() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let settings = Settings {
        tls: Some(Arc::new(server)),
        ..Settings::default()
    };
    both_hear_each_other(Way::Tls(Arc::new(client)), settings).await;
}

#[tokio::test]
async fn a_busy_telephone_says_486_and_one_that_rejects_603() {
    for (behaviour, status) in [(Behaviour::Busy, 486), (Behaviour::Reject, 603)] {
        let settings = Settings {
            behaviour,
            ..Settings::default()
        };
        let mut telephone = Telephone::spawn(settings).await.unwrap();
        let mut far_end = FarEnd::call(telephone.address(), Way::Udp, false, 700.0).await;
        assert_eq!(far_end.until(failed).await, status);
        let report = telephone.report(PATIENCE).await.unwrap();
        assert_eq!((report.duration_ms, report.heard_hz), (0, None));
    }
}

#[tokio::test]
async fn a_telephone_that_nobody_answers_rings_until_the_caller_gives_up() {
    let settings = Settings {
        behaviour: Behaviour::NoAnswer,
        ..Settings::default()
    };
    let mut telephone = Telephone::spawn(settings).await.unwrap();
    let mut far_end = FarEnd::call(telephone.address(), Way::Udp, false, 700.0).await;
    far_end
        .until(|event| matches!(event, Event::Progress { .. }).then_some(()))
        .await;
    far_end.talk(Duration::from_millis(500)).await;
    assert_eq!(telephone.next(PATIENCE).await, Some(Happening::Ringing(1)));
    far_end.hang_up();
    far_end
        .until(|event| matches!(event, Event::HungUp { .. }).then_some(()))
        .await;
    assert_eq!(
        telephone.report(PATIENCE).await.unwrap().outcome,
        "cancelled"
    );
}

#[tokio::test]
async fn a_telephone_can_hang_up_by_itself_or_be_told_to() {
    let after = Settings {
        hang_up_after: Some(Duration::from_millis(300)),
        ..Settings::default()
    };
    for (settings, told) in [(after, false), (Settings::default(), true)] {
        let mut telephone = Telephone::spawn(settings).await.unwrap();
        let mut far_end = FarEnd::call(telephone.address(), Way::Udp, false, 700.0).await;
        far_end.until(answered).await;
        if told {
            telephone.hang_up();
        }
        far_end
            .until(|event| matches!(event, Event::Ended { .. }).then_some(()))
            .await;
        assert_eq!(
            telephone.report(PATIENCE).await.unwrap().ended_by,
            Some("telephone")
        );
    }
}

#[tokio::test]
async fn an_offer_without_telephone_sound_is_refused_and_the_telephone_lives_on() {
    let mut telephone = Telephone::spawn(Settings::default()).await.unwrap();
    let mut far_end = FarEnd::call(telephone.address(), Way::Udp, false, 700.0).await;
    let report = {
        // A second INVITE on the same socket, with nonsense as its offer.
        let now = Instant::now();
        let target = Uri::sip("+15550100199", &telephone.address().to_string());
        let params = InviteParams {
            to: NameAddr::new(target.clone()),
            target,
            from: NameAddr::new(Uri::sip("+15550100001", "relay.test")),
            contact_user: "relay".into(),
            headers: Vec::new(),
            body: Body::sdp("v=0\r\nnonsense"),
            credentials: None,
        };
        far_end.endpoint.invite(now, FLOW, params);
        assert_eq!(far_end.until(failed).await, 488);
        telephone.report(PATIENCE).await.unwrap()
    };
    assert_eq!(report.outcome, "not_acceptable");
    if !far_end.answered {
        far_end.until(answered).await;
    }
    far_end.hang_up();
    far_end
        .until(|event| matches!(event, Event::HungUp { .. }).then_some(()))
        .await;
    assert_eq!(
        telephone.report(PATIENCE).await.unwrap().outcome,
        "answered"
    );
}
