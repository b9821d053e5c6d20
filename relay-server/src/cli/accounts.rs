//! `relay-server account …`

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use vrs_domain::{
    CaId, CallCenter, CivicLocation, Gender, LanguagePair, PhoneNumber, Sensitive, Skill,
};

use super::password::{self, PasswordSource};
use super::{CliError, say};
use crate::accounts::{Account, AccountStore, Digests, Role};
use crate::config::Config;

const LOCATION_HELP: &str = "Where the caller is registered: what emergency services are told \
                             (RFC 5139), such as \"country=US;A1=NY;A3=New \
                             York;RD=Broadway;HNO=123;PC=10007\"";

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account; a running server takes it at once
    #[command(subcommand)]
    Add(AddCommand),
    /// List all accounts
    List,
    /// Register a caller at another place; a running server takes it at once
    SetLocation {
        /// The caller's number
        account: PhoneNumber,
        /// The civic address, as in `add caller --location`; - reads it from the first line of
        /// standard input, out of sight of other processes
        location: String,
    },
    /// Remove an account; calls in progress go on
    Remove {
        /// The number or CA id
        account: String,
    },
}

/// Kinds of account.
#[derive(Debug, Subcommand)]
pub enum AddCommand {
    /// A Deaf, hard-of-hearing or DeafBlind caller
    Caller {
        /// The caller's ten-digit number, such as +15550100001
        number: PhoneNumber,
        #[arg(long, help = LOCATION_HELP)]
        location: Option<CivicLocation>,
        /// Between which languages they call and are called unless a call names others, such as
        /// ase/es; ase/en when it is not given
        #[arg(long)]
        languages: Option<LanguagePair>,
        #[command(flatten)]
        common: Common,
    },
    /// An interpreter
    Interpreter {
        /// The CA id: digits
        id: CaId,
        /// Between which languages, such as ase/en,ase/es
        #[arg(long, value_delimiter = ',', required = true)]
        languages: Vec<LanguagePair>,
        /// Fields in which they are trained, such as medical,legal
        #[arg(long, value_delimiter = ',')]
        skills: Vec<Skill>,
        /// For callers who wish for one: female, male or nonbinary
        #[arg(long)]
        gender: Option<Gender>,
        /// They are asked when an interpreter wants a supervisor's assistance
        #[arg(long)]
        supervisor: bool,
        /// The call centre or home workstation where they work, for the call detail record
        #[arg(long)]
        center: Option<CallCenter>,
        #[command(flatten)]
        common: Common,
    },
}

/// How an account signs in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DigestChoice {
    /// SHA-512-256 or SHA-256
    Strong,
    /// MD5 alone
    Md5,
}

/// What all accounts have.
#[derive(Debug, Args)]
pub struct Common {
    /// The name shown to staff and, of a caller, told to emergency services
    #[arg(long)]
    name: Option<String>,
    /// How the account signs in. `md5` is for browser libraries that know nothing better, and only
    /// where allow_md5 is true in the configuration's sip table
    #[arg(long, value_enum, default_value_t = DigestChoice::Strong)]
    digest: DigestChoice,
    #[command(flatten)]
    password: PasswordSource,
}

impl AccountCommand {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode, CliError> {
        let store = AccountStore::open(config.accounts_file())?;
        match self {
            Self::Add(command) => add(&store, config, command)?,
            Self::List => list(&store, config)?,
            Self::SetLocation { account, location } => {
                let place = read_location(location)?;
                store.relocate(account.as_str(), Sensitive::new(place))?;
                say(format_args!("{account} is registered there"))?;
            }
            Self::Remove { account } => {
                // People may type a number with spaces; the store knows its plain form.
                let plain = account.parse::<PhoneNumber>().map(|n| n.to_string());
                let known = plain
                    .ok()
                    .filter(|n| store.lookup(n).is_some())
                    .unwrap_or(account);
                store.remove(&known)?;
                say(format_args!("removed {known}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read_location(typed: String) -> Result<CivicLocation, CliError> {
    let text = if typed == "-" {
        password::first_line(std::io::stdin().lock()).map_err(CliError::Input)?
    } else {
        typed
    };
    text.parse().map_err(CliError::Location)
}

fn add(store: &AccountStore, config: &Config, command: AddCommand) -> Result<(), CliError> {
    let (role, common) = match command {
        AddCommand::Caller {
            number,
            location,
            languages,
            common,
        } => {
            let role = Role::Caller {
                number,
                location: location.map(Sensitive::new),
                languages,
            };
            (role, common)
        }
        AddCommand::Interpreter {
            id,
            languages,
            skills,
            gender,
            supervisor,
            center,
            common,
        } => (
            Role::Interpreter {
                ca_id: id,
                languages,
                skills,
                gender,
                supervisor,
                center,
            },
            common,
        ),
    };
    let digests = match common.digest {
        DigestChoice::Strong => Digests::Strong,
        DigestChoice::Md5 if config.sip.allow_md5 => Digests::Md5,
        DigestChoice::Md5 => {
            return Err(CliError::Other(
                "MD5 is not allowed here: [sip] allow_md5 is false".into(),
            ));
        }
    };
    let password = common.password.read()?;
    let account = Account::new(role, common.name, &config.sip.realm, &password, digests)?;
    let username = account.username().to_owned();
    let nowhere = matches!(account.role(), Role::Caller { location: None, .. });
    store.add(account)?;
    if nowhere {
        // The rule wants it before service starts (47 CFR 9.14(d)); the call is never refused.
        eprintln!(
            "warning: {username} has no registered location: emergency services will not be told \
             where the caller is; add it with `account set-location`"
        );
    }
    say(format_args!("added {username}"))
}

fn list(store: &AccountStore, config: &Config) -> Result<(), CliError> {
    for account in store.list() {
        let what = match account.role() {
            Role::Caller {
                location,
                languages,
                ..
            } => {
                let place = match location {
                    Some(_) => "location registered",
                    None => "no location",
                };
                let mut what = vec!["caller".to_owned(), place.to_owned()];
                what.extend(languages.iter().map(ToString::to_string));
                what.join("  ")
            }
            Role::Interpreter {
                languages,
                skills,
                gender,
                supervisor,
                center,
                ..
            } => {
                let languages: Vec<String> = languages.iter().map(ToString::to_string).collect();
                let mut what = vec!["interpreter".to_owned(), languages.join(",")];
                what.extend(skills.iter().map(ToString::to_string));
                what.extend(gender.iter().map(ToString::to_string));
                what.extend(supervisor.then(|| "supervisor".to_owned()));
                what.extend(center.iter().map(|center| format!("at {center}")));
                what.join("  ")
            }
        };
        let name = account.name().map(|n| format!("  {n}")).unwrap_or_default();
        let stale = if account.realm() == config.sip.realm {
            ""
        } else {
            "  (of another realm: cannot sign in)"
        };
        say(format_args!(
            "{:<16} {what}{name}{stale}",
            account.username()
        ))?;
    }
    Ok(())
}
