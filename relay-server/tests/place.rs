//! What a request for a call may say, and by which name it is refused otherwise: the running
//! tasks of the server, asked over a flow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_core::queue::QueueRules;
use relay_core::session::Rules;
use relay_server::accounts::{Account, AccountStore, Digests, Role as Part};
use relay_server::config::{Emergency, Numbers};
use relay_server::edge::{Arrival, Opened};
use relay_server::journal::{self, Journal, Kind};
use relay_server::session::clock::Clock;
use relay_server::session::views::Views;
use relay_server::sfu::{Command, Sfu, SfuConfig};
use relay_server::signalling::actor::ActorConfig;
use relay_server::switchboard::{self, Parts, Switchboard};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_domain::Sensitive;
use vrs_sip::{
    Body, Credentials, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, FlowKind,
    InviteParams, NameAddr, Output, RegisterParams, Response, Role, Uri,
};

const DOMAIN: &str = "vrs.test";
const CALLER: &str = "+15550100001";
const FRIEND: &str = "+15550100002";
const INTERPRETER: &str = "1234";
const PASSWORD: &str = "correct horse battery";
const FLOW: FlowId = FlowId(7);
const PATIENCE: Duration = Duration::from_secs(20);

/// The server's tasks, and a user agent on one flow.
struct Desk {
    folder: tempfile::TempDir,
    _halt: tokio_util::sync::DropGuard,
    switchboard: Switchboard,
    endpoint: Endpoint,
    incoming: mpsc::Receiver<Vec<u8>>,
    account: &'static str,
}

impl Desk {
    async fn of(account: &'static str) -> Self {
        Self::with(account, plane_that_takes_all()).await
    }

    async fn with(account: &'static str, sfu: Sfu) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = AccountStore::open(folder.path().join("accounts")).unwrap();
        let interpreter = Part::Interpreter {
            ca_id: INTERPRETER.parse().unwrap(),
            languages: vec!["ase/en".parse().unwrap()],
            skills: Vec::new(),
            gender: None,
            supervisor: false,
            center: None,
        };
        let number = |number: &str| Part::Caller {
            number: number.parse().unwrap(),
            location: None,
            languages: None,
        };
        let password = Sensitive::new(PASSWORD.to_owned());
        for role in [number(CALLER), number(FRIEND), interpreter] {
            let account = Account::new(role, None, DOMAIN, &password, Digests::Strong).unwrap();
            accounts.add(account).unwrap();
        }
        let (journal, _) = Journal::open(&folder.path().join("journal"), |_| {}).unwrap();
        let halt = CancellationToken::new();
        let parts = parts(journal, sfu);
        let switchboard = switchboard::start(parts, config(accounts), &halt);
        let endpoint = Endpoint::new(
            EndpointConfig {
                user_agent: "test".into(),
                seed: [3; 32],
                role: Role::Client,
                info_packages: Vec::new(),
            },
            Instant::now(),
        );
        let (outbox, incoming) = mpsc::channel(64);
        let mut desk = Self {
            folder,
            _halt: halt.drop_guard(),
            switchboard,
            endpoint,
            incoming,
            account,
        };
        desk.connect(outbox).await;
        desk
    }

