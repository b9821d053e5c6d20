//! The words a driver and the endpoint exchange.

use crate::message::{
    Headers, Method, NameAddr, ParseError, Reason, Request, Response, Transport, Uri,
};
use crate::secret::Credentials;
use std::fmt;

/// One transport connection (WSS, WS, TLS, TCP) or one UDP peer address; the driver maps it to a
/// socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// One INVITE usage of a dialog, either side, from the first INVITE to the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallHandle(pub u64);

/// A request from outside that waits for [`crate::Endpoint::respond`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionHandle(pub u64);

/// A request of ours outside any dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTransactionHandle(pub u64);

/// A registration of ours, refreshed until it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationHandle(pub u64);

/// Which end of the trade this endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A user agent: names itself in User-Agent, marks its contacts `;ob` (RFC 5626).
    Client,
    /// A server: names itself in Server.
    Server,
}

/// What an endpoint is made of.
#[derive(Clone)]
pub struct EndpointConfig {
    /// Product and version for User-Agent or Server, for instance `Visavis/0.1`.
    pub user_agent: String,
    /// Octets from the system's entropy; tags, branches and nonces come from it.
    pub seed: [u8; 32],
    /// Client or server.
    pub role: Role,
    /// INFO packages this side takes; INFO of any other is answered with 469 (RFC 6086 section
    /// 4.2.2).
    pub info_packages: Vec<String>,
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointConfig({:?}, {:?})", self.user_agent, self.role)
    }
}

/// What a flow runs over: picks timers and the Via transport token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowKind {
    /// A connection: octets arrive once and in order.
    Reliable {
        /// RFC 7118 WebSocket.
        websocket: bool,
        /// Inside TLS.
        tls: bool,
    },
    /// UDP: octets may be lost, doubled, reordered.
    Datagram,
}

impl FlowKind {
    /// The transport it is.
    pub fn transport(self) -> Transport {
        match self {
            Self::Reliable {
                websocket: true,
                tls: true,
            } => Transport::Wss,
            Self::Reliable {
                websocket: true,
                tls: false,
            } => Transport::Ws,
            Self::Reliable {
                websocket: false,
                tls: true,
            } => Transport::Tls,
            Self::Reliable {
                websocket: false,
                tls: false,
            } => Transport::Tcp,
            Self::Datagram => Transport::Udp,
        }
    }

    /// Whether the transport repeats lost octets itself.
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Reliable { .. })
    }
}

/// How this end names itself on a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowAddress {
    /// `host[:port]` of our Via. Empty on a WebSocket of a client: a random `.invalid` name is
    /// made (RFC 7118 section 5).
    pub via_sent_by: String,
    /// `host[:port]` of our Contact. Empty: as `via_sent_by`.
    pub contact_host_port: String,
}

/// A body with its type.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Content-Type, for instance `application/sdp`.
    pub content_type: String,
    /// The octets.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A body of the given type.
    pub fn new(content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type: content_type.to_owned(),
            bytes: bytes.into(),
        }
    }

    /// An SDP body.
    pub fn sdp(sdp: &str) -> Self {
        Self::new("application/sdp", sdp.as_bytes())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Body({}, {} octets)",
            self.content_type,
            self.bytes.len()
        )
    }
}

/// A call to place.
#[derive(Clone)]
pub struct InviteParams {
    /// Request-URI.
    pub target: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
    /// User part of our Contact.
    pub contact_user: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The offer.
    pub body: Body,
    /// Answers challenges, on this call's flow only.
    pub credentials: Option<Credentials>,
}

/// What is told once with a registration and not with each refresh, such as a location
/// (RFC 6442, RFC 9248 section 5.2.5).
#[derive(Clone, PartialEq, Eq)]
pub struct Enclosure {
    /// Headers that belong to the body, such as Geolocation.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A registration to keep.
#[derive(Clone)]
pub struct RegisterParams {
    /// Request-URI: the registrar's domain.
    pub registrar: Uri,
    /// Address of record.
    pub aor: NameAddr,
    /// User part of our Contact.
    pub contact_user: String,
    /// `urn:uuid:...` of this installation, for `+sip.instance`.
    pub instance: Option<String>,
    /// `reg-id` (RFC 5626).
    pub reg_id: Option<u32>,
    /// Seconds asked for.
    pub expires_s: u32,
    /// Further headers of every REGISTER.
    pub headers: Vec<(String, String)>,
    /// What goes along until a REGISTER with it is granted.
    pub enclosure: Option<Enclosure>,
    /// Answers challenges, on this flow only.
    pub credentials: Option<Credentials>,
}

/// A request outside any dialog.
#[derive(Clone)]
pub struct RequestParams {
    /// OPTIONS, MESSAGE, ...; not INVITE, ACK or CANCEL.
    pub method: Method,
    /// Request-URI.
    pub target: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Body>,
    /// Answers challenges, on this flow only.
    pub credentials: Option<Credentials>,
}

/// What the driver must do next.
#[derive(Clone, PartialEq, Eq)]
// It is taken out one at a time and lives for one turn of the driver's loop: a box would cost more.
#[allow(clippy::large_enum_variant)]
pub enum Output {
    /// Write these octets to the flow.
    Transmit {
        /// Where to.
        flow: FlowId,
        /// One whole message or a keep-alive answer.
        bytes: Vec<u8>,
    },
    /// Tell the application.
    Event(Event),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit { flow, bytes } => {
                write!(f, "Transmit({flow:?}, {} octets)", bytes.len())
            }
            Self::Event(event) => write!(f, "Event({event:?})"),
        }
    }
}

