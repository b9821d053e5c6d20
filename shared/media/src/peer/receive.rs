//! The receiving half of one stream: statistics per source, requests for lost packets, and
//! frames or packets for whoever owns the peer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_rtcp::reception_report::ReceptionReport;
use vrs_domain::limit::KEYFRAME_INTERVAL_MIN;

use super::config::Receive;
use super::stats::KindStats;
use super::text::Names;
use super::{PeerEvent, PeerOutput};
use crate::extension::{ExtensionIds, Extensions, Orientation};
use crate::nack::NackGenerator;
use crate::pace::Pace;
use crate::reorder::VideoBuffer;
use crate::rtcp::{Arrivals, Compound, Reception};
use crate::rtp::{MediaKind, RtpView};
use crate::sdp::{Direction, KeyFormat, NegotiatedMedia};
use crate::t140;
use crate::telephone_event::EventReceiver;

/// The arrivals of packets are told this often, with every third picture: within a round trip or two
/// (RFC 8888 section 8), seldom enough to cost nothing.
const ARRIVALS_INTERVAL: Duration = Duration::from_millis(80);
/// Arrivals are told with the first packet after the interval, and without one so much later: most
/// streams go on, and are spared a waking of their own.
const ARRIVALS_PATIENCE: Duration = Duration::from_millis(50);
/// A source is allowed more this often.
const LIMIT_INTERVAL: Duration = Duration::from_secs(1);
/// Sources of one stream that are remembered; the newest is the current one.
const SOURCES_MAX: usize = 4;

struct Source {
    ssrc: u32,
    reception: Reception,
    nack: NackGenerator,
    /// Told by the numbers of this source.
    arrivals: Option<Arrivals>,
    video: VideoBuffer,
    pace: Pace,
    text: t140::Reader,
    keys: EventReceiver,
    orientation: Orientation,
}

/// What feedback is due for a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) ssrc: u32,
    pub(super) sequences: Vec<u16>,
    pub(super) keyframe: bool,
    /// Tell when each packet came.
    pub(super) arrivals: bool,
    /// Tell how much the source may send.
    pub(super) rate: Option<u32>,
}

/// What is to be done after a packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// A relay passes it on.
    pub(super) pass_on: bool,
    /// Something may be due.
    pub(super) is_busy: bool,
}

/// How many bits a second the source may send.
struct Limit {
    bps: u32,
    told: Option<(u32, Instant)>,
}

impl Limit {
    /// At once when it is less than before, else with time.
    fn due(&self) -> Option<Instant> {
        match self.told {
            Some((bps, _)) if bps == self.bps => None,
            Some((bps, at)) if self.bps > bps => Some(at + LIMIT_INTERVAL),
            Some((_, at)) => Some(at),
            None => None,
        }
    }

    fn take(&mut self, now: Instant) -> Option<u32> {
        let due = self.told.is_none() || self.due().is_some_and(|at| at <= now);
        due.then(|| {
            self.told = Some((self.bps, now));
            self.bps
        })
    }
}

/// The receiving half of one stream.
pub(super) struct StreamReceiver {
    media: NegotiatedMedia,
    mode: Receive,
    pub(super) extensions: ExtensionIds,
    sources: Vec<Source>,
    /// Told by the numbers of the transport, and the number of the next report.
    transport_arrivals: Arrivals,
    transport_report: u8,
    /// Losses and freezes of sources that are forgotten.
    lost_before: u64,
    paced_before: Pace,
    keyframe_wanted: bool,
    keyframe_asked: Option<Instant>,
    /// When arrivals are to be told.
    arrivals_due: Option<Instant>,
    limit: Option<Limit>,
    /// Who writes in a stream of text of several.
    names: Names,
    counters: KindStats,
}

impl StreamReceiver {
    pub(super) fn new(media: &NegotiatedMedia, mode: Receive) -> Self {
        Self {
            media: media.clone(),
            mode,
            extensions: media.extensions,
            sources: Vec::new(),
            transport_arrivals: Arrivals::default(),
            transport_report: 0,
            lost_before: 0,
            paced_before: Pace::default(),
            keyframe_wanted: false,
            keyframe_asked: None,
            arrivals_due: None,
            limit: None,
            names: Names::default(),
            counters: KindStats::default(),
        }
    }

