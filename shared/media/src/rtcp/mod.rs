//! RTCP over rtc-rtcp: what we read from a compound packet, what we write into one, and the
//! reception statistics of a source (RFC 3550 sections 6.4 and A.8).

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
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
use rtc_rtcp::transport_feedbacks::cc_feedback_report::{
    CcFeedbackMetricBlock, CcFeedbackReport, CcFeedbackReportBlock,
};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use crate::congestion::{Fate, Fates};
use crate::rtp::SequenceUnwrapper;

type Packet = Box<dyn rtc_rtcp::Packet>;

/// Seconds added to our own uptime in sender reports: any epoch does, only differences are used.
const NTP_EPOCH_S: u64 = 0x8000_0000;

/// An arrival that long before its report, or after it (RFC 8888 section 3.1), in 1/1024 s.
const ARRIVAL_OFFSET_UNUSABLE: u16 = 0x1ffe;

/// What we understand of a compound packet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// A source's clock: its SSRC and the middle 32 bits of its NTP time.
    SenderReport { ssrc: u32, middle_ntp: u32 },
    /// How the peer receives one of our streams.
    Report(ReceptionReport),
    /// Packets of ours to send again.
    Nack { ssrc: u32, sequences: Vec<u16> },
    /// A key frame of ours is wanted.
    PictureLoss { ssrc: u32 },
    /// The same by full intra request, which carries a number of its own.
    FullIntra { ssrc: u32, number: u8 },
    /// What became of packets of one stream.
    Arrivals { ssrc: u32, fates: Fates },
    /// How many bits a second the peer takes.
    Rate { bps: f32 },
    /// Sources that end.
    Goodbye { ssrcs: Vec<u32> },
}

/// Reads a decrypted compound packet; what cannot be read is skipped.
pub(crate) fn parse(bytes: &[u8]) -> Vec<Incoming> {
    let mut rest = bytes;
    let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut rest) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for packet in packets {
        let any = packet.as_any();
        if let Some(report) = any.downcast_ref::<SenderReport>() {
            let middle_ntp = (report.ntp_time >> 16) as u32;
            found.push(Incoming::SenderReport {
                ssrc: report.ssrc,
                middle_ntp,
            });
            found.extend(report.reports.iter().cloned().map(Incoming::Report));
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            found.extend(report.reports.iter().cloned().map(Incoming::Report));
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            let sequences = nack
                .nacks
                .iter()
                .flat_map(|pair| pair.packet_list())
                .collect();
            found.push(Incoming::Nack {
                ssrc: nack.media_ssrc,
                sequences,
            });
        } else if let Some(loss) = any.downcast_ref::<PictureLossIndication>() {
            found.push(Incoming::PictureLoss {
                ssrc: loss.media_ssrc,
            });
        } else if let Some(request) = any.downcast_ref::<FullIntraRequest>() {
            let entries = request.fir.iter();
            found.extend(entries.map(|entry| Incoming::FullIntra {
                ssrc: entry.ssrc,
                number: entry.sequence_number,
            }));
        } else if let Some(report) = any.downcast_ref::<CcFeedbackReport>() {
            let blocks = report.report_blocks.iter();
            found.extend(blocks.map(|block| arrivals(report.report_timestamp, block)));
        } else if let Some(rate) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
            found.push(Incoming::Rate { bps: rate.bitrate });
        } else if let Some(goodbye) = any.downcast_ref::<Goodbye>() {
            found.push(Incoming::Goodbye {
                ssrcs: goodbye.sources.clone(),
            });
        }
    }
    found
}

fn arrivals(reported: u32, block: &CcFeedbackReportBlock) -> Incoming {
    let fate = |metric: &CcFeedbackMetricBlock| {
        if !metric.received {
            return Fate::Lost;
        }
        let usable = metric.arrival_time_offset < ARRIVAL_OFFSET_UNUSABLE;
        let micros = u64::from(metric.arrival_time_offset) * 1_000_000 / 1_024;
        let before = usable.then(|| Duration::from_micros(micros));
        Fate::Came { before }
    };
    let sequences = (0..).map(|n: u16| block.begin_sequence.wrapping_add(n));
    let packets = sequences
        .zip(block.metric_blocks.iter().map(fate))
        .collect();
    Incoming::Arrivals {
        ssrc: block.media_ssrc,
        fates: Fates { reported, packets },
    }
}

/// What a sender report says about our stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) rtp_time: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

/// Builds one compound packet: a report first, then the canonical name, then feedback.
pub(crate) struct Compound {
    ssrc: u32,
    packets: Vec<Packet>,
}

