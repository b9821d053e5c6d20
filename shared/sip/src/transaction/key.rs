//! How a message finds its transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use crate::FlowId;
use crate::message::{Method, Request, Response};

/// What every RFC 3261 branch begins with.
const COOKIE: &str = "z9hG4bK";

/// Names a server transaction. ACK has the key of its INVITE. The flow belongs to the key, so a
/// branch seen on one connection cannot touch a transaction of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKey {
    flow: FlowId,
    id: String,
    method: Method,
}

impl ServerKey {
    /// The key of a request; `None` when it lacks the headers that make one.
    pub fn of(flow: FlowId, request: &Request) -> Option<Self> {
        let method = if request.method == Method::Ack {
            Method::Invite
        } else {
            request.method.clone()
        };
        Self::with_method(flow, request, method)
    }

    /// The key of the INVITE that a CANCEL is after.
    pub fn cancelled(flow: FlowId, cancel: &Request) -> Option<Self> {
        Self::with_method(flow, cancel, Method::Invite)
    }

    fn with_method(flow: FlowId, request: &Request, method: Method) -> Option<Self> {
        let via = request.headers.top_via()?;
        let branch = via.branch().unwrap_or("");
        let id = if branch.starts_with(COOKIE) {
            format!("{branch} {}", via.sent_by())
        } else {
            // RFC 2543: no branch to trust. The To tag is left out: a first INVITE and the ACK to
            // its refusal differ there.
            let cseq = request.headers.cseq()?;
            format!(
                "{} {} {} {} {via}",
                request.uri,
                request.headers.from()?.tag().unwrap_or(""),
                request.headers.call_id()?,
                cseq.number,
            )
        };
        Some(Self { flow, id, method })
    }
}

/// Names a client transaction: our own branch, the method, and the flow it went out on. A
/// response from elsewhere finds nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    flow: FlowId,
    branch: String,
    method: Method,
}

impl ClientKey {
    /// The key of a request we send.
    pub fn new(flow: FlowId, branch: &str, method: Method) -> Self {
        Self {
            flow,
            branch: branch.to_owned(),
            method,
        }
    }

    /// The key of a response; `None` when it lacks a branch.
    pub fn of(flow: FlowId, response: &Response) -> Option<Self> {
        let via = response.headers.top_via()?;
        Some(Self {
            flow,
            branch: via.branch()?.to_owned(),
            method: response.headers.cseq()?.method,
        })
    }
}
