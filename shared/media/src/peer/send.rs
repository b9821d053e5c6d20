//! The sending half of one stream: numbering, resending, typed text, telephone keys, and
//! requests for key frames.

use std::time::Instant;

use bytes::{BufMut, Bytes};
use rtc_rtcp::reception_report::ReceptionReport;
use vrs_domain::limit::{FORWARDED_DATAGRAM_BYTES_MAX, MEDIA_DATAGRAM_BYTES_MAX};

use super::config::Seeds;
use super::keyframe::KeyframeWish;
use super::stats::KindStats;
use crate::congestion::Congestion;
use crate::extension::{EXTENSION_BYTES_MAX, ExtensionIds, StreamId};
use crate::forward::{Rewriter, Rewritten};
use crate::h264;
use crate::nack::{Again, Held, SentLog};
use crate::rtcp::{Fates, Pausing, Sent, TransportFates};
use crate::rtp::{MediaKind, RTP_HEADER_BYTES, RtpPacket, RtpView};
use crate::sdp::{Codec, Direction, KeyFormat, Layer, NegotiatedMedia};
use crate::t140;
use crate::telephone_event::{EventSender, KEY_TIME};
use crate::vp8;

/// The longest authentication tag of the SRTP profiles we agree to, in bytes.
const SRTP_TAG_BYTES_MAX: usize = 16;
/// Bytes of a packet besides its payload, at most.
const OVERHEAD_BYTES_MAX: usize = RTP_HEADER_BYTES + EXTENSION_BYTES_MAX + SRTP_TAG_BYTES_MAX;
/// Before the payload of a packet that goes out again: its number (RFC 4588 section 4).
const REPAIR_BYTES: usize = 2;
/// Most payload bytes of a packet of ours.
const PAYLOAD_BYTES_MAX: usize = MEDIA_DATAGRAM_BYTES_MAX - OVERHEAD_BYTES_MAX - REPAIR_BYTES;
/// The same for a packet that is passed on, which others have cut: browsers fill 1200 bytes
/// before the authentication tag.
const FORWARDED_PAYLOAD_BYTES_MAX: usize = FORWARDED_DATAGRAM_BYTES_MAX - OVERHEAD_BYTES_MAX;

/// What became of a packet that was to be passed on.
pub(super) enum Forwarded<'a> {
    /// It goes out like this; there it can be had again.
    As(RtpView<'a>, Held),
    /// It is too late, too long, or not wanted.
    Dropped,
    /// The source is new, and this packet begins no key frame: what comes after it could not be
    /// decoded.
    AwaitsKeyframe,
}

/// Telephone keys of a stream of sound.
struct Keys {
    payload_type: u8,
    events: EventSender,
    /// When the last key went down, in the time of the stream.
    down: Option<u32>,
}

impl Keys {
    /// A key goes down; gives the timestamp of its packets. The time of a stream goes back where
    /// sound was held up and comes with the time at which it was taken up. Each key is later than
    /// the one before all the same, or it would be taken for that one (RFC 4733 section 2.5.2).
    fn down(&mut self, time: u32) -> u32 {
        let held = KEY_TIME.as_millis() as u32 * (self.events.clock_rate() / 1_000);
        let floor = self.down.map(|before| before.wrapping_add(held));
        let is_early = |floor: &u32| (time.wrapping_sub(*floor) as i32) < 0;
        let down = floor.filter(is_early).unwrap_or(time);
        self.down = Some(down);
        down
    }
}

/// Leaving out pictures that no other refers to.
#[derive(Debug, Clone, Copy, Default)]
struct Thinning {
    wanted: bool,
    /// The picture that is being sent, and whether it may be left out: each is sent whole or not at
    /// all.
    picture: Option<u32>,
    applies: bool,
}

impl Thinning {
    fn applies(&mut self, timestamp: u32) -> bool {
        if self.picture != Some(timestamp) {
            self.picture = Some(timestamp);
            self.applies = self.wanted;
        }
        self.applies
    }
}

/// The stream in which lost packets go out again (RFC 4588).
struct Repair {
    ssrc: u32,
    payload_type: u8,
    next_sequence: u16,
}

