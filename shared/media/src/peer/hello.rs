//! A look into the ClientHello of a DTLS peer (RFC 6347 section 4.2, RFC 5246 section 7.4.1.2).
//!
//! The handshake takes the first SRTP profile in the *client's* order that we know, and browsers
//! name AES-GCM after HMAC-SHA1 because its packets are longer. We prefer AES-GCM (RFC 7714), so
//! that we look at what is offered before we say what we know.

/// Records and fragments have headers of so many bytes.
const RECORD_HEADER_BYTES: usize = 13;
const FRAGMENT_HEADER_BYTES: usize = 12;
/// Content type of handshake messages, and the message we look for.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Extension type of RFC 5764 section 4.1.1, and the profiles of RFC 7714 section 14.2.
const USE_SRTP: u16 = 14;
const AEAD_AES_128_GCM: u16 = 7;
const AEAD_AES_256_GCM: u16 = 8;
/// No hello is longer, not even one with the keys of two generations.
const HELLO_BYTES_MAX: usize = 8 * 1024;
/// Version and random, before the first field of variable length.
const FIXED_BYTES: usize = 2 + 32;

/// What is known of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// More of it has to come.
    Incomplete,
    /// It offers AES-GCM with keys of 128 bits, which is the quickest.
    Gcm128,
    /// It offers AES-GCM, with keys of 256 bits alone.
    Gcm256,
    /// It does not, or it is no hello at all.
    Other,
}

/// Puts the fragments of a hello together.
#[derive(Default)]
pub(super) struct Hello {
    body: Vec<u8>,
}

impl Hello {
    /// Takes the next datagram of the client.
    pub(super) fn look(&mut self, datagram: &[u8]) -> Look {
        self.read(datagram).unwrap_or(Look::Other)
    }

    /// `None`: this is no hello.
    fn read(&mut self, datagram: &[u8]) -> Option<Look> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let (header, tail) = rest.split_at_checked(RECORD_HEADER_BYTES)?;
            let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let (record, tail) = tail.split_at_checked(length)?;
            rest = tail;
            let (fragment, piece) = record.split_at_checked(FRAGMENT_HEADER_BYTES)?;
            let total = number(&fragment[1..4]);
            let fits = header[0] == HANDSHAKE
                && fragment[0] == CLIENT_HELLO
                && total <= HELLO_BYTES_MAX
                && number(&fragment[9..12]) == piece.len();
            if !fits {
                return None;
            }
            let offset = number(&fragment[6..9]);
            let known = self.body.len();
            if offset <= known && offset + piece.len() > known {
                self.body.truncate(offset);
                self.body.extend_from_slice(piece);
            }
            if self.body.len() >= total {
                return offered(&self.body);
            }
        }
        Some(Look::Incomplete)
    }
}

/// Which AES-GCM the SRTP profiles in the body of a hello have among them.
fn offered(body: &[u8]) -> Option<Look> {
    let mut rest = body.get(FIXED_BYTES..)?;
    take(&mut rest, 1)?; // session
    take(&mut rest, 1)?; // cookie
    take(&mut rest, 2)?; // cipher suites
    take(&mut rest, 1)?; // compression
    let mut extensions = take(&mut rest, 2)?;
    while !extensions.is_empty() {
        let (kind, tail) = extensions.split_at_checked(2)?;
        extensions = tail;
        let mut value = take(&mut extensions, 2)?;
        if kind == USE_SRTP.to_be_bytes() {
            let profiles = take(&mut value, 2)?;
            let has = |wanted: u16| {
                let mut profiles = profiles.chunks(2);
                profiles.any(|profile| profile == wanted.to_be_bytes())
            };
            return Some(if has(AEAD_AES_128_GCM) {
                Look::Gcm128
            } else if has(AEAD_AES_256_GCM) {
                Look::Gcm256
            } else {
                Look::Other
            });
        }
    }
    Some(Look::Other)
}

/// A field of variable length, whose length is in the `width` bytes before it.
fn take<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_at_checked(width)?;
    let (field, tail) = tail.split_at_checked(number(length))?;
    *rest = tail;
    Some(field)
}

fn number(bytes: &[u8]) -> usize {
    let add = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
    bytes.iter().fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    const CM_SHA1_80: u16 = 1;

    /// A hello with these SRTP profiles, cut into datagrams of one fragment.
    fn hello(profiles: &[u16], size: usize) -> Vec<Vec<u8>> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 2, 9, 9]); // no session, a cookie
        body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
        let list: Vec<u8> = profiles.iter().flat_map(|p| p.to_be_bytes()).collect();
        let mut extensions = vec![0, 10, 0, 4, 0, 2, 0, 23]; // curves come first
        extensions.extend(USE_SRTP.to_be_bytes());
        extensions.extend([0, list.len() as u8 + 3, 0, list.len() as u8]);
        extensions.extend(list);
        extensions.push(0); // no master key identifier
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let total = (body.len() as u32).to_be_bytes();
        let cut = |(n, piece): (usize, &[u8])| {
            let (at, length) = ((n * size) as u32, piece.len() as u32);
            let mut record = vec![CLIENT_HELLO];
            record.extend(&total[1..]);
            record.extend([0, 0]);
            record.extend(&at.to_be_bytes()[1..]);
            record.extend(&length.to_be_bytes()[1..]);
            record.extend(piece);
            let mut datagram = vec![HANDSHAKE, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, n as u8];
            datagram.extend((record.len() as u16).to_be_bytes());
            datagram.extend(record);
            datagram
        };
        body.chunks(size).enumerate().map(cut).collect()
    }

    #[test]
    fn what_a_hello_offers_is_seen_in_any_order_and_in_pieces() {
        let cases = [
            (
                vec![CM_SHA1_80, AEAD_AES_256_GCM, AEAD_AES_128_GCM],
                Look::Gcm128,
            ),
            (vec![AEAD_AES_128_GCM, CM_SHA1_80], Look::Gcm128),
            (vec![CM_SHA1_80, AEAD_AES_256_GCM], Look::Gcm256),
            (vec![CM_SHA1_80], Look::Other),
            (vec![], Look::Other),
        ];
        for (profiles, expected) in cases {
            let whole = hello(&profiles, 1_000);
            assert_eq!(Hello::default().look(&whole[0]), expected, "{profiles:?}");
            let mut reader = Hello::default();
            let mut pieces = hello(&profiles, 30);
            let last = pieces.pop().unwrap();
            for piece in &pieces {
                assert_eq!(reader.look(piece), Look::Incomplete);
                assert_eq!(reader.look(piece), Look::Incomplete, "sent again");
            }
            assert_eq!(reader.look(&last), expected, "{profiles:?} in pieces");
        }
    }

    #[test]
    fn a35_bad_hellos_do_not_panic_and_cost_little() {
        let mut dice = Dice::new(5);
        let good = hello(&[CM_SHA1_80, AEAD_AES_128_GCM], 40);
        for _ in 0..20_000 {
            let mut reader = Hello::default();
            for datagram in &good {
                let mut bytes = datagram.clone();
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] = dice.next() as u8;
                bytes.truncate(bytes.len() - dice.below(3) as usize);
                reader.look(&bytes);
                assert!(reader.body.len() <= 2 * HELLO_BYTES_MAX);
            }
        }
        assert_eq!(Hello::default().look(&[]), Look::Incomplete);
        assert_eq!(Hello::default().look(&[0x16; 5]), Look::Other);
    }
}