impl Compound {
    /// Begins with a receiver report from `ssrc`.
    pub(crate) fn receiver(ssrc: u32, reports: Vec<ReceptionReport>) -> Self {
        let report = ReceiverReport {
            ssrc,
            reports,
            ..ReceiverReport::default()
        };
        Self {
            ssrc,
            packets: vec![Box::new(report)],
        }
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
        Self {
            ssrc: sent.ssrc,
            packets: vec![Box::new(report)],
        }
    }

    pub(crate) fn name(mut self, cname: &str) -> Self {
        let item = SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: Bytes::copy_from_slice(cname.as_bytes()),
        };
        let chunk = SourceDescriptionChunk {
            source: self.ssrc,
            items: vec![item],
        };
        self.packets.push(Box::new(SourceDescription {
            chunks: vec![chunk],
        }));
        self
    }

    pub(crate) fn nack(mut self, media_ssrc: u32, sequences: &[u16]) -> Self {
        let nacks = nack_pairs_from_sequence_numbers(sequences);
        self.packets.push(Box::new(TransportLayerNack {
            sender_ssrc: self.ssrc,
            media_ssrc,
            nacks,
        }));
        self
    }

    pub(crate) fn picture_loss(mut self, media_ssrc: u32) -> Self {
        self.packets.push(Box::new(PictureLossIndication {
            sender_ssrc: self.ssrc,
            media_ssrc,
        }));
        self
    }

    pub(crate) fn full_intra(mut self, media_ssrc: u32, number: u8) -> Self {
        let fir = vec![FirEntry {
            ssrc: media_ssrc,
            sequence_number: number,
        }];
        let request = FullIntraRequest {
            sender_ssrc: self.ssrc,
            media_ssrc: 0,
            fir,
        };
        self.packets.push(Box::new(request));
        self
    }

    pub(crate) fn arrivals(mut self, report: CcFeedbackReport) -> Self {
        self.packets.push(Box::new(report));
        self
    }

    pub(crate) fn rate(mut self, media_ssrc: u32, bps: u32) -> Self {
        self.packets.push(Box::new(ReceiverEstimatedMaximumBitrate {
            sender_ssrc: self.ssrc,
            bitrate: bps as f32,
            ssrcs: vec![media_ssrc],
        }));
        self
    }

    pub(crate) fn goodbye(mut self, sources: Vec<u32>) -> Self {
        self.packets.push(Box::new(Goodbye {
            sources,
            ..Goodbye::default()
        }));
        self
    }

    pub(crate) fn to_bytes(&self) -> Option<BytesMut> {
        rtc_rtcp::packet::marshal(&self.packets).ok()
    }
}

fn ntp(uptime: Duration) -> u64 {
    let fraction = (u64::from(uptime.subsec_nanos()) << 32) / 1_000_000_000;
    ((uptime.as_secs() + NTP_EPOCH_S) << 32) | fraction
}

/// The middle 32 bits of our NTP-like time: units of 1/65536 s.
pub(crate) fn middle_ntp(uptime: Duration) -> u32 {
    (ntp(uptime) >> 16) as u32
}

/// Round trip time from a report on our stream (RFC 3550 section 6.4.1); `None` if it does not
/// refer to a sender report of ours or makes no sense.
pub(crate) fn round_trip(report: &ReceptionReport, uptime: Duration) -> Option<Duration> {
    if report.last_sender_report == 0 {
        return None;
    }
    let units = middle_ntp(uptime)
        .wrapping_sub(report.last_sender_report)
        .wrapping_sub(report.delay);
    // More than 30 s is a wrapped subtraction or a lie.
    (units < 30 << 16).then(|| Duration::from_micros((u64::from(units) * 1_000_000) >> 16))
}

/// Statistics of one source we receive.
#[derive(Debug, Clone)]
pub(crate) struct Reception {
    ssrc: u32,
    clock_rate: u32,
    unwrapper: SequenceUnwrapper,
    base: Option<u64>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<i64>,
    jitter: f64,
    began: Option<Instant>,
    sender_report: Option<(u32, Instant)>,
}

