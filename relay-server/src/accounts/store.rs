//! The accounts file: written atomically, re-read when it changes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use vrs_domain::{CivicLocation, Sensitive};

use super::account::{Account, AccountError};

/// Largest accounts file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

type Accounts = BTreeMap<String, Arc<Account>>;

/// All accounts; cheap to ask, safe to share between tasks.
#[derive(Debug)]
pub struct AccountStore {
    file: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    accounts: Arc<Accounts>,
}

/// What changes whenever the file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    node: u64,
}

impl AccountStore {
    /// Reads the file; a missing one holds no accounts.
    ///
    /// # Errors
    /// When it cannot be read or a line is not an account.
    pub fn open(file: impl Into<PathBuf>) -> Result<Self, AccountError> {
        let file = file.into();
        let stamp = stamp(&file);
        let accounts = Arc::new(read(&file)?);
        Ok(Self {
            file,
            seen: Mutex::new(Seen { stamp, accounts }),
        })
    }

    /// The account of a digest user. Costs one `stat` of the file; a changed file is read again.
    /// When the changed file cannot be read, the accounts known before stay and the log says so.
    #[must_use]
    pub fn lookup(&self, username: &str) -> Option<Arc<Account>> {
        self.current().get(username).cloned()
    }

    /// All accounts in order of their user names.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Account>> {
        self.current().values().cloned().collect()
    }

    /// Adds an account and writes the file.
    ///
    /// # Errors
    /// When it exists, or the file cannot be written.
    pub fn add(&self, account: Account) -> Result<(), AccountError> {
        let username = account.username().to_owned();
        self.change(|accounts| {
            if accounts.contains_key(&username) {
                return Err(AccountError::Exists(username.clone()));
            }
            accounts.insert(username.clone(), Arc::new(account));
            Ok(())
        })
    }

    /// Removes an account and writes the file. Calls in progress are not cut.
    ///
    /// # Errors
    /// When there is none, or the file cannot be written.
    pub fn remove(&self, username: &str) -> Result<(), AccountError> {
        self.change(|accounts| match accounts.remove(username) {
            Some(_) => Ok(()),
            None => Err(AccountError::Unknown(username.chars().take(40).collect())),
        })
    }

    /// Registers a caller at another place and writes the file; the next call for help says it.
    /// Waits for the disk and for others who write: not for the task that answers everybody.
    ///
    /// # Errors
    /// When there is no such caller, or the file cannot be written.
    pub fn relocate(
        &self,
        username: &str,
        place: Sensitive<CivicLocation>,
    ) -> Result<(), AccountError> {
        self.change(|accounts| match accounts.get_mut(username) {
            Some(account) => Arc::make_mut(account).relocate(place),
            None => Err(AccountError::Unknown(username.chars().take(40).collect())),
        })
    }

    fn current(&self) -> Arc<Accounts> {
        // A panic elsewhere cannot leave the map half written: it is replaced as a whole.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.file);
        if now != seen.stamp {
            match read(&self.file) {
                Ok(accounts) => seen.accounts = Arc::new(accounts),
                Err(error) => {
                    tracing::error!(%error, "the accounts file changed and cannot be read; keeping the accounts known before")
                }
            }
            seen.stamp = now;
        }
        Arc::clone(&seen.accounts)
    }

    fn change(
        &self,
        edit: impl FnOnce(&mut Accounts) -> Result<(), AccountError>,
    ) -> Result<(), AccountError> {
        let fault = |error| AccountError::File {
            path: self.file.clone(),
            error,
        };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(fault)?;
        // Two `account add` at the same time take turns; the lock goes when the file is closed.
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.file.with_extension("lock"))
            .map_err(fault)?;
        lock.lock().map_err(fault)?;
        let mut accounts = read(&self.file)?;
        edit(&mut accounts)?;
        let beside = write_beside(&self.file, &accounts).map_err(fault)?;
        {
            // Whoever asks next finds what was written without reading it again. Nobody else
            // writes in between: they wait for the lock.
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            fs::rename(&beside, &self.file).map_err(fault)?;
            seen.stamp = stamp(&self.file);
            seen.accounts = Arc::new(accounts);
        }
        sync_folder(folder).map_err(fault)?;
        drop(lock);
        Ok(())
    }
}

