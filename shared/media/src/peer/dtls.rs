//! DTLS of one transport: rtc-dtls's endpoint with exactly one association, the check of the
//! peer's certificate against its announced fingerprint, and the keys for SRTP (RFC 5764).

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use rtc_srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::allowance::Allowance;
use super::hello::{Hello, Look};
use crate::certificate::{Certificate, Fingerprint, is_announced};
use crate::error::MediaError;
use crate::srtp::{Srtp, SrtpKeys};

/// A flight that gets no answer is sent again after this time, up to seven times.
const FLIGHT_INTERVAL: Duration = Duration::from_secs(1);
/// The handshake must be done within this time from its first datagram.
const HANDSHAKE_LIMIT: Duration = vrs_domain::limit::HANDSHAKE_TIMEOUT;
/// Most bytes of DTLS taken from the peer in the life of a transport (A35): a handshake needs
/// three to ten thousand, and nothing but alerts comes after it, unless there are data channels.
const BYTES_MAX: usize = 64 * 1024;
/// Most bytes of data channels at once, and each second after that. People type thirty characters
/// a second at most; this is for what they paste.
const DATA_BURST_BYTES: u64 = 64 * 1024;
const DATA_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Records of data channels that wait to be taken: one datagram has no more.
const DATA_WAITING_MAX: usize = 64;

/// Datagrams that may wait for the rest of a hello.
const HELD_MAX: usize = 8;
const GCM_128: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
const GCM_256: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm;
/// What we know, best first: as a client we offer all, as a server we take the best.
const PROFILES: [SrtpProtectionProfile; 3] = [
    GCM_128,
    GCM_256,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// The association's name towards the endpoint; real addresses are the business of ICE.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// Where the handshake stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DtlsState {
    /// Nothing was sent or received.
    Idle,
    /// Under way.
    Handshaking,
    /// The peer proved its announced identity; media may flow.
    Done,
    /// The peer said goodbye.
    Closed,
    /// Failed for good, and why.
    Failed(&'static str),
}

/// Until the client's hello is there, nobody knows which SRTP profiles it has.
struct Unread {
    hello: Hello,
    held: Vec<BytesMut>,
    gcm_128_only: Arc<HandshakeConfig>,
    gcm_256_only: Arc<HandshakeConfig>,
}

/// DTLS of one transport.
pub(super) struct Dtls {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    client: bool,
    unread: Option<Unread>,
    state: DtlsState,
    mismatch: Arc<AtomicBool>,
    announced: Vec<Fingerprint>,
    deadline: Option<Instant>,
    bytes_left: usize,
    /// There are data channels, and what came for them.
    data_allowance: Option<Allowance>,
    data: VecDeque<BytesMut>,
    cipher_suite: Option<String>,
    /// Datagrams that meant nothing to the handshake.
    pub(super) refused: u64,
}

fn engine(error: impl std::fmt::Display) -> MediaError {
    MediaError::Engine(format!("DTLS: {error}"))
}

/// Who we are and whom we expect.
struct Identity<'a> {
    certificate: &'a Certificate,
    client: bool,
    announced: Vec<Fingerprint>,
    provider: Arc<dyn RTCCryptoProvider>,
    mismatch: Arc<AtomicBool>,
}

impl Identity<'_> {
    /// How we shake hands when we know these SRTP profiles.
    fn config(
        &self,
        profiles: Vec<SrtpProtectionProfile>,
    ) -> Result<Arc<HandshakeConfig>, MediaError> {
        let (flag, known) = (Arc::clone(&self.mismatch), self.announced.clone());
        let mut suites = vec![
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
        ];
        if self.client {
            // Some SIP peers still have an RSA certificate.
            suites.push(CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256);
        }
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&self.provider))
            .with_certificates(vec![self.certificate.inner()])
            .with_cipher_suites(suites)
            .with_srtp_protection_profiles(profiles)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_INTERVAL)
            // Certificates are self-signed: the fingerprint is the identity, not a CA chain.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |chain, _| {
                let same = chain.first().is_some_and(|der| is_announced(&known, der));
                if same {
                    Ok(())
                } else {
                    flag.store(true, Ordering::Relaxed);
                    Err(Error::ErrInvalidCertificate)
                }
            })))
            .build(self.client, Some(PEER))
            .map_err(engine)?;
        Ok(Arc::new(config))
    }
}

