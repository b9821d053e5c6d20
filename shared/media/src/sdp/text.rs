//! What an `m=text` says beyond its format: how fast it may go (RFC 4103 section 6), how often
//! each block is repeated, and whether several people may write in it (RFC 9071 section 2.3).

use vrs_domain::limit::TEXT_REDUNDANCY;

use super::MediaDescription;
use super::channel::{CPS_DEFAULT, cps_of};

/// The attribute of whoever tells writers apart by their source.
pub(super) const RTT_MIXER: &str = "rtt-mixer";
/// Characters a second that we take (the value that RFC 9071 section 3.21 recommends).
pub(crate) const CPS_TAKEN: u16 = 90;

/// What was agreed about text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextTerms {
    /// Characters a second that the peer takes, on average over ten seconds.
    pub cps: u16,
    /// How often each block is repeated, where RED was agreed.
    pub generations: usize,
    /// Text of several people goes out under their sources, both ways.
    pub multiparty: bool,
}

impl Default for TextTerms {
    fn default() -> Self {
        Self {
            cps: CPS_DEFAULT,
            generations: TEXT_REDUNDANCY,
            multiparty: false,
        }
    }
}

impl TextTerms {
    /// What the peer's m-line says about these payload types.
    pub(super) fn of(media: &MediaDescription, t140: u8, red: Option<u8>) -> Self {
        let parameters = |number: u8| media.fmtp(&number.to_string());
        let cps = parameters(t140).and_then(cps_of).unwrap_or(CPS_DEFAULT);
        // One more type than generations: `98/98/98` repeats twice (RFC 4102 section 3.2).
        let repeated = red
            .and_then(parameters)
            .map(|types| types.split('/').count().saturating_sub(1));
        Self {
            cps,
            generations: repeated.map_or(TEXT_REDUNDANCY, |told| told.min(TEXT_REDUNDANCY)),
            multiparty: media.attributes.has(RTT_MIXER),
        }
    }

    /// The terms of a further description: it may give up what was agreed, and add nothing (RFC
    /// 9071 section 2.3.4).
    #[must_use]
    pub fn continued_by(self, new: Self) -> Self {
        Self {
            cps: new.cps,
            generations: self.generations,
            multiparty: self.multiparty && new.multiparty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::SessionDescription;

    fn read(lines: &str) -> TextTerms {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
             m=text 11000 RTP/AVP 100 98\r\na=rtpmap:98 t140/1000\r\na=rtpmap:100 red/1000\r\n\
             {lines}"
        );
        let session = SessionDescription::parse(&text).unwrap();
        TextTerms::of(&session.media[0], 98, Some(100))
    }

    #[test]
    fn r39_the_offers_of_the_standards_examples_are_read() {
        let aware = read("a=fmtp:98 cps=90\r\na=fmtp:100 98/98/98\r\na=rtt-mixer\r\n");
        let expected = TextTerms {
            cps: 90,
            generations: 2,
            multiparty: true,
        };
        assert_eq!(aware, expected);
        let unaware = read("a=fmtp:100 98/98/98\r\n");
        assert_eq!(unaware, TextTerms::default());
        assert!(!expected.continued_by(unaware).multiparty);
        assert!(!unaware.continued_by(expected).multiparty);
    }

    #[test]
    fn r38_no_more_copies_are_sent_than_both_know() {
        for (types, generations) in [("98", 0), ("98/98", 1), ("98/98/98/98/98", 2)] {
            let terms = read(&format!("a=fmtp:100 {types}\r\n"));
            assert_eq!(terms.generations, generations, "{types}");
        }
    }
}
