//! One picture in several sizes at once (RFC 8853): who sends which.
//!
//! An app sends two, and the smaller one only while somebody needs it (RFC 7728); a relay takes up
//! to three. Nobody but a relay has a use for more than one.

use super::{Feedback, MediaDescription};
use crate::extension::StreamId;

/// Most sizes of one picture.
pub(crate) const LAYERS_MAX: usize = 3;

/// What an app calls the picture that is always sent, and the smaller one.
const OURS: [&str; 2] = ["h", "l"];

/// Whether we send several sizes or take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerRole {
    /// An app.
    Sends,
    /// A relay.
    Takes,
}

impl LayerRole {
    /// The word of our descriptions.
    const fn word(self) -> &'static str {
        match self {
            Self::Sends => "send",
            Self::Takes => "recv",
        }
    }

    /// The word of the other side's for the same thing.
    const fn their_word(self) -> &'static str {
        match self {
            Self::Sends => "recv",
            Self::Takes => "send",
        }
    }
}

/// One size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// What it is called in packets.
    pub(crate) id: StreamId,
    /// It is not sent until somebody asks for it.
    pub(crate) paused: bool,
}

/// Sizes of one picture, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    pub(crate) role: LayerRole,
    pub(crate) each: Vec<Layer>,
}

impl Layers {
    /// What we offer.
    pub(crate) fn offered(role: LayerRole) -> Self {
        let each = OURS.iter().enumerate().filter_map(|(place, name)| {
            Some(Layer {
                id: StreamId::new(name)?,
                paused: place > 0,
            })
        });
        let each = each.collect();
        Self { role, each }
    }

    /// What an m-line of the other side leaves of it: at least two sizes, or nothing.
    pub(super) fn agreed(
        media: &MediaDescription,
        role: LayerRole,
        feedback: Feedback,
    ) -> Option<Self> {
        let words: Vec<&str> = media
            .attributes
            .get("simulcast")?
            .split_whitespace()
            .collect();
        let theirs = words
            .chunks_exact(2)
            .find(|pair| pair[0] == role.their_word())?;
        let is_known = |name: &str| {
            let mut lines = media.attributes.all("rid").map(str::split_whitespace);
            lines
                .any(|mut line| line.next() == Some(name) && line.next() == Some(role.their_word()))
        };
        let mut each: Vec<Layer> = Vec::new();
        for alternatives in theirs[1].split(';') {
            // The first alternative is the one that is liked best.
            let first = alternatives.split(',').next().unwrap_or_default();
            let name = first.trim_start_matches('~');
            let Some(id) = StreamId::new(name).filter(|_| is_known(name)) else {
                continue;
            };
            let paused = first.starts_with('~') && feedback.pause;
            if each.iter().all(|known| known.id != id) {
                each.push(Layer { id, paused });
            }
        }
        each.truncate(match role {
            LayerRole::Sends => OURS.len(),
            LayerRole::Takes => LAYERS_MAX,
        });
        (each.len() > 1).then_some(Self { role, each })
    }

    /// The values of our `a=rid` lines.
    pub(super) fn rids(&self) -> impl Iterator<Item = String> {
        let word = self.role.word();
        self.each
            .iter()
            .map(move |layer| format!("{} {word}", layer.id))
    }

    /// The value of our `a=simulcast` line.
    pub(super) fn simulcast(&self) -> String {
        let each = self.each.iter();
        let names: Vec<String> = each
            .map(|layer| format!("{}{}", if layer.paused { "~" } else { "" }, layer.id))
            .collect();
        format!("{} {}", self.role.word(), names.join(";"))
    }

    /// Which of them is called like this.
    pub(crate) fn place(&self, id: StreamId) -> Option<usize> {
        self.each.iter().position(|layer| layer.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::SessionDescription;

    const CAN_PAUSE: Feedback = Feedback {
        nack: false,
        pli: false,
        fir: false,
        arrivals: false,
        transport: false,
        rate: false,
        pause: true,
    };

    fn agreed(lines: &str, role: LayerRole) -> Option<String> {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{lines}"
        );
        let session = SessionDescription::parse(&text).unwrap();
        let agreed = Layers::agreed(&session.media[0], role, CAN_PAUSE)?;
        Some(agreed.simulcast())
    }

    #[test]
    fn what_one_sends_the_other_takes() {
        let lines = "a=rid:q send\r\na=rid:h send pt=96\r\na=rid:f send\r\na=rid:x send\r\n\
                     a=simulcast:send ~q;h,x;f\r\n";
        assert_eq!(
            agreed(lines, LayerRole::Takes).as_deref(),
            Some("recv ~q;h;f")
        );
        assert_eq!(
            agreed(lines, LayerRole::Sends),
            None,
            "they do not take any"
        );
        let lines = lines.replace("send", "recv");
        assert_eq!(
            agreed(&lines, LayerRole::Sends).as_deref(),
            Some("send ~q;h")
        );
    }

    #[test]
    fn a40_sizes_that_are_not_described_or_named_twice_are_none() {
        let described = "a=rid:h send\r\na=rid:l send\r\na=rid:r recv\r\n";
        for (simulcast, expected) in [
            ("send h;l", Some("recv h;l")),
            ("recv r send h;l", Some("recv h;l")),
            ("send h;l recv r", Some("recv h;l")),
            ("send h", None),
            ("send h;h", None),
            ("send h;unknown", None),
            ("send h;r", None),
            ("send", None),
            ("", None),
            ("send h;;l;", Some("recv h;l")),
            ("send abcdefghi;h", None),
        ] {
            let lines = format!("{described}a=simulcast:{simulcast}\r\n");
            let found = agreed(&lines, LayerRole::Takes);
            assert_eq!(found.as_deref(), expected, "{simulcast}");
        }
    }
}