/// The sending half of one stream.
pub(super) struct StreamSender {
    kind: MediaKind,
    codec: Codec,
    pub(super) ssrc: u32,
    payload_type: u8,
    red_payload_type: Option<u8>,
    clock_rate: u32,
    sends: bool,
    pub(super) extensions: ExtensionIds,
    pub(super) full_intra_only: bool,
    rewriter: Rewriter,
    /// Of pictures whose payloads have numbers, too.
    pictures: Option<vp8::Pictures>,
    log: SentLog,
    repair: Option<Repair>,
    congestion: Option<Congestion>,
    /// Of a stream of text.
    pub(super) text: Option<t140::Mixer>,
    keys: Option<Keys>,
    /// Of several sizes of a source, this one is passed on.
    layer: usize,
    /// The other size goes on until this one begins with a key frame.
    awaits_layer: bool,
    thin: Thinning,
    paused: Option<u16>,
    full_intra_seen: Option<u8>,
    pub(super) full_intra_number: u8,
    /// Of the peer's.
    keyframe: KeyframeWish,
    counters: KindStats,
}

impl StreamSender {
    pub(super) fn new(now: Instant, media: &NegotiatedMedia, seeds: Seeds) -> Self {
        let Seeds { seed, repair } = seeds;
        let first = (seed.first_sequence, seed.first_timestamp);
        Self {
            kind: media.kind,
            codec: media.codec,
            ssrc: seed.ssrc,
            payload_type: media.payload_type,
            red_payload_type: media.red.map(|(send, _)| send),
            clock_rate: media.clock_rate,
            sends: media.direction.sends(),
            extensions: media.extensions,
            layer: 0,
            awaits_layer: false,
            thin: Thinning::default(),
            paused: None,
            full_intra_only: media.feedback.fir && !media.feedback.pli,
            rewriter: Rewriter::new(media.clock_rate, first.0, first.1),
            pictures: (media.codec == Codec::Vp8).then(vp8::Pictures::default),
            log: SentLog::default(),
            repair: media.repair.map(|(payload_type, _)| Repair {
                ssrc: repair.ssrc,
                payload_type,
                next_sequence: repair.first_sequence,
            }),
            congestion: (media.kind == MediaKind::Video).then(|| {
                Congestion::new(media.feedback.arrivals || media.extensions.has_sequence())
            }),
            text: (media.kind == MediaKind::Text)
                .then(|| t140::Mixer::new(now, super::text::terms(media))),
            keys: media.keys.first().map(|format| Keys {
                payload_type: format.payload_type,
                events: EventSender::new(format.clock_rate),
                down: None,
            }),
            full_intra_seen: None,
            full_intra_number: 0,
            keyframe: KeyframeWish::default(),
            counters: KindStats::default(),
        }
    }

    /// Several sizes of our picture are sent: packets say which they are of.
    pub(super) fn be_layer(&mut self, layer: Option<&Layer>) {
        self.extensions = self.extensions.of_stream(layer.map(|layer| layer.id));
    }

    /// This one is the smaller size: it goes along with the other, which is steered by the path.
    pub(super) fn be_lower(&mut self, layer: &Layer) {
        self.be_layer(Some(layer));
        self.extensions = self.extensions.without_sequence();
        self.congestion = None;
        self.paused = layer.paused.then_some(0);
    }

    /// Which size our packets are of.
    pub(super) fn stream_id(&self) -> Option<StreamId> {
        self.extensions.own()
    }

    /// The peer may have numbered extensions anew.
    pub(super) fn set_extensions(&mut self, agreed: ExtensionIds) {
        let own = self.extensions.own();
        let had_sequence = self.extensions.has_sequence();
        self.extensions = agreed.of_stream(own);
        if !had_sequence {
            self.extensions = self.extensions.without_sequence();
        }
    }

    /// Pauses or goes on (RFC 7728 section 5). True if that is a change.
    pub(super) fn pause(&mut self, order: Pausing) -> bool {
        if self.congestion.is_some() || order.paused == self.paused.is_some() {
            return false; // the usual size is always sent
        }
        self.paused = order.paused.then_some(order.number);
        self.keyframe.wanted |= !order.paused;
        true
    }

    /// Whether the stream is paused, by the order with this number.
    pub(super) const fn paused(&self) -> Option<u16> {
        self.paused
    }