    /// The peer changed who sends.
    pub(super) fn set_direction(&mut self, direction: Direction) {
        self.media.direction = direction;
    }

    /// The peer may have numbered its payload types anew.
    pub(super) fn set_keys(&mut self, agreed: &[KeyFormat]) {
        self.media.keys = agreed.to_vec();
    }

    /// Whether packets of this type tell of telephone keys.
    fn is_key(&self, payload_type: u8) -> bool {
        let mut keys = self.media.keys.iter();
        keys.any(|format| format.receive_payload_type == payload_type)
    }

    /// How well a packet fits this stream: 0 not at all, 2 if its source was announced.
    pub(super) fn fits(&self, payload_type: u8, ssrc: u32) -> u8 {
        let red = self.media.red.map(|(_, receive)| receive);
        let known = payload_type == self.media.receive_payload_type || red == Some(payload_type);
        if !known && !self.is_key(payload_type) {
            return 0;
        }
        1 + u8::from(self.media.remote_ssrcs.contains(&ssrc))
    }

    /// Takes a decrypted packet, and what its extensions say.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        packet: RtpView<'_>,
        said: Extensions,
        out: &mut VecDeque<PeerOutput>,
    ) -> Taken {
        if !self.media.direction.receives() {
            return Taken::default();
        }
        self.counters.packets_received += 1;
        self.counters.bytes_received += packet.payload.len() as u64;
        let is_key = self.is_key(packet.payload_type);
        let index = self.source(packet.ssrc);
        let current = index + 1 == self.sources.len();
        let source = &mut self.sources[index];
        let sequence = source
            .reception
            .received(now, packet.sequence, packet.timestamp);
        if self.media.kind == MediaKind::Video {
            source.pace.packet(now, packet.timestamp);
        }
        let mut is_busy = self.keyframe_wanted;
        let by_transport = said
            .transport_sequence
            .map(|at| (&mut self.transport_arrivals, at));
        let by_source = source
            .arrivals
            .as_mut()
            .map(|arrivals| (arrivals, packet.sequence));
        if let Some((arrivals, sequence)) = by_source.or(by_transport) {
            let full = arrivals.note(now, sequence);
            is_busy |= full || self.arrivals_due.is_none_or(|due| due <= now);
            let due = self.arrivals_due.unwrap_or(now + ARRIVALS_INTERVAL);
            self.arrivals_due = Some(if full { now } else { due });
        }
        let nack = self.media.feedback.nack;
        if is_key {
            if nack {
                source.nack.received(now, sequence);
            }
            let key = source.keys.receive(packet.timestamp, packet.payload);
            let event = key.map(|key| PeerOutput::Event(PeerEvent::Dtmf(key)));
            out.extend(event);
            return Taken {
                pass_on: false,
                is_busy: true,
            };
        }
        match (self.media.kind, self.mode) {
            (MediaKind::Text, _) => {
                let red = self
                    .media
                    .red
                    .is_some_and(|(_, red)| red == packet.payload_type);
                let arrived = t140::Arrived {
                    sequence,
                    timestamp: packet.timestamp,
                    source: packet.csrc,
                    red,
                    payload: packet.payload,
                };
                source.text.receive(now, arrived);
            }
            (_, Receive::Packets) => {
                if nack {
                    is_busy |= source.nack.is_waiting();
                    source.nack.received(now, sequence);
                    is_busy |= source.nack.is_waiting();
                }
                let pass_on = true;
                return Taken { pass_on, is_busy };
            }
            (MediaKind::Audio, Receive::Frames) => {
                if current && !packet.payload.is_empty() {
                    self.counters.frames_received += 1;
                    out.push_back(PeerOutput::Event(PeerEvent::Frame {
                        kind: MediaKind::Audio,
                        timestamp: packet.timestamp,
                        sequence,
                        data: packet.payload.to_vec(),
                        keyframe: false,
                        orientation: Orientation::default(),
                    }));
                }
            }
            (MediaKind::Video, Receive::Frames) => {
                if nack {
                    source.nack.received(now, sequence);
                }
                let payload = Bytes::copy_from_slice(packet.payload);
                let packet = packet.owned(payload);
                source.video.push(now, sequence, packet);
            }
        }
        self.poll(now, out);
        Taken {
            pass_on: false,
            is_busy: true,
        }
    }

    fn source(&mut self, ssrc: u32) -> usize {
        if let Some(known) = self.sources.iter().position(|source| source.ssrc == ssrc) {
            return known;
        }
        if self.sources.len() >= SOURCES_MAX {
            let forgotten = self.sources.remove(0);
            self.lost_before += forgotten.reception.lost();
            self.paced_before = self.paced_before.with(&forgotten.pace);
        }
        self.sources.push(Source {
            ssrc,
            reception: Reception::new(ssrc, self.media.clock_rate),
            nack: NackGenerator::default(),
            arrivals: self.media.feedback.arrivals.then(Arrivals::default),
            video: VideoBuffer::new(),
            pace: Pace::default(),
            text: t140::Reader::new(self.media.receive_payload_type, self.media.text.multiparty),
            keys: EventReceiver::default(),
            orientation: Orientation::default(),
        });
        self.sources.len() - 1
    }

    /// Hands out what is due.
    pub(super) fn poll(&mut self, now: Instant, out: &mut VecDeque<PeerOutput>) {
        let Some(source) = self.sources.last_mut() else {
            return;
        };
        match self.media.kind {
            MediaKind::Audio => {}
            MediaKind::Text => {
                while let Some((source, text)) = source.text.poll(now) {
                    self.counters.frames_received += 1;
                    let written = self.names.written(source, text);
                    out.push_back(PeerOutput::Event(PeerEvent::Text(written)));
                }
            }
            MediaKind::Video => {
                while let Some(frame) = source.video.poll(now) {
                    self.counters.frames_received += 1;
                    source.orientation = frame.orientation.unwrap_or(source.orientation);
                    out.push_back(PeerOutput::Event(PeerEvent::Frame {
                        kind: MediaKind::Video,
                        timestamp: frame.timestamp,
                        sequence: frame.sequence,
                        data: frame.data,
                        keyframe: frame.keyframe,
                        orientation: source.orientation,
                    }));
                }
                if let Some(awaited) = source.video.awaited() {
                    source.nack.forget_before(awaited);
                }
                self.keyframe_wanted |= source.video.take_keyframe_wish();
            }
        }
    }

    /// The peer says what one of those is called whom it speaks for.
    pub(super) fn named(&mut self, source: u32, name: &str, out: &mut VecDeque<PeerOutput>) {
        if self.media.text.multiparty
            && let Some(written) = self.names.named(source, name)
        {
            out.push_back(PeerOutput::Event(PeerEvent::Text(written)));
        }
    }

    /// A key frame is wanted; it is asked for at most every 500 ms.
    pub(super) fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// When [`Self::poll`] has something next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let source = self.sources.last()?;
        [source.text.poll_timeout(), source.video.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When [`Self::feedback`] has something next.
    pub(super) fn feedback_timeout(&self) -> Option<Instant> {
        let source = self.sources.last()?;
        let asked = self
            .keyframe_wanted
            .then_some(self.keyframe_asked)
            .flatten();
        let keyframe = asked.map(|asked| asked + KEYFRAME_INTERVAL_MIN);
        let arrivals = self.arrivals_due.map(|due| due + ARRIVALS_PATIENCE);
        let limit = self.limit.as_ref().and_then(Limit::due);
        [source.nack.poll_timeout(), keyframe, arrivals, limit]
            .into_iter()
            .flatten()
            .min()
    }

    /// The feedback due now, if any.
    pub(super) fn feedback(&mut self, now: Instant, rtt: Option<Duration>) -> Option<Wanted> {
        let arrivals = self.take_arrivals(now);
        let source = self.sources.last_mut()?;
        let sequences: Vec<u16> = source
            .nack
            .poll(now, rtt)
            .into_iter()
            .map(|sequence| sequence as u16)
            .collect();
        let may_ask = self
            .keyframe_asked
            .is_none_or(|at| now >= at + KEYFRAME_INTERVAL_MIN);
        let keyframe = self.keyframe_wanted && may_ask;
        if keyframe {
            self.keyframe_wanted = false;
            self.keyframe_asked = Some(now);
            self.counters.plis_sent += 1;
        }
        self.counters.nacks_sent += sequences.len() as u64;
        let rate = self.limit.as_mut().and_then(|limit| limit.take(now));
        let ssrc = source.ssrc;
        let wanted = keyframe || arrivals || rate.is_some() || !sequences.is_empty();
        wanted.then_some(Wanted {
            ssrc,
            sequences,
            keyframe,
            arrivals,
            rate,
        })
    }

    /// Whether arrivals are to be told now. As long as there are any, the next time is an interval
    /// away.
    fn take_arrivals(&mut self, now: Instant) -> bool {
        if self.arrivals_due.is_none_or(|due| due > now) {
            return false;
        }
        let mut arrivals = self.sources.iter().filter_map(|one| one.arrivals.as_ref());
        let any = arrivals.any(|arrivals| !arrivals.is_empty());
        let any = any || !self.transport_arrivals.is_empty();
        self.counters.arrivals_told += u64::from(any);
        self.arrivals_due = any.then_some(now + ARRIVALS_INTERVAL);
        any
    }

    /// Adds when packets came since this was last told; `ntp` is the middle of our clock.
    pub(super) fn tell_arrivals(&mut self, now: Instant, compound: Compound, ntp: u32) -> Compound {
        let sources = self.sources.iter_mut();
        let told = sources.filter_map(|source| Some((source.ssrc, source.arrivals.as_mut()?)));
        let compound = compound.arrivals(now, ntp, told);
        match self.sources.last() {
            Some(source) if !self.transport_arrivals.is_empty() => {
                let number = self.transport_report;
                self.transport_report = number.wrapping_add(1);
                compound.transport_arrivals(source.ssrc, number, &mut self.transport_arrivals)
            }
            Some(_) | None => compound,
        }
    }

    /// The source may send so many bits a second.
    pub(super) fn limit(&mut self, bps: u32) {
        if self.media.feedback.rate {
            let told = self.limit.take().and_then(|limit| limit.told);
            self.limit = Some(Limit { bps, told });
        }
    }

    pub(super) fn sender_report(&mut self, now: Instant, ssrc: u32, middle_ntp: u32) {
        if let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == ssrc) {
            source.reception.sender_report(now, middle_ntp);
        }
    }

    /// The report block about the current source.
    pub(super) fn report(&mut self, now: Instant) -> Option<ReceptionReport> {
        self.sources.last_mut()?.reception.report(now)
    }

    pub(super) fn count(&self, counters: &mut KindStats) {
        let own = &self.counters;
        counters.packets_received = own.packets_received;
        counters.bytes_received = own.bytes_received;
        let paces = self.sources.iter().map(|source| &source.pace);
        let pace = paces.fold(self.paced_before, |sum, pace| sum.with(pace));
        counters.pictures = pace.pictures;
        counters.freezes = pace.freezes;
        counters.frozen_ms = pace.frozen.as_millis() as u64;
        counters.frames_received = own.frames_received;
        counters.nacks_sent = own.nacks_sent;
        counters.plis_sent = own.plis_sent;
        counters.arrivals_told = own.arrivals_told;
        let lost: u64 = self
            .sources
            .iter()
            .map(|source| source.reception.lost())
            .sum();
        counters.lost = lost + self.lost_before;
        counters.frames_dropped = self.sources.iter().map(|source| source.video.dropped).sum();
        counters.jitter_ms = self.sources.last().map_or(0.0, |s| s.reception.jitter_ms());
    }
}