impl Reception {
    pub(crate) fn new(ssrc: u32, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate,
            unwrapper: SequenceUnwrapper::default(),
            base: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            jitter: 0.0,
            began: None,
            sender_report: None,
        }
    }

    /// Notes a packet; gives its unwrapped sequence number.
    pub(crate) fn received(&mut self, now: Instant, sequence: u16, timestamp: u32) -> u64 {
        let extended = self.unwrapper.unwrap(sequence);
        self.base.get_or_insert(extended);
        self.received += 1;
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began).as_micros() as i64;
        let arrival = passed * i64::from(self.clock_rate) / 1_000_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit {
            let step = f64::from(((transit - before) as i32).unsigned_abs());
            // A jump of more than ten seconds is a new timestamp base, not jitter.
            if step < f64::from(self.clock_rate) * 10.0 {
                self.jitter += (step - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
        extended
    }

    pub(crate) fn sender_report(&mut self, now: Instant, middle_ntp: u32) {
        self.sender_report = Some((middle_ntp, now));
    }

    fn expected(&self) -> u64 {
        match (self.base, self.unwrapper.highest()) {
            (Some(base), Some(highest)) => highest - base.min(highest) + 1,
            _ => 0,
        }
    }

    /// Packets lost for good so far; duplicates do not make it negative.
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    pub(crate) fn jitter_ms(&self) -> f32 {
        (self.jitter * 1_000.0 / f64::from(self.clock_rate.max(1))) as f32
    }

    /// The report block for the next compound packet; `None` before the first packet.
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReceptionReport> {
        let highest = self.unwrapper.highest()?;
        let expected = self.expected();
        let step = expected - self.expected_before.min(expected);
        let arrived = self.received - self.received_before.min(self.received);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost = step.saturating_sub(arrived);
        let fraction_lost = (lost * 256).checked_div(step).unwrap_or(0).min(255) as u8;
        let (last_sender_report, delay) = match self.sender_report {
            Some((middle, at)) => {
                let passed = now.saturating_duration_since(at);
                (middle, (passed.as_micros() * 65_536 / 1_000_000) as u32)
            }
            None => (0, 0),
        };
        Some(ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost,
            total_lost: self.lost().min(0x7f_ffff) as u32,
            // The unwrapper starts one cycle up; the wire counts cycles from zero.
            last_sequence_number: (highest - 0x1_0000.min(highest)) as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, start};

    #[test]
    fn compounds_round_trip() {
        let report = ReceptionReport {
            ssrc: 9,
            total_lost: 3,
            ..ReceptionReport::default()
        };
        let sent = Sent {
            ssrc: 1,
            rtp_time: 5,
            packets: 6,
            bytes: 7,
        };
        let bytes = Compound::sender(sent, Duration::from_secs(1), vec![report.clone()])
            .name("abc")
            .nack(9, &[5, 6, 40])
            .picture_loss(9)
            .full_intra(9, 3)
            .goodbye(vec![1])
            .to_bytes()
            .unwrap();
        let middle_ntp = middle_ntp(Duration::from_secs(1));
        assert_eq!(
            parse(&bytes),
            [
                Incoming::SenderReport {
                    ssrc: 1,
                    middle_ntp
                },
                Incoming::Report(report),
                Incoming::Nack {
                    ssrc: 9,
                    sequences: vec![5, 6, 40]
                },
                Incoming::PictureLoss { ssrc: 9 },
                Incoming::FullIntra { ssrc: 9, number: 3 },
                Incoming::Goodbye { ssrcs: vec![1] },
            ]
        );
    }

    #[test]
    fn loss_and_round_trip_are_measured() {
        let begin = start();
        let mut reception = Reception::new(7, 90_000);
        for n in 0..100u16 {
            if n % 10 != 9 {
                let now = begin + Duration::from_millis(u64::from(n) * 20);
                reception.received(now, 65_500u16.wrapping_add(n), u32::from(n) * 1_800);
            }
        }
        reception.received(begin, 65_500u16.wrapping_add(100), 180_000);
        assert_eq!(reception.lost(), 10);
        let uptime = Duration::from_secs(10);
        reception.sender_report(begin, middle_ntp(uptime));
        let report = reception
            .report(begin + Duration::from_millis(250))
            .unwrap();
        assert_eq!(report.fraction_lost, 25);
        let rtt = round_trip(&report, uptime + Duration::from_millis(300)).unwrap();
        assert!((49..=51).contains(&rtt.as_millis()), "{rtt:?}");
        assert_eq!(
            round_trip(&report, Duration::ZERO),
            None,
            "a time before the report"
        );
    }

    #[test]
    fn bad_packets_do_not_panic() {
        let mut dice = Dice::new(8);
        for _ in 0..50_000 {
            let length = dice.below(64) as usize;
            let mut bytes: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
            if length > 4 {
                bytes[0] = 0x80 | (dice.next() as u8 & 0x3f);
                bytes[1] = 192 + dice.below(18) as u8;
                bytes[2] = 0;
                bytes[3] = (dice.below(length as u64 / 2)) as u8;
            }
            drop(parse(&bytes));
        }
    }
}
