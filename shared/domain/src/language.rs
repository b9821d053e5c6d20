//! Languages, skills and genders an interpreter is asked for.

use std::fmt;
use std::str::FromStr;

use crate::state::{UnknownWord, words};

words! {
    /// A signed language, by its ISO 639-3 code (used by RFC 8373 and the IANA subtag registry).
    SignLanguage, "sign language" {
        /// American Sign Language.
        Asl = "ase",
        /// Langue des signes québécoise.
        Lsq = "fcs",
        /// Lengua de señas mexicana.
        Lsm = "mfs",
    }
}

words! {
    /// A spoken language, by its ISO 639-1 code.
    SpokenLanguage, "spoken language" {
        /// English.
        English = "en",
        /// Spanish.
        Spanish = "es",
        /// French.
        French = "fr",
    }
}

words! {
    /// A field in which an interpreter is trained.
    Skill, "skill" {
        /// Medical appointments, pharmacies.
        Medical = "medical",
        /// Courts, lawyers.
        Legal = "legal",
        /// Computers and their repair.
        Technical = "technical",
    }
}

words! {
    /// The gender of an interpreter; a caller may ask for one, as best effort (F5).
    Gender, "gender" {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Neither.
        Nonbinary = "nonbinary",
    }
}

/// Between which languages an interpreter is asked to interpret; written `ase/en`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanguagePair {
    /// What the caller signs.
    pub signed: SignLanguage,
    /// What the hearing party speaks.
    pub spoken: SpokenLanguage,
}

impl Default for LanguagePair {
    fn default() -> Self {
        Self {
            signed: SignLanguage::Asl,
            spoken: SpokenLanguage::English,
        }
    }
}

impl fmt::Display for LanguagePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.signed, self.spoken)
    }
}

impl FromStr for LanguagePair {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (signed, spoken) = text.split_once('/').ok_or_else(|| UnknownWord {
            what: "language pair (such as ase/en)",
            word: text.chars().take(40).collect(),
        })?;
        Ok(Self {
            signed: signed.parse()?,
            spoken: spoken.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_written_signed_slash_spoken() {
        let pair: LanguagePair = "ase/es".parse().unwrap();
        assert_eq!(pair.to_string(), "ase/es");
        assert!("ase".parse::<LanguagePair>().is_err());
        assert!("ase/xx".parse::<LanguagePair>().is_err());
    }
}
