//! Signed notes (C2SP signed-note, Ed25519): a text, an empty line, signature lines.
//!
//! ```text
//! note      = text LF *( "— " name " " base64(id || signature) LF )        text ends with LF
//! id        = first 4 bytes of SHA-256(name LF 0x01 public)
//! verifier  = name "+" hex(id) "+" base64(0x01 public)
//! signer    = "PRIVATE+KEY+" name "+" hex(id) "+" base64(0x01 seed)
//! ```
//! These are the forms of Go's `sumdb/note`, so its tools read ours.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use vrs_domain::Sensitive;

/// Longest note that is read, in bytes.
pub(super) const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Most signature lines of one note.
const SIGNATURES_MAX: usize = 100;
/// The type byte of Ed25519.
const ED25519_TYPE: u8 = 1;
/// Length of a seed and of a public key, in bytes.
const KEY_BYTES: usize = 32;
/// Length of a key's id, in bytes.
const ID_BYTES: usize = 4;
/// What a signing key's text begins with.
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a key or note cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is not that of a signing key.
    #[error("it is not a signing key (PRIVATE+KEY+name+id+key)")]
    NotASigner,
    /// The text is not that of a verifier key.
    #[error("it is not a verifier key (name+id+key)")]
    NotAVerifier,
    /// A key's name holds a space or plus, or is empty.
    #[error("a key's name has no spaces and no plus signs")]
    Name,
    /// The text is not a signed note.
    #[error("it is not a signed note (a text, an empty line, signature lines)")]
    NotANote,
    /// Others signed it.
    #[error("it is not signed by {wanted} but by {found}")]
    OtherKey {
        /// Name and id of the key that was expected.
        wanted: String,
        /// Names and ids of those that signed.
        found: String,
    },
    /// The key's signature is not of this text.
    #[error("the signature of {0} is forged, or the text was changed")]
    Forged(String),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// A key that signs notes; private.
#[derive(Debug)]
pub struct Signer {
    seed: Sensitive<[u8; KEY_BYTES]>,
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

/// The public part of a [`Signer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    public: [u8; KEY_BYTES],
}

impl Signer {
    /// Draws a new key.
    ///
    /// # Errors
    /// When the name cannot be one, or the system gives no randomness.
    pub fn generate(name: &str) -> Result<Self, NoteError> {
        let mut seed = [0; KEY_BYTES];
        getrandom::fill(&mut seed).map_err(NoteError::Random)?;
        Self::from_seed(name, seed)
    }

    fn from_seed(name: &str, seed: [u8; KEY_BYTES]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoteError::NotASigner)?;
        let public = pair.public_key().as_ref().try_into();
        let verifier = Verifier {
            name: name.to_owned(),
            public: public.map_err(|_| NoteError::NotASigner)?,
        };
        Ok(Self {
            seed: Sensitive::new(seed),
            pair,
            verifier,
        })
    }

    /// The key's written form, which is as private as the key.
    #[must_use]
    pub fn text(&self) -> Sensitive<String> {
        let Verifier { name, .. } = &self.verifier;
        let id = hex::encode(self.verifier.id());
        let key = typed(self.seed.expose());
        Sensitive::new(format!("{PRIVATE}{name}+{id}+{key}"))
    }

    /// Its public part.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The signed note with this text, which must end with a line end.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut line = self.verifier.id().to_vec();
        line.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        let line = STANDARD.encode(line);
        format!("{text}\n\u{2014} {} {line}\n", self.verifier.name)
    }
}

impl FromStr for Signer {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let text = text.trim_end().strip_prefix(PRIVATE);
        let (name, id, seed) = text.and_then(parts).ok_or(NoteError::NotASigner)?;
        let signer = Self::from_seed(name, seed)?;
        if signer.verifier.id() == id {
            Ok(signer)
        } else {
            Err(NoteError::NotASigner)
        }
    }
}

