//! Writing one compound packet: a report first, then the canonical name, then feedback.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc_shared::marshal::Marshal;

use super::arrivals::Arrivals;
use super::pausing::{self, Pausing};
use super::{
    ARRIVALS_FORMAT, PAUSE_FORMAT, SOURCE_DESCRIPTION, SSRC_BYTES, TRANSPORT_FEEDBACK,
    TRANSPORT_FORMAT, ntp,
};
use crate::extension::StreamId;
use crate::t140::Writer;

/// In the first byte: the last one says how many of the last are none.
const PADDED: u8 = 0x20;

/// What a sender report says about our stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) rtp_time: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

/// One compound packet on its way out.
pub(crate) struct Compound {
    ssrc: u32,
    bytes: Vec<u8>,
}

impl Compound {
    fn begin(ssrc: u32, report: &impl Marshal) -> Self {
        let bytes = Vec::new();
        Self { ssrc, bytes }.with(report)
    }

    /// Begins with a receiver report from `ssrc`.
    pub(crate) fn receiver(ssrc: u32, reports: Vec<ReceptionReport>) -> Self {
        let report = ReceiverReport {
            ssrc,
            reports,
            ..ReceiverReport::default()
        };
        Self::begin(ssrc, &report)
    }

    /// Begins with a sender report; `uptime` is our clock.
    pub(crate) fn sender(sent: Sent, uptime: Duration, reports: Vec<ReceptionReport>) -> Self {
        let report = SenderReport {
            ssrc: sent.ssrc,
            ntp_time: ntp(uptime),
            rtp_time: sent.rtp_time,
            packet_count: sent.packets,
            octet_count: sent.bytes,
            reports,
            ..SenderReport::default()
        };
        Self::begin(sent.ssrc, &report)
    }

    /// Appends one packet; what cannot be written is left out.
    fn with(mut self, packet: &impl Marshal) -> Self {
        let before = self.bytes.len();
        self.bytes.resize(before + packet.marshal_size(), 0);
        if packet.marshal_to(&mut self.bytes[before..]).is_err() {
            self.bytes.truncate(before);
        }
        self
    }

    /// Names the sender.
    pub(crate) fn name(self, cname: &str) -> Self {
        self.names(cname, std::iter::empty())
    }