impl Dtls {
    pub(super) fn new(
        certificate: &Certificate,
        client: bool,
        announced: Vec<Fingerprint>,
        provider: Arc<dyn RTCCryptoProvider>,
    ) -> Result<Self, MediaError> {
        let mismatch = Arc::new(AtomicBool::new(false));
        let identity = Identity {
            certificate,
            client,
            announced: announced.clone(),
            provider,
            mismatch: Arc::clone(&mismatch),
        };
        let config = identity.config(PROFILES.to_vec())?;
        let unread = match client {
            true => None,
            false => Some(Unread {
                hello: Hello::default(),
                held: Vec::new(),
                gcm_128_only: identity.config(vec![GCM_128])?,
                gcm_256_only: identity.config(vec![GCM_256])?,
            }),
        };
        let server = (!client).then(|| Arc::clone(&config));
        Ok(Self {
            endpoint: Endpoint::new(PEER, TransportProtocol::UDP, server),
            config,
            client,
            unread,
            state: DtlsState::Idle,
            mismatch,
            announced,
            deadline: None,
            bytes_left: BYTES_MAX,
            data_allowance: None,
            data: VecDeque::new(),
            cipher_suite: None,
            refused: 0,
        })
    }

    pub(super) fn state(&self) -> DtlsState {
        self.state
    }

    /// The TLS name of the cipher suite, once agreed.
    pub(super) fn cipher_suite(&self) -> Option<&str> {
        self.cipher_suite.as_deref()
    }

    /// There is a path: the client says hello, both sides have a limited time from here.
    pub(super) fn start(&mut self, now: Instant) {
        if self.state != DtlsState::Idle {
            return;
        }
        self.state = DtlsState::Handshaking;
        self.deadline = Some(now + HANDSHAKE_LIMIT);
        if self.client
            && self
                .endpoint
                .connect(now, PEER, Arc::clone(&self.config), None)
                .is_err()
        {
            self.state = DtlsState::Failed("DTLS could not begin");
        }
    }

    /// Takes a datagram from a proven address. Gives the SRTP keys when the handshake is done.
    pub(super) fn handle(&mut self, now: Instant, bytes: &[u8]) -> Option<Srtp> {
        let over = match self.state {
            DtlsState::Idle | DtlsState::Handshaking | DtlsState::Done => false,
            DtlsState::Closed | DtlsState::Failed(_) => true,
        };
        if over || !self.takes(now, bytes.len()) {
            self.refused += 1;
            return None;
        }
        if self.state == DtlsState::Idle && !self.client {
            self.start(now); // the peer found its path before we found ours
        }
        let mut keys = None;
        for bytes in self.after_hello(bytes) {
            keys = self.read(now, bytes).or(keys);
        }
        keys
    }

    fn takes(&mut self, now: Instant, bytes: usize) -> bool {
        if self.state == DtlsState::Done
            && let Some(allowance) = &mut self.data_allowance
        {
            return allowance.take(now, bytes);
        }
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.unwrap_or(self.bytes_left);
        left.is_some()
    }

    /// There are data channels on this transport. Says whether we are the client.
    pub(super) fn carry_data(&mut self) -> bool {
        self.data_allowance = Some(Allowance::new(DATA_BURST_BYTES, DATA_BYTES_PER_SECOND));
        self.client
    }

    /// The next packet that came for the data channels.
    pub(super) fn take_data(&mut self) -> Option<BytesMut> {
        self.data.pop_front()
    }

    /// Sends a packet of the data channels; it is lost unless the handshake is done.
    pub(super) fn send(&mut self, now: Instant, packet: &[u8]) {
        if self.endpoint.write(now, PEER, packet).is_err() {
            self.refused += 1;
        }
    }

    /// What the endpoint may be given now. Everything waits for the hello, and of a client that
    /// knows AES-GCM nothing else is taken (RFC 5764 leaves the choice to the server).
    fn after_hello(&mut self, bytes: &[u8]) -> Vec<BytesMut> {
        let bytes = BytesMut::from(bytes);
        let Some(unread) = &mut self.unread else {
            return vec![bytes];
        };
        let look = unread.hello.look(&bytes);
        unread.held.push(bytes);
        if look == Look::Incomplete && unread.held.len() < HELD_MAX {
            return Vec::new();
        }
        let only = match look {
            Look::Gcm128 => Some(Arc::clone(&unread.gcm_128_only)),
            Look::Gcm256 => Some(Arc::clone(&unread.gcm_256_only)),
            Look::Incomplete | Look::Other => None,
        };
        if only.is_some() {
            self.endpoint = Endpoint::new(PEER, TransportProtocol::UDP, only);
        }
        self.unread
            .take()
            .map_or_else(Vec::new, |unread| unread.held)
    }

