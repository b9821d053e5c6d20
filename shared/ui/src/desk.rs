//! The part of the model that both apps have: signing in, the connection, settings, text, script.

use std::time::{Duration, Instant};

use vrs_domain::{CivicLocation, LocationRefusal, Sensitive};
use vrs_media::Written;

use crate::automation::{Scene, Script, Step};
use crate::conversation::Conversation;
use crate::host::Effect;
use crate::key_pad::KeyPad;
use crate::place::{Place, PlaceChange};
use crate::screens::{Change, Choices, DeviceNames, Form, FormChange, Problem};
use crate::situation::Link;
use crate::widgets::{Note, Toasts, Typed};

/// How long the first Escape waits for the second.
pub const ESCAPE_AGAIN: Duration = Duration::from_secs(2);

/// What both apps have.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    /// The fields of the sign-in page.
    pub form: Form,
    /// Signing in is under way.
    pub signing_in: bool,
    /// Why signing in did not work.
    pub problem: Option<Problem>,
    /// Who is signed in.
    pub account: Option<String>,
    /// The connection to the service.
    pub link: Link,
    /// Look, language, devices.
    pub choices: Choices,
    /// Which devices there are.
    pub devices: DeviceNames,
    /// Where the user is; interpreters are not asked.
    pub place: Option<Place>,
    /// The settings page is open.
    pub settings_open: bool,
    /// Real-time text of this call.
    pub conversation: Conversation,
    /// Whether the text is shown; `None` leaves it to the window's width.
    pub text_open: Option<bool>,
    /// The telephone's keys in this call.
    pub key_pad: KeyPad,
    /// Messages that go away by themselves.
    pub toasts: Toasts,
    /// What the flags ask for.
    pub script: Script,
    /// Signing in is tried without a click, once.
    pub sign_in_at_start: bool,
    /// The first of two Escapes.
    pub escape_pressed: Option<Instant>,
}

/// What the desk asks of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeskCommand {
    /// Sign in.
    SignIn {
        /// `host:port`.
        server: String,
        /// Telephone number or CA id.
        account: String,
        /// The password.
        password: Sensitive<String>,
    },
    /// Tell the provider where the user is, or nothing.
    SetLocation(Option<Sensitive<CivicLocation>>),
    /// Let calls pass only through the provider's relay, or not.
    SetRelayOnly(bool),
    /// Sign out.
    SignOut,
    /// Hang up.
    HangUp,
    /// Send these characters.
    SendText(String),
    /// Press this key for the telephone.
    SendKey(Sensitive<char>),
}

/// What happens to the desk.
#[derive(Debug, Clone, PartialEq)]
pub enum DeskMessage {
    /// Something on the sign-in page.
    SignIn(FormChange),
    /// Something on the settings page.
    Settings(Change),
    /// The settings page is opened or left.
    OpenSettings(bool),
    /// The connection changed.
    Link(Link),
    /// The server knows us.
    SignedIn(String),
    /// Signing in did not work.
    SignInFailed(Problem),
    /// Signed out.
    SignedOut,
    /// What the provider says of where the user is.
    Located {
        /// Whether it has an address, if it says so.
        registered: Option<bool>,
        /// What became of the one it was told just now.
        answer: Option<Result<(), LocationRefusal>>,
    },
    /// Something typed in the text pane.
    Typed(Typed),
    /// Characters from the other person, or one of several.
    Received(Written),
    /// The text is shown or hidden.
    ShowText(bool),
    /// The telephone's keys are shown or hidden.
    ShowKeys(bool),
    /// A key for the telephone.
    Press(Sensitive<char>),
    /// A key was pressed at the telephone.
    KeyHeard(Sensitive<char>),
    /// Say this for a while.
    Tell(Note),
    /// Escape during a call.
    Escape,
}

type DeskEffects = Vec<Effect<DeskCommand>>;

