//! AES-GCM for SRTP, in place (RFC 7714): what is forwarded is encrypted for every receiver, so
//! that every copy counts.

use rtc_dtls::crypto_provider::RTCCrypto;
use rtc_srtp::crypto::{AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoError};

/// Bytes of the authentication tag after each packet.
pub(super) const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 16;
const SALT_BYTES: usize = 12;
/// Where the label goes (RFC 3711 section 4.3.1).
const LABEL_AT: usize = 7;

/// What a session key and salt are for (RFC 3711 section 4.3.2).
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    Rtp,
    Rtcp,
}

impl Use {
    const fn labels(self) -> (u8, u8) {
        match self {
            Self::Rtp => (0, 2),
            Self::Rtcp => (3, 5),
        }
    }
}

/// One direction of AES-128-GCM, for RTP or for RTCP.
pub(super) struct Gcm {
    cipher: Box<dyn AeadCipher>,
    salt: [u8; SALT_BYTES],
}

impl Gcm {
    /// From a master key of 16 and a master salt of 12 bytes.
    pub(super) fn new(
        purpose: Use,
        key: &[u8],
        salt: &[u8],
        crypto: &dyn RTCCrypto,
    ) -> Result<Self, CryptoError> {
        let (key_label, salt_label) = purpose.labels();
        let session_key = derive(key, salt, key_label, crypto)?;
        let mut session_salt = [0; SALT_BYTES];
        session_salt.copy_from_slice(&derive(key, salt, salt_label, crypto)?[..SALT_BYTES]);
        Ok(Self {
            cipher: crypto.new_aead(AeadAlgorithm::Aes128Gcm, &session_key)?,
            salt: session_salt,
        })
    }

    /// Two zero bytes, SSRC, and the index: of RTP the rollover counter and the sequence number
    /// (section 8.1), of RTCP two zero bytes and its own (section 9.1), under the salt.
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; SALT_BYTES] {
        let mut nonce = self.salt;
        let index = index.to_be_bytes();
        let parts = ssrc
            .to_be_bytes()
            .into_iter()
            .chain(index[2..].iter().copied());
        for (byte, part) in nonce[2..].iter_mut().zip(parts) {
            *byte ^= part;
        }
        nonce
    }

    /// Encrypts `body` where it is and writes the tag. False: the cipher refused.
    pub(super) fn seal(
        &mut self,
        (ssrc, index): (u32, u64),
        header: &[u8],
        body: &mut [u8],
        tag: &mut [u8],
    ) -> bool {
        let nonce = self.nonce(ssrc, index);
        self.cipher.seal_in_place(&nonce, header, body, tag).is_ok()
    }

    /// Decrypts `body` where it is. False: forged or broken, and `body` is of no use any more.
    pub(super) fn open(
        &mut self,
        (ssrc, index): (u32, u64),
        header: &[u8],
        body: &mut [u8],
        tag: &[u8],
    ) -> bool {
        let nonce = self.nonce(ssrc, index);
        self.cipher.open_in_place(&nonce, header, body, tag).is_ok()
    }
}

/// The pseudo-random function of RFC 3711 section 4.3.3 with a key derivation rate of zero; one
/// block of it is enough.
fn derive(
    key: &[u8],
    salt: &[u8],
    label: u8,
    crypto: &dyn RTCCrypto,
) -> Result<[u8; KEY_BYTES], CryptoError> {
    let mut block = [0; KEY_BYTES];
    for (byte, salt) in block.iter_mut().zip(salt) {
        *byte = *salt;
    }
    block[LABEL_AT] ^= label;
    crypto.block_encrypt(BlockCipherAlgorithm::Aes128, key, &mut block)?;
    Ok(block)
}