    fn read(&mut self, now: Instant, bytes: BytesMut) -> Option<Srtp> {
        let read = self.endpoint.read(now, PEER, None, bytes);
        if self.mismatch.load(Ordering::Relaxed) {
            self.state = DtlsState::Failed("the peer's certificate is not the announced one");
            return None;
        }
        let Ok(events) = read else {
            // Broken and forged datagrams end nothing; a real refusal runs into the deadline.
            self.refused += 1;
            return None;
        };
        let mut keys = None;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => keys = self.finish(),
                EndpointEvent::PeerClosed if self.state == DtlsState::Done => {
                    self.state = DtlsState::Closed;
                }
                EndpointEvent::PeerClosed if self.client => {
                    self.state = DtlsState::Failed("the peer ended the DTLS handshake");
                }
                EndpointEvent::ApplicationData(packet)
                    if self.data_allowance.is_some() && self.data.len() < DATA_WAITING_MAX =>
                {
                    self.data.push_back(packet);
                }
                EndpointEvent::ApplicationData(_) | EndpointEvent::PeerClosed | _ => {}
            }
        }
        keys
    }

    /// The handshake is done: checks the certificate once more and derives the SRTP keys.
    fn finish(&mut self) -> Option<Srtp> {
        if self.state == DtlsState::Done {
            return None;
        }
        match self.derive() {
            Ok(srtp) => {
                self.state = DtlsState::Done;
                self.deadline = None;
                Some(srtp)
            }
            Err(reason) => {
                self.state = DtlsState::Failed(reason);
                None
            }
        }
    }

    fn derive(&mut self) -> Result<Srtp, &'static str> {
        let state = self
            .endpoint
            .get_connection_state(PEER)
            .ok_or("DTLS lost its state")?;
        let certificate = state.peer_certificates.first();
        if !certificate.is_some_and(|der| is_announced(&self.announced, der)) {
            return Err("the peer's certificate is not the announced one");
        }
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                ProtectionProfile::Aes128CmHmacSha1_80
            }
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32
            | SrtpProtectionProfile::Unsupported
            | _ => return Err("no SRTP profile in common"),
        };
        self.cipher_suite = state.cipher_suite().map(|suite| suite.id().to_string());
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], 2 * (key + salt))
            .map_err(|_| "DTLS gave no keys")?;
        let keys = SrtpKeys::from_dtls(profile, material.as_ref(), self.client)
            .ok_or("DTLS gave too few keys")?;
        Srtp::new(profile, keys).map_err(|_| "SRTP refused its keys")
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.state != DtlsState::Handshaking {
            return;
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.state = DtlsState::Failed("the DTLS handshake took too long");
            return;
        }
        let retried = self.endpoint.handle_timeout(PEER, now);
        let exists = self.endpoint.get_connection_state(PEER).is_some();
        if retried.is_err() && exists {
            self.state = DtlsState::Failed("the DTLS handshake got no answer");
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.state != DtlsState::Handshaking {
            return None;
        }
        [self.endpoint.poll_timeout(&PEER), self.deadline]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.endpoint
            .poll_transmit()
            .map(|transmit| transmit.message)
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, now: Instant) {
        if self.endpoint.close(now).is_err() {
            self.refused += 1;
        }
        self.state = DtlsState::Closed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::provider;
    use crate::testing::start;

    const CM: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;

    /// What our server agrees to with a client that offers these, best first.
    fn agreed(profiles: &[SrtpProtectionProfile]) -> &'static str {
        let now = start();
        let identities = [(); 2].map(|()| Certificate::generate().unwrap());
        let known = |n: usize| vec![Fingerprint::parse(&identities[n].fingerprint()).unwrap()];
        let provider = provider().unwrap();
        let side = |own: usize, client| {
            let theirs = known(1 - own);
            Dtls::new(&identities[own], client, theirs, Arc::clone(&provider)).unwrap()
        };
        let (mut client, mut server) = (side(0, true), side(1, false));
        let identity = Identity {
            certificate: &identities[0],
            client: true,
            announced: known(1),
            provider: Arc::clone(&provider),
            mismatch: Arc::default(),
        };
        client.config = identity.config(profiles.to_vec()).unwrap();
        client.start(now);
        server.start(now);
        for _ in 0..20 {
            while let Some(bytes) = client.poll_transmit() {
                if let Some(srtp) = server.handle(now, &bytes) {
                    return srtp.profile_name();
                }
            }
            while let Some(bytes) = server.poll_transmit() {
                client.handle(now, &bytes);
            }
        }
        panic!("no handshake: {:?}", server.state());
    }

    #[test]
    fn aes_gcm_is_taken_whatever_the_client_likes_better() {
        assert_eq!(agreed(&[CM, GCM_256, GCM_128]), "SRTP_AEAD_AES_128_GCM");
        assert_eq!(agreed(&[GCM_128, CM]), "SRTP_AEAD_AES_128_GCM");
        assert_eq!(agreed(&[CM, GCM_256]), "SRTP_AEAD_AES_256_GCM");
        assert_eq!(agreed(&[GCM_256]), "SRTP_AEAD_AES_256_GCM");
        assert_eq!(agreed(&[CM]), "SRTP_AES128_CM_HMAC_SHA1_80");
    }
}