    async fn connect(&mut self, outbox: mpsc::Sender<Vec<u8>>) {
        let kind = FlowKind::Reliable {
            websocket: true,
            tls: true,
        };
        let opened = Opened {
            flow: FLOW,
            kind,
            local: DOMAIN.into(),
            peer: "192.0.2.7:4000".parse().unwrap(),
            trunk: None,
            dialled: false,
            outbox,
        };
        let arrival = Arrival::Opened(opened);
        self.switchboard.arrivals.send(arrival).await.unwrap();
        let address = FlowAddress {
            via_sent_by: "x.invalid".into(),
            contact_host_port: "x.invalid".into(),
        };
        self.endpoint.open_flow(FLOW, kind, address);
        let register = RegisterParams {
            registrar: Uri::parse(&format!("sip:{DOMAIN}")).unwrap(),
            aor: NameAddr::new(Uri::sip(self.account, DOMAIN)),
            contact_user: self.account.into(),
            instance: Some("urn:uuid:x".into()),
            reg_id: Some(1),
            expires_s: 600,
            headers: Vec::new(),
            enclosure: None,
            credentials: Some(self.credentials()),
        };
        self.endpoint.register(Instant::now(), FLOW, register);
        self.until(|event| matches!(event, Event::Registered { .. }).then_some(()))
            .await;
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            username: self.account.to_owned(),
            password: PASSWORD.into(),
        }
    }

    async fn until<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => {
                        let received = Arrival::Received { flow: FLOW, bytes };
                        self.switchboard.arrivals.send(received).await.unwrap();
                    }
                    Output::Event(event) => {
                        if let Some(picked) = pick(&event) {
                            return picked;
                        }
                    }
                }
            }
            let bytes = tokio::time::timeout_at(end.into(), self.incoming.recv()).await;
            let bytes = bytes.expect("the server answers").expect("it is there");
            self.endpoint.receive(Instant::now(), FLOW, &bytes);
        }
    }

    /// Waits until the journal says why so many calls ended, and gives these reasons.
    async fn ends(&self, count: usize) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let mut ends = Vec::new();
            let read = journal::read(&self.folder.path().join("journal"), |record| {
                if let Kind::Ended { reason, .. } = record.entry.kind {
                    ends.push(reason);
                }
            });
            read.unwrap();
            if ends.len() >= count {
                return ends;
            }
            assert!(begin.elapsed() < PATIENCE, "{ends:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Calls, and gives the refusal.
    async fn refused(&mut self, number: &str, headers: &[(&str, &str)], body: Body) -> Response {
        self.call(number, headers, body);
        self.until(|event| {
            if let Event::Failed { response, .. } = event {
                response.clone()
            } else {
                None
            }
        })
        .await
    }

    fn call(&mut self, number: &str, headers: &[(&str, &str)], body: Body) {
        let target = Uri::sip(number, DOMAIN);
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let invite = InviteParams {
            to: NameAddr::new(target.clone()),
            target,
            from: NameAddr::new(Uri::sip(self.account, DOMAIN)),
            contact_user: self.account.into(),
            headers: headers.collect(),
            body,
            credentials: Some(self.credentials()),
        };
        self.endpoint.invite(Instant::now(), FLOW, invite);
    }
}

/// A media plane that takes every offer and gives none: no call gets that far.
fn plane_that_takes_all() -> Sfu {
    let (sfu, mut commands) = Sfu::channel();
    tokio::spawn(async move {
        while let Some(command) = commands.recv().await {
            if let Command::Try { reply, .. } = command {
                reply.send(Ok(Vec::new())).ok();
            }
        }
    });
    sfu
}

fn parts(journal: Journal, sfu: Sfu) -> Parts {
    let (_news, media_news) = mpsc::channel(1);
    Parts {
        journal: Arc::new(journal),
        views: Views::discarded(),
        sfu,
        media_news,
        clock: Clock::start(),
        trunks: [].into(),
        queue_rules: QueueRules::default(),
        rules: Rules::default(),
        resumed: Vec::new(),
        alive: None,
    }
}

fn config(accounts: AccountStore) -> ActorConfig<'static> {
    ActorConfig {
        domain: DOMAIN.into(),
        realm: DOMAIN,
        nonce_seeds: [[1; 32], [2; 32]],
        allow_md5: false,
        accounts: Arc::new(accounts),
        product: "test".into(),
        stopping: CancellationToken::new(),
        numbers: Numbers::default(),
        emergency: Emergency::of(DOMAIN),
        turn: None,
        seed: [9; 32],
    }
}

