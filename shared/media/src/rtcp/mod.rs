//! RTCP over rtc-rtcp: what we read from a compound packet, what we write into one
//! ([`compound`]), when packets came ([`arrivals`], [`transport`]), and the reception statistics of a source
//! ([`reception`]).

mod arrivals;
mod compound;
mod pausing;
mod reception;
#[cfg(test)]
mod tests;
mod transport;

use std::time::Duration;

use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc_shared::marshal::Unmarshal;

use crate::extension::StreamId;

pub(crate) use arrivals::{Arrivals, Fate, Fates, Noted};
pub(crate) use compound::{Compound, Sent};
pub(crate) use pausing::Pausing;
pub(crate) use reception::Reception;
pub(crate) use transport::{TICK, TransportFates};

/// Seconds added to our own uptime in sender reports: any epoch does, only differences are used.
const NTP_EPOCH_S: u64 = 0x8000_0000;

/// Packet types (RFC 3550 section 12.1, RFC 4585 section 6.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Formats of feedback (RFC 4585, RFC 5104, RFC 7728, RFC 8888, draft-holmer-rmcat-transport-wide-cc-extensions-01,
/// draft-alvestrand-rmcat-remb-03).
const NACK_FORMAT: u8 = 1;
const PAUSE_FORMAT: u8 = 9;
const ARRIVALS_FORMAT: u8 = 11;
const TRANSPORT_FORMAT: u8 = 15;
const PICTURE_LOSS_FORMAT: u8 = 1;
const FULL_INTRA_FORMAT: u8 = 4;
const RATE_FORMAT: u8 = 15;
/// Before the body of each packet.
const HEADER_BYTES: usize = 4;
const SSRC_BYTES: usize = 4;

/// What we understand of a compound packet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming<'a> {
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
    Arrivals(Fates<'a>),
    /// The same by the numbers that browsers go by.
    TransportArrivals(TransportFates<'a>),
    /// How many bits a second the peer takes.
    Rate { bps: f32 },
    /// A stream of ours is to pause, or to go on.
    Pause(Pausing),
    /// A stream says which size of a picture it is (RFC 8852 section 4.1).
    Named { ssrc: u32, id: StreamId },
    /// What a source is called (RFC 3550 section 6.5.2).
    Name { ssrc: u32, name: String },
    /// Sources that end.
    Goodbye { ssrcs: Vec<u32> },
}

/// Reads a decrypted compound packet; what cannot be read is skipped.
pub(crate) fn parse(bytes: &[u8]) -> Vec<Incoming<'_>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((packet, after)) = next(rest) {
        read(packet, &mut found);
        rest = after;
    }
    found
}

/// The first packet of a compound and what comes after it (RFC 3550 section 6.4.1).
fn next(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, _, high, low, ..] = *compound else {
        return None;
    };
    let bytes = HEADER_BYTES + 4 * usize::from(u16::from_be_bytes([high, low]));
    let (packet, after) = compound.split_at_checked(bytes)?;
    (first >> 6 == 2).then_some((packet, after))
}

/// What one packet says.
fn read<'a>(packet: &'a [u8], found: &mut Vec<Incoming<'a>>) {
    match (packet[1], packet[0] & 0x1f) {
        (SENDER_REPORT, _) => {
            let Some(report) = decoded::<SenderReport>(packet) else {
                return;
            };
            found.push(Incoming::SenderReport {
                ssrc: report.ssrc,
                middle_ntp: (report.ntp_time >> 16) as u32,
            });
            found.extend(report.reports.into_iter().map(Incoming::Report));
        }
        (RECEIVER_REPORT, _) => {
            let reports = decoded::<ReceiverReport>(packet).map(|report| report.reports);
            let reports = reports.into_iter().flatten();
            found.extend(reports.map(Incoming::Report));
        }
        (TRANSPORT_FEEDBACK, ARRIVALS_FORMAT) => {
            let blocks = packet.get(HEADER_BYTES + SSRC_BYTES..).unwrap_or_default();
            found.extend(arrivals::read(blocks).map(Incoming::Arrivals));
        }
        (TRANSPORT_FEEDBACK, TRANSPORT_FORMAT) => {
            let body = packet
                .get(HEADER_BYTES + 2 * SSRC_BYTES..)
                .unwrap_or_default();
            found.extend(TransportFates::read(body).map(Incoming::TransportArrivals));
        }
        (TRANSPORT_FEEDBACK, PAUSE_FORMAT) => {
            let entries = packet
                .get(HEADER_BYTES + 2 * SSRC_BYTES..)
                .unwrap_or_default();
            found.extend(pausing::read(entries).map(Incoming::Pause));
        }
        (SOURCE_DESCRIPTION, chunks) => {
            let named = pausing::named(chunks, &packet[HEADER_BYTES..]);
            found.extend(named.map(|(ssrc, id)| Incoming::Named { ssrc, id }));
            let chunks = decoded::<SourceDescription>(packet).map(|told| told.chunks);
            for chunk in chunks.into_iter().flatten() {
                let mut items = chunk.items.iter();
                let name = items.find(|item| item.sdes_type == SdesType::SdesName);
                found.extend(name.map(|item| Incoming::Name {
                    ssrc: chunk.source,
                    name: String::from_utf8_lossy(&item.text).into_owned(),
                }));
            }
        }
        (TRANSPORT_FEEDBACK, NACK_FORMAT) => {
            let nack = decoded::<TransportLayerNack>(packet);
            found.extend(nack.map(|nack| {
                let sequences = nack.nacks.iter().flat_map(|pair| pair.packet_list());
                Incoming::Nack {
                    ssrc: nack.media_ssrc,
                    sequences: sequences.collect(),
                }
            }));
        }
        (PAYLOAD_FEEDBACK, PICTURE_LOSS_FORMAT) => {
            let loss = decoded::<PictureLossIndication>(packet);
            found.extend(loss.map(|loss| Incoming::PictureLoss {
                ssrc: loss.media_ssrc,
            }));
        }
        (PAYLOAD_FEEDBACK, FULL_INTRA_FORMAT) => {
            let entries = decoded::<FullIntraRequest>(packet).map(|request| request.fir);
            let entries = entries.into_iter().flatten();
            found.extend(entries.map(|entry| Incoming::FullIntra {
                ssrc: entry.ssrc,
                number: entry.sequence_number,
            }));
        }
        (PAYLOAD_FEEDBACK, RATE_FORMAT) => {
            let rate = decoded::<ReceiverEstimatedMaximumBitrate>(packet);
            found.extend(rate.map(|rate| Incoming::Rate { bps: rate.bitrate }));
        }
        (GOODBYE, _) => {
            let goodbye = decoded::<Goodbye>(packet);
            found.extend(goodbye.map(|goodbye| Incoming::Goodbye {
                ssrcs: goodbye.sources,
            }));
        }
        _ => {}
    }
}

fn decoded<P: Unmarshal>(mut packet: &[u8]) -> Option<P> {
    P::unmarshal(&mut packet).ok()
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
