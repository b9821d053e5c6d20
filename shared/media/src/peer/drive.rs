//! What moves a peer: datagrams, time, and the owner's media.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::dtls::DtlsState;
use super::ice::IceState;
use super::send::Forwarded;
use super::{Announced, Dtls, Peer, PeerEvent, PeerOutput, stun_ufrag};
use crate::batch::Batch;
use crate::extension::Extensions;
use crate::nack::Held;
use crate::rtcp::Compound;
use crate::rtp::{MediaKind, Peek, RtpPacket, RtpView, extension_of, is_rtcp};
#[cfg(doc)]
use crate::telephone_event::KEYS_WAITING_MAX;

/// Reports go out this often.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// From where to which of our addresses.
pub(super) type Way = (SocketAddr, SocketAddr);

/// Largest datagram we read.
pub(super) const DATAGRAM_BYTES_MAX: usize = 2_048;

impl Peer {
    /// Takes a datagram that came from `source` to our `destination`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        let mut copy = std::mem::take(&mut self.scratch);
        copy.clear();
        copy.extend_from_slice(bytes);
        if let Some(packet) = self.handle_in_place(now, source, destination, &mut copy) {
            let (kind, payload) = (packet.kind, bytes::Bytes::copy_from_slice(packet.payload));
            let packet = packet.with(payload);
            self.event(PeerEvent::Rtp { kind, packet });
        }
        self.scratch = copy;
    }

    /// The same for a relay ([`crate::peer::Receive::Packets`]) that passes packets on: one of
    /// sound or picture is decrypted where it is and given back, and nothing is copied.
    pub fn handle_in_place<'a>(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &'a mut [u8],
    ) -> Option<RtpView<'a>> {
        if self.announced == Announced::Over || bytes.len() > DATAGRAM_BYTES_MAX {
            return None;
        }
        match bytes.first() {
            Some(0..=3) => self.handle_stun(now, source, destination, bytes),
            Some(20..=63) => self.handle_dtls(now, source, bytes),
            Some(128..=191) if !is_rtcp(bytes) => {
                return self.handle_rtp(now, (source, destination), bytes);
            }
            Some(128..=191) => self.handle_rtcp(now, (source, destination), bytes),
            Some(_) | None => self.refused.unknown += 1,
        }
        self.advance(now);
        None
    }

    /// Lets time pass; call when [`Peer::poll_timeout`] says, or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.announced == Announced::Over {
            return;
        }
        for transport in &mut self.transports {
            transport.handle_ice_timeout(now);
            if let Some(dtls) = &mut transport.dtls {
                dtls.handle_timeout(now);
            }
        }
        self.advance(now);
    }

    /// Sends a frame of our own encoder: an H.264 access unit in Annex B form, or one Opus
    /// packet. `timestamp` counts in the RTP clock (90 kHz, 48 kHz) from any beginning. Dropped
    /// while not connected, or if this kind was not agreed for sending.
    pub fn send_frame(&mut self, now: Instant, kind: MediaKind, timestamp: u32, payload: &[u8]) {
        let Some(index) = self.ready(kind) else {
            return;
        };
        self.send_frame_in(now, index, timestamp, payload);
    }

    /// Sends a frame of a smaller size of our picture, as long as it is wanted
    /// ([`PeerEvent::LayerWanted`]).
    pub fn send_layer(&mut self, now: Instant, layer: usize, timestamp: u32, payload: &[u8]) {
        let mut streams = self.streams.iter();
        let found = streams.position(|one| one.kind == MediaKind::Video && one.layer == layer);
        let connected = self.announced == Announced::Connected;
        let Some(index) = found.filter(|_| connected) else {
            return;
        };
        self.send_frame_in(now, index, timestamp, payload);
    }

    fn send_frame_in(&mut self, now: Instant, index: usize, timestamp: u32, payload: &[u8]) {
        let mut batch = Batch::default();
        for packet in self.streams[index].sender.frame(now, timestamp, payload) {
            self.send_own(now, index, &packet, &mut batch);
        }
        self.put_out(&batch);
    }

    /// Forwards a packet of another peer: the payload as it is, all numbers made continuous
    /// with what this stream sent before. A change of `packet.ssrc` is a change of the source,
    /// and pictures of a new source are sent from its next key frame on.
    ///
    /// The datagram is appended to `batch`, whose buffers are used again and again.
    /// True while that key frame is awaited: ask the source for one.
    pub fn forward(&mut self, now: Instant, packet: RtpView<'_>, batch: &mut Batch) -> bool {
        let Some(index) = self.ready(packet.kind) else {
            return false;
        };
        let stream = &mut self.streams[index];
        match stream.sender.forward(now, packet) {
            Forwarded::As(packet, held) => self.send_packet(now, index, packet, held, batch),
            Forwarded::Dropped => {}
            Forwarded::AwaitsKeyframe => return true,
        }
        false
    }

    /// [`Self::forward`] for one packet; the datagram is in [`Self::poll_output`].
    pub fn send_rtp(&mut self, now: Instant, packet: &RtpPacket) -> bool {
        let mut batch = Batch::default();
        let awaited = self.forward(now, packet.view(), &mut batch);
        self.put_out(&batch);
        awaited
    }

    pub(super) fn put_out(&mut self, batch: &Batch) {
        let transmits = batch.iter().map(|datagram| PeerOutput::Transmit {
            source: datagram.source,
            destination: datagram.destination,
            bytes: datagram.bytes.to_vec(),
        });
        self.outputs.extend(transmits);
    }

    /// Presses a telephone key (RFC 4733): it is held for 160 ms, with a pause before the next one,
    /// and our sound waits for it. False if it is no telephone key, the peer takes none, media does
    /// not flow, or [`KEYS_WAITING_MAX`] keys wait.
    pub fn send_dtmf(&mut self, now: Instant, key: char) -> bool {
        let Some(index) = self.ready(MediaKind::Audio) else {
            return false;
        };
        let taken = self.streams[index].sender.press(now, key);
        if taken {
            self.advance(now);
        }
        taken
    }

    /// Asks the peer for a key frame of its video, at most every 500 ms; a wish in between is
    /// kept until then.
    pub fn request_keyframe(&mut self, now: Instant) {
        self.want_keyframe(now, None);
    }

    /// The same of one of several sizes: of the stream with this SSRC.
    pub fn request_keyframe_of(&mut self, now: Instant, ssrc: u32) {
        self.want_keyframe(now, Some(ssrc));
    }

    fn want_keyframe(&mut self, now: Instant, ssrc: Option<u32>) {
        if let Some(index) = self.finder.of_kind(MediaKind::Video) {
            self.streams[index].receiver.want_keyframe(ssrc);
        }
        self.advance(now);
    }

    /// Tells the peer how many bits of video a second it may send; less than before at once, more
    /// at most every second. It is kept only by peers that know REMB.
    pub fn limit_source(&mut self, now: Instant, bps: u32) {
        let mut streams = self.streams.iter_mut();
        if let Some(stream) = streams.find(|stream| stream.kind == MediaKind::Video) {
            stream.receiver.limit(bps);
            self.advance(now);
        }
    }

    /// Ends the connection: says goodbye in RTCP and DTLS; the last datagrams are in
    /// [`Peer::poll_output`].
    pub fn close(&mut self, now: Instant) {
        if self.announced == Announced::Over {
            return;
        }
        for index in 0..self.streams.len() {
            let ssrc = self.streams[index].sender.ssrc;
            let goodbye = Compound::receiver(ssrc, Vec::new()).goodbye(vec![ssrc]);
            self.send_rtcp(index, goodbye);
        }
        for transport in &mut self.transports {
            if let Some(dtls) = &mut transport.dtls {
                dtls.close(now);
            }
        }
        self.flush();
        self.transports
            .iter_mut()
            .for_each(super::Transport::close_ice);
        self.announced = Announced::Over;
        self.moved = true;
    }

    pub(super) fn ready(&self, kind: MediaKind) -> Option<usize> {
        let connected = self.announced == Announced::Connected;
        self.finder.of_kind(kind).filter(|_| connected)
    }

    /// Whether the peer showed from this address that it knows our ICE password (A33).
    #[must_use]
    pub fn is_proven(&self, source: SocketAddr) -> bool {
        self.transports.iter().any(|t| t.is_proven(source))
    }

    fn handle_stun(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        let wanted = stun_ufrag(bytes);
        let way = (source, destination);
        let mut transports = self.transports.iter_mut();
        transports.any(|transport| transport.handle_stun(now, way, wanted, bytes));
    }

    fn handle_dtls(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let proven = self.transports.iter_mut().find(|t| t.is_proven(source));
        let Some(transport) = proven else {
            self.refused.unproven += 1;
            return;
        };
        if let Some(dtls) = &mut transport.dtls
            && let Some(srtp) = dtls.handle(now, bytes)
        {
            transport.srtp = Some(srtp);
        }
    }

    /// The transport that a packet of media belongs to, if its address proved itself.
    pub(super) fn proven(&mut self, source: SocketAddr) -> Option<usize> {
        let found = self.transports.iter().position(|t| t.is_proven(source));
        self.refused.unproven += u64::from(found.is_none());
        found
    }

    /// Gives what a relay passes on. Time stands still for it unless there is something to do:
    /// most packets are just the next.
    fn handle_rtp<'a>(
        &mut self,
        now: Instant,
        way: Way,
        bytes: &'a mut [u8],
    ) -> Option<RtpView<'a>> {
        let index = self.proven(way.0)?;
        let srtp = self.transports[index].srtp.as_mut();
        let Some(plain) = srtp.and_then(|srtp| srtp.open_rtp(bytes)) else {
            self.refused.undecryptable += 1;
            return None;
        };
        self.transports[index].touch(now, way);
        let peek = Peek::new(plain)?;
        let known = self.finder.of_packet(index, peek);
        let Some(found) = known.or_else(|| self.fitting(index, peek)) else {
            self.refused.unknown += 1;
            return None;
        };
        if known.is_none() {
            self.finder.note(index, peek, found);
        }
        let stream = &mut self.streams[found];
        let mut said = extension_of(plain).map_or_else(Extensions::default, |data| {
            stream.receiver.extensions.read(data)
        });
        let mut packet = RtpView {
            orientation: said.orientation,
            ..RtpView::parse(stream.kind, plain)?
        };
        if stream.receiver.is_repair(packet.payload_type) {
            self.moved = true;
            packet = stream.receiver.restored(now, packet, &mut said)?;
        }
        let taken = stream
            .receiver
            .receive(now, packet, said, &mut self.outputs);
        if taken.is_busy {
            self.advance(now);
        }
        let layer = taken.layer;
        taken.pass_on.then_some(RtpView { layer, ..packet })
    }

    /// The stream that a packet on a transport fits best.
    fn fitting(&self, transport: usize, peek: Peek) -> Option<usize> {
        let streams = self.streams.iter().enumerate();
        streams
            .filter(|(_, stream)| stream.transport == transport && stream.layer == 0)
            .map(|(at, stream)| (stream.receiver.fits(peek.payload_type, peek.ssrc), at))
            .filter(|(fit, _)| *fit > 0)
            .max_by_key(|(fit, _)| *fit)
            .map(|(_, at)| at)
    }

    pub(super) fn send_own(
        &mut self,
        now: Instant,
        index: usize,
        packet: &RtpPacket,
        batch: &mut Batch,
    ) {
        let held = Held::Here(Box::new(packet.payload.clone()));
        self.send_packet(now, index, packet.view(), held, batch);
    }

    fn send_packet(
        &mut self,
        now: Instant,
        index: usize,
        packet: RtpView<'_>,
        held: Held,
        batch: &mut Batch,
    ) {
        let stream = &mut self.streams[index];
        let transport = &mut self.transports[stream.transport];
        let (Some(srtp), Some(path)) = (&mut transport.srtp, transport.ice.path()) else {
            return;
        };
        let sealed = batch.push(path.local, path.remote, |buffer| {
            let start = buffer.len();
            packet.write(stream.sender.extensions, buffer);
            if let Held::Source { shift, .. } = held {
                let begin = buffer.len() - packet.payload.len();
                shift.apply(&mut buffer[begin..]);
            }
            srtp.seal_rtp(buffer, start)
        });
        if let Some(sealed) = sealed {
            stream.sender.sent(now, &packet, sealed, held);
        }
    }

    pub(super) fn transmit(&mut self, transport: usize, bytes: Vec<u8>) {
        if let Some(path) = self.transports[transport].ice.path() {
            let (source, destination) = (path.local, path.remote);
            self.outputs.push_back(PeerOutput::Transmit {
                source,
                destination,
                bytes,
            });
        }
    }

    /// Brings everything up to `now`: handshakes, state, reports, text, feedback.
    pub(super) fn advance(&mut self, now: Instant) {
        self.moved = true;
        for transport in &mut self.transports {
            transport.settle();
            if transport.ice.state() == IceState::Connected
                && let Some(dtls) = &mut transport.dtls
            {
                dtls.start(now);
            }
        }
        self.drive_channels(now);
        self.flush();
        self.announce(now);
        for stream in &mut self.streams {
            stream.receiver.poll(now, &mut self.outputs);
            if stream.sender.take_keyframe_request(now) {
                let layer = stream.layer;
                let requested = PeerEvent::KeyframeRequested { layer };
                self.outputs.push_back(PeerOutput::Event(requested));
            }
            if let Some(rates) = stream.receiver.take_layer_rates() {
                let rates = PeerEvent::LayerRates(rates);
                self.outputs.push_back(PeerOutput::Event(rates));
            }
            if let Some(bps) = stream.sender.take_rate() {
                self.outputs
                    .push_back(PeerOutput::Event(PeerEvent::PathRate(bps)));
            }
        }
        if self.announced == Announced::Connected {
            self.send_due(now);
        }
    }

    /// Moves what ICE and DTLS want to send to the outputs.
    pub(super) fn flush(&mut self) {
        for index in 0..self.transports.len() {
            while let Some((path, bytes)) = self.transports[index].poll_ice() {
                self.outputs.push_back(PeerOutput::Transmit {
                    source: path.local,
                    destination: path.remote,
                    bytes: bytes.to_vec(),
                });
            }
            while let Some(bytes) = self.transports[index]
                .dtls
                .as_mut()
                .and_then(Dtls::poll_transmit)
            {
                self.transmit(index, bytes.to_vec());
            }
        }
    }

    /// Tells what changed about the connection as a whole.
    fn announce(&mut self, now: Instant) {
        if self.announced == Announced::Over {
            return;
        }
        let mut connected = !self.transports.is_empty();
        let mut failed = None;
        for transport in &self.transports {
            let dtls = transport.dtls.as_ref().map_or(DtlsState::Idle, Dtls::state);
            let ice = transport.ice_state();
            connected &= ice == IceState::Connected && dtls == DtlsState::Done;
            failed = failed.or(match (ice, dtls) {
                (_, DtlsState::Failed(reason)) => Some(reason),
                (IceState::Failed, DtlsState::Done) => Some("the peer fell silent"),
                (IceState::Failed, DtlsState::Closed) => Some("the peer closed the connection"),
                (IceState::Failed, _) => Some("no path to the peer was found"),
                _ => None,
            });
        }
        if let Some(reason) = failed {
            self.announced = Announced::Over;
            // No key, no media, whatever still arrives (A34).
            self.transports
                .iter_mut()
                .for_each(|transport| transport.srtp = None);
            self.event(PeerEvent::Failed(reason.to_owned()));
        } else if connected && self.announced != Announced::Connected {
            self.announced = Announced::Connected;
            self.next_report = Some(now + REPORT_INTERVAL / 2);
            self.path_rtt = self.transports.iter().find_map(|t| t.ice.round_trip(now));
            self.event(PeerEvent::Connected);
        } else if !connected && self.announced == Announced::Connected {
            self.announced = Announced::Disconnected;
            self.event(PeerEvent::Disconnected);
        }
    }

    pub(super) fn event(&mut self, event: PeerEvent) {
        self.outputs.push_back(PeerOutput::Event(event));
    }
}
