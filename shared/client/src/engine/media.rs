//! Picture, sound and text of one call: the media peer, its socket, and the threads around it.
//!
//! The peer (pure, `vrs-media`) decides what to send; this file carries its datagrams, feeds it
//! coded frames and hands received ones to the decoders. The threads start once there is a path,
//! so that a call that never connects opens no device.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use vrs_domain::Sensitive;
use vrs_media::picture::{Picture, Slot};
use vrs_media::{Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput};

use super::call::Switches;
use super::histogram::Histogram;
use super::{CallStats, EngineConfig, MediaReport};
use crate::capture::camera::Captured;
use crate::codec::audio_encoder::AudioEncoder;
use crate::codec::video_decoder::{Fed, Unit, VideoDecoder};
use crate::codec::video_encoder::VideoEncoder;
use crate::newest::Newest;
use crate::playout::Playout;
use crate::transport::udp::{DATAGRAM_BYTES_MAX, media_socket_toward};

/// Reports of the threads that may wait for the driver; a second of frames fits.
const REPORTS_MAX: usize = 128;
/// Datagrams taken at a time before the driver looks at anything else.
const DATAGRAMS_PER_TURN: usize = 64;

/// Why there is no media: ours to say, the call ends with `media_failed` or SIP 488.
#[derive(Debug, thiserror::Error)]
pub(super) enum MediaProblem {
    #[error("no socket for picture and sound: {0}")]
    Socket(#[from] std::io::Error),
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
    Text(String),
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
    /// Datagrams are waiting.
    Readable,
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
    socket: UdpSocket,
    local: SocketAddr,
    /// What we told the other end, for a re-INVITE that changes nothing.
    local_sdp: String,
    threads: Option<Threads>,
    reports: Receiver<MediaReport>,
    report_to: Sender<MediaReport>,
    microphone_dbfs: f32,
    /// What the path to the other end takes, once known.
    path_bps: Option<u32>,
    figures: CallStats,
    delays: Histogram,
}

impl MediaSession {
    /// Makes an offer.
    pub(super) fn offer(now: Instant, server: SocketAddr) -> Result<Self, MediaProblem> {
        Self::new(server, |config| Ok(Peer::offerer(config, now)?))
    }

    /// Answers `offer`.
    pub(super) fn answer(
        now: Instant,
        server: SocketAddr,
        offer: &str,
    ) -> Result<Self, MediaProblem> {
        Self::new(server, |config| Ok(Peer::answerer(config, now, offer)?))
    }

    fn new(
        server: SocketAddr,
        make: impl FnOnce(PeerConfig) -> Result<(Peer, String), MediaProblem>,
    ) -> Result<Self, MediaProblem> {
        let (socket, local) = media_socket_toward(server)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| MediaProblem::Random)?;
        // Sound, picture and text, as frames.
        let (peer, local_sdp) = make(PeerConfig::new(vec![local], Certificate::generate()?, seed))?;
        let (report_to, reports) = channel(REPORTS_MAX);
        Ok(Self {
            peer,
            socket,
            local,
            local_sdp,
            threads: None,
            reports,
            report_to,
            microphone_dbfs: crate::playout::SILENCE_DBFS,
            path_bps: None,
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
            encoder: VideoEncoder::start(mailbox.clone(), config.video, self.path_bps, reports())?,
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

    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.peer.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now);
    }

    /// Waits for datagrams or a thread's report; may be dropped and called again.
    pub(super) async fn next(&mut self) -> MediaInput {
        loop {
            tokio::select! {
                ready = self.socket.readable() => match ready {
                    Ok(()) => return MediaInput::Readable,
                    // A refused datagram of earlier shows here; the socket itself lives on.
                    Err(error) => tracing::debug!(%error, "media socket"),
                },
                Some(report) = self.reports.recv() => return MediaInput::Report(report),
            }
        }
    }

    /// Takes the datagrams that are waiting, a bounded number of them.
    pub(super) fn receive(&mut self, now: Instant) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.socket.try_recv_from(&mut buffer) {
                Ok((length, source)) => {
                    self.peer
                        .handle_datagram(now, source, self.local, &buffer[..length])
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // ICMP "port unreachable" of an earlier datagram; ICE finds out by itself.
                Err(_) => {}
            }
        }
    }

    /// Takes a thread's report.
    pub(super) fn on_report(&mut self, now: Instant, report: MediaReport) -> Option<MediaNotice> {
        match report {
            MediaReport::Picture { timestamp, data } => {
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
                // A full socket drops the datagram, as the network would.
                PeerOutput::Transmit {
                    destination, bytes, ..
                } => drop(self.socket.try_send_to(&bytes, destination)),
                PeerOutput::Event(event) => notices.extend(self.on_event(now, event)),
            }
        }
        notices
    }

    fn on_event(&mut self, now: Instant, event: PeerEvent) -> Option<MediaNotice> {
        match event {
            PeerEvent::Connected => return Some(MediaNotice::Connected),
            PeerEvent::Disconnected => return Some(MediaNotice::Disconnected),
            PeerEvent::Failed(reason) => return Some(MediaNotice::Failed(reason)),
            PeerEvent::Text(text) => return Some(MediaNotice::Text(text)),
            PeerEvent::Dtmf(key) => return Some(MediaNotice::Key(Sensitive::new(key))),
            PeerEvent::KeyframeRequested => {
                if let Some(threads) = &self.threads {
                    threads.encoder.request_keyframe();
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
            PeerEvent::Rtp { .. } => {}
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
            ..self.figures.clone()
        }
    }

    /// Says goodbye to the other end's DTLS and ends the threads.
    pub(super) fn close(&mut self, now: Instant) {
        self.threads = None;
        self.peer.close(now);
        self.flush(now);
    }
}
