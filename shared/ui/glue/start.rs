//! From flags and kept settings to a desk and an engine's configuration.

use std::path::PathBuf;
use std::sync::Arc;

use vrs_client::keep::{
    Installation, KeepError, Keeper, KeptLocation, PasswordKeeper, Settings, SettingsFile,
};
use vrs_client::{
    CameraChoice, EngineConfig, MicrophoneChoice, Role, SpeakerChoice, VideoSize, devices,
};
use vrs_domain::Sensitive;
use vrs_ui::automation::{Flags, Script};
use vrs_ui::desk::Desk;
use vrs_ui::host::{Keeping, Program};
use vrs_ui::place::Place;
use vrs_ui::screens::{Choices, DeviceNames, Form};
use vrs_ui::{Language, Theme};

/// Why the app cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The settings' folder is not known.
    Keep(KeepError),
    /// The password file cannot be read.
    PasswordFile(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keep(error) => error.fmt(f),
            Self::PasswordFile(error) => write!(f, "the password file cannot be read: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// What the app starts with.
pub struct Started {
    /// Sign-in fields, choices, script.
    pub desk: Desk,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// This installation.
    pub installation: Installation,
    /// Writes settings and password.
    pub kept: Kept,
}

/// Reads settings and password, and lets the flags overrule them.
///
/// # Errors
/// [`StartError`]; a damaged settings file is only warned about.
pub fn start(app: &str, flags: &Flags) -> Result<Started, StartError> {
    let file = match &flags.settings_dir {
        Some(folder) => SettingsFile::in_dir(folder),
        None => SettingsFile::of_app(app).map_err(StartError::Keep)?,
    };
    let settings = file.load().unwrap_or_else(|error| {
        tracing::warn!(%error, "settings start afresh");
        Settings::default()
    });
    let mut kept = Kept {
        file,
        keeper: None,
        ca_file: settings.ca_file.clone(),
        installation: settings.installation.unwrap_or_else(Installation::random),
    };
    if settings.installation.is_none() {
        kept.write(&Settings {
            installation: Some(kept.installation),
            ..settings.clone()
        });
    }
    let mut choices = choices(&settings);
    flags.overrule(&mut choices);
    let form = Form {
        server: flags.server.clone().or(settings.server).unwrap_or_default(),
        account: flags
            .account
            .clone()
            .or(settings.account)
            .unwrap_or_default(),
        password: Sensitive::default(),
        remember: settings.remember_password,
    };
    let password = match flags.read_password().map_err(StartError::PasswordFile)? {
        None if form.remember && !form.account.is_empty() => kept.recall(&form.account),
        given => given,
    };
    let form = Form {
        password: password.unwrap_or_default(),
        ..form
    };
    let place = settings.location.map(|kept| {
        let address = kept.address.as_deref();
        Place::kept(&kept.account, address, kept.withheld)
    });
    let desk = Desk {
        place,
        sign_in_at_start: form.is_complete(),
        form,
        choices,
        devices: device_names(),
        script: Script::new(flags),
        ..Desk::default()
    };
    Ok(Started {
        desk,
        installation: kept.installation,
        ca_file: flags.ca_file.clone().or(settings.ca_file),
        kept,
    })
}

/// What the engine is to use; `wake` asks the window for a frame.
#[must_use]
pub fn engine_config(
    role: Role,
    tone_hz: f32,
    choices: &Choices,
    ca_file: Option<PathBuf>,
    installation: Installation,
    wake: Arc<dyn Fn() + Send + Sync>,
) -> EngineConfig {
    let camera = match choices.camera.as_deref() {
        None => CameraChoice::Default,
        Some("synthetic") => CameraChoice::Synthetic,
        Some(name) => CameraChoice::Named(name.to_owned()),
    };
    let microphone = match choices.microphone.as_deref() {
        None => MicrophoneChoice::Default,
        Some("synthetic") => MicrophoneChoice::Synthetic { hz: tone_hz },
        Some(name) => MicrophoneChoice::Named(name.to_owned()),
    };
    let speaker = match choices.speaker.as_deref() {
        None => SpeakerChoice::Default,
        Some("none") => SpeakerChoice::Null,
        Some(name) => SpeakerChoice::Named(name.to_owned()),
    };
    EngineConfig {
        role,
        camera,
        microphone,
        speaker,
        extra_ca_pem: ca_file,
        wake,
        video: VideoSize::default(),
        relay_only: choices.relay_only,
        installation,
    }
}

fn choices(settings: &Settings) -> Choices {
    let theme = settings
        .theme
        .as_deref()
        .and_then(Theme::from_word)
        .unwrap_or_default();
    let language = settings
        .language
        .as_deref()
        .and_then(Language::from_code)
        .unwrap_or_default();
    Choices {
        theme,
        language,
        camera: settings.camera.clone(),
        microphone: settings.microphone.clone(),
        speaker: settings.speaker.clone(),
        relay_only: settings.relay_only,
        ..Choices::default()
    }
}

fn kept_location(place: &Place) -> Option<KeptLocation> {
    let (account, address, withheld) = place.to_keep()?;
    Some(KeptLocation {
        account,
        address,
        withheld,
    })
}

fn device_names() -> DeviceNames {
    DeviceNames {
        cameras: devices::cameras(),
        microphones: devices::microphones(),
        speakers: devices::speakers(),
    }
}

/// The settings file and the key store; the store is opened when it is first needed.
pub struct Kept {
    file: SettingsFile,
    keeper: Option<Keeper>,
    ca_file: Option<PathBuf>,
    installation: Installation,
}

impl Kept {
    fn passwords(&mut self) -> &dyn PasswordKeeper {
        &*self.keeper.get_or_insert_with(Keeper::open).keeper
    }

    fn write(&self, settings: &Settings) {
        if let Err(error) = self.file.save(settings) {
            tracing::warn!(%error, "settings are not kept");
        }
    }

    fn recall(&mut self, account: &str) -> Option<Sensitive<String>> {
        self.passwords().recall(account).unwrap_or_else(|error| {
            tracing::warn!(%error, "no password from the key store");
            None
        })
    }
}

impl<P: Program> Keeping<P> for Kept {
    fn save(&mut self, program: &P) {
        let (form, choices) = (&program.desk().form, &program.desk().choices);
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let settings = Settings {
            server: filled(&form.server),
            account: filled(&form.account),
            remember_password: form.remember,
            ca_file: self.ca_file.clone(),
            camera: choices.camera.clone(),
            microphone: choices.microphone.clone(),
            speaker: choices.speaker.clone(),
            relay_only: choices.relay_only,
            theme: Some(choices.theme.word().to_owned()),
            language: Some(choices.language.code().to_owned()),
            installation: Some(self.installation),
            location: program.desk().place.as_ref().and_then(kept_location),
        };
        self.write(&settings);
        if form.remember && program.desk().account.is_some() {
            let kept = self.passwords().keep(form.account.trim(), &form.password);
            if let Err(error) = kept {
                tracing::warn!(%error, "the password is not kept");
            }
        }
    }

    fn forget(&mut self, program: &P) {
        let account = program.desk().form.account.trim().to_owned();
        if let Err(error) = self.passwords().forget(&account) {
            tracing::warn!(%error, "the password could not be forgotten");
        }
        self.save(program);
    }
}
