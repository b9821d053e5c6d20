//! What peers tell each other about their media (RTCP): reports, feedback, who sends what.

use std::time::Instant;

use super::drive::{REPORT_INTERVAL, Way};
use super::receive::Wanted;
use super::{Peer, PeerEvent};
use crate::batch::Batch;
use crate::rtcp::{self, Compound, Incoming, Pausing};
use crate::rtp::MediaKind;
use crate::t140;

/// What goes out in one datagram is no longer, before encryption.
const JOINED_BYTES_MAX: usize = 1_100;

/// Compound packets of several streams in one datagram (RFC 8108 section 5.3): one to encrypt and
/// one to send. Reports come first, what may be padded last.
#[derive(Default)]
struct Joined {
    transport: usize,
    bytes: Vec<u8>,
}

impl Peer {
    pub(super) fn handle_rtcp(&mut self, now: Instant, way: Way, bytes: &mut [u8]) {
        let Some(transport) = self.proven(way.0) else {
            return;
        };
        let srtp = self.transports[transport].srtp.as_mut();
        let Some(plain) = srtp.and_then(|srtp| srtp.open_rtcp(bytes)) else {
            self.refused.undecryptable += 1;
            return;
        };
        self.transports[transport].touch(now, way);
        self.handle_feedback(now, transport, plain);
    }

    fn handle_feedback(&mut self, now: Instant, transport: usize, plain: &[u8]) {
        let uptime = now.saturating_duration_since(self.began);
        for incoming in rtcp::parse(plain) {
            match incoming {
                Incoming::SenderReport { ssrc, middle_ntp } => {
                    for stream in &mut self.streams {
                        stream.receiver.sender_report(now, ssrc, middle_ntp);
                    }
                }
                Incoming::Report(report) => {
                    let rtt = rtcp::round_trip(&report, uptime);
                    if let Some(index) = self.sending(transport, report.ssrc) {
                        self.rtt = rtt.or(self.rtt);
                        self.streams[index].sender.report_from_peer(now, &report);
                    }
                }
                Incoming::Nack { ssrc, sequences } => {
                    if let Some(index) = self.sending(transport, ssrc) {
                        self.resend(now, index, &sequences);
                    }
                }
                Incoming::PictureLoss { ssrc } => {
                    if let Some(index) = self.sending(transport, ssrc) {
                        self.streams[index].sender.keyframe_needed(None);
                    }
                }
                Incoming::FullIntra { ssrc, number } => {
                    if let Some(index) = self.sending(transport, ssrc) {
                        self.streams[index].sender.keyframe_needed(Some(number));
                    }
                }
                Incoming::Arrivals(fates) => {
                    if let Some(index) = self.sending(transport, fates.ssrc) {
                        self.streams[index].sender.arrivals(now, fates);
                    }
                }
                Incoming::TransportArrivals(fates) => {
                    let streams = self.streams.iter_mut();
                    for stream in streams.filter(|stream| stream.transport == transport) {
                        stream.sender.transport_arrivals(now, fates);
                    }
                }
                Incoming::Rate { bps } => {
                    let streams = self.streams.iter_mut();
                    for stream in streams.filter(|stream| stream.transport == transport) {
                        stream.sender.allow(bps);
                    }
                }
                Incoming::Pause(order) => self.pause(transport, order),
                Incoming::Named { ssrc, id } => {
                    for stream in &mut self.streams {
                        stream.receiver.named(ssrc, id);
                    }
                }
                Incoming::Name { ssrc, name } => {
                    let text = self.finder.of_kind(MediaKind::Text);
                    if let Some(stream) = text.map(|at| &mut self.streams[at])
                        && stream.transport == transport
                    {
                        stream.receiver.writer_named(ssrc, &name, &mut self.outputs);
                    }
                }
                Incoming::Goodbye { .. } => {} // SIP ends calls
            }
        }
    }

    fn pause(&mut self, transport: usize, order: Pausing) {
        let Some(index) = self.sending(transport, order.ssrc) else {
            return;
        };
        let stream = &mut self.streams[index];
        if stream.sender.pause(order) {
            let (layer, wanted) = (stream.layer, !order.paused);
            self.event(PeerEvent::LayerWanted { layer, wanted });
        }
        let sender = &self.streams[index].sender;
        if let Some(number) = sender.paused() {
            let compound = Compound::receiver(sender.ssrc, Vec::new());
            self.send_rtcp(index, compound.paused(number, sender.last_sequence()));
        }
    }

    fn sending(&self, transport: usize, ssrc: u32) -> Option<usize> {
        let ours = |s: &super::Stream| s.transport == transport && s.sender.ssrc == ssrc;
        self.streams.iter().position(ours)
    }

