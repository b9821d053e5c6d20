//! The settings file: TOML in the platform's folder for settings, one per app.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::KeepError;

/// Largest settings file we read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// The file's name inside the app's folder.
const FILE_NAME: &str = "settings.toml";

/// One installed app, whatever its connection (RFC 5626 section 4.1); random, says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation(Uuid);

impl Installation {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.urn().fmt(f)
    }
}

/// What a user chose. A missing line means "not chosen"; unknown lines are left alone by reading
/// and lost by writing. There is no password here, by design.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `host:port` of the relay server.
    pub server: Option<String>,
    /// Ten-digit number or CA id.
    pub account: Option<String>,
    /// Whether the password is to be kept in the key store.
    pub remember_password: bool,
    /// Certificates to trust besides the system's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The camera's name; `synthetic` for the drawn one.
    pub camera: Option<String>,
    /// The microphone's name; `synthetic` for a tone.
    pub microphone: Option<String>,
    /// The speaker's name; `none` for silence.
    pub speaker: Option<String>,
    /// Picture and sound pass only through the server's relay.
    pub relay_only: bool,
    /// `light`, `dark` or `contrast`.
    pub theme: Option<String>,
    /// `en` or `es`.
    pub language: Option<String>,
    /// Names this installation to servers.
    pub installation: Option<Installation>,
    /// Where the caller is.
    pub location: Option<KeptLocation>,
}

/// Where a caller is, as they typed it. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptLocation {
    /// Whose it is: somebody else who signs in here lives elsewhere.
    pub account: String,
    /// The civic address in the words of `vrs_domain::CivicLocation`.
    pub address: Option<String>,
    /// The user does not want it to be told.
    pub withheld: bool,
}

impl fmt::Debug for KeptLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptLocation(«redacted»)")
    }
}

/// Where one app's settings are.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    path: PathBuf,
}

impl SettingsFile {
    /// In the platform's folder (`~/.config/visavis/APP`, `%APPDATA%\Visavis\APP`, `~/Library/Application Support/Visavis/APP`).
    ///
    /// # Errors
    /// [`KeepError::NoFolder`] when the user has no home directory.
    pub fn of_app(app: &str) -> Result<Self, KeepError> {
        let folders =
            directories::ProjectDirs::from("", "", "Visavis").ok_or(KeepError::NoFolder)?;
        Ok(Self::in_dir(&folders.config_dir().join(app)))
    }

    /// In a folder of the caller's choice; it is created by the first [`Self::save`].
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            path: dir.join(FILE_NAME),
        }
    }

    /// The file itself, to show to the user.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the settings; a missing file is the defaults.
    ///
    /// # Errors
    /// [`KeepError::File`] when it cannot be read, [`KeepError::Damaged`] when it makes no sense.
    pub fn load(&self) -> Result<Settings, KeepError> {
        let size = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Settings::default());
            }
            Err(source) => return Err(self.file_error(source)),
        };
        if size > FILE_BYTES_MAX {
            return Err(self.damaged(format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        let bytes = fs::read(&self.path).map_err(|source| self.file_error(source))?;
        let text = String::from_utf8(bytes).map_err(|_| self.damaged("it is not UTF-8".into()))?;
        // The parser's own words quote the value, which may be an account.
        toml::from_str(&text).map_err(|error| {
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or_default();
            self.damaged(format!(
                "line {} makes no sense",
                before.matches('\n').count() + 1
            ))
        })
    }

    /// Writes the settings so that a crash leaves either the old file or the new one, readable by its owner only.
    ///
    /// # Errors
    /// [`KeepError::File`] when the folder or file cannot be written.
    pub fn save(&self, settings: &Settings) -> Result<(), KeepError> {
        let text =
            toml::to_string_pretty(settings).map_err(|error| self.damaged(error.to_string()))?;
        self.replace(text.as_bytes())
            .map_err(|source| self.file_error(source))
    }

    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let draft = self.path.with_extension("toml.new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&draft, &self.path)
    }

    fn file_error(&self, source: std::io::Error) -> KeepError {
        KeepError::File {
            path: self.path.display().to_string(),
            source,
        }
    }

    fn damaged(&self, detail: String) -> KeepError {
        KeepError::Damaged {
            path: self.path.display().to_string(),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_saved() {
        let dir = tempfile::tempdir().unwrap();
        let file = SettingsFile::in_dir(&dir.path().join("caller"));
        assert_eq!(file.load().unwrap(), Settings::default());
        let settings = Settings {
            server: Some("relay.example:5061".into()),
            remember_password: true,
            theme: Some("dark".into()),
            relay_only: true,
            location: Some(KeptLocation {
                account: "+15550100001".into(),
                address: Some("country=US;RD=Elm \"x\"".into()),
                withheld: true,
            }),
            ..Settings::default()
        };
        file.save(&settings).unwrap();
        file.save(&settings).unwrap();
        assert_eq!(file.load().unwrap(), settings);
        assert!(!format!("{settings:?}").contains("Elm"));
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &fs::metadata(file.path()).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_named_without_its_values() {
        let dir = tempfile::tempdir().unwrap();
        let file = SettingsFile::in_dir(dir.path());
        fs::write(file.path(), "server = 15550100199\n").unwrap();
        let text = file.load().unwrap_err().to_string();
        assert!(
            text.contains("settings.toml") && !text.contains("5550100"),
            "{text}"
        );
        fs::write(file.path(), vec![b'#'; FILE_BYTES_MAX as usize + 1]).unwrap();
        assert!(matches!(file.load(), Err(KeepError::Damaged { .. })));
    }
}
