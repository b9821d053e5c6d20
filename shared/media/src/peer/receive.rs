//! The receiving half of one stream: statistics per source, requests for lost packets, and
//! frames or packets for whoever owns the peer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_rtcp::reception_report::ReceptionReport;

use super::config::Receive;
use super::keyframe::KeyframeWish;
use super::layers::LayerStates;
use super::stats::KindStats;
use super::telling::{Haste, Telling, Waiting};
use super::text::Names;
use super::{PeerEvent, PeerOutput};
use crate::extension::StreamId;
use crate::extension::{ExtensionIds, Extensions, Orientation};
use crate::nack::{Kept, NackGenerator};
use crate::pace::Pace;
use crate::reorder::VideoBuffer;
use crate::rtcp::{Arrivals, Compound, Noted, Pausing, Reception};
use crate::rtp::{MediaKind, RtpView};
use crate::sdp::{Direction, KeyFormat, LAYERS_MAX, LayerRole, NegotiatedMedia};
use crate::t140;
use crate::telephone_event::EventReceiver;

/// A source is allowed more this often.
const LIMIT_INTERVAL: Duration = Duration::from_secs(1);
/// Sources of one stream that are remembered; the newest of each size is the current one.
const SOURCES_MAX: usize = 3 + LAYERS_MAX;

struct Source {
    ssrc: u32,
    /// Which of several sizes.
    layer: usize,
    keyframe: KeyframeWish,
    reception: Reception,
    nack: NackGenerator,
    /// Told by the numbers of this source.
    arrivals: Option<Arrivals>,
    waiting: Waiting,
    kept: Kept,
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
    /// Tell a stream to pause, or to go on.
    pub(super) pausing: Option<Pausing>,
}

impl Wanted {
    fn is_any(&self) -> bool {
        let told = self.arrivals || self.rate.is_some() || self.pausing.is_some();
        told || self.keyframe || !self.sequences.is_empty()
    }
}