    /// The last number that went out, as an extended one (RFC 3550 section 6.4.1).
    pub(super) fn last_sequence(&self) -> u32 {
        u32::from(self.rewriter.last_sequence())
    }

    /// The peer changed who sends. One that hears from us again has missed what later pictures
    /// refer to.
    pub(super) fn set_direction(&mut self, direction: Direction) {
        let resumed = direction.sends() && !self.sends;
        self.sends = direction.sends();
        self.keyframe.wanted |= resumed && self.kind == MediaKind::Video;
    }

    /// The peer numbered its payload types anew: keys go on with the one it gave to their clock.
    pub(super) fn set_keys(&mut self, agreed: &[KeyFormat]) {
        if let Some(keys) = &mut self.keys {
            let hz = keys.events.clock_rate();
            match agreed.iter().find(|format| format.clock_rate == hz) {
                Some(format) => keys.payload_type = format.payload_type,
                None => self.keys = None,
            }
        }
    }

    /// The peer may take text in another way.
    pub(super) fn set_text(&mut self, now: Instant, media: &NegotiatedMedia) {
        if let Some(mixer) = &mut self.text {
            mixer.renew(now, super::text::terms(media));
        }
    }

    /// Presses a telephone key. False if it is none, the peer takes none, or too many wait.
    pub(super) fn press(&mut self, now: Instant, key: char) -> bool {
        let keys = self.keys.as_mut().filter(|_| self.sends);
        keys.is_some_and(|keys| keys.events.push(now, key))
    }

    /// The packet of a pressed key that is due now, if any; ask until `None`.
    pub(super) fn key_packet(&mut self, now: Instant) -> Option<RtpPacket> {
        let keys = self.keys.as_mut()?;
        let due = keys.events.poll(now)?;
        let timestamp = match keys.down {
            Some(down) if !due.marker => down,
            Some(_) | None => keys.down(self.rewriter.time(due.began)),
        };
        let payload_type = keys.payload_type;
        let numbers = self.rewriter.insert(due.began, timestamp);
        let payload = Bytes::copy_from_slice(&due.event.to_bytes());
        Some(RtpPacket {
            payload_type,
            ..self.packet(numbers, due.marker, payload)
        })
    }

    /// When [`Self::key_packet`] has something next.
    pub(super) fn key_timeout(&self) -> Option<Instant> {
        self.keys
            .as_ref()
            .and_then(|keys| keys.events.poll_timeout())
    }

    /// Cuts a frame of our own encoder into packets. A key that is held takes the place of sound.
    pub(super) fn frame(&mut self, now: Instant, timestamp: u32, frame: &[u8]) -> Vec<RtpPacket> {
        let pressed = self
            .keys
            .as_ref()
            .is_some_and(|keys| keys.events.is_active());
        if !self.sends || pressed || self.paused.is_some() {
            return Vec::new();
        }
        let payloads = match self.kind {
            MediaKind::Video => h264::packetise(frame, PAYLOAD_BYTES_MAX),
            MediaKind::Audio if frame.len() <= PAYLOAD_BYTES_MAX => {
                vec![Bytes::copy_from_slice(frame)]
            }
            MediaKind::Audio | MediaKind::Text => Vec::new(),
        };
        let last = payloads.len().saturating_sub(1);
        let video = self.kind == MediaKind::Video;
        let mut packets = Vec::with_capacity(payloads.len());
        for (index, payload) in payloads.into_iter().enumerate() {
            let numbers = self.rewriter.local(now, timestamp);
            packets.push(self.packet(numbers, video && index == last, payload));
        }
        packets
    }

