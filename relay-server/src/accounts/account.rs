//! One account, and its line in the file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vrs_domain::{
    CaId, CallCenter, CivicLocation, Gender, LanguagePair, PhoneNumber, Sensitive, Skill,
};
use vrs_sip::digest::ha1;

use super::DigestAlgorithm;

/// Shortest password, in signs.
pub const PASSWORD_SIGNS_MIN: usize = 8;
/// Longest password, in bytes.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Longest display name, in signs.
const NAME_SIGNS_MAX: usize = 64;

/// What an account is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A Deaf, hard-of-hearing or DeafBlind caller.
    Caller {
        /// The ten-digit number, which is also the digest user.
        number: PhoneNumber,
        /// Where emergency services are sent (F22).
        location: Option<Sensitive<CivicLocation>>,
        /// Of calls to them, and of their own that name none.
        languages: Option<LanguagePair>,
    },
    /// An interpreter.
    Interpreter {
        /// The CA id, which is also the digest user.
        ca_id: CaId,
        /// Between which languages; never empty.
        languages: Vec<LanguagePair>,
        /// Fields in which the interpreter is trained.
        skills: Vec<Skill>,
        /// For callers who wish for one (F5).
        gender: Option<Gender>,
        /// Whether they are asked to assist.
        supervisor: bool,
        /// Where they work (F38).
        center: Option<CallCenter>,
    },
}

/// Which digests an account can sign in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// SHA-512-256 and SHA-256 (RFC 8760).
    Strong,
    /// MD5 alone: for browser libraries, which read the first challenge only and know nothing else.
    Md5,
}

impl Digests {
    const fn algorithms(self) -> &'static [DigestAlgorithm] {
        match self {
            Self::Strong => &[DigestAlgorithm::Sha512_256, DigestAlgorithm::Sha256],
            Self::Md5 => &[DigestAlgorithm::Md5],
        }
    }
}

/// Who may sign in, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    role: Role,
    name: Option<String>,
    realm: String,
    ha1: BTreeMap<DigestAlgorithm, Sensitive<String>>,
}

/// What can go wrong with accounts.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The password is too short or too long.
    #[error(
        "a password has {PASSWORD_SIGNS_MIN} signs or more (and at most {PASSWORD_BYTES_MAX} bytes)"
    )]
    Password,
    /// The name is too long or not printable.
    #[error("a name has 1 to {NAME_SIGNS_MAX} printable signs")]
    Name,
    /// Nobody's number: it is the same for everybody.
    #[error("{0} is a service code, not a caller's number")]
    ServiceCode(PhoneNumber),
    /// An interpreter without languages.
    #[error("an interpreter needs at least one language pair such as ase/en")]
    Languages,
    /// A location for somebody who cannot call.
    #[error("{0} is an interpreter; only callers have a location")]
    NotCaller(String),
    /// The account is there already.
    #[error("there is already an account {0}; remove it first to set a new password")]
    Exists(String),
    /// There is no such account.
    #[error("there is no account {0}")]
    Unknown(String),
    /// The file cannot be read or written.
    #[error("cannot use the accounts file {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A line of the file is not an account.
    #[error("line {line} of {} is not an account: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it; holds nothing of its content.
        why: String,
    },
}

impl Account {
    /// A new account; HA1 values are computed, the password is not kept.
    ///
    /// # Errors
    /// When password, name, number or languages are not acceptable.
    pub fn new(
        role: Role,
        name: Option<String>,
        realm: &str,
        password: &Sensitive<String>,
        digests: Digests,
    ) -> Result<Self, AccountError> {
        let signs = password.expose().chars().count();
        if signs < PASSWORD_SIGNS_MIN || password.expose().len() > PASSWORD_BYTES_MAX {
            return Err(AccountError::Password);
        }
        let printable = |n: &String| {
            (1..=NAME_SIGNS_MAX).contains(&n.chars().count()) && !n.chars().any(char::is_control)
        };
        if !name.as_ref().is_none_or(printable) {
            return Err(AccountError::Name);
        }
        match &role {
            Role::Interpreter { languages, .. } if languages.is_empty() => {
                return Err(AccountError::Languages);
            }
            Role::Caller { number, .. } if number.is_service_code() => {
                return Err(AccountError::ServiceCode(number.clone()));
            }
            Role::Caller { .. } | Role::Interpreter { .. } => {}
        }
        let mut account = Self {
            role,
            name,
            realm: realm.to_owned(),
            ha1: BTreeMap::new(),
        };
        for &algorithm in digests.algorithms() {
            let value = ha1(algorithm, account.username(), realm, password.expose());
            account.ha1.insert(algorithm, Sensitive::new(value));
        }
        Ok(account)
    }

