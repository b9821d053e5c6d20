//! Real-time text of a peer: what is written to it, by whom, and who wrote what it sends.

use std::time::Instant;

use vrs_domain::limit::TEXT_WRITERS_MAX;

use super::{Announced, Peer};
use crate::rtp::MediaKind;
use crate::sdp::NegotiatedMedia;
use crate::t140::{Redundancy, Terms, Writer, Written};

impl Peer {
    /// Sends typed characters (T.140) of our own. Text typed before the connection is up waits for
    /// it. False if text was not agreed or more than 4096 bytes wait; nothing was taken then, and
    /// the peer is told where something is missing.
    pub fn send_text(&mut self, now: Instant, text: &str) -> bool {
        self.type_text(now, None, text)
    }

    /// The same for one of several people, as the mixer of a room (RFC 9071): under their own
    /// source to a peer that knows sources, which is also told their name; else with their label
    /// where it changes who writes. Each may have 4096 bytes waiting.
    pub fn send_text_of(&mut self, now: Instant, writer: &Writer, text: &str) -> bool {
        if self.is_new_writer(writer)
            && self.type_text(now, Some(writer), "")
            && self.announced == Announced::Connected
            && let Some(index) = self.finder.of_kind(MediaKind::Text)
        {
            // The name before the text; reports repeat it.
            self.send_report(now, index);
        }
        self.type_text(now, Some(writer), text)
    }

    /// A writer has left: the others do not wait for the end of what they wrote.
    pub fn text_ended(&mut self, now: Instant, source: u32) {
        for stream in &mut self.streams {
            if let Some(mixer) = &mut stream.sender.text {
                mixer.gone(source);
            }
        }
        if let Some(channels) = &mut self.channels {
            channels.text_gone(source);
        }
        self.advance(now);
    }

    /// Under which source this peer's text goes on to others: the same for as long as it is there.
    /// It is drawn at random, so that others have another one (RFC 3550 section 8.1).
    #[must_use]
    pub fn text_source(&self) -> u32 {
        // The last three bits of our own numbers are less than these.
        self.secrets.stream(MediaKind::Audio).seed.ssrc | 7
    }

    fn is_new_writer(&self, writer: &Writer) -> bool {
        let stream = self.finder.of_kind(MediaKind::Text);
        let mixer = stream.and_then(|index| self.streams[index].sender.text.as_ref());
        mixer.is_some_and(|mixer| mixer.is_new(writer))
    }

    fn type_text(&mut self, now: Instant, writer: Option<&Writer>, text: &str) -> bool {
        let mut streams = self.streams.iter_mut();
        let stream = streams.find(|stream| stream.kind == MediaKind::Text);
        let taken = match (stream, &mut self.channels) {
            (Some(stream), _) => stream.sender.type_text(now, writer, text),
            (None, Some(channels)) => channels.type_text(now, writer, text),
            (None, None) => false,
        };
        if taken {
            self.advance(now);
        }
        taken
    }
}

/// How text goes to the peer.
pub(super) fn terms(media: &NegotiatedMedia) -> Terms {
    Terms {
        redundancy: media.red.map(|_| Redundancy {
            payload_type: media.payload_type,
            generations: media.text.generations,
        }),
        cps: media.text.cps,
        multiparty: media.text.multiparty,
    }
}

/// What those are called whom the peer speaks for.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Writer>);

impl Names {
    /// Text, with its writer's name as far as it is known.
    pub(super) fn written(&self, source: Option<u32>, text: String) -> Written {
        let mut known = self.0.iter();
        let writer = known.find(|writer| Some(writer.source) == source);
        let name = writer.map(|writer| writer.name.clone()).unwrap_or_default();
        Written { source, name, text }
    }

    /// Takes a name; gives it without text if it is new.
    pub(super) fn named(&mut self, source: u32, name: &str) -> Option<Written> {
        let writer = Writer::new(source, name);
        let known = self.0.iter().position(|known| known.source == source);
        if known.is_some_and(|at| self.0[at] == writer) {
            return None;
        }
        if let Some(at) = known {
            self.0.remove(at);
        } else if self.0.len() >= TEXT_WRITERS_MAX {
            self.0.remove(0);
        }
        self.0.push(writer);
        Some(self.written(Some(source), String::new()))
    }
}