impl Desk {
    /// Changes the desk.
    pub fn update(&mut self, now: Instant, message: DeskMessage) -> DeskEffects {
        match message {
            DeskMessage::SignIn(FormChange::Edited(form)) => {
                self.form = form;
                Vec::new()
            }
            DeskMessage::SignIn(FormChange::Submitted) => self.sign_in(),
            DeskMessage::SignIn(FormChange::Settings) => self.open_settings(true),
            DeskMessage::OpenSettings(open) => self.open_settings(open),
            DeskMessage::Settings(Change::Chosen(choices)) => {
                let before = std::mem::replace(&mut self.choices, *choices);
                let way = self.choices.relay_only;
                let changed = (before.relay_only != way).then_some(DeskCommand::SetRelayOnly(way));
                let changed = changed.into_iter().map(Effect::Engine);
                changed.chain([Effect::Save]).collect()
            }
            DeskMessage::Settings(Change::Place(change)) => self.moved(change),
            DeskMessage::Settings(Change::SignOut) => {
                self.settings_open = false;
                self.form.remember = false;
                vec![Effect::Forget, Effect::Engine(DeskCommand::SignOut)]
            }
            DeskMessage::Link(link) => {
                self.link = link;
                Vec::new()
            }
            DeskMessage::SignedIn(account) => {
                self.signing_in = false;
                self.problem = None;
                if let Some(place) = &mut self.place {
                    place.signed_in(&account);
                }
                self.account = Some(account);
                vec![Effect::Save]
            }
            DeskMessage::SignInFailed(problem) => {
                self.signing_in = false;
                self.account = None;
                self.problem = Some(problem);
                Vec::new()
            }
            DeskMessage::SignedOut => {
                self.account = None;
                self.signing_in = false;
                self.form.password = Sensitive::default();
                if let Some(place) = &mut self.place {
                    place.signed_out();
                }
                Vec::new()
            }
            DeskMessage::Located { registered, answer } => {
                if let Some(place) = &mut self.place {
                    place.answered(registered, answer);
                }
                Vec::new()
            }
            DeskMessage::Typed(typed) => self.typed(typed),
            DeskMessage::Received(text) => {
                self.conversation.receive(&text);
                Vec::new()
            }
            DeskMessage::ShowText(open) => {
                self.text_open = Some(open);
                Vec::new()
            }
            DeskMessage::ShowKeys(open) => {
                self.key_pad.open = open;
                Vec::new()
            }
            DeskMessage::Press(key) => {
                self.key_pad.sent(key);
                vec![Effect::Engine(DeskCommand::SendKey(key))]
            }
            DeskMessage::KeyHeard(key) => {
                self.key_pad.heard(key);
                Vec::new()
            }
            DeskMessage::Tell(note) => {
                self.toasts.push(now, note);
                Vec::new()
            }
            DeskMessage::Escape => self.escape(now),
        }
    }

    /// What is due: the first sign-in, toasts that have been read, the script.
    pub fn tick(&mut self, now: Instant, scene: Scene) -> DeskEffects {
        self.toasts.expire(now);
        if self
            .escape_pressed
            .is_some_and(|first| now.saturating_duration_since(first) >= ESCAPE_AGAIN)
        {
            self.escape_pressed = None;
        }
        let mut effects = Vec::new();
        if std::mem::take(&mut self.sign_in_at_start) && self.form.is_complete() {
            effects.extend(self.sign_in());
        }
        effects.extend(
            self.script
                .due(now, scene)
                .into_iter()
                .map(|step| match step {
                    Step::Screenshot => Effect::Shutter,
                    Step::HangUp => Effect::Engine(DeskCommand::HangUp),
                    Step::Report => Effect::Report,
                    Step::Exit => Effect::Close,
                }),
        );
        effects
    }

    /// A call is over: its text is forgotten.
    pub fn forget_call(&mut self) {
        self.conversation = Conversation::default();
        self.key_pad = KeyPad::default();
        self.escape_pressed = None;
    }

    /// Whether one more Escape ends the call.
    #[must_use]
    pub fn one_escape_left(&self, now: Instant) -> bool {
        self.escape_pressed
            .is_some_and(|first| now.saturating_duration_since(first) < ESCAPE_AGAIN)
    }