    /// The digest user and user part of the address: `+15550100001` or `1234`.
    #[must_use]
    pub fn username(&self) -> &str {
        match &self.role {
            Role::Caller { number, .. } => number.as_str(),
            Role::Interpreter { ca_id, .. } => ca_id.as_str(),
        }
    }

    /// What the account is for.
    #[must_use]
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// The display name, when one was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where a caller is registered (F22).
    #[must_use]
    pub fn location(&self) -> Option<&CivicLocation> {
        match &self.role {
            Role::Caller { location, .. } => location.as_ref().map(Sensitive::expose),
            Role::Interpreter { .. } => None,
        }
    }

    /// Registers a caller at another place (F22).
    ///
    /// # Errors
    /// When it is the account of an interpreter.
    pub(super) fn relocate(&mut self, place: Sensitive<CivicLocation>) -> Result<(), AccountError> {
        match &mut self.role {
            Role::Caller { location, .. } => {
                *location = Some(place);
                Ok(())
            }
            Role::Interpreter { ca_id, .. } => Err(AccountError::NotCaller(ca_id.to_string())),
        }
    }

    /// The realm the HA1 values are for.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The HA1 for an algorithm, if it was made for this realm.
    #[must_use]
    pub fn ha1(&self, realm: &str, algorithm: DigestAlgorithm) -> Option<&Sensitive<String>> {
        if self.realm == realm {
            self.ha1.get(&algorithm)
        } else {
            None
        }
    }

    pub(super) fn to_line(&self) -> String {
        let mut line = Line {
            account: self.username().to_owned(),
            role: RoleWord::Caller,
            name: self.name.clone(),
            languages: Vec::new(),
            skills: Vec::new(),
            gender: None,
            supervisor: false,
            center: None,
            location: None,
            realm: self.realm.clone(),
            ha1: self
                .ha1
                .iter()
                .map(|(a, h)| (a.token().to_owned(), h.expose().clone()))
                .collect(),
        };
        match &self.role {
            Role::Caller {
                location,
                languages,
                ..
            } => {
                line.location = location.as_ref().map(|place| place.expose().to_string());
                line.languages = languages.iter().map(ToString::to_string).collect();
            }
            Role::Interpreter {
                languages,
                skills,
                gender,
                supervisor,
                center,
                ..
            } => {
                line.role = RoleWord::Interpreter;
                line.languages = languages.iter().map(ToString::to_string).collect();
                line.skills = skills.iter().map(ToString::to_string).collect();
                line.gender = gender.map(|gender| gender.to_string());
                line.supervisor = *supervisor;
                line.center = center.as_ref().map(ToString::to_string);
            }
        }
        // Strings and maps of strings always serialise.
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// The error says what is wrong without repeating the line: it holds HA1 values.
    pub(super) fn from_line(text: &str) -> Result<Self, String> {
        let line: Line =
            serde_json::from_str(text).map_err(|e| format!("column {}", e.column()))?;
        let role = match line.role {
            RoleWord::Caller => Role::Caller {
                number: line
                    .account
                    .parse()
                    .map_err(|_| "account is not a telephone number")?,
                location: line
                    .location
                    .as_deref()
                    .map(word)
                    .transpose()?
                    .map(Sensitive::new),
                languages: match words(&line.languages)?.as_slice() {
                    [] => None,
                    [pair] => Some(*pair),
                    _ => return Err("a caller has one language pair".into()),
                },
            },
            RoleWord::Interpreter => Role::Interpreter {
                ca_id: line.account.parse().map_err(|_| "account is not a CA id")?,
                languages: words(&line.languages)?,
                skills: words(&line.skills)?,
                gender: line.gender.as_deref().map(word).transpose()?,
                supervisor: line.supervisor,
                center: line.center.as_deref().map(word).transpose()?,
            },
        };
        let mut ha1 = BTreeMap::new();
        for (token, value) in line.ha1 {
            let algorithm =
                DigestAlgorithm::from_token(&token).ok_or("ha1 names an unknown algorithm")?;
            let digits = match algorithm {
                DigestAlgorithm::Sha512_256 | DigestAlgorithm::Sha256 => 64,
                DigestAlgorithm::Md5 => 32,
            };
            if value.len() != digits || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(format!(
                    "ha1 for {algorithm} is not {digits} hexadecimal digits"
                ));
            }
            ha1.insert(algorithm, Sensitive::new(value.to_ascii_lowercase()));
        }
        Ok(Self {
            role,
            name: line.name,
            realm: line.realm,
            ha1,
        })
    }
}

fn words<T>(texts: &[String]) -> Result<Vec<T>, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    texts.iter().map(|text| word(text)).collect()
}

fn word<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleWord {
    Caller,
    Interpreter,
}

/// The written form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    account: String,
    role: RoleWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    languages: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skills: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    supervisor: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    center: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    realm: String,
    ha1: BTreeMap<String, String>,
}
