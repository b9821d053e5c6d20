//! ICE of one transport: rtc-ice's agent does the checks, this file keeps what the agent does
//! not: which addresses proved themselves, which path media takes, and when the peer is gone.
//!
//! The agent's own time limits are switched off. It never leaves its first nominated pair, and
//! forgets all candidates when it fails; a phone that changes its port behind a NAT would be cut
//! off. Here the path follows the address that answers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_ice::agent::Agent;
use rtc_ice::agent::agent_config::AgentConfig;
use rtc_ice::candidate::CandidateConfig;
use rtc_ice::candidate::candidate_host::CandidateHostConfig;
use rtc_ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc_ice::candidate::candidate_server_reflexive::CandidateServerReflexiveConfig;
use rtc_ice::mdns::MulticastDnsMode;
use rtc_shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc_stun::attributes::ATTR_USERNAME;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_BINDING, Message, MessageClass,
};
use sansio::Protocol;
use smallvec::SmallVec;
use vrs_domain::limit::MEDIA_IDLE_TIMEOUT;

use crate::error::MediaError;
use crate::sdp::policy::RemoteTransport;
use crate::sdp::{Candidate, CandidateKind};

/// Checks are repeated this often until a pair is chosen.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// While all is well the agent is asked this often whether it has anything to do. It would be asked
/// every [`CHECK_INTERVAL`], and a server has thousands of them.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The chosen pair is checked this often (RFC 7675 section 5.1: 5 s, less some).
const KEEPALIVE: Duration = Duration::from_secs(2);
/// Checks per pair before it counts as failed: 10 s worth, because the other side may begin late.
const CHECKS_MAX: u16 = 200;
/// A pair with a reflexive address is chosen after this wait for a better one.
const REFLEXIVE_WAIT: Duration = Duration::from_millis(100);
/// Pairs through a relay are tried after this wait for a direct one, so that nothing passes a relay
/// that need not.
const RELAY_WAIT: Duration = Duration::from_millis(500);
/// Without any pair after this time the transport failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Without a sign of life for this time the transport is disconnected.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(5);
/// A path silent for this long is left for one that is alive.
const PATH_SILENT: Duration = Duration::from_millis(2_500);
/// Most addresses of the peer that are remembered.
const REMOTE_ADDRESSES_MAX: usize = 64;

/// A path that answered no check of ours for this long is not sent to any more (RFC 7675 section
/// 5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// Where the transport stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IceState {
    /// The peer is not known yet.
    New,
    /// Looking for a path.
    Checking,
    /// There is a path and it is alive.
    Connected,
    /// The path is silent.
    Disconnected,
    /// Given up, for good.
    Failed,
}

/// A pair of addresses that media may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

struct Credentials {
    ufrag: String,
    password: String,
}

#[derive(Debug, Clone, Copy)]
struct Proven {
    path: Path,
    heard: Instant,
    /// When the peer last answered a check of ours there: it wants to be sent to.
    answered: Option<Instant>,
}

impl Proven {
    /// Whether media may be sent there (RFC 7675): who shows the password in a forged datagram
    /// does not get the answer.
    fn consents(&self, now: Instant) -> bool {
        let passed = self.answered.map(|at| now.saturating_duration_since(at));
        passed.is_some_and(|passed| passed < CONSENT)
    }
}

/// ICE of one transport.
pub(super) struct Ice {
    agent: Agent,
    provider: Arc<dyn RTCCryptoProvider>,
    /// User name fragment and password of ours, and of the peer.
    own: Credentials,
    theirs: Option<Credentials>,
    /// Where we send from: own addresses and relays.
    locals: Vec<Candidate>,
    remotes: Vec<Candidate>,
    /// Relays, ours and the peer's, are not tried yet.
    held_back: bool,
    /// Looked at with every packet: beside the rest, and not in memory of its own.
    proven: SmallVec<[Proven; 2]>,
    path: Option<Path>,
    state: IceState,
    started: Instant,
    heard: Instant,
    /// When the agent was last asked.
    looked: Instant,
    out: VecDeque<(Path, BytesMut)>,
    failed_calls: u64,
}

fn engine(error: impl std::fmt::Display) -> MediaError {
    MediaError::Engine(format!("ICE: {error}"))
}

