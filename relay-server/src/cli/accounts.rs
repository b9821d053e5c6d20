//! `relay-server account …`

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use vrs_domain::{CaId, CallCenter, Gender, LanguagePair, PhoneNumber, Skill};

use super::password::PasswordSource;
use super::{CliError, say};
use crate::accounts::{Account, AccountStore, Digests, Role};
use crate::config::Config;

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account; a running server takes it at once
    #[command(subcommand)]
    Add(AddCommand),
    /// List all accounts
    List,
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
    /// The name shown to staff
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

fn add(store: &AccountStore, config: &Config, command: AddCommand) -> Result<(), CliError> {
    let (role, common) = match command {
        AddCommand::Caller { number, common } => (Role::Caller { number }, common),
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
    store.add(account)?;
    say(format_args!("added {username}"))
}

fn list(store: &AccountStore, config: &Config) -> Result<(), CliError> {
    for account in store.list() {
        let what = match account.role() {
            Role::Caller { .. } => "caller".to_owned(),
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
