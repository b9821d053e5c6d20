//! The client's half: answers a challenge, at most once per request unless the nonce was stale.
//!
//! Two things keep a password's hash at home (A06): a session belongs to one flow and answers
//! nowhere else, and once it answered a realm it answers no other.

use super::params::AuthParams;
use super::{Algorithm, Proof, ha1};
use crate::message::chars::quote;
use crate::message::{Headers, Request, Response};
use crate::random::Random;
use crate::{Credentials, FlowId};

/// Challenges answered for one request before giving up, the stale ones included.
const ANSWERS_MAX: u32 = 3;

/// A challenge we answered and may answer again with the next nonce count.
#[derive(Clone)]
struct Held {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    algorithm_named: bool,
    qop: &'static str,
    nc: u32,
}

/// One user agent's credentials and what it knows of the server's nonce.
pub(crate) struct DigestSession {
    credentials: Credentials,
    flow: FlowId,
    www: Option<Held>,
    proxy: Option<Held>,
    answers: u32,
    /// Whether this request's challenge was answered already: (401, 407).
    answered: (bool, bool),
}

/// What to do with a 401 or 407.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Send the request again with fresh credentials.
    Retry,
    /// Report the refusal.
    GiveUp,
}

impl DigestSession {
    pub(crate) fn new(credentials: Credentials, flow: FlowId) -> Self {
        Self {
            credentials,
            flow,
            www: None,
            proxy: None,
            answers: 0,
            answered: (false, false),
        }
    }

    /// The user of the endpoint moved this session to a new connection of the same server.
    pub(crate) fn move_to(&mut self, flow: FlowId) {
        self.flow = flow;
    }

    /// A new request begins: it may be challenged afresh.
    pub(crate) fn begin(&mut self) {
        self.answers = 0;
        self.answered = (false, false);
    }

    /// Takes in a 401 or 407 that came on `flow`.
    pub(crate) fn challenged(&mut self, flow: FlowId, response: &Response) -> Answer {
        let proxy = response.status == 407;
        if flow != self.flow || self.answers >= ANSWERS_MAX {
            return Answer::GiveUp;
        }
        let name = if proxy {
            "Proxy-Authenticate"
        } else {
            "WWW-Authenticate"
        };
        let held = if proxy { &self.proxy } else { &self.www };
        let Some((challenge, stale)) = strongest(&response.headers, name) else {
            return Answer::GiveUp;
        };
        let answered = if proxy {
            self.answered.1
        } else {
            self.answered.0
        };
        let other_realm = held
            .as_ref()
            .is_some_and(|held| held.realm != challenge.realm);
        if other_realm || (answered && !stale) {
            return Answer::GiveUp;
        }
        self.answers += 1;
        if proxy {
            self.answered.1 = true;
            self.proxy = Some(challenge);
        } else {
            self.answered.0 = true;
            self.www = Some(challenge);
        }
        Answer::Retry
    }

    /// Puts the credentials for every challenge known into `request`, if it goes out on the flow
    /// they belong to.
    pub(crate) fn authorize(&mut self, flow: FlowId, request: &mut Request, random: &mut Random) {
        request.headers.remove("Authorization");
        request.headers.remove("Proxy-Authorization");
        if flow != self.flow {
            return;
        }
        let credentials = &self.credentials;
        for (name, held) in [
            ("Authorization", &mut self.www),
            ("Proxy-Authorization", &mut self.proxy),
        ] {
            if let Some(held) = held {
                held.nc = held.nc.saturating_add(1);
                let value = held.value(credentials, request, &random.word());
                request.headers.push(name, &value);
            }
        }
    }
}

/// The strongest challenge we can answer, and whether it says that our nonce was stale.
fn strongest(headers: &Headers, name: &str) -> Option<(Held, bool)> {
    headers
        .get_all(name)
        .filter_map(read_challenge)
        .min_by_key(|(held, _)| held.algorithm)
}

fn read_challenge(value: &str) -> Option<(Held, bool)> {
    let params = AuthParams::parse(value)?;
    let named = params.get("algorithm");
    let qop = match params.get("qop") {
        None => "",
        Some(offered) => {
            let mut offered = offered.split(',').map(str::trim);
            let all: Vec<_> = offered.by_ref().collect();
            if all.iter().any(|q| q.eq_ignore_ascii_case("auth")) {
                "auth"
            } else if all.iter().any(|q| q.eq_ignore_ascii_case("auth-int")) {
                "auth-int"
            } else {
                return None;
            }
        }
    };
    let held = Held {
        realm: params.get("realm")?.to_owned(),
        nonce: params.get("nonce")?.to_owned(),
        opaque: params.get("opaque").map(ToOwned::to_owned),
        algorithm: named.map_or(Some(Algorithm::Md5), Algorithm::from_token)?,
        algorithm_named: named.is_some(),
        qop,
        nc: 0,
    };
    let stale = params
        .get("stale")
        .is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
    Some((held, stale))
}

impl Held {
    fn value(&self, credentials: &Credentials, request: &Request, cnonce: &str) -> String {
        let ha1 = ha1(
            self.algorithm,
            &credentials.username,
            &self.realm,
            credentials.password.expose(),
        );
        let nc = format!("{:08x}", self.nc);
        let uri = request.uri.to_string();
        let proof = Proof {
            algorithm: self.algorithm,
            ha1: &ha1,
            nonce: &self.nonce,
            nc: &nc,
            cnonce,
            qop: self.qop,
            method: request.method.as_str(),
            uri: &uri,
            body: &request.body,
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\"",
            quote(&credentials.username),
            quote(&self.realm),
            quote(&self.nonce),
            quote(&uri),
            proof.response(),
        );
        if self.algorithm_named {
            value.push_str(&format!(", algorithm={}", self.algorithm));
        }
        if !self.qop.is_empty() {
            value.push_str(&format!(", qop={}, nc={nc}, cnonce=\"{cnonce}\"", self.qop));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        value
    }
}
