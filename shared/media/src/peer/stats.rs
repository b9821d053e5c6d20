//! What a peer can say about itself; no addresses, no content.

use super::{Announced, Peer};
use crate::rtp::MediaKind;

/// Counters of one kind of media.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KindStats {
    /// RTP packets sent, without resent ones.
    pub packets_sent: u64,
    /// Bits a second that the path to the peer takes, of pictures; 0: not known.
    pub path_bps: u32,
    /// RTP payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets received and decrypted.
    pub packets_received: u64,
    /// RTP payload bytes received.
    pub bytes_received: u64,
    /// Pictures that began to arrive.
    pub pictures: u64,
    /// How often the picture stood still (W3C `freezeCount`).
    pub freezes: u64,
    /// For how long in all, in milliseconds.
    pub frozen_ms: u64,
    /// Frames handed out; a relay hands out none.
    pub frames_received: u64,
    /// Frames dropped because they, or what they depend on, were lost.
    pub frames_dropped: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Packets of ours that the peer reports lost.
    pub lost_by_peer: u64,
    /// Jitter of arrival (RFC 3550 section 6.4.1), in milliseconds.
    pub jitter_ms: f32,
    /// Packets we asked for again.
    pub nacks_sent: u64,
    /// Packets of pictures that were left out because the path is narrow.
    pub thinned: u64,
    /// Which of several sizes of the picture is sent, in the order in which the source named them.
    pub layer: usize,
    /// Packets that came again in a stream of their own (RFC 4588).
    pub repaired: u64,
    /// Packets the peer asked for again.
    pub nacks_received: u64,
    /// Packets we sent again.
    pub resent: u64,
    /// Packets of others that were too long to be passed on.
    pub not_forwarded: u64,
    /// Key frames we asked for.
    pub plis_sent: u64,
    /// Key frames the peer asked for.
    pub plis_received: u64,
    /// How often we told when packets came (RFC 8888, or as browsers do).
    pub arrivals_told: u64,
    /// How often the peer told.
    pub arrivals_heard: u64,
}

/// Everything a peer can say about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeerStats {
    /// Sound.
    pub audio: KindStats,
    /// Picture.
    pub video: KindStats,
    /// Real-time text; of a data channel, its messages.
    pub text: KindStats,
    /// Round trip time, in milliseconds: from the peer's last report, else from ICE.
    pub rtt_ms: Option<f32>,
    /// TLS name of the DTLS cipher suite.
    pub cipher_suite: Option<String>,
    /// IANA name of the SRTP profile.
    pub srtp_profile: Option<String>,
    /// The peer's address on the path in use: `host`, `srflx`, `prflx` or `relay`.
    pub candidate_type: Option<String>,
    /// Media flows.
    pub connected: bool,
    /// The peer is to send picture or sound: neither side has put the call on hold.
    pub awaited: bool,
    /// Datagrams other than STUN from addresses that proved nothing.
    pub unproven: u64,
    /// SRTP and SRTCP packets that were forged, broken or replayed.
    pub undecryptable: u64,
    /// Decrypted packets of no agreed payload type.
    pub unknown: u64,
}

impl PeerStats {
    /// The counters of one kind.
    #[must_use]
    pub fn kind(&self, kind: MediaKind) -> &KindStats {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
            MediaKind::Text => &self.text,
        }
    }

    /// Packets of all kinds that never arrived.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.audio.lost + self.video.lost + self.text.lost
    }
}

impl Peer {
    /// The state of all counters now.
    #[must_use]
    pub fn stats(&self) -> PeerStats {
        let mut stats = PeerStats {
            rtt_ms: self
                .rtt
                .or(self.path_rtt)
                .map(|rtt| rtt.as_secs_f32() * 1_000.0),
            connected: self.announced == Announced::Connected,
            awaited: self
                .negotiated
                .media
                .iter()
                .any(|media| media.kind != MediaKind::Text && media.direction.receives()),
            unproven: self.refused.unproven,
            undecryptable: self.refused.undecryptable,
            unknown: self.refused.unknown,
            ..PeerStats::default()
        };
        if let Some(first) = self.transports.first() {
            let dtls = first.dtls.as_ref();
            stats.cipher_suite = dtls.and_then(|dtls| dtls.cipher_suite().map(str::to_owned));
            stats.srtp_profile = first
                .srtp
                .as_ref()
                .map(|srtp| srtp.profile_name().to_owned());
            stats.candidate_type = first
                .ice
                .candidate_kind()
                .map(|kind| kind.word().to_owned());
        }
        for stream in self.streams.iter().filter(|stream| stream.layer == 0) {
            let counters = match stream.kind {
                MediaKind::Audio => &mut stats.audio,
                MediaKind::Video => &mut stats.video,
                MediaKind::Text => &mut stats.text,
            };
            stream.sender.count(counters);
            stream.receiver.count(counters);
        }
        if let Some(channels) = &self.channels {
            channels.count(&mut stats.text);
        }
        stats
    }
}