impl Verifier {
    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; ID_BYTES] {
        let sum: [u8; 32] = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519_TYPE])
            .chain_update(self.public)
            .finalize()
            .into();
        [sum[0], sum[1], sum[2], sum[3]]
    }

    /// Checks this key's signature and gives the note's text. Signatures of other keys may stand
    /// beside it.
    ///
    /// # Errors
    /// When it is no note, not signed by this key, or not with this text.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::NotANote);
        }
        let split = note.rfind("\n\n").ok_or(NoteError::NotANote)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NotANote)?;
        let mut found = Vec::new();
        for line in lines.split('\n') {
            let (name, id, signature) = signature(line).ok_or(NoteError::NotANote)?;
            if found.len() == SIGNATURES_MAX {
                return Err(NoteError::NotANote);
            }
            if name == self.name && id == self.id() {
                let public = UnparsedPublicKey::new(&ED25519, &self.public);
                return public
                    .verify(text.as_bytes(), &signature)
                    .map(|()| text)
                    .map_err(|_| NoteError::Forged(short(&self.name, self.id())));
            }
            found.push(short(name, id));
        }
        Err(NoteError::OtherKey {
            wanted: short(&self.name, self.id()),
            found: found.join(", "),
        })
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}+{}",
            short(&self.name, self.id()),
            typed(&self.public)
        )
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public) = parts(text.trim_end()).ok_or(NoteError::NotAVerifier)?;
        let verifier = Self {
            name: name.to_owned(),
            public,
        };
        if verifier.id() == id {
            Ok(verifier)
        } else {
            Err(NoteError::NotAVerifier)
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn short(name: &str, id: [u8; ID_BYTES]) -> String {
    format!("{name}+{}", hex::encode(id))
}

fn typed(key: &[u8; KEY_BYTES]) -> String {
    let mut bytes = vec![ED25519_TYPE];
    bytes.extend_from_slice(key);
    STANDARD.encode(bytes)
}

/// `name+id+key`; base64 may hold a plus of its own.
fn parts(text: &str) -> Option<(&str, [u8; ID_BYTES], [u8; KEY_BYTES])> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let mut bytes = [0; ID_BYTES];
    hex::decode_to_slice(id, &mut bytes).ok()?;
    let key = STANDARD.decode(key).ok()?;
    let (&[ED25519_TYPE], key) = key.split_first_chunk()? else {
        return None;
    };
    is_name(name).then_some(())?;
    Some((name, bytes, key.try_into().ok()?))
}

fn signature(line: &str) -> Option<(&str, [u8; ID_BYTES], Vec<u8>)> {
    let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, signature) = bytes.split_first_chunk::<ID_BYTES>()?;
    is_name(name).then_some(())?;
    Some((name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's `sumdb/note` package.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PETERS_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_note_of_another_program_is_read() {
        let peter: Verifier = PETER.parse().unwrap();
        assert_eq!(peter.to_string(), PETER);
        let text = peter.open(PETERS_NOTE).unwrap();
        assert!(
            text.starts_with("If you") && text.ends_with("is.\n"),
            "{text}"
        );
    }

    #[test]
    fn what_is_signed_is_read_and_one_changed_byte_is_not() {
        let signer = Signer::generate("relay.test/journal").unwrap();
        let again: Signer = signer.text().expose().parse().unwrap();
        let note = again.sign("a\n\nb\n");
        let verifier: Verifier = signer.verifier().to_string().parse().unwrap();
        assert_eq!(verifier.open(&note), Ok("a\n\nb\n"));
        for at in 0..note.len() {
            let mut damaged = note.clone().into_bytes();
            damaged[at] ^= 0x02;
            if let Ok(damaged) = String::from_utf8(damaged) {
                assert!(verifier.open(&damaged).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn another_key_and_a_forged_signature_are_told_apart() {
        let [one, two] = [(); 2].map(|()| Signer::generate("relay.test/journal").unwrap());
        let note = one.sign("text\n");
        let error = two.verifier().open(&note).unwrap_err().to_string();
        assert!(
            error.contains("is not signed by relay.test/journal+"),
            "{error}"
        );
        let changed = note.replace("text", "test");
        let error = one.verifier().open(&changed);
        assert!(matches!(error, Err(NoteError::Forged(_))), "{error:?}");
    }

    #[test]
    fn what_is_no_key_or_note_is_refused() {
        for text in ["", "a+b", "a+00000000+AAAA", &PETER.replace('c', "d")] {
            assert!(text.parse::<Verifier>().is_err(), "{text}");
            assert!(
                format!("{PRIVATE}{text}").parse::<Signer>().is_err(),
                "{text}"
            );
        }
        let peter: Verifier = PETER.parse().unwrap();
        for text in [
            "",
            "\n\n",
            "text\n",
            "text\n\n\u{2014} x\n",
            &PETERS_NOTE.replace('\u{2014}', "-"),
        ] {
            assert_eq!(peter.open(text), Err(NoteError::NotANote), "{text}");
        }
        assert!(Signer::generate("a name").is_err());
    }

    #[test]
    fn a_signing_key_does_not_show_itself() {
        let signer = Signer::generate("relay.test/journal").unwrap();
        let text = signer.text();
        let key = text.expose().splitn(5, '+').last().unwrap();
        assert!(key.len() > 40, "the whole key, which may hold a plus");
        assert!(!format!("{signer:?}{text}").contains(key));
    }
}
