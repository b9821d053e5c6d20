//! A caller or an interpreter: the real client engine with synthetic devices.

use std::time::{Duration, Instant};

use vrs_client::{
    CallEnd, CallStats, CallView, CameraChoice, Command, Engine, EngineConfig, Event, Invitation,
    MicrophoneChoice, Role, SpeakerChoice, VideoSize,
};
use vrs_domain::{PhoneNumber, ReliefReason, Seat, Sensitive, SessionState};

use crate::cable::Cable;
use crate::service::Service;

/// Nothing in these tests takes longer than this.
const PATIENCE: Duration = Duration::from_secs(90);

/// One person with a videophone.
pub struct Party {
    engine: Engine,
    name: String,
    seen: Vec<String>,
}

impl Party {
    /// A caller whose microphone hums at 660 Hz, signed in.
    #[must_use]
    pub fn caller(service: &Service, account: &str, password: &str) -> Self {
        Self::signed_in_at(service.secure(), service, Role::Caller, account, password)
    }

    /// An interpreter whose microphone hums at 440 Hz, signed in and available.
    #[must_use]
    pub fn interpreter(service: &Service, account: &str, password: &str) -> Self {
        Self::signed_in_at(
            service.secure(),
            service,
            Role::Interpreter,
            account,
            password,
        )
    }

    /// Somebody whose way to the server is a cable that can be cut, signed in; they hum as above.
    pub(crate) fn over(
        cable: &Cable,
        service: &Service,
        role: Role,
        account: &str,
        password: &str,
    ) -> Self {
        Self::signed_in_at(&cable.address(), service, role, account, password)
    }

    fn signed_in_at(
        server: &str,
        service: &Service,
        role: Role,
        account: &str,
        password: &str,
    ) -> Self {
        let hz = match role {
            Role::Caller => 660.0,
            Role::Interpreter => 440.0,
        };
        let mut party = Self::new(service, role, account, hz);
        party.sign_in_at(server, account, password);
        party.signed_in();
        party
    }

    /// Somebody who has not signed in.
    ///
    /// # Panics
    /// When the engine does not start.
    #[must_use]
    pub fn new(service: &Service, role: Role, name: &str, hz: f32) -> Self {
        Self::with_video(
            service,
            role,
            name,
            hz,
            VideoSize {
                width: 640,
                height: 480,
                fps: 15,
            },
        )
    }

    /// Somebody who has not signed in, with a picture of this size: small ones for crowds.
    ///
    /// # Panics
    /// When the engine does not start.
    #[must_use]
    pub fn with_video(
        service: &Service,
        role: Role,
        name: &str,
        hz: f32,
        video: VideoSize,
    ) -> Self {
        let config = EngineConfig {
            camera: CameraChoice::Synthetic,
            microphone: MicrophoneChoice::Synthetic { hz },
            speaker: SpeakerChoice::Null,
            extra_ca_pem: Some(service.ca()),
            video,
            ..EngineConfig::new(role)
        };
        let engine = Engine::start(config).expect("the engine starts");
        Self {
            engine,
            name: name.to_owned(),
            seen: Vec::new(),
        }
    }

    /// Types server, name and password.
    pub fn sign_in(&self, service: &Service, account: &str, password: &str) {
        self.sign_in_at(service.secure(), account, password);
    }

    /// Types another server, name and password.
    pub fn sign_in_at(&self, server: &str, account: &str, password: &str) {
        self.send(Command::SignIn {
            server: server.to_owned(),
            account: account.to_owned(),
            password: Sensitive::new(password.to_owned()),
        });
    }

    /// Waits until signed in.
    pub fn signed_in(&mut self) {
        self.wait("signed in", |event| {
            matches!(event, Event::SignedIn { .. }).then_some(())
        });
    }

    /// Presses something.
    pub fn send(&self, command: Command) {
        self.engine.send(command);
    }

    /// Calls the usual number through this interpreter, until all three are in conversation.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn converse_through(&mut self, interpreter: &mut Self) {
        self.call(crate::NUMBER);
        interpreter.invited();
        interpreter.send(Command::Answer);
        self.state(SessionState::RelayActive);
        interpreter.state(SessionState::RelayActive);
    }

    /// Asks for a relief and is given this one, whose media is connected afterwards.
    ///
    /// # Panics
    /// When another is invited, or none.
    pub fn relieved_by(&self, relief: &mut Self, reason: ReliefReason) {
        let (seat, reason) = (Seat::Relief, Some(reason));
        self.send(Command::AskSeat { seat, reason });
        assert_eq!(relief.invited().seat, Some(seat));
        relief.send(Command::Answer);
        relief.call_where("the picture's path", |view| view.media_connected);
    }

    /// Dials.
    ///
    /// # Panics
    /// When the number is not one.
    pub fn call(&self, number: &str) {
        let number: PhoneNumber = number.parse().expect("a telephone number");
        self.send(Command::Call { number });
    }

    /// Waits for an event that `pick` takes.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(event) = self.engine.next_event(left) else {
                panic!(
                    "{} waited in vain for: {what}; saw:\n{}",
                    self.name,
                    self.seen.join("\n")
                );
            };
            if !matches!(event, Event::Levels { .. } | Event::Stats(_)) {
                self.seen.push(format!("{event:?}"));
            }
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    }

    /// Waits until pictures arrive, and go on arriving.
    ///
    /// # Panics
    /// When they do not.
    pub fn sees(&mut self, what: &str) {
        let before = self.stats_where(what, |_| true).frames_decoded;
        self.stats_where(what, |stats| stats.frames_decoded > before + 10);
    }

    /// Waits until the simulated telephone's tone of 1000 Hz is heard.
    ///
    /// # Panics
    /// When it never is.
    pub fn hears_the_telephone(&mut self) {
        self.stats_where("the telephone's tone", |stats| {
            stats.heard_hz.is_some_and(|hz| (hz - 1_000.0).abs() < 25.0)
        });
    }

    /// Waits until the call is in `state`.
    pub fn state(&mut self, state: SessionState) -> CallView {
        self.call_where(state.word(), |view| view.state == Some(state))
    }

    /// Waits until the call is as `is` wants it.
    pub fn call_where(&mut self, what: &str, is: impl Fn(&CallView) -> bool) -> CallView {
        self.wait(what, |event| {
            if let Event::Call(view) = event {
                is(view).then(|| view.clone())
            } else {
                None
            }
        })
    }

    /// Waits for an invitation.
    pub fn invited(&mut self) -> Invitation {
        self.wait("an invitation", |event| {
            if let Event::Incoming(invitation) = event {
                Some(invitation.clone())
            } else {
                None
            }
        })
    }

    /// Waits for the end of the call.
    pub fn ended(&mut self) -> CallEnd {
        self.wait("the end of the call", |event| {
            if let Event::CallEnded(end) = event {
                Some(end.clone())
            } else {
                None
            }
        })
    }

    /// Waits for statistics that `are` takes.
    pub fn stats_where(&mut self, what: &str, are: impl Fn(&CallStats) -> bool) -> CallStats {
        self.wait(what, |event| {
            if let Event::Stats(stats) = event {
                are(stats).then(|| stats.clone())
            } else {
                None
            }
        })
    }

    /// The engine, for pictures.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// Whether this party is in the conversation, with a path for picture and sound.
#[must_use]
pub fn is_talking(view: &CallView) -> bool {
    view.state == Some(SessionState::RelayActive) && view.media_connected
}