    fn sign_in(&mut self) -> DeskEffects {
        if !self.form.is_complete() {
            self.problem = Some(Problem::Missing);
            return Vec::new();
        }
        self.problem = None;
        self.signing_in = true;
        let place = self.place.as_ref();
        let place = place.and_then(|place| place.to_tell(&self.form.account));
        let mut effects = Vec::new();
        effects.extend(place.map(|place| Effect::Engine(DeskCommand::SetLocation(Some(place)))));
        effects.push(Effect::Engine(DeskCommand::SignIn {
            server: self.form.server.trim().to_owned(),
            account: self.form.account.trim().to_owned(),
            password: self.form.password.clone(),
        }));
        effects
    }

    fn moved(&mut self, change: PlaceChange) -> DeskEffects {
        let told = self.place.as_mut().and_then(|place| place.update(change));
        let told = told.map(|place| {
            let tell = Effect::Engine(DeskCommand::SetLocation(place));
            vec![Effect::Save, tell]
        });
        told.unwrap_or_default()
    }

    fn open_settings(&mut self, open: bool) -> DeskEffects {
        self.settings_open = open;
        Vec::new()
    }

    fn typed(&mut self, typed: Typed) -> DeskEffects {
        let sent = match typed {
            Typed::Changed(field) => {
                Some(self.conversation.retype(&field)).filter(|sent| !sent.is_empty())
            }
            Typed::Finished => self.conversation.finish_line(),
        };
        sent.map(|text| Effect::Engine(DeskCommand::SendText(text)))
            .into_iter()
            .collect()
    }

    fn escape(&mut self, now: Instant) -> DeskEffects {
        if self.one_escape_left(now) {
            self.escape_pressed = None;
            return vec![Effect::Engine(DeskCommand::HangUp)];
        }
        self.escape_pressed = Some(now);
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    fn filled() -> Desk {
        let form = Form {
            server: " relay.example ".into(),
            account: "1234".into(),
            password: Sensitive::new("secret".into()),
            remember: false,
        };
        Desk {
            form,
            ..Desk::default()
        }
    }

    #[test]
    fn an_empty_field_is_named_before_anything_is_sent() {
        let mut desk = Desk::default();
        let effects = desk.update(epoch(), DeskMessage::SignIn(FormChange::Submitted));
        assert_eq!((effects, desk.problem), (vec![], Some(Problem::Missing)));
    }

    #[test]
    fn signing_in_sends_what_was_typed_and_ends_in_an_account_or_a_problem() {
        let now = epoch();
        let mut desk = filled();
        let effects = desk.update(now, DeskMessage::SignIn(FormChange::Submitted));
        assert!(
            matches!(&effects[..], [Effect::Engine(DeskCommand::SignIn { server, .. })] if server == "relay.example")
        );
        assert!(desk.signing_in);
        desk.update(now, DeskMessage::SignInFailed(Problem::WrongPassword));
        assert_eq!(
            (desk.signing_in, desk.problem.clone()),
            (false, Some(Problem::WrongPassword))
        );
        desk.update(now, DeskMessage::SignedIn("1234".into()));
        assert_eq!((desk.account, desk.problem), (Some("1234".into()), None));
    }

    #[test]
    fn at_the_start_it_signs_in_once_without_a_click() {
        let mut desk = Desk {
            sign_in_at_start: true,
            ..filled()
        };
        let now = epoch();
        assert_eq!(desk.tick(now, Scene::default()).len(), 1);
        assert_eq!(desk.tick(now, Scene::default()).len(), 0);
    }

    #[test]
    fn a_call_ends_by_two_escapes_and_not_by_one() {
        let now = epoch();
        let mut desk = filled();
        assert_eq!(desk.update(now, DeskMessage::Escape), []);
        let late = now + ESCAPE_AGAIN;
        assert_eq!(desk.update(late, DeskMessage::Escape), []);
        let soon = late + Duration::from_millis(300);
        assert_eq!(
            desk.update(soon, DeskMessage::Escape),
            [Effect::Engine(DeskCommand::HangUp)]
        );
    }

    #[test]
    fn signing_out_forgets_the_password() {
        let now = epoch();
        let mut desk = filled();
        let effects = desk.update(now, DeskMessage::Settings(Change::SignOut));
        assert_eq!(
            effects,
            [Effect::Forget, Effect::Engine(DeskCommand::SignOut)]
        );
        desk.update(now, DeskMessage::SignedOut);
        assert_eq!(desk.form.password.expose(), "");
    }
}