/// Status, our word for the reason, and that the warning says what exactly is wrong.
#[track_caller]
fn assert_refusal(refusal: &Response, status: u16, reason: &str, warning: &str) {
    let header = |name| refusal.headers.get(name).unwrap_or_default().to_owned();
    assert_eq!(refusal.status, status, "{warning}");
    assert_eq!(header("VRS-Reason"), reason);
    let said = header("Warning");
    assert!(said.contains(warning), "{said:?} names {warning:?}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name_and_says_what_is_wrong() {
    let mut desk = Desk::of(CALLER).await;
    let sdp = || Body::sdp("v=0");
    let number = "+15550100199";
    let wrong = [
        ("123", vec![], 404, "number_invalid", "8 to 15 digits"),
        ("+1555O100199", vec![], 404, "number_invalid", "'O'"),
        (CALLER, vec![], 404, "number_invalid", "own number"),
        (
            number,
            vec![("VRS-Languages", "ase/klingon")],
            400,
            "language_unknown",
            "klingon",
        ),
        (
            number,
            vec![("VRS-Call-Kind", "conference")],
            400,
            "kind_unsupported",
            "conference",
        ),
        (
            number,
            vec![("VRS-Call-Kind", "relay_inbound")],
            400,
            "kind_unsupported",
            "inbound",
        ),
        (
            number,
            vec![("VRS-Call-Kind", "point_to_point")],
            404,
            "number_unknown",
            "",
        ),
        (
            FRIEND,
            vec![("VRS-Call-Kind", "relay_outbound")],
            400,
            "kind_unsupported",
            "directly",
        ),
        (
            number,
            vec![("VRS-Skill", "plumbing")],
            400,
            "request_invalid",
            "plumbing",
        ),
        (
            number,
            vec![("VRS-Gender", "any")],
            400,
            "request_invalid",
            "VRS-Gender",
        ),
    ];
    for (dialled, headers, status, reason, warning) in wrong {
        let refusal = desk.refused(dialled, &headers, sdp()).await;
        assert_refusal(&refusal, status, reason, warning);
    }
    let refusal = desk
        .refused(number, &[], Body::new("text/plain", "hi"))
        .await;
    assert!(matches!(refusal.status, 415 | 488), "{refusal:?}");
    // Nothing of all that is a call.
    assert_eq!(desk.switchboard.running(), 0);
}

#[tokio::test]
async fn interpreters_place_no_calls() {
    let mut desk = Desk::of(INTERPRETER).await;
    let refusal = desk.refused("+15550100199", &[], Body::sdp("v=0")).await;
    assert_refusal(&refusal, 403, "not_allowed", "interpreters place no calls");
}

#[tokio::test]
async fn f18_too_many_calls_are_refused_by_name_and_emergency_calls_are_not_counted() {
    let mut desk = Desk::of(CALLER).await;
    let mut refusal = None;
    for _ in 0..200 {
        let answer = desk.refused("+15550100199", &[], Body::sdp("v=0")).await;
        let reason = answer.headers.get("VRS-Reason").map(str::to_owned);
        // Nobody interprets: a call that is taken ends for that reason.
        if reason.as_deref() != Some("no_interpreter") {
            refusal = Some(answer);
            break;
        }
    }
    let refusal = refusal.expect("the account has a limit");
    assert_refusal(&refusal, 503, "too_many_calls", "too many calls");
    assert!(refusal.headers.get("Retry-After").is_some());
    // A call for help waits for somebody to sign in.
    desk.call("911", &[], Body::sdp("v=0"));
    let place = desk.until(|event| {
        if let Event::Progress { response, .. } = event {
            Some(response.clone())
        } else {
            None
        }
    });
    assert_eq!(place.await.headers.get("VRS-Queue-Position"), Some("1"));
}

/// Sound without encryption, with its key in the description (RFC 4568), and encrypted beside a
/// picture that is not.
const UNPROTECTED: [&str; 3] = [
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
     m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
     m=audio 4000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n\
     a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
     a=fingerprint:sha-256 0B:30:55:7A:9F:C4:E9:0E:33:58:7D:A2:C7:EC:11:36:5B:80:A5:CA:EF:14:39:\
     5E:83:A8:CD:F2:17:3C:61:86\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\n\
     a=ice-pwd:0123456789012345678901\r\n\
     m=audio 4000 UDP/TLS/RTP/SAVPF 111\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
     m=video 4002 RTP/AVP 96\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n\
     a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n",
];

#[tokio::test]
async fn a39_calls_without_dtls_are_refused_with_488_whomever_they_are_for() {
    let (news, _unread) = mpsc::channel(8);
    let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let plane = SfuConfig {
        listen: loopback,
        advertised: loopback,
        workers: std::num::NonZeroU16::MIN,
        allowed: vrs_media::Allowed::default(),
        news,
    };
    let (sfu, _) = relay_server::sfu::start(plane, CancellationToken::new()).unwrap();
    let mut desk = Desk::with(CALLER, sfu).await;
    for number in ["+15550100199", FRIEND] {
        for sdp in UNPROTECTED {
            let refusal = desk.refused(number, &[], Body::sdp(sdp)).await;
            assert_refusal(&refusal, 488, "media_refused", "");
        }
    }
    let count = 2 * UNPROTECTED.len();
    assert_eq!(desk.ends(count).await, vec!["media_refused"; count]);
}