/// What is to be done after a packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// A relay passes it on.
    pub(super) pass_on: bool,
    /// Something may be due.
    pub(super) is_busy: bool,
    /// Of several sizes of a picture, this is one of this one.
    pub(super) layer: usize,
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
    /// A key frame of a source that is yet to come.
    keyframe_wanted: bool,
    /// Several sizes at once.
    layers: Option<LayerStates>,
    /// When arrivals are to be told.
    telling: Telling,
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
            layers: media
                .layers_as(LayerRole::Takes)
                .map(|layers| LayerStates::new(layers, media.feedback.pause)),
            telling: Telling::default(),
            limit: None,
            names: Names::default(),
            counters: KindStats::default(),
        }
    }

    /// One that takes nothing: a size of our own picture has no other direction.
    pub(super) fn deaf(media: &NegotiatedMedia) -> Self {
        let mut media = media.clone();
        media.direction = Direction::Inactive;
        media.layers = None;
        Self::new(&media, Receive::Packets)
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
        if !known && !self.is_key(payload_type) && !self.is_repair(payload_type) {
            return 0;
        }
        1 + u8::from(self.media.remote_ssrcs.contains(&ssrc))
    }

    /// Whether packets of this type are others that come again (RFC 4588).
    pub(super) fn is_repair(&self, payload_type: u8) -> bool {
        let repair = self.media.repair;
        repair.is_some_and(|(_, receive)| receive == payload_type)
    }

    /// The packet that came again in another, as it was. `None` where nobody waits for it: browsers
    /// send old ones to find out what a path takes.
    pub(super) fn restored<'a>(
        &mut self,
        now: Instant,
        packet: RtpView<'a>,
        said: &mut Extensions,
    ) -> Option<RtpView<'a>> {
        if let Some(sequence) = said.transport_sequence.take() {
            self.transport_arrivals.note(now, sequence);
            self.telling.came(now, Haste::InTime);
        }
        let (sequence, payload) = packet.payload.split_first_chunk()?;
        let sequence = u16::from_be_bytes(*sequence);
        let mut repairs = self.media.repairs.iter();
        let of = repairs.find(|(repair, _)| *repair == packet.ssrc);
        let mut waiting = self.sources.iter().filter(|source| {
            of.is_none_or(|(_, ssrc)| *ssrc == source.ssrc) && source.nack.waits_for(sequence)
        });
        let ssrc = waiting.next()?.ssrc;
        self.counters.repaired += 1;
        Some(RtpView {
            payload_type: self.media.receive_payload_type,
            ssrc,
            sequence,
            payload,
            ..packet
        })
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
        let index = self.source(packet.ssrc, said.stream);
        let current = index + 1 == self.sources.len();
        let source = &mut self.sources[index];
        let layer = source.layer;
        let sequence = source
            .reception
            .received(now, packet.sequence, packet.timestamp);
        if self.media.kind == MediaKind::Video && layer == 0 {
            source.pace.packet(now, packet.timestamp);
        }
        let layers = self.layers.as_mut();
        let is_counted = layers.is_some_and(|layers| {
            let counted = layers.packet(now, layer, packet.payload.len());
            counted || layers.poll_timeout().is_some_and(|due| due <= now)
        });
        let mut is_busy = is_counted || source.keyframe.wanted;
        let by_transport = said
            .transport_sequence
            .map(|at| (&mut self.transport_arrivals, at));
        let by_source = source
            .arrivals
            .as_mut()
            .map(|arrivals| (arrivals, packet.sequence));
        if let Some((arrivals, sequence)) = by_source.or(by_transport) {
            let clock_rate = self.media.clock_rate;
            let waited = source.waiting.has(now, packet.timestamp, clock_rate);
            let haste = match arrivals.note(now, sequence) {
                Noted::Full => Haste::Now,
                Noted::AfterGap => Haste::Soon,
                Noted::Kept if waited => Haste::Soon,
                Noted::Kept => Haste::InTime,
            };
            is_busy |= self.telling.came(now, haste) || self.telling.is_due(now);
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
                is_busy: true,
                ..Taken::default()
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
            (kind, Receive::Packets) => {
                if kind == MediaKind::Video {
                    source.kept.push(now, packet.sequence, packet.payload);
                }
                if nack {
                    is_busy |= source.nack.received(now, sequence);
                }
                let pass_on = true;
                return Taken {
                    pass_on,
                    is_busy,
                    layer,
                };
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
                let packet = packet.with(payload);
                source.video.push(now, sequence, packet);
            }
        }
        self.poll(now, out);
        Taken {
            is_busy: true,
            ..Taken::default()
        }
    }

    /// The payload of a packet that came of late.
    pub(super) fn kept(&self, ssrc: u32, sequence: u16) -> Option<&[u8]> {
        let mut sources = self.sources.iter();
        let source = sources.find(|source| source.ssrc == ssrc)?;
        source.kept.get(sequence)
    }

    fn source(&mut self, ssrc: u32, id: Option<StreamId>) -> usize {
        if let (Some(layers), Some(id)) = (&mut self.layers, id) {
            layers.named(ssrc, id);
        }
        let layer = self.layers.as_ref().map_or(0, |layers| layers.of(ssrc));
        if let Some(known) = self.sources.iter().position(|source| source.ssrc == ssrc) {
            self.sources[known].layer = layer;
            return known;
        }
        if self.sources.len() >= SOURCES_MAX {
            let left = self.sources.iter().enumerate();
            let mut left = left.filter(|(at, _)| !self.is_current(*at));
            let oldest = left.next().map_or(0, |(at, _)| at);
            let forgotten = self.sources.remove(oldest);
            self.lost_before += forgotten.reception.lost();
            self.paced_before = self.paced_before.with(&forgotten.pace);
        }
        self.sources.push(Source {
            ssrc,
            layer,
            keyframe: KeyframeWish::new(std::mem::take(&mut self.keyframe_wanted)),
            reception: Reception::new(ssrc, self.media.clock_rate),
            nack: NackGenerator::default(),
            arrivals: self.media.feedback.arrivals.then(Arrivals::default),
            waiting: Waiting::default(),
            kept: Kept::default(),
            video: VideoBuffer::new(),
            pace: Pace::default(),
            text: t140::Reader::new(self.media.receive_payload_type, self.media.text.multiparty),
            keys: EventReceiver::default(),
            orientation: Orientation::default(),
        });
        self.sources.len() - 1
    }

    /// Whether a source is the newest of its size.
    fn is_current(&self, at: usize) -> bool {
        let layer = self.sources[at].layer;
        self.sources[at + 1..]
            .iter()
            .all(|newer| newer.layer != layer)
    }

    /// The newest source of each size.
    fn current(&self) -> impl Iterator<Item = &Source> {
        let sources = self.sources.iter().enumerate();
        let current = sources.filter(|(at, _)| self.is_current(*at));
        current.map(|(_, source)| source)
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
                source.keyframe.wanted |= source.video.take_keyframe_wish();
            }
        }
    }

    /// The peer says what one of those is called whom it speaks for.
    pub(super) fn writer_named(&mut self, source: u32, name: &str, out: &mut VecDeque<PeerOutput>) {
        if self.media.text.multiparty
            && let Some(written) = self.names.named(source, name)
        {
            out.push_back(PeerOutput::Event(PeerEvent::Text(written)));
        }
    }

    /// A key frame is wanted, of this source or of all; it is asked for at most every 500 ms.
    pub(super) fn want_keyframe(&mut self, ssrc: Option<u32>) {
        self.keyframe_wanted = self.sources.is_empty();
        let all = 0..self.sources.len();
        for at in all.rev() {
            let wanted = ssrc.is_none_or(|ssrc| ssrc == self.sources[at].ssrc);
            if wanted && self.is_current(at) {
                self.sources[at].keyframe.wanted = true;
            }
        }
    }

    /// Whether packets came under this SSRC.
    pub(super) fn has_source(&self, ssrc: u32) -> bool {
        self.sources.iter().any(|source| source.ssrc == ssrc)
    }

    /// A stream says which of several sizes it is.
    pub(super) fn named(&mut self, ssrc: u32, id: StreamId) {
        if let Some(layers) = &mut self.layers {
            layers.named(ssrc, id);
        }
    }

    /// Whether the source is to send a size.
    pub(super) fn want_layer(&mut self, now: Instant, layer: usize, wanted: bool) {
        if let Some(layers) = &mut self.layers {
            layers.want(now, layer, wanted);
        }
    }

    /// What of several sizes may be paused.
    pub(super) fn can_pause(&self) -> bool {
        self.layers.is_some() && self.media.feedback.pause
    }

    /// The bits a second of each size, if there are several and they are new.
    pub(super) fn take_layer_rates(&mut self) -> Option<Vec<u32>> {
        self.layers.as_mut()?.take_rates()
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
        let arrivals = self.telling.timeout();
        let limit = self.limit.as_ref().and_then(Limit::due);
        let layers = self.layers.as_ref().and_then(LayerStates::poll_timeout);
        let sources = self.current();
        let sources = sources.flat_map(|one| [one.nack.poll_timeout(), one.keyframe.due()]);
        // Whoever sent nothing yet is told nothing.
        let own = [arrivals, limit, layers];
        let own = own.into_iter().filter(|_| !self.sources.is_empty());
        sources.chain(own).flatten().min()
    }

    /// The feedback due now: for each source that needs any. What is not about one source is with
    /// the first.
    pub(super) fn feedback(&mut self, now: Instant, rtt: Option<Duration>) -> Vec<Wanted> {
        let mut arrivals = self.take_arrivals(now);
        let mut due = Vec::new();
        if self.sources.is_empty() {
            return due;
        }
        let mut rate = self.limit.as_mut().and_then(|limit| limit.take(now));
        let mut pausing = self.layers.as_mut().and_then(|layers| layers.order(now));
        for at in 0..self.sources.len() {
            if !self.is_current(at) {
                continue;
            }
            let source = &mut self.sources[at];
            let lost = source.nack.poll(now, rtt).into_iter();
            let sequences: Vec<u16> = lost.map(|sequence| sequence as u16).collect();
            let keyframe = source.keyframe.take(now);
            self.counters.plis_sent += u64::from(keyframe);
            self.counters.nacks_sent += sequences.len() as u64;
            let wanted = Wanted {
                ssrc: source.ssrc,
                sequences,
                keyframe,
                arrivals: std::mem::take(&mut arrivals),
                rate: rate.take(),
                pausing: pausing.take(),
            };
            if wanted.is_any() {
                due.push(wanted);
            }
        }
        due
    }

    /// Whether arrivals are to be told now. As long as there are any, the next time is an interval
    /// away.
    fn take_arrivals(&mut self, now: Instant) -> bool {
        if !self.telling.is_due(now) {
            return false;
        }
        let mut arrivals = self.sources.iter().filter_map(|one| one.arrivals.as_ref());
        let any = arrivals.any(|arrivals| !arrivals.is_empty());
        let any = any || !self.transport_arrivals.is_empty();
        self.counters.arrivals_told += u64::from(any);
        self.telling.told(now, any);
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

    /// The report blocks about the current sources.
    pub(super) fn reports(&mut self, now: Instant) -> Vec<ReceptionReport> {
        let current = (0..self.sources.len()).filter(|at| self.is_current(*at));
        let current: Vec<usize> = current.collect();
        let reports = current.into_iter();
        reports
            .filter_map(|at| self.sources[at].reception.report(now))
            .collect()
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
        counters.repaired = own.repaired;
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