fn stamp(file: &Path) -> Stamp {
    let Ok(facts) = fs::metadata(file) else {
        return Stamp {
            modified: None,
            bytes: 0,
            node: 0,
        };
    };
    #[cfg(unix)]
    let node = std::os::unix::fs::MetadataExt::ino(&facts);
    #[cfg(not(unix))]
    let node = 0;
    Stamp {
        modified: facts.modified().ok(),
        bytes: facts.len(),
        node,
    }
}

fn read(file: &Path) -> Result<Accounts, AccountError> {
    let fault = |error| AccountError::File {
        path: file.to_owned(),
        error,
    };
    let text = match fs::metadata(file) {
        Ok(facts) if facts.len() > FILE_BYTES_MAX => {
            return Err(fault(io::Error::other("it is larger than 256 MiB")));
        }
        Ok(_) => fs::read_to_string(file).map_err(fault)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Accounts::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut accounts = Accounts::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let wrong = |why: String| AccountError::Line {
            path: file.to_owned(),
            line: index + 1,
            why,
        };
        let account = Account::from_line(line).map_err(wrong)?;
        let username = account.username().to_owned();
        if accounts.insert(username, Arc::new(account)).is_some() {
            return Err(wrong("the account is there twice".into()));
        }
    }
    Ok(accounts)
}

