//! What may be agreed at all: the list of formats, and how far they may go.

use crate::rtp::MediaKind;
use crate::{h264, vp8};

/// A format of sound, picture or text that can be agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Sound, 48 kHz (RFC 7587).
    Opus,
    /// Sound of telephones, G.711 µ-law (RFC 3551 section 4.5.14).
    Pcmu,
    /// Sound of telephones, G.711 A-law.
    Pcma,
    /// Picture (RFC 6184).
    H264,
    /// Picture (RFC 7741).
    Vp8,
    /// Real-time text (RFC 4103).
    T140,
}

impl Codec {
    /// Every one, in the order in which they are liked best within each kind.
    pub const ALL: &'static [Self] = &[
        Self::Opus,
        Self::Pcmu,
        Self::Pcma,
        Self::H264,
        Self::Vp8,
        Self::T140,
    ];

    /// The encoding name in `a=rtpmap`, which is compared without case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::T140 => "t140",
        }
    }

    /// What it is a format of.
    #[must_use]
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus | Self::Pcmu | Self::Pcma => MediaKind::Audio,
            Self::H264 | Self::Vp8 => MediaKind::Video,
            Self::T140 => MediaKind::Text,
        }
    }

    /// RTP clock rate, in Hz.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
            Self::H264 | Self::Vp8 => 90_000,
            Self::T140 => 1_000,
        }
    }

    /// Whether an RTP payload begins a picture that needs no earlier one; sound and text need none
    /// at any time.
    #[must_use]
    pub fn payload_starts_keyframe(self, payload: &[u8]) -> bool {
        match self {
            Self::H264 => h264::payload_starts_keyframe(payload),
            Self::Vp8 => vp8::payload_starts_keyframe(payload),
            Self::Opus | Self::Pcmu | Self::Pcma | Self::T140 => true,
        }
    }

    /// Whether an RTP payload is of a picture that no other refers to.
    #[must_use]
    pub fn payload_is_discardable(self, payload: &[u8]) -> bool {
        match self {
            Self::H264 => h264::payload_is_discardable(payload),
            Self::Vp8 => vp8::payload_is_discardable(payload),
            Self::Opus | Self::Pcmu | Self::Pcma | Self::T140 => false,
        }
    }
}

/// How far H.264 may go (RFC 6184 section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H264Limits {
    /// Baseline without the constraints is taken, too: what its encoders make hardly ever uses
    /// more than the constrained profile has.
    pub baseline: bool,
    /// The highest level, as `level_idc` says it: 31 is level 3.1. We announce no higher one,
    /// whatever is offered.
    pub level_idc: u8,
}

impl Default for H264Limits {
    /// What our apps make and take: 720 lines at 30 pictures a second.
    fn default() -> Self {
        Self {
            baseline: true,
            level_idc: h264::LEVEL_IDC,
        }
    }
}

/// What may be agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Formats; of each kind the best first.
    pub codecs: Vec<Codec>,
    /// Telephone keys among the sound (RFC 4733).
    pub keys: bool,
    /// Redundancy around text (RFC 4103 section 4).
    pub redundancy: bool,
    /// Limits of H.264.
    pub h264: H264Limits,
}

impl Default for Allowed {
    /// What our apps speak.
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Opus, Codec::H264, Codec::T140],
            keys: true,
            redundancy: true,
            h264: H264Limits::default(),
        }
    }
}

impl Allowed {
    /// All that a relay can pass on.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            codecs: Codec::ALL.to_vec(),
            ..Self::default()
        }
    }

    /// The formats of one kind, best first.
    pub fn of(&self, kind: MediaKind) -> impl Iterator<Item = Codec> + '_ {
        let codecs = self.codecs.iter().copied();
        codecs.filter(move |codec| codec.kind() == kind)
    }

    /// Leaves of one kind only those that `keep` wants.
    pub fn retain(&mut self, kind: MediaKind, keep: impl Fn(Codec) -> bool) {
        self.codecs
            .retain(|codec| codec.kind() != kind || keep(*codec));
    }
}