impl Ice {
    pub(super) fn new(
        now: Instant,
        candidates: &[Candidate],
        (ufrag, password): (&str, &str),
        provider: Arc<dyn RTCCryptoProvider>,
    ) -> Result<Self, MediaError> {
        let config = AgentConfig {
            local_ufrag: ufrag.to_owned(),
            local_pwd: password.to_owned(),
            multicast_dns_mode: MulticastDnsMode::Disabled,
            disconnected_timeout: Some(Duration::ZERO),
            failed_timeout: Some(Duration::ZERO),
            keepalive_interval: Some(KEEPALIVE),
            check_interval: CHECK_INTERVAL,
            max_binding_requests: Some(CHECKS_MAX),
            host_acceptance_min_wait: Some(Duration::ZERO),
            srflx_acceptance_min_wait: Some(REFLEXIVE_WAIT),
            prflx_acceptance_min_wait: Some(REFLEXIVE_WAIT),
            // They were not even tried before.
            relay_acceptance_min_wait: Some(Duration::ZERO),
            ..AgentConfig::default()
        };
        let mut agent = Agent::new(now, Arc::new(config), Arc::clone(&provider)).map_err(engine)?;
        // What a server sees of us is reached through its base (RFC 8445 section 6.1.2.4).
        let checked = candidates.iter().filter(|candidate| match candidate.kind {
            CandidateKind::Host | CandidateKind::Relay => true,
            CandidateKind::ServerReflexive | CandidateKind::PeerReflexive => false,
        });
        let checked: Vec<Candidate> = checked.cloned().collect();
        for host in checked.iter().filter(|own| !own.is_relay()) {
            agent.add_local_candidate(to_agent(host)?).map_err(engine)?;
        }
        Ok(Self {
            agent,
            provider,
            own: Credentials {
                ufrag: ufrag.to_owned(),
                password: password.to_owned(),
            },
            theirs: None,
            locals: checked,
            remotes: Vec::new(),
            held_back: true,
            proven: SmallVec::new(),
            path: None,
            state: IceState::New,
            started: now,
            heard: now,
            looked: now,
            out: VecDeque::new(),
            failed_calls: 0,
        })
    }

    /// The peer is known: checks begin.
    pub(super) fn start(
        &mut self,
        now: Instant,
        controlling: bool,
        remote: &RemoteTransport,
        host_only: bool,
    ) -> Result<(), MediaError> {
        for candidate in &remote.candidates {
            let known = self.remotes.iter().any(|c| c.address == candidate.address);
            if known || (host_only && candidate.kind != CandidateKind::Host) {
                continue;
            }
            if !candidate.is_relay() {
                self.agent
                    .add_remote_candidate(to_agent(candidate)?)
                    .map_err(engine)?;
            }
            self.remotes.push(candidate.clone());
        }
        self.agent
            .start_connectivity_checks(
                now,
                controlling,
                remote.ufrag.clone(),
                remote.password.clone(),
            )
            .map_err(engine)?;
        self.theirs = Some(Credentials {
            ufrag: remote.ufrag.clone(),
            password: remote.password.clone(),
        });
        self.state = IceState::Checking;
        self.started = now;
        self.heard = now;
        let direct = |candidates: &[Candidate]| candidates.iter().any(|c| !c.is_relay());
        if !direct(&self.locals) || !direct(&self.remotes) {
            self.try_relays()?;
        }
        self.run(now);
        Ok(())
    }

    /// From now on relays are tried, too.
    fn try_relays(&mut self) -> Result<(), MediaError> {
        self.held_back = false;
        for relay in self.locals.iter().filter(|own| own.is_relay()) {
            let added = self.agent.add_local_candidate(to_agent(relay)?);
            added.map_err(engine)?;
        }
        for relay in self.remotes.iter().filter(|theirs| theirs.is_relay()) {
            let added = self.agent.add_remote_candidate(to_agent(relay)?);
            added.map_err(engine)?;
        }
        Ok(())
    }

    /// Our user name fragment.
    pub(super) fn ufrag(&self) -> &str {
        &self.own.ufrag
    }

    /// Whether we choose the path; it may have been settled by who checked first.
    pub(super) fn is_controlling(&self) -> bool {
        self.agent.role()
    }

    pub(super) fn state(&self) -> IceState {
        self.state
    }

    /// Where to send now: the chosen pair, else the last address that answered.
    pub(super) fn path(&self) -> Option<Path> {
        self.path.or_else(|| {
            let mut latest = self.proven.iter().rev();
            let answered = latest.find(|proven| proven.answered.is_some());
            answered.map(|proven| proven.path)
        })
    }