    /// Reports, text and feedback that are due.
    pub(super) fn send_due(&mut self, now: Instant) {
        let report = self.next_report.is_some_and(|due| due <= now);
        if report {
            self.next_report = Some(now + REPORT_INTERVAL);
            self.path_rtt = self.transports.iter().find_map(|t| t.ice.round_trip(now));
        }
        for index in 0..self.streams.len() {
            while let Some(packet) = self.streams[index].sender.text_packet(now) {
                let mut batch = Batch::default();
                self.send_own(now, index, &packet, &mut batch);
                self.put_out(&batch);
            }
            self.send_keys(now, index);
        }
        let mut joined = Joined::default();
        for index in (0..self.streams.len()).filter(|_| report) {
            let report = self.report(now, index);
            self.join(&mut joined, index, report);
        }
        let rtt = self.rtt.or(self.path_rtt);
        for index in 0..self.streams.len() {
            for wanted in self.streams[index].receiver.feedback(now, rtt) {
                let feedback = self.feedback(now, index, wanted);
                self.join(&mut joined, index, feedback);
            }
        }
        self.send_joined(joined);
    }

    fn send_keys(&mut self, now: Instant, index: usize) {
        let mut batch = Batch::default();
        while let Some(packet) = self.streams[index].sender.key_packet(now) {
            self.send_own(now, index, &packet, &mut batch);
        }
        self.put_out(&batch);
    }

    /// What of our stream went out and what came of the peer's, at once.
    pub(super) fn send_report(&mut self, now: Instant, index: usize) {
        let report = self.report(now, index);
        self.send_rtcp(index, report);
    }

    fn report(&mut self, now: Instant, index: usize) -> Compound {
        let stream = &mut self.streams[index];
        let reports = stream.receiver.reports(now);
        let uptime = now.saturating_duration_since(self.began);
        let compound = match stream.sender.report(now) {
            Some(sent) => Compound::sender(sent, uptime, reports),
            None => Compound::receiver(stream.sender.ssrc, reports),
        };
        let writers = stream.sender.text.iter().flat_map(t140::Mixer::writers);
        let mut compound = compound.names(&self.secrets.cname, writers);
        if let Some(id) = stream.sender.stream_id() {
            compound = compound.stream_id(id);
        }
        compound
    }

    fn feedback(&mut self, now: Instant, index: usize, wanted: Wanted) -> Compound {
        let stream = &mut self.streams[index];
        let mut compound = Compound::receiver(stream.sender.ssrc, Vec::new());
        if !wanted.sequences.is_empty() {
            compound = compound.nack(wanted.ssrc, &wanted.sequences);
        }
        if let Some(bps) = wanted.rate {
            compound = compound.rate(wanted.ssrc, bps);
        }
        if wanted.arrivals {
            let ntp = rtcp::middle_ntp(now.saturating_duration_since(self.began));
            compound = stream.receiver.tell_arrivals(now, compound, ntp);
        }
        if let Some(order) = wanted.pausing {
            compound = compound.pausing(order);
        }
        if wanted.keyframe && stream.sender.full_intra_only {
            stream.sender.full_intra_number = stream.sender.full_intra_number.wrapping_add(1);
            compound = compound.full_intra(wanted.ssrc, stream.sender.full_intra_number);
        } else if wanted.keyframe {
            compound = compound.picture_loss(wanted.ssrc);
        }
        compound
    }

    /// Adds to what goes out in one datagram, as far as there is room.
    fn join(&mut self, joined: &mut Joined, index: usize, compound: Compound) {
        let transport = self.streams[index].transport;
        let mut bytes = compound.into_bytes();
        if joined.transport != transport || joined.bytes.len() + bytes.len() > JOINED_BYTES_MAX {
            self.send_joined(std::mem::take(joined));
        }
        joined.transport = transport;
        joined.bytes.append(&mut bytes);
    }

    pub(super) fn send_rtcp(&mut self, index: usize, compound: Compound) {
        self.send_joined(Joined {
            transport: self.streams[index].transport,
            bytes: compound.into_bytes(),
        });
    }

    fn send_joined(&mut self, joined: Joined) {
        let Joined {
            transport,
            mut bytes,
        } = joined;
        let srtp = self.transports.get_mut(transport);
        let srtp = srtp.and_then(|transport| transport.srtp.as_mut());
        if !bytes.is_empty() && srtp.is_some_and(|srtp| srtp.seal_rtcp(&mut bytes)) {
            self.transmit(transport, bytes);
        }
    }
}