/// Writes beside the file and makes it durable; then it can take the file's place, so that readers
/// see old or new, never half.
fn write_beside(file: &Path, accounts: &Accounts) -> io::Result<PathBuf> {
    let beside = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut out = options.open(&beside)?;
    for account in accounts.values() {
        out.write_all(account.to_line().as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.sync_all()?;
    Ok(beside)
}

/// Makes a rename or a new file durable; only Unix has (and needs) it.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use vrs_domain::Sensitive;

    use super::*;
    use crate::accounts::{DigestAlgorithm, Digests, Role};

    fn password() -> Sensitive<String> {
        Sensitive::new("correct horse".to_owned())
    }

    fn caller(number: &str) -> Account {
        let role = Role::Caller {
            number: number.parse().unwrap(),
            location: Some(Sensitive::new(
                "country=US;A3=New York;RD=Broadway".parse().unwrap(),
            )),
            languages: Some("ase/es".parse().unwrap()),
        };
        Account::new(
            role,
            Some("Ana".into()),
            "relay.test",
            &password(),
            Digests::Strong,
        )
        .unwrap()
    }

    fn interpreter(id: &str) -> Account {
        interpreter_with(id, Digests::Md5)
    }

    fn interpreter_with(id: &str, digests: Digests) -> Account {
        let role = Role::Interpreter {
            ca_id: id.parse().unwrap(),
            languages: vec!["ase/en".parse().unwrap(), "ase/es".parse().unwrap()],
            skills: vec!["medical".parse().unwrap()],
            gender: None,
            supervisor: false,
            center: None,
        };
        Account::new(role, None, "relay.test", &password(), digests).unwrap()
    }

    #[test]
    fn accounts_survive_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts").join("accounts.jsonl");
        let store = AccountStore::open(&file).unwrap();
        store.add(caller("+15550100001")).unwrap();
        store.add(interpreter("1234")).unwrap();
        let again = AccountStore::open(&file).unwrap();
        assert_eq!(
            *again.lookup("+15550100001").unwrap(),
            caller("+15550100001")
        );
        assert_eq!(*again.lookup("1234").unwrap(), interpreter("1234"));
        assert!(again.lookup("5678").is_none());
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("correct horse"));
    }

    #[test]
    fn a_running_server_notices_added_and_removed_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.jsonl");
        let running = AccountStore::open(&file).unwrap();
        assert!(running.lookup("1234").is_none());
        AccountStore::open(&file)
            .unwrap()
            .add(interpreter("1234"))
            .unwrap();
        assert!(running.lookup("1234").is_some());
        AccountStore::open(&file).unwrap().remove("1234").unwrap();
        assert!(running.lookup("1234").is_none());
    }

    #[test]
    fn f22_a_location_is_changed_in_place_and_a_running_server_notices() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.jsonl");
        let running = AccountStore::open(&file).unwrap();
        running.add(caller("+15550100001")).unwrap();
        running.add(interpreter("1234")).unwrap();
        let place = || Sensitive::new("country=US;RD=Elm;HNO=7".parse().unwrap());
        let by_hand = AccountStore::open(&file).unwrap();
        by_hand.relocate("+15550100001", place()).unwrap();
        let account = running.lookup("+15550100001").unwrap();
        assert_eq!(account.location(), Some(place().expose()));
        assert_eq!(account.name(), Some("Ana"));
        assert!(account.ha1("relay.test", DigestAlgorithm::Sha256).is_some());
        let said = |result: Result<(), AccountError>| result.unwrap_err().to_string();
        assert_eq!(
            said(by_hand.relocate("1234", place())),
            "1234 is an interpreter; only callers have a location"
        );
        assert_eq!(
            said(by_hand.relocate("+15550100002", place())),
            "there is no account +15550100002"
        );
    }

    #[test]
    fn a32_neither_debug_nor_an_error_shows_where_a_caller_lives() {
        let account = caller("+15550100001");
        assert!(!format!("{account:?}").contains("Broadway"));
        let line = account.to_line();
        assert!(line.contains("RD=Broadway"));
        let broken = line.replace("country=US;", "");
        let why = Account::from_line(&broken).unwrap_err();
        assert_eq!(
            why,
            "country is missing; write two letters, such as country=US"
        );
    }

    #[test]
    fn a_damaged_file_keeps_the_known_accounts_and_refuses_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.jsonl");
        let running = AccountStore::open(&file).unwrap();
        running.add(caller("+15550100001")).unwrap();
        assert!(running.lookup("+15550100001").is_some());
        fs::write(&file, "{\"account\":\"1\"\n").unwrap();
        assert!(running.lookup("+15550100001").is_some());
        let error = AccountStore::open(&file).unwrap_err().to_string();
        assert!(error.contains("line 1 of"), "{error}");
    }

    #[test]
    fn twice_and_never_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = AccountStore::open(folder.path().join("a.jsonl")).unwrap();
        store.add(interpreter("1234")).unwrap();
        let error = store.add(interpreter("1234")).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is already an account 1234; remove it first to set a new password"
        );
        assert_eq!(
            store.remove("99").unwrap_err().to_string(),
            "there is no account 99"
        );
    }

    #[test]
    fn the_values_kept_are_those_of_rfc_7616() {
        // printf '1234:relay.test:correct horse' | md5sum, sha256sum
        for (digests, algorithm, value) in [
            (
                Digests::Md5,
                DigestAlgorithm::Md5,
                "8fb162800d1abc83e0bfb86f0bbcaf0b",
            ),
            (
                Digests::Strong,
                DigestAlgorithm::Sha256,
                "676b19cb26d2687856cfb6653398e088a4f0ba2ddd5b1f567bbb8059cb4af3d4",
            ),
        ] {
            let account = interpreter_with("1234", digests);
            assert_eq!(
                account.ha1("relay.test", algorithm).unwrap().expose(),
                value
            );
        }
    }

    #[test]
    fn md5_is_kept_only_for_accounts_made_for_it_and_only_for_the_realm() {
        assert!(
            caller("+15550100001")
                .ha1("relay.test", DigestAlgorithm::Md5)
                .is_none()
        );
        assert!(
            interpreter("1")
                .ha1("relay.test", DigestAlgorithm::Md5)
                .is_some()
        );
        assert!(
            interpreter("1")
                .ha1("other.test", DigestAlgorithm::Sha256)
                .is_none()
        );
    }

    #[test]
    fn unacceptable_accounts_are_refused() {
        let role = Role::Interpreter {
            ca_id: "1".parse().unwrap(),
            languages: vec![],
            skills: vec![],
            gender: None,
            supervisor: false,
            center: None,
        };
        assert!(matches!(
            Account::new(role, None, "r", &password(), Digests::Strong),
            Err(AccountError::Languages)
        ));
        let role = Role::Caller {
            number: "+15550100001".parse().unwrap(),
            location: None,
            languages: None,
        };
        let short = Sensitive::new("short".to_owned());
        assert!(matches!(
            Account::new(role.clone(), None, "r", &short, Digests::Strong),
            Err(AccountError::Password)
        ));
        let name = Some("a\nb".to_owned());
        assert!(matches!(
            Account::new(role, name, "r", &password(), Digests::Strong),
            Err(AccountError::Name)
        ));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.jsonl");
        AccountStore::open(&file)
            .unwrap()
            .add(interpreter("1"))
            .unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
