//! Real-time text of peers that know no `m=text`: T.140 on data channels (RFC 8865).
//!
//! What it is: the association of one peer, the channels in it, and what is typed and read there.
//! Each text goes out once, on the first channel that is open; what comes is read on all of them.
//! What it is not: it gives other people's channels no place; those of other protocols are closed.

use std::time::{Duration, Instant};

use sctp_proto::PayloadProtocolIdentifier as Kind;

use super::dcep::{self, Dcep};
use super::dtls::DtlsState;
use super::sctp::{Sctp, SctpEvent};
use super::stats::KindStats;
use super::{Peer, PeerEvent, PeerOutput};
use crate::sdp::channel::{CPS_DEFAULT, OFFERED_STREAM, SUBPROTOCOL};
use crate::sdp::{Direction, NegotiatedChannel};
use crate::t140::{ChannelSender, MISSING_TEXT, Writer, Written, readable};

/// Channels of one peer that are open at once; more are closed as they come.
const CHANNELS_MAX: usize = 4;
/// Associations of one peer, one after the other; when the last one is gone, so is its text.
const ASSOCIATIONS_MAX: u32 = 4;
/// The DTLS client begins the association at once, the other side only when nobody did: some peers
/// wait for whoever is the client, some for whoever controls ICE.
const PATIENCE: Duration = Duration::from_secs(2);

/// The text channels of one peer.
pub(super) struct Channels {
    terms: NegotiatedChannel,
    /// We made the offer, and open a channel if the answer names none (RFC 8864 section 6.5).
    offerer: bool,
    client: bool,
    sctp: Sctp,
    associations: u32,
    /// When the association is begun by us at the latest.
    begin_at: Option<Instant>,
    /// Streams in the order in which they were opened.
    open: Vec<u16>,
    /// A channel was open, and the association broke.
    broke: bool,
    /// Something we wrote is not confirmed.
    unconfirmed: bool,
    text: ChannelSender,
    direction: Direction,
    heard: Vec<String>,
    counters: KindStats,
}

impl Channels {
    pub(super) fn new(
        now: Instant,
        terms: &NegotiatedChannel,
        offerer: bool,
        client: bool,
    ) -> Self {
        let cps = terms
            .agreed
            .as_ref()
            .map_or(CPS_DEFAULT, |agreed| agreed.cps);
        Self {
            offerer,
            client,
            sctp: Sctp::new(terms.sctp_port),
            associations: 1,
            begin_at: None,
            open: Vec::new(),
            broke: false,
            unconfirmed: false,
            text: ChannelSender::new(now, cps, terms.message_bytes_max),
            direction: terms.direction(),
            heard: Vec::new(),
            counters: KindStats::default(),
            terms: terms.clone(),
        }
    }

