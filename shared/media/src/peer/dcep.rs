//! How a data channel is opened within the association (RFC 8832).

/// DATA_CHANNEL_ACK.
pub(super) const ACK: [u8; 1] = [2];
const OPEN: u8 = 3;
const HEADER_BYTES: usize = 12;
/// DATA_CHANNEL_RELIABLE: ordered, and sent until it is confirmed.
const RELIABLE: u8 = 0;

/// A message of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Dcep<'a> {
    /// Somebody opens a channel.
    Open {
        /// Nothing is lost or overtaken.
        is_reliable: bool,
        protocol: &'a str,
    },
    /// The channel that we opened is taken.
    Ack,
}

impl<'a> Dcep<'a> {
    /// `None` if it is neither, or its lengths do not fit.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        if message == ACK {
            return Some(Self::Ack);
        }
        let header = message.first_chunk::<HEADER_BYTES>()?;
        if header[0] != OPEN {
            return None;
        }
        let length = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
        let (label, protocol) = (length(8), length(10));
        let names = &message[HEADER_BYTES..];
        if names.len() != label + protocol {
            return None;
        }
        std::str::from_utf8(&names[..label]).ok()?;
        Some(Self::Open {
            is_reliable: header[1] == RELIABLE,
            protocol: std::str::from_utf8(&names[label..]).ok()?,
        })
    }
}

/// DATA_CHANNEL_OPEN of a reliable channel of this protocol, which is its label, too.
pub(super) fn open(protocol: &str) -> Vec<u8> {
    let length = (protocol.len() as u16).to_be_bytes();
    let priority = 256_u16.to_be_bytes();
    let mut message = vec![OPEN, RELIABLE];
    message.extend(priority);
    message.extend([0; 4]);
    message.extend(length);
    message.extend(length);
    message.extend(protocol.as_bytes());
    message.extend(protocol.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    #[test]
    fn what_is_opened_reads_the_same() {
        let message = open("t140");
        let opened = Dcep::Open {
            is_reliable: true,
            protocol: "t140",
        };
        assert_eq!(Dcep::parse(&message), Some(opened));
        assert_eq!(Dcep::parse(&ACK), Some(Dcep::Ack));
        for partial in [0x80, 1, 2, 0x82] {
            let mut message = open("t140");
            message[1] = partial;
            let opened = Dcep::Open {
                is_reliable: false,
                protocol: "t140",
            };
            assert_eq!(Dcep::parse(&message), Some(opened));
        }
    }

    #[test]
    fn broken_messages_are_nothing() {
        let message = open("t140");
        for cut in 0..message.len() {
            assert_eq!(Dcep::parse(&message[..cut]), None, "{cut} bytes");
        }
        let mut dice = Dice::new(9);
        for _ in 0..2_000 {
            let mut message = message.clone();
            let at = dice.below(message.len() as u64) as usize;
            message[at] = dice.next() as u8;
            if let Some(Dcep::Open { protocol, .. }) = Dcep::parse(&message) {
                assert!(protocol.len() <= message.len());
            }
        }
    }
}