    /// Renumbers a packet of another stream. A new source of pictures begins with a key frame.
    pub(super) fn forward<'a>(&mut self, now: Instant, packet: RtpView<'a>) -> Forwarded<'a> {
        if !self.sends || packet.payload.len() > FORWARDED_PAYLOAD_BYTES_MAX {
            self.counters.not_forwarded += u64::from(self.sends);
            return Forwarded::Dropped;
        }
        let RtpView {
            ssrc,
            sequence,
            timestamp,
            ..
        } = packet;
        let is_video = self.kind == MediaKind::Video;
        let known = !is_video || self.rewriter.follows(ssrc);
        if is_video && packet.layer != self.layer && !(known && self.awaits_layer) {
            return Forwarded::Dropped;
        }
        if !known && !self.codec.payload_starts_keyframe(packet.payload) {
            return Forwarded::AwaitsKeyframe;
        }
        if is_video {
            self.awaits_layer &= packet.layer != self.layer;
            let codec = self.codec;
            if self.thin.applies(timestamp)
                && codec.payload_is_discardable(packet.payload)
                && self.rewriter.skip(sequence)
            {
                self.counters.thinned += 1;
                return Forwarded::Dropped;
            }
        }
        match self.rewriter.rewrite(now, ssrc, sequence, timestamp) {
            Some(numbers) => {
                let packet = RtpView {
                    kind: self.kind,
                    ssrc: self.ssrc,
                    csrc: None,
                    payload_type: self.payload_type,
                    sequence: numbers.sequence,
                    timestamp: numbers.timestamp,
                    ..packet
                };
                let pictures = self.pictures.as_mut();
                let shift = pictures.map(|pictures| pictures.shift(ssrc, packet.payload));
                let held = Held::Source {
                    ssrc,
                    sequence,
                    shift: shift.unwrap_or_default(),
                };
                Forwarded::As(packet, held)
            }
            None => Forwarded::Dropped,
        }
    }

    /// The source that is passed on.
    pub(super) fn source(&self) -> Option<u32> {
        self.rewriter.source()
    }

    /// Passes on another size of the source from its next key frame on, or leaves out pictures that
    /// no other refers to.
    pub(super) fn choose(&mut self, layer: usize, thin: bool) {
        self.awaits_layer |= layer != self.layer;
        self.layer = layer;
        self.thin.wanted = thin;
    }

    /// Queues text of this writer (`None`: ours); false if too much of theirs waits.
    pub(super) fn type_text(
        &mut self,
        now: Instant,
        writer: Option<&t140::Writer>,
        text: &str,
    ) -> bool {
        let mixer = self.text.as_mut().filter(|_| self.sends);
        mixer.is_some_and(|mixer| mixer.push(now, writer, text))
    }

    /// A text packet that is due now, if any; ask until `None`.
    pub(super) fn text_packet(&mut self, now: Instant) -> Option<RtpPacket> {
        let due = self.text.as_mut().filter(|_| self.sends)?.poll(now)?;
        let numbers = self.rewriter.local(now, due.timestamp);
        let mut packet = self.packet(numbers, due.marker, due.payload.into());
        packet.csrc = due.source;
        if let Some(red) = self.red_payload_type.filter(|_| due.red) {
            packet.payload_type = red;
        }
        Some(packet)
    }

    fn packet(&self, numbers: Rewritten, marker: bool, payload: Bytes) -> RtpPacket {
        RtpPacket {
            kind: self.kind,
            ssrc: self.ssrc,
            csrc: None,
            payload_type: self.payload_type,
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            marker,
            orientation: None,
            layer: 0,
            payload,
        }
    }

    /// Notes that a packet went out, sealed as `bytes`, and where its payload can be had again.
    pub(super) fn sent(&mut self, now: Instant, packet: &RtpView<'_>, bytes: &[u8], held: Held) {
        if let Some(congestion) = &mut self.congestion {
            congestion.sent(now, packet.sequence, bytes.len());
        }
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += packet.payload.len() as u64;
        if self.kind == MediaKind::Video {
            self.log.push(now, packet, bytes, held);
        }
    }

    /// The peer lost a packet; `None` if it gets it no more.
    pub(super) fn asked_again(&mut self, now: Instant, sequence: u16) -> Option<Again> {
        self.counters.nacks_received += 1;
        if let Some(congestion) = &mut self.congestion {
            congestion.missed();
            if congestion.is_congested() {
                // It would come too late, and everything after it later.
                return None;
            }
        }
        self.log.again(now, sequence)
    }

    /// Appends a lost packet as it goes out again: in a stream of its own (RFC 4588 section 4)
    /// where there is one, else as it was.
    pub(super) fn write_again(
        &mut self,
        header: RtpView<'static>,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        self.counters.resent += 1;
        let Some(repair) = &mut self.repair else {
            RtpView { payload, ..header }.write(self.extensions, out);
            return;
        };
        let sequence = repair.next_sequence;
        repair.next_sequence = sequence.wrapping_add(1);
        let again = RtpView {
            ssrc: repair.ssrc,
            payload_type: repair.payload_type,
            sequence,
            ..header
        };
        // The numbers of the transport are those of the first time, and used up.
        again.write(self.extensions.without_sequence(), out);
        out.put_u16(header.sequence);
        out.put_slice(payload);
    }

    /// Whether a lost packet, encrypted anew, may go out.
    pub(super) fn may_repeat(&self, sequence: u16, sealed: &[u8]) -> bool {
        self.repair.is_some() || self.log.is_same(sequence, sealed)
    }

    /// The peer needs a key frame; `number`: of a full intra request, which may be repeated.
    pub(super) fn keyframe_needed(&mut self, number: Option<u8>) {
        if number.is_some() && self.full_intra_seen == number {
            return;
        }
        self.full_intra_seen = number.or(self.full_intra_seen);
        self.counters.plis_received += 1;
        self.keyframe.wanted = true;
    }

    /// Whether the owner is to be told now that a key frame is needed.
    pub(super) fn take_keyframe_request(&mut self, now: Instant) -> bool {
        self.keyframe.take(now)
    }

    pub(super) fn report_from_peer(&mut self, now: Instant, report: &ReceptionReport) {
        self.counters.lost_by_peer = u64::from(report.total_lost);
        if let Some(congestion) = &mut self.congestion {
            congestion.report(now, report);
        }
    }

    /// The peer tells what became of packets.
    pub(super) fn arrivals(&mut self, now: Instant, fates: Fates<'_>) {
        self.counters.arrivals_heard += 1;
        if let Some(congestion) = &mut self.congestion {
            congestion.arrivals(now, fates);
        }
    }

    /// The same by numbers of the whole transport, which are those of our pictures.
    pub(super) fn transport_arrivals(&mut self, now: Instant, fates: TransportFates<'_>) {
        if let Some(congestion) = &mut self.congestion
            && self.extensions.has_sequence()
        {
            self.counters.arrivals_heard += 1;
            congestion.transport_arrivals(now, fates);
        }
    }

    /// The peer tells how many bits a second it takes.
    pub(super) fn allow(&mut self, bps: f32) {
        if let Some(congestion) = &mut self.congestion {
            congestion.allow(bps);
        }
    }

    /// How many bits a second the path takes, when that changed.
    pub(super) fn take_rate(&mut self) -> Option<u32> {
        self.congestion.as_mut().and_then(Congestion::take_rate)
    }

    /// What a sender report says now; `None` before the first packet.
    pub(super) fn report(&self, now: Instant) -> Option<Sent> {
        let (timestamp, at) = self.rewriter.latest()?;
        let passed = now.saturating_duration_since(at).as_micros();
        let ticks = passed * u128::from(self.clock_rate) / 1_000_000;
        Some(Sent {
            ssrc: self.ssrc,
            rtp_time: timestamp.wrapping_add(ticks as u32),
            packets: self.counters.packets_sent as u32,
            bytes: self.counters.bytes_sent as u32,
        })
    }

    /// When [`Self::text_packet`] has something next.
    pub(super) fn text_timeout(&self) -> Option<Instant> {
        self.text.as_ref().filter(|_| self.sends)?.poll_timeout()
    }

    /// When [`Self::take_keyframe_request`] has something next.
    pub(super) fn keyframe_timeout(&self) -> Option<Instant> {
        self.keyframe.due()
    }

    pub(super) fn count(&self, counters: &mut KindStats) {
        let own = &self.counters;
        counters.packets_sent = own.packets_sent;
        counters.path_bps = self.congestion.as_ref().map_or(0, Congestion::rate_bps);
        counters.bytes_sent = own.bytes_sent;
        counters.lost_by_peer = own.lost_by_peer;
        counters.nacks_received = own.nacks_received;
        counters.resent = own.resent;
        counters.not_forwarded = own.not_forwarded;
        counters.plis_received = own.plis_received;
        counters.arrivals_heard = own.arrivals_heard;
        counters.thinned = own.thinned;
        counters.layer = self.layer;
    }
}
