//! Who there is: the accounts of all runs, and what everybody can know of them by their names.

use std::path::Path;
use std::sync::Arc;

use relay_server::accounts::{Account, AccountError, AccountStore, Digests, Role};
use relay_server::config::{Trunk, TrunkHost, TrunkTransport};
use vrs_domain::{Gender, Sensitive, Skill};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";
/// Everybody's domain.
pub const DOMAIN: &str = "vrs.test";
/// The trunk's name.
pub const TRUNK: &str = "carrier";

/// Subscribers who call.
pub const CALLING: u32 = 1;
/// Telephones.
pub const TELEPHONES: u32 = 2;
/// Subscribers who are called.
pub const CALLED: u32 = 3;
/// Numbers that are nobody's.
pub const NOBODY: u32 = 4;

/// CA id of the first interpreter.
const FIRST_CA_ID: u32 = 1000;

/// The way to the telephones.
#[must_use]
pub fn trunk() -> Trunk {
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    Trunk {
        name: TRUNK.into(),
        host: TrunkHost::Address(loopback),
        port: 5060,
        transport: TrunkTransport::Udp,
        plaintext: true,
        ca_file: None,
        srtp: false,
        silence: None,
        local: (loopback, 0).into(),
        media_address: loopback,
    }
}

/// A number: whose, and of which call.
#[must_use]
pub fn number(area: u32, index: u32) -> String {
    format!("+1555{area:03}{index:04}")
}

/// The CA id of an interpreter.
#[must_use]
pub fn ca_id(index: u32) -> String {
    format!("{}", FIRST_CA_ID + index)
}

/// What an interpreter can do, by their CA id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talents {
    /// Whether they may also assist others.
    pub supervisor: bool,
    /// In which field they are trained.
    pub skill: Option<Skill>,
    /// Their gender, if they told.
    pub gender: Option<Gender>,
}

/// See [`Talents`].
#[must_use]
pub fn talents(ca_id: &str) -> Talents {
    let index = ca_id.parse().unwrap_or(FIRST_CA_ID) - FIRST_CA_ID;
    Talents {
        supervisor: index % 4 == 3,
        skill: match index % 5 {
            0 => Some(Skill::Medical),
            1 => Some(Skill::Legal),
            _ => None,
        },
        gender: match index % 3 {
            0 => Some(Gender::Female),
            1 => Some(Gender::Male),
            _ => None,
        },
    }
}

/// The accounts of all runs.
#[derive(Debug, Clone)]
pub struct Cast(pub(crate) Arc<AccountStore>);

impl Cast {
    /// What a server knows them by.
    #[must_use]
    pub fn accounts(&self) -> Arc<AccountStore> {
        Arc::clone(&self.0)
    }

    /// Makes so many subscribers who call, as many who are called, and the interpreters, in a file
    /// in `folder`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn assemble(
        folder: &Path,
        subscribers: u32,
        interpreters: u32,
    ) -> Result<Self, AccountError> {
        let store = AccountStore::open(folder.join("accounts"))?;
        let password = Sensitive::new(PASSWORD.to_owned());
        let areas = [CALLING, CALLED].into_iter();
        let numbers = areas.flat_map(|area| (0..subscribers).map(move |i| number(area, i)));
        let subscribers = numbers.map(|number| Role::Caller {
            number: number.parse().expect("a number"),
            location: None,
            languages: None,
        });
        for role in subscribers.chain((0..interpreters).map(interpreter)) {
            let account = Account::new(role, None, DOMAIN, &password, Digests::Strong)?;
            store.add(account)?;
        }
        Ok(Self(Arc::new(store)))
    }
}

fn interpreter(index: u32) -> Role {
    let id = ca_id(index);
    let talents = talents(&id);
    Role::Interpreter {
        ca_id: id.parse().expect("a CA id"),
        languages: vec!["ase/en".parse().expect("languages")],
        skills: talents.skill.into_iter().collect(),
        gender: talents.gender,
        supervisor: talents.supervisor,
        center: index
            .is_multiple_of(2)
            .then(|| format!("home-{index}").parse().expect("a centre")),
    }
}