    /// Whether the peer showed that it knows our password from this address (A33): nothing but
    /// STUN is taken from others.
    pub(super) fn is_proven(&self, remote: SocketAddr) -> bool {
        self.proven
            .iter()
            .any(|proven| proven.path.remote == remote)
    }

    /// What kind of address the peer has on the chosen path; a relay, when one is on it at all.
    pub(super) fn candidate_kind(&self) -> Option<CandidateKind> {
        let path = self.path?;
        let mut ours = self.locals.iter();
        if ours.any(|own| own.is_relay() && own.address == path.local) {
            return Some(CandidateKind::Relay);
        }
        let known = self
            .remotes
            .iter()
            .find(|candidate| candidate.address == path.remote);
        Some(known.map_or(CandidateKind::PeerReflexive, |candidate| candidate.kind))
    }

    /// Round trip of the connectivity checks, if one was answered.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let pairs = self.agent.get_candidate_pairs_stats(now);
        let measured = pairs.iter().map(|pair| pair.current_round_trip_time);
        let best = measured.filter(|rtt| *rtt > 0.0).min_by(f64::total_cmp)?;
        Duration::try_from_secs_f64(best).ok()
    }

    /// The local address a datagram came to; drivers that are bound to a wildcard cannot say.
    pub(super) fn local_for(&self, destination: SocketAddr, source: SocketAddr) -> SocketAddr {
        if self.locals.iter().any(|own| own.address == destination) {
            return destination;
        }
        let mut hosts = self.locals.iter().filter(|own| !own.is_relay());
        let same_family = hosts.find(|own| own.address.is_ipv4() == source.is_ipv4());
        same_family.map_or(destination, |own| own.address)
    }

    /// Takes a STUN datagram. True if it was authentic.
    pub(super) fn handle(&mut self, now: Instant, path: Path, bytes: &[u8]) -> bool {
        if matches!(self.state, IceState::New | IceState::Failed) {
            return false;
        }
        let Some(class) = self.class_of_peers(bytes) else {
            return false;
        };
        let known = self.is_proven(path.remote)
            || self
                .remotes
                .iter()
                .any(|candidate| candidate.address == path.remote);
        if !known && self.agent.get_remote_candidates().len() >= REMOTE_ADDRESSES_MAX {
            return false;
        }
        let message = TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: path.local,
                peer_addr: path.remote,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            },
            message: BytesMut::from(bytes),
        };
        let authentic = self.agent.handle_read(message).is_ok();
        if authentic {
            self.prove(now, path, class == CLASS_SUCCESS_RESPONSE);
        }
        self.run(now);
        authentic
    }

    /// The class of a message that the peer made: a request with both our names and our password, or
    /// a success response with the peer's password (RFC 8445 sections 7.3 and 7.2.5). The agent
    /// changes its role before it looks at a password, and takes error responses and indications
    /// from anybody; neither reaches it (A48).
    fn class_of_peers(&self, bytes: &[u8]) -> Option<MessageClass> {
        let theirs = self.theirs.as_ref()?;
        let mut message = Message::new();
        if message.unmarshal_binary(bytes).is_err() || message.typ.method != METHOD_BINDING {
            return None;
        }
        let password = if message.typ.class == CLASS_REQUEST {
            let name = format!("{}:{}", self.own.ufrag, theirs.ufrag);
            if message.get(ATTR_USERNAME).ok().as_deref() != Some(name.as_bytes()) {
                return None;
            }
            &self.own.password
        } else if message.typ.class == CLASS_SUCCESS_RESPONSE {
            &theirs.password
        } else {
            return None;
        };
        let checked =
            MessageIntegrity::check(&mut message, password.as_bytes(), self.provider.crypto());
        checked.is_ok().then_some(message.typ.class)
    }

    fn prove(&mut self, now: Instant, path: Path, answers: bool) {
        let known = self.proven.iter().position(|proven| proven.path == path);
        let before = known.and_then(|at| self.proven.remove(at).answered);
        if self.proven.len() >= REMOTE_ADDRESSES_MAX {
            self.proven.remove(0);
        }
        self.proven.push(Proven {
            path,
            heard: now,
            answered: if answers { Some(now) } else { before },
        });
        self.heard = now;
    }

    /// Authentic media arrived on this path: it is alive. False if nobody proved anything there.
    pub(super) fn touch(&mut self, now: Instant, path: Path) -> bool {
        let known = self.proven.iter_mut().find(|proven| proven.path == path);
        let Some(proven) = known else {
            return false;
        };
        proven.heard = now;
        self.heard = now;
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        self.looked = now;
        let late = self.held_back && self.path.is_none() && now >= self.started + RELAY_WAIT;
        if late && self.try_relays().is_err() {
            self.failed_calls += 1;
        }
        if self.agent.handle_timeout(now).is_err() {
            self.failed_calls += 1;
        }
        self.run(now);
    }

    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        match self.state {
            IceState::New | IceState::Failed => None,
            IceState::Checking | IceState::Disconnected => self.agent.poll_timeout(),
            IceState::Connected => {
                let wanted = self.agent.poll_timeout()?;
                // A time that is over is a check of the peer's, to be answered with one of ours.
                let at_once = wanted <= self.looked;
                Some(if at_once {
                    wanted
                } else {
                    wanted.max(self.looked + LOOK_INTERVAL)
                })
            }
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(Path, BytesMut)> {
        self.out.pop_front()
    }

    /// Collects what the agent wants to send, then looks at the state.
    fn run(&mut self, now: Instant) {
        while let Some(message) = self.agent.poll_write() {
            let path = Path {
                local: message.transport.local_addr,
                remote: message.transport.peer_addr,
            };
            self.out.push_back((path, message.message));
        }
        while self.agent.poll_event().is_some() {} // the state is read below
        let selected = self.agent.get_selected_candidate_pair();
        let selected = selected.map(|(local, remote)| Path {
            local: local.base_addr(),
            remote: remote.addr(),
        });
        if self.path.is_none() {
            self.path = selected;
        }
        self.migrate(now);
        let silent = now.saturating_duration_since(self.heard);
        self.state = match self.path {
            _ if self.state == IceState::Failed => IceState::Failed,
            None if now >= self.started + CONNECT_TIMEOUT => IceState::Failed,
            None => IceState::Checking,
            Some(_) if silent >= MEDIA_IDLE_TIMEOUT => IceState::Failed,
            Some(path) if !self.may_send(now, path) => IceState::Failed,
            Some(_) if silent >= DISCONNECTED_AFTER => IceState::Disconnected,
            Some(_) => IceState::Connected,
        };
    }

    /// Leaves a silent path for the one heard last, if that one is alive.
    fn migrate(&mut self, now: Instant) {
        let Some(path) = self.path else { return };
        let silent_since = |heard: Instant| now.saturating_duration_since(heard);
        let current = self.proven.iter().find(|proven| proven.path == path);
        let silent = current.is_none_or(|proven| silent_since(proven.heard) > PATH_SILENT);
        let consenting = self.proven.iter().filter(|proven| proven.consents(now));
        let best = consenting.max_by_key(|proven| proven.heard);
        if silent
            && let Some(best) = best
            && silent_since(best.heard) < PATH_SILENT / 2
        {
            self.path = Some(best.path);
        }
    }

    fn may_send(&self, now: Instant, path: Path) -> bool {
        let proven = self.proven.iter().find(|proven| proven.path == path);
        proven.is_none_or(|proven| proven.answered.is_none() || proven.consents(now))
    }

    pub(super) fn close(&mut self) {
        if self.agent.close().is_err() {
            self.failed_calls += 1;
        }
        self.state = IceState::Failed;
    }
}

fn to_agent(candidate: &Candidate) -> Result<rtc_ice::candidate::Candidate, MediaError> {
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: candidate.address.ip().to_string(),
        port: candidate.address.port(),
        component: candidate.component,
        priority: candidate.priority,
        foundation: candidate.foundation.clone(),
        ..CandidateConfig::default()
    };
    match candidate.kind {
        CandidateKind::Host | CandidateKind::PeerReflexive => CandidateHostConfig {
            base_config,
            ..CandidateHostConfig::default()
        }
        .new_candidate_host(),
        CandidateKind::ServerReflexive => {
            let config = CandidateServerReflexiveConfig {
                base_config,
                ..CandidateServerReflexiveConfig::default()
            };
            config.new_candidate_server_reflexive()
        }
        CandidateKind::Relay => CandidateRelayConfig {
            base_config,
            ..CandidateRelayConfig::default()
        }
        .new_candidate_relay(),
    }
    .map_err(engine)
}