    /// Names the sender, and those whose text it passes on (RFC 9071 section 3.15): a canonical
    /// name that says nothing, and what they are called.
    pub(crate) fn names<'a>(self, cname: &str, writers: impl Iterator<Item = &'a Writer>) -> Self {
        let item = |sdes_type, text: &str| SourceDescriptionItem {
            sdes_type,
            text: Bytes::copy_from_slice(text.as_bytes()),
        };
        let mut chunks = vec![SourceDescriptionChunk {
            source: self.ssrc,
            items: vec![item(SdesType::SdesCname, cname)],
        }];
        chunks.extend(writers.map(|writer| {
            let own = format!("{:08x}", writer.source);
            let mut items = vec![item(SdesType::SdesCname, &own)];
            if !writer.name.is_empty() {
                items.push(item(SdesType::SdesName, &writer.name));
            }
            SourceDescriptionChunk {
                source: writer.source,
                items,
            }
        }));
        self.with(&SourceDescription { chunks })
    }

    /// Says which of several sizes of a picture our stream is.
    pub(crate) fn stream_id(mut self, id: StreamId) -> Self {
        let chunk = pausing::chunk(self.ssrc, id);
        let words = (chunk.len() / 4) as u8;
        self.bytes.extend([0x81, SOURCE_DESCRIPTION, 0, words]);
        self.bytes.extend(chunk);
        self
    }

    /// Orders a stream to pause or to go on (RFC 7728 section 8).
    pub(crate) fn pausing(mut self, order: Pausing) -> Self {
        let start = self.begin_pausing();
        self.bytes.extend(order.entry());
        self.end_feedback(start);
        self
    }

    /// Says that our stream paused after this packet.
    pub(crate) fn paused(mut self, number: u16, last_sequence: u32) -> Self {
        let start = self.begin_pausing();
        self.bytes
            .extend(pausing::paused(self.ssrc, number, last_sequence));
        self.end_feedback(start);
        self
    }

    /// The source is named in each entry (section 8).
    fn begin_pausing(&mut self) -> usize {
        let start = self.begin_feedback(PAUSE_FORMAT);
        self.bytes.extend([0; SSRC_BYTES]);
        start
    }

    pub(crate) fn nack(self, media_ssrc: u32, sequences: &[u16]) -> Self {
        let nack = TransportLayerNack {
            sender_ssrc: self.ssrc,
            media_ssrc,
            nacks: nack_pairs_from_sequence_numbers(sequences),
        };
        self.with(&nack)
    }

    pub(crate) fn picture_loss(self, media_ssrc: u32) -> Self {
        let loss = PictureLossIndication {
            sender_ssrc: self.ssrc,
            media_ssrc,
        };
        self.with(&loss)
    }

    pub(crate) fn full_intra(self, media_ssrc: u32, number: u8) -> Self {
        let fir = vec![FirEntry {
            ssrc: media_ssrc,
            sequence_number: number,
        }];
        let request = FullIntraRequest {
            sender_ssrc: self.ssrc,
            media_ssrc: 0,
            fir,
        };
        self.with(&request)
    }

    /// When packets of each of these sources came (RFC 8888 section 3.1); `middle_ntp` is our
    /// clock. Nothing if there is nothing to tell.
    pub(crate) fn arrivals<'a>(
        mut self,
        now: Instant,
        middle_ntp: u32,
        sources: impl Iterator<Item = (u32, &'a mut Arrivals)>,
    ) -> Self {
        let start = self.begin_feedback(ARRIVALS_FORMAT);
        let blocks = self.bytes.len();
        for (ssrc, arrivals) in sources {
            arrivals.tell(now, ssrc, &mut self.bytes);
        }
        if self.bytes.len() == blocks {
            self.bytes.truncate(start);
            return self;
        }
        self.bytes.extend_from_slice(&middle_ntp.to_be_bytes());
        self.end_feedback(start);
        self
    }

    /// When packets came by the numbers that browsers go by; `number` is that of the report.
    /// Nothing if there is nothing to tell.
    pub(crate) fn transport_arrivals(
        mut self,
        media_ssrc: u32,
        number: u8,
        arrivals: &mut Arrivals,
    ) -> Self {
        let start = self.begin_feedback(TRANSPORT_FORMAT);
        self.bytes.extend_from_slice(&media_ssrc.to_be_bytes());
        if arrivals.tell_transport(number, &mut self.bytes) {
            self.end_feedback(start);
        } else {
            self.bytes.truncate(start);
        }
        self
    }

    fn begin_feedback(&mut self, format: u8) -> usize {
        let start = self.bytes.len();
        let header = [0x80 | format, TRANSPORT_FEEDBACK, 0, 0];
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        start
    }

    /// Fills up the last word, and says how long it has become (RFC 3550 section 6.4.1).
    fn end_feedback(&mut self, start: usize) {
        let missing = (self.bytes.len() - start).wrapping_neg() % 4;
        if missing > 0 {
            self.bytes[start] |= PADDED;
            self.bytes.resize(self.bytes.len() + missing - 1, 0);
            self.bytes.push(missing as u8);
        }
        let words = (self.bytes.len() - start) / 4 - 1;
        self.bytes[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
    }

    pub(crate) fn rate(self, media_ssrc: u32, bps: u32) -> Self {
        let rate = ReceiverEstimatedMaximumBitrate {
            sender_ssrc: self.ssrc,
            bitrate: bps as f32,
            ssrcs: vec![media_ssrc],
        };
        self.with(&rate)
    }

    pub(crate) fn goodbye(self, sources: Vec<u32>) -> Self {
        let goodbye = Goodbye {
            sources,
            ..Goodbye::default()
        };
        self.with(&goodbye)
    }

    /// The wire form, in clear.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