/// What happened. After [`Event::Failed`], [`Event::Cancelled`], [`Event::Ended`],
/// [`Event::HungUp`] the call's handle is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody calls; 100 Trying is sent. Answer with progress, accept, reject or hang_up.
    IncomingInvite {
        /// The new call.
        call: CallHandle,
        /// Where it came from.
        flow: FlowId,
        /// The INVITE.
        request: Request,
    },
    /// A request outside any dialog that waits for an answer (REGISTER, OPTIONS, MESSAGE, ...).
    IncomingRequest {
        /// Answer it with [`crate::Endpoint::respond`] within 32 s.
        txn: TransactionHandle,
        /// Where it came from.
        flow: FlowId,
        /// The request.
        request: Request,
    },
    /// The peer wants to change the session; answer with answer_reinvite.
    Reinvite {
        /// Whose.
        call: CallHandle,
        /// The INVITE.
        request: Request,
    },
    /// The peer sent INFO; 200 is sent.
    Info {
        /// Whose.
        call: CallHandle,
        /// The INFO.
        request: Request,
    },
    /// A provisional response above 100 to our INVITE.
    Progress {
        /// Whose.
        call: CallHandle,
        /// 101 to 199.
        response: Response,
    },
    /// Our INVITE was accepted; ACK is sent.
    Answered {
        /// Whose.
        call: CallHandle,
        /// The 2xx.
        response: Response,
    },
    /// The ACK to our 2xx came.
    Acked {
        /// Whose.
        call: CallHandle,
        /// The ACK's body, if it had one.
        body: Option<Vec<u8>>,
    },
    /// Our INVITE failed for good: refused, 408 for no answer, 503 for a lost flow.
    Failed {
        /// Whose.
        call: CallHandle,
        /// The status.
        status: u16,
        /// The refusal, if one came.
        response: Option<Response>,
    },
    /// The peer withdrew its INVITE before we answered (487 is sent), or its flow was lost.
    Cancelled {
        /// Whose.
        call: CallHandle,
        /// Of the CANCEL, with its Reason (RFC 3326); none when the flow was lost.
        headers: Headers,
    },
    /// The peer ended the call (200 is sent), or the dialog died (reason SIP 408 or 481).
    Ended {
        /// Whose.
        call: CallHandle,
        /// The peer's Reason header, or ours.
        reason: Option<Reason>,
        /// The headers of the BYE; none when no BYE came.
        headers: Headers,
    },
    /// Our hang_up is finished.
    HungUp {
        /// Whose.
        call: CallHandle,
    },
    /// The flow of an established call is gone. The dialog waits for
    /// [`crate::Endpoint::move_call`] or hang_up.
    FlowLost {
        /// Whose.
        call: CallHandle,
    },
    /// Our re-INVITE is finished.
    ReinviteResult {
        /// Whose.
        call: CallHandle,
        /// Final status; 408 for no answer, 503 for a lost flow.
        status: u16,
        /// The answer, if one came.
        response: Option<Response>,
    },
    /// Our INFO was refused or not answered.
    InfoFailed {
        /// Whose.
        call: CallHandle,
        /// Final status; 408 for no answer, 503 for a lost flow.
        status: u16,
    },
    /// A REGISTER was granted. `expires_s` is 0 after unregister: the handle is gone then.
    Registered {
        /// Which.
        registration: RegistrationHandle,
        /// Seconds granted.
        expires_s: u32,
        /// The enclosure went along; refreshes go without it from now on.
        enclosed: bool,
        /// The 200.
        response: Response,
    },
    /// A REGISTER was refused for what went along, and goes out once more without it.
    EnclosureRefused {
        /// Which.
        registration: RegistrationHandle,
        /// 400, 413, 415, 424 or 513.
        status: u16,
    },
    /// A REGISTER failed; the handle is gone.
    RegistrationFailed {
        /// Which.
        registration: RegistrationHandle,
        /// Final status; 408 for no answer, 503 for a lost flow.
        status: u16,
        /// The refusal, if one came.
        response: Option<Response>,
    },
    /// The final answer to [`crate::Endpoint::request`]; a made-up 408 or 503 when none came.
    Response {
        /// Which request.
        txn_client: ClientTransactionHandle,
        /// The answer.
        response: Response,
    },
    /// Octets that are no acceptable message; answered where RFC 3261 lets us.
    Malformed {
        /// Where they came from.
        flow: FlowId,
        /// What is wrong.
        error: ParseError,
    },
}
