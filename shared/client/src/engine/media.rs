//! Picture, sound and text of one call: the media peer, its socket, and the threads around it.
//!
//! The peer (pure, `vrs-media`) decides what to send; this file carries its datagrams over its
//! [`Network`], feeds it coded frames and hands received ones to the decoders. The threads start once there is a path,
//! so that a call that never connects opens no device.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use vrs_domain::Sensitive;
use vrs_media::picture::{Picture, Slot};
use vrs_media::{Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, Written};

use super::call::Switches;
use super::histogram::Histogram;
use super::{CallStats, EngineConfig, MediaReport};
use crate::capture::camera::Captured;
use crate::codec::audio_encoder::AudioEncoder;
use crate::codec::video_decoder::{Fed, Unit, VideoDecoder};
use crate::codec::video_encoder::VideoEncoder;
use crate::newest::Newest;
use crate::playout::Playout;
use crate::transport::network::{Network, NetworkInput};
use crate::transport::udp::local_address_toward;

/// Reports of the threads that may wait for the driver; a second of frames fits.
const REPORTS_MAX: usize = 128;

/// After a restart the old path is read for so long: what the other end sent there before it knew
/// of the new one is not lost.
const OLD_PATH_KEPT: Duration = Duration::from_secs(1);

/// Why there is no media: ours to say, the call ends with `media_failed` or SIP 488.
#[derive(Debug, thiserror::Error)]
pub(super) enum MediaProblem {
    #[error("no socket for picture and sound: {0}")]
    Socket(#[from] std::io::Error),
    #[error("the server lends no relay, and only a relay may be used")]
    NoRelay,
    #[error("{0}")]
    Peer(#[from] vrs_media::MediaError),
    #[error("the system gives no random numbers")]
    Random,
}

/// What the driver must know.
#[derive(Debug)]
pub(super) enum MediaNotice {
    Connected,
    Disconnected,
    Failed(String),
    Text(Written),
    Key(Sensitive<char>),
    Problem(String),
    Levels {
        microphone_dbfs: f32,
        speaker_dbfs: f32,
        heard_hz: f32,
    },
}

/// What woke the media session up.
pub(super) enum MediaInput {
    /// Something came over the network.
    Network(NetworkInput),
    /// Something came over the network of a restart.
    Other(NetworkInput),
    /// Something came over the network of a call that is being prepared.
    Prepared(NetworkInput),
    /// A thread reports.
    Report(MediaReport),
}

/// The threads of a connected call.
struct Threads {
    encoder: VideoEncoder,
    microphone: AudioEncoder,
    playout: Playout,
    decoder: VideoDecoder,
}

/// Media of one call.
pub(super) struct MediaSession {
    peer: Peer,
    network: Network,
    /// That of a restart, until its path is proven or given up; then the old one, while something
    /// may still be on its way to it.
    other: Option<Network>,
    /// When the old one is given up.
    other_until: Option<Instant>,
    /// Times that another path was taken.
    restarts: u32,
    /// What we told the other end, for a re-INVITE that changes nothing.
    local_sdp: String,
    threads: Option<Threads>,
    reports: Receiver<MediaReport>,
    report_to: Sender<MediaReport>,
    microphone_dbfs: f32,
    /// What the path to the other end takes, once known.
    path_bps: Option<u32>,
    /// A smaller picture is to be sent beside the usual one.
    lower_wanted: bool,
    figures: CallStats,
    delays: Histogram,
}

impl MediaSession {
    /// Makes an offer.
    pub(super) fn offer(now: Instant, network: Network) -> Result<Self, MediaProblem> {
        Self::new(network, |config| Ok(Peer::offerer(config, now)?))
    }

    /// Answers `offer`.
    pub(super) fn answer(
        now: Instant,
        network: Network,
        offer: &str,
    ) -> Result<Self, MediaProblem> {
        Self::new(network, |config| Ok(Peer::answerer(config, now, offer)?))
    }

    fn new(
        network: Network,
        make: impl FnOnce(PeerConfig) -> Result<(Peer, String), MediaProblem>,
    ) -> Result<Self, MediaProblem> {
        let (hosts, lent) = (network.hosts(), network.lent());
        if hosts.is_empty() && lent.is_empty() {
            return Err(MediaProblem::NoRelay);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| MediaProblem::Random)?;
        // Sound, picture and text, as frames.
        let (peer, local_sdp) = make(PeerConfig {
            lent,
            ..PeerConfig::new(hosts, Certificate::generate()?, seed)
        })?;
        let (report_to, reports) = channel(REPORTS_MAX);
        Ok(Self {
            peer,
            network,
            other: None,
            other_until: None,
            restarts: 0,
            local_sdp,
            threads: None,
            reports,
            report_to,
            microphone_dbfs: crate::playout::SILENCE_DBFS,
            path_bps: None,
            lower_wanted: false,
            figures: CallStats::default(),
            delays: Histogram::new(),
        })
    }

    /// Our offer or answer.
    pub(super) fn local_sdp(&self) -> &str {
        &self.local_sdp
    }

    /// The other end's answer to our offer.
    pub(super) fn accept_answer(&mut self, now: Instant, answer: &str) -> Result<(), MediaProblem> {
        Ok(self.peer.accept_answer(now, answer)?)
    }

    /// Opens microphone, speaker and codecs; the camera's pictures come through the mailbox it returns.
    pub(super) fn start(
        &mut self,
        now: Instant,
        config: &EngineConfig,
        switches: Switches,
        remote: &Slot<Picture>,
    ) -> std::io::Result<Newest<Captured>> {
        let mailbox = Newest::new();
        let reports = || self.report_to.clone();
        self.threads = Some(Threads {
            encoder: VideoEncoder::start(
                mailbox.clone(),
                config.video,
                (self.path_bps, self.lower_wanted),
                reports(),
            )?,
            microphone: AudioEncoder::start(
                config.microphone.clone(),
                switches.microphone_muted,
                reports(),
            )?,
            playout: Playout::start(config.speaker.clone(), switches.speaker_muted, reports())?,
            decoder: VideoDecoder::start(remote.clone(), Arc::clone(&config.wake), reports())?,
        });
        // A key frame that came together with the path found no decoder yet.
        self.peer.request_keyframe(now);
        Ok(mailbox)
    }

    /// Puts the call on hold or takes it back: gives the offer to send. On hold nothing is sent,
    /// and the devices rest.
    pub(super) fn hold(&mut self, now: Instant, held: bool) -> Result<String, MediaProblem> {
        if held {
            self.threads = None;
        }
        self.local_sdp = self.peer.hold(now, held)?;
        Ok(self.local_sdp.clone())
    }

    /// The other end's answer to an offer of [`Self::hold`].
    pub(super) fn hold_answered(&mut self, now: Instant, answer: &str) -> Result<(), MediaProblem> {
        Ok(self.peer.accept_direction(now, answer)?)
    }

    /// Answers a further offer of the other end, as long as it changes no more than directions.
    pub(super) fn reoffered(&mut self, now: Instant, offer: &str) -> Result<String, MediaProblem> {
        if offer.trim().is_empty() {
            return Ok(self.local_sdp.clone());
        }
        self.local_sdp = self.peer.handle_offer(now, offer)?;
        Ok(self.local_sdp.clone())
    }

    /// Whether the threads run.
    pub(super) fn is_started(&self) -> bool {
        self.threads.is_some()
    }

    pub(super) fn set_switches(&self, switches: Switches) {
        if let Some(threads) = &self.threads {
            threads.microphone.set_muted(switches.microphone_muted);
            threads.playout.set_muted(switches.speaker_muted);
        }
    }

    pub(super) fn send_text(&mut self, now: Instant, text: &str) {
        if !self.peer.send_text(now, text) {
            tracing::warn!("text was not taken: none was agreed, or too much is waiting");
        }
    }

    pub(super) fn send_key(&mut self, now: Instant, key: Sensitive<char>) {
        if !self.peer.send_dtmf(now, *key.expose()) {
            tracing::warn!("a key was not taken: it is none, none are agreed, or too many wait");
        }
    }

    /// Another path is to be found, over this network: gives the offer to send. Media stays on the
    /// old one until then.
    pub(super) fn restart(
        &mut self,
        now: Instant,
        network: Network,
    ) -> Result<String, MediaProblem> {
        let (hosts, lent) = (network.hosts(), network.lent());
        if hosts.is_empty() && lent.is_empty() {
            return Err(MediaProblem::NoRelay);
        }
        self.local_sdp = self.peer.restart(now, hosts, lent)?;
        if let Some(mut unused) = self.other.replace(network) {
            unused.close(now);
        }
        self.other_until = None;
        Ok(self.local_sdp.clone())
    }

    /// The other end did not take the offer of [`Self::restart`].
    pub(super) fn restart_refused(&mut self, now: Instant) {
        self.peer.restart_refused();
        self.peer
            .local_description()
            .clone_into(&mut self.local_sdp);
        self.settle_restart(now);
    }

    /// Whether another path is being sought.
    pub(super) fn is_restarting(&self) -> bool {
        self.other.is_some() && self.other_until.is_none()
    }

    /// Whether our address on the way to `server` is another one than that of our socket.
    pub(super) fn has_moved(&self, server: SocketAddr) -> bool {
        let here = local_address_toward(server);
        here.is_ok_and(|here| here != self.network.local().ip())
    }

    /// When the restart is over, one of the networks is not needed any more.
    fn settle_restart(&mut self, now: Instant) {
        let still = match self.other_until {
            Some(until) => now < until,
            None => self.peer.is_restarting(),
        };
        if still {
            return;
        }
        let Some(mut other) = self.other.take() else {
            return;
        };
        let is_new = self.other_until.take().is_none();
        let taken = self.peer.path_from().is_some_and(|from| other.owns(from));
        if is_new && taken {
            tracing::info!("picture and sound take another path");
            std::mem::swap(&mut self.network, &mut other);
            self.restarts += 1;
            self.other = Some(other);
            self.other_until = Some(now + OLD_PATH_KEPT);
        } else {
            other.close(now);
        }
    }

    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        let other = self.other.as_ref().and_then(Network::poll_timeout);
        let deadlines = [
            self.peer.poll_timeout(),
            self.network.poll_timeout(),
            other,
            self.other_until,
        ];
        deadlines.into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.network.handle_timeout(now);
        if let Some(other) = &mut self.other {
            other.handle_timeout(now);
        }
        self.peer.handle_timeout(now);
    }

    /// Waits for the network or a thread's report; may be dropped and called again.
    pub(super) async fn next(&mut self) -> MediaInput {
        let Self {
            network,
            other,
            reports,
            ..
        } = self;
        tokio::select! {
            input = network.next() => MediaInput::Network(input),
            input = next_of(other.as_mut()) => MediaInput::Other(input),
            Some(report) = reports.recv() => MediaInput::Report(report),
        }
    }

    /// Takes what came over the network; `other`: over that of a restart.
    pub(super) fn receive(&mut self, now: Instant, input: NetworkInput, other: bool) {
        let Self { peer, network, .. } = self;
        let road = if other {
            self.other.as_mut()
        } else {
            Some(network)
        };
        if let Some(road) = road {
            road.take(now, input, &mut |source, destination, bytes| {
                peer.handle_datagram(now, source, destination, bytes);
            });
        }
    }

    /// Takes a thread's report.
    pub(super) fn on_report(&mut self, now: Instant, report: MediaReport) -> Option<MediaNotice> {
        match report {
            MediaReport::Picture {
                layer: layer @ 1..,
                timestamp,
                data,
            } => self.peer.send_layer(now, layer, timestamp, &data),
            MediaReport::Picture {
                timestamp, data, ..
            } => {
                self.figures.frames_encoded += 1;
                self.figures.frames_sent += u64::from(self.peer.is_connected());
                self.peer
                    .send_frame(now, MediaKind::Video, timestamp, &data);
            }
            MediaReport::Sound { timestamp, data } => {
                self.peer
                    .send_frame(now, MediaKind::Audio, timestamp, &data)
            }
            MediaReport::Shown {
                delay_ms,
                width,
                height,
            } => {
                self.figures.frames_decoded += 1;
                self.figures.seen_width = Some(width);
                self.figures.seen_height = Some(height);
                if let Some(delay) = delay_ms {
                    self.delays.add(delay);
                }
            }
            MediaReport::Undecodable => self.peer.request_keyframe(now),
            MediaReport::MicrophoneLevel { dbfs } => self.microphone_dbfs = dbfs,
            MediaReport::Heard { dbfs, hz } => {
                // The last sound that had a pitch is what a report is about, not the pause after it.
                if hz > 0.0 {
                    (self.figures.heard_hz, self.figures.level_dbfs) = (Some(hz), Some(dbfs));
                } else if self.figures.heard_hz.is_none() {
                    self.figures.level_dbfs = Some(dbfs);
                }
                let microphone_dbfs = self.microphone_dbfs;
                return Some(MediaNotice::Levels {
                    microphone_dbfs,
                    speaker_dbfs: dbfs,
                    heard_hz: hz,
                });
            }
            MediaReport::Problem(text) => return Some(MediaNotice::Problem(text)),
        }
        None
    }

    /// Sends what the peer wants sent and gathers what the driver must know.
    pub(super) fn flush(&mut self, now: Instant) -> Vec<MediaNotice> {
        let mut notices = Vec::new();
        while let Some(output) = self.peer.poll_output() {
            match output {
                PeerOutput::Transmit {
                    source,
                    destination,
                    bytes,
                } => {
                    let other = self.other.as_mut().filter(|other| other.owns(source));
                    let road = other.unwrap_or(&mut self.network);
                    road.send(now, source, destination, &bytes);
                }
                PeerOutput::Event(event) => notices.extend(self.on_event(now, event)),
            }
        }
        self.settle_restart(now);
        notices
    }

    fn on_event(&mut self, now: Instant, event: PeerEvent) -> Option<MediaNotice> {
        match event {
            PeerEvent::Connected => return Some(MediaNotice::Connected),
            PeerEvent::Disconnected => return Some(MediaNotice::Disconnected),
            PeerEvent::Failed(reason) => return Some(MediaNotice::Failed(reason)),
            PeerEvent::Text(text) => return Some(MediaNotice::Text(text)),
            PeerEvent::Dtmf(key) => return Some(MediaNotice::Key(Sensitive::new(key))),
            PeerEvent::KeyframeRequested { layer } => {
                if let Some(threads) = &self.threads {
                    threads.encoder.request_keyframe(layer);
                }
            }
            PeerEvent::LayerWanted { wanted, .. } => {
                self.lower_wanted = wanted;
                if let Some(threads) = &self.threads {
                    threads.encoder.set_lower(wanted);
                }
            }
            PeerEvent::PathRate(bps) => {
                self.path_bps = Some(bps);
                if let Some(threads) = &self.threads {
                    threads.encoder.set_path(bps);
                }
            }
            PeerEvent::Frame {
                kind,
                timestamp,
                data,
                orientation,
                ..
            } => match kind {
                MediaKind::Video => self.on_picture(now, Unit { data, orientation }),
                MediaKind::Audio => self.on_sound(timestamp, data),
                MediaKind::Text => {}
            },
            // Only asked for by a forwarding server.
            PeerEvent::Rtp { .. } | PeerEvent::Missed(_) | PeerEvent::LayerRates(_) => {}
        }
        None
    }

    fn on_picture(&mut self, now: Instant, unit: Unit) {
        let Some(threads) = &mut self.threads else {
            return;
        };
        self.figures.frames_received += 1;
        if threads.decoder.feed(unit) == Fed::Dropped {
            self.peer.request_keyframe(now);
        }
    }

    fn on_sound(&mut self, timestamp: u32, data: Vec<u8>) {
        if let Some(threads) = &self.threads {
            threads.playout.feed(timestamp, data);
        }
    }

    /// The figures now; the caller adds what the camera and the call know.
    pub(super) fn stats(&self) -> CallStats {
        let peer = self.peer.stats();
        let agreed = self.peer.negotiated();
        CallStats {
            delay_ms_p50: self.delays.percentile(50),
            delay_ms_p95: self.delays.percentile(95),
            rtt_ms: peer.rtt_ms,
            path_kbps: self.path_bps.map(|bps| bps / 1000),
            packets_lost: peer.lost(),
            nacks_sent: peer.video.nacks_sent + peer.audio.nacks_sent,
            plis_sent: peer.video.plis_sent,
            codec_video: agreed.get(MediaKind::Video).map(|_| "H264".to_owned()),
            codec_audio: agreed.get(MediaKind::Audio).map(|_| "opus".to_owned()),
            srtp_profile: peer.srtp_profile,
            cipher_suite: peer.cipher_suite,
            candidate_type: peer.candidate_type,
            ice_restarts: self.restarts,
            ..self.figures.clone()
        }
    }

    /// Says goodbye to the other end's DTLS and ends the threads.
    pub(super) fn close(&mut self, now: Instant) {
        self.threads = None;
        self.peer.close(now);
        self.flush(now);
        self.network.close(now);
        if let Some(other) = &mut self.other {
            other.close(now);
        }
    }
}

/// What comes over a network; never, without one.
pub(super) async fn next_of(network: Option<&mut Network>) -> NetworkInput {
    match network {
        Some(network) => network.next().await,
        None => std::future::pending().await,
    }
}