    /// DTLS is done: the association may begin.
    fn start(&mut self, now: Instant) {
        if self.begin_at.is_none() {
            let patience = if self.client {
                Duration::ZERO
            } else {
                PATIENCE
            };
            self.begin_at = Some(now + patience);
        }
        if !self.sctp.is_begun() && self.begin_at.is_some_and(|at| at <= now) {
            self.sctp.begin(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let begin = self.begin_at.filter(|_| !self.sctp.is_begun());
        let can_write = !self.open.is_empty() && self.direction.sends();
        let text = self.text.poll_timeout().filter(|_| can_write);
        [begin, text, self.sctp.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    fn poll(&mut self, now: Instant) {
        self.start(now);
        self.sctp.handle_timeout(now);
        self.hear(now);
        if let Some(stream) = self.open.first().copied()
            && self.direction.sends()
            && let Some(text) = self.text.poll(now)
        {
            if self.sctp.send(now, stream, Kind::String, text.as_bytes()) {
                self.counters.packets_sent += 1;
                self.counters.bytes_sent += text.len() as u64;
            } else {
                self.text.lost();
            }
            self.hear(now);
        }
        let unconfirmed = |stream: &u16| self.sctp.unconfirmed_bytes(*stream) > 0;
        self.unconfirmed = self.open.iter().any(unconfirmed);
    }

    /// Takes text of this writer (`None`: ours); false if too much of theirs waits, or the peer
    /// takes none.
    pub(super) fn type_text(&mut self, now: Instant, writer: Option<&Writer>, text: &str) -> bool {
        self.direction.sends() && self.text.push(now, writer, text)
    }

    /// A writer has left.
    pub(super) fn text_gone(&mut self, source: u32) {
        self.text.gone(source);
    }

    /// Takes what happened on the association.
    fn hear(&mut self, now: Instant) {
        while let Some(event) = self.sctp.poll_event() {
            match event {
                SctpEvent::Up => self.come_up(now),
                SctpEvent::Message {
                    stream,
                    kind,
                    bytes,
                } => self.message(now, stream, kind, &bytes),
                SctpEvent::Closed { stream } => self.open.retain(|open| *open != stream),
                SctpEvent::Lost => self.restart(now),
            }
        }
    }

    fn come_up(&mut self, now: Instant) {
        match &self.terms.agreed {
            Some(agreed) => {
                let stream = agreed.stream;
                if self.sctp.open(stream) {
                    self.opened(stream);
                }
            }
            None if self.offerer && self.sctp.open(OFFERED_STREAM) => {
                let open = dcep::open(SUBPROTOCOL);
                self.sctp.send(now, OFFERED_STREAM, Kind::Dcep, &open);
            }
            None => {}
        }
    }

    fn opened(&mut self, stream: u16) {
        if self.open.contains(&stream) {
            return;
        }
        self.open.push(stream);
        // Whoever reads is told that something may be missing (RFC 8865 section 5.4).
        if std::mem::take(&mut self.broke) {
            self.heard.push(MISSING_TEXT.to_string());
        }
    }

    fn message(&mut self, now: Instant, stream: u16, kind: Kind, bytes: &[u8]) {
        match kind {
            Kind::Dcep => self.control(now, stream, bytes),
            Kind::String | Kind::Binary if self.open.contains(&stream) => {
                self.counters.packets_received += 1;
                self.counters.bytes_received += bytes.len() as u64;
                let text = readable(bytes);
                if self.direction.receives() && !text.is_empty() {
                    self.counters.frames_received += 1;
                    self.heard.push(text);
                }
            }
            // Empty messages say nothing.
            Kind::StringEmpty | Kind::BinaryEmpty if self.open.contains(&stream) => {}
            Kind::String | Kind::Binary | Kind::StringEmpty | Kind::BinaryEmpty | Kind::Unknown => {
                self.close(now, stream)
            }
        }
    }

    fn control(&mut self, now: Instant, stream: u16, message: &[u8]) {
        let is_ours = self.offerer && self.terms.agreed.is_none() && stream == OFFERED_STREAM;
        match Dcep::parse(message) {
            Some(Dcep::Open {
                is_reliable: true,
                protocol: SUBPROTOCOL,
            }) if self.open.len() < CHANNELS_MAX => {
                self.sctp.send(now, stream, Kind::Dcep, &dcep::ACK);
                self.opened(stream);
            }
            Some(Dcep::Ack) if is_ours => self.opened(stream),
            Some(Dcep::Ack | Dcep::Open { .. }) | None => self.close(now, stream),
        }
    }

    fn close(&mut self, now: Instant, stream: u16) {
        self.open.retain(|open| *open != stream);
        self.sctp.close(now, stream);
    }

    /// Waits for another association, if there may be one.
    fn restart(&mut self, now: Instant) {
        self.broke |= !self.open.is_empty();
        if std::mem::take(&mut self.unconfirmed) {
            self.text.lost();
        }
        self.open.clear();
        if self.associations < ASSOCIATIONS_MAX {
            self.associations += 1;
            self.sctp = Sctp::new(self.terms.sctp_port);
            self.begin_at = Some(now + PATIENCE);
        }
    }

    pub(super) fn set_direction(&mut self, direction: Direction) {
        self.direction = direction;
    }

    pub(super) fn count(&self, counters: &mut KindStats) {
        counters.packets_sent += self.counters.packets_sent;
        counters.bytes_sent += self.counters.bytes_sent;
        counters.packets_received += self.counters.packets_received;
        counters.bytes_received += self.counters.bytes_received;
        counters.frames_received += self.counters.frames_received;
    }
}

impl Peer {
    /// Moves what is typed and read between the channels, DTLS and the owner.
    pub(super) fn drive_channels(&mut self, now: Instant) {
        let Some(channels) = &mut self.channels else {
            return;
        };
        let transport = self.transports.get_mut(channels.terms.transport);
        let Some(dtls) = transport.and_then(|transport| transport.dtls.as_mut()) else {
            return;
        };
        if dtls.state() != DtlsState::Done {
            return;
        }
        while let Some(packet) = dtls.take_data() {
            channels.sctp.handle(now, &packet);
            channels.hear(now);
        }
        channels.poll(now);
        while let Some(packet) = channels.sctp.poll_transmit() {
            dtls.send(now, &packet);
        }
        let heard = channels.heard.drain(..);
        let heard = heard.map(|text| Written::from(text.as_str()));
        self.outputs
            .extend(heard.map(|text| PeerOutput::Event(PeerEvent::Text(text))));
    }
}
