//! The loop between an app's model, its window and its engine; the same for both apps.
//!
//! Views read the model and return messages; `update` changes the model and returns effects;
//! effects are done here, at one place, once per frame. The engine is behind [`Calls`], so that
//! tests put a scripted twin in its place.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Context, Ui, UserAttentionType, ViewportCommand};
use vrs_media::picture::{Picture, Slot};

use crate::capture::{self, CaptureError, Shutter};
use crate::desk::Desk;
use crate::keys::Keys;
use crate::kit::Kit;
use crate::strings::Strings;
use crate::theme::{self, Theme};
use crate::widgets::VideoView;

/// Most engine events taken in one frame; the rest waits for the next.
const EVENTS_PER_FRAME_MAX: usize = 256;

/// What an app needs of a call engine.
pub trait Calls<Command, Event> {
    /// Asks for something; the answer is an event.
    fn send(&self, command: Command);
    /// The next thing that happened, if any.
    fn try_event(&self) -> Option<Event>;
    /// The other person's picture.
    fn remote_picture(&self) -> Slot<Picture>;
    /// The user's own picture.
    fn local_picture(&self) -> Slot<Picture>;
}

/// The model of an app, with the three things the loop does with it.
pub trait Program {
    /// What the engine takes.
    type Command;
    /// What the engine tells.
    type Event;
    /// Everything that can happen.
    type Message: From<Self::Event>;

    /// Changes the model; pure but for the time handed in.
    fn update(&mut self, now: Instant, message: Self::Message) -> Vec<Effect<Self::Command>>;
    /// What is due without anything happening: scripts, time limits.
    fn tick(&mut self, now: Instant) -> Vec<Effect<Self::Command>>;
    /// Draws the model; what the user did.
    fn view(&self, ui: &mut Ui, kit: &Kit, seen: &Seen) -> Vec<Self::Message>;
    /// What both apps have.
    fn desk(&self) -> &Desk;
    /// What both apps have, to be changed.
    fn desk_mut(&mut self) -> &mut Desk;
    /// Figures of the last call.
    fn report(&self) -> serde_json::Value;
    /// Until when nothing changes by itself; `None` if nothing does.
    fn wake_after(&self, now: Instant) -> Option<Duration>;
}

/// What views see beside the model.
pub struct Seen {
    /// The other person's picture.
    pub remote: VideoView,
    /// The user's own picture.
    pub local: VideoView,
    /// Who has the keyboard.
    pub keys: Keys,
}

/// Something to be done outside the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<Command> {
    /// Ask the engine.
    Engine(Command),
    /// Write the settings (and the password, if the user wants it kept).
    Save,
    /// Forget the password.
    Forget,
    /// Take a picture of the window.
    Shutter,
    /// Write the report.
    Report,
    /// Ask the desktop for attention, or stop asking.
    Attention(bool),
    /// Close the app.
    Close,
}

impl<Command> Effect<Command> {
    /// The same effect with another command.
    pub fn map<Other>(self, command: impl FnOnce(Command) -> Other) -> Effect<Other> {
        match self {
            Self::Engine(own) => Effect::Engine(command(own)),
            Self::Save => Effect::Save,
            Self::Forget => Effect::Forget,
            Self::Shutter => Effect::Shutter,
            Self::Report => Effect::Report,
            Self::Attention(wanted) => Effect::Attention(wanted),
            Self::Close => Effect::Close,
        }
    }
}

/// What happens on disk; a test hands in one that does nothing.
pub trait Keeping<P> {
    /// Writes the settings.
    fn save(&mut self, program: &P);
    /// Forgets the password.
    fn forget(&mut self, program: &P);
}

/// Keeps nothing.
impl<P> Keeping<P> for () {
    fn save(&mut self, _: &P) {}
    fn forget(&mut self, _: &P) {}
}

/// Where report and picture go, and what time it is.
#[derive(Clone)]
pub struct Surroundings {
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where the picture of the window goes.
    pub screenshot: Option<PathBuf>,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Instant>,
}

/// A model with its engine and its window.
pub struct Host<P: Program> {
    program: P,
    calls: Box<dyn Calls<P::Command, P::Event>>,
    keeping: Box<dyn Keeping<P>>,
    surroundings: Surroundings,
    started: Instant,
    strings: Strings,
    look: Option<(Theme, u16, bool)>,
    seen: Seen,
    keys_before: Keys,
    shutter: Shutter,
    trouble: Vec<CaptureError>,
}

impl<P: Program> Host<P> {
    /// Brings the parts together, and gives the window its fonts and look.
    #[must_use]
    pub fn new(
        ctx: &Context,
        program: P,
        calls: Box<dyn Calls<P::Command, P::Event>>,
        keeping: Box<dyn Keeping<P>>,
        surroundings: Surroundings,
    ) -> Self {
        theme::install_fonts(ctx);
        let started = (surroundings.clock)();
        let strings = Strings::new(program.desk().choices.language);
        let seen = Seen {
            remote: VideoView::new("remote"),
            local: VideoView::new("local"),
            keys: Keys::default(),
        };
        let mut host = Self {
            program,
            calls,
            keeping,
            surroundings,
            started,
            strings,
            look: None,
            seen,
            keys_before: Keys::default(),
            shutter: Shutter::default(),
            trouble: Vec::new(),
        };
        host.apply_look(ctx);
        host
    }

    /// The model, for tests.
    #[must_use]
    pub const fn program(&self) -> &P {
        &self.program
    }

    /// What went wrong with report and picture since the last time this was asked.
    pub fn take_trouble(&mut self) -> Vec<CaptureError> {
        std::mem::take(&mut self.trouble)
    }

    /// Takes what the engine told and does what is due; before each frame, and while hidden.
    pub fn logic(&mut self, ctx: &Context) {
        let now = (self.surroundings.clock)();
        for _ in 0..EVENTS_PER_FRAME_MAX {
            let Some(event) = self.calls.try_event() else {
                break;
            };
            let effects = self.program.update(now, event.into());
            self.run(ctx, effects);
        }
        if let Some(image) = self.shutter.take() {
            if let Some(path) = &self.surroundings.screenshot {
                self.trouble.extend(capture::write_png(path, &image).err());
            }
            self.program.desk_mut().script.screenshot_finished();
        }
        let effects = self.program.tick(now);
        self.run(ctx, effects);
    }

    /// Draws one frame and does what the user asked for in it.
    pub fn ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let now = (self.surroundings.clock)();
        self.apply_look(&ctx);
        self.seen.remote.update(&ctx, &self.calls.remote_picture());
        self.seen.local.update(&ctx, &self.calls.local_picture());
        let choices = &self.program.desk().choices;
        let kit = Kit::new(
            choices.theme,
            self.strings.clone(),
            choices.still,
            self.started,
            now,
        );
        self.seen.keys = Keys::at_start(&ctx, self.keys_before);
        let messages = self.program.view(ui, &kit, &self.seen);
        self.keys_before = Keys::read(&ctx);
        if ctx.will_discard() {
            return; // egui draws this frame again, with the same input
        }
        let something_happened = !messages.is_empty();
        for message in messages {
            let effects = self.program.update(now, message);
            self.run(&ctx, effects);
        }
        if something_happened {
            ctx.request_repaint();
        } else if let Some(after) = self.program.wake_after(now) {
            ctx.request_repaint_after(after.max(Duration::from_millis(15)));
        }
    }

    fn apply_look(&mut self, ctx: &Context) {
        let choices = &self.program.desk().choices;
        let look = (choices.theme, choices.text_percent, choices.still);
        if self.strings.language() != choices.language {
            self.strings = Strings::new(choices.language);
        }
        if self.look != Some(look) {
            self.look = Some(look);
            theme::install_look(ctx, look.0, look.1, look.2);
        }
    }

    fn run(&mut self, ctx: &Context, effects: Vec<Effect<P::Command>>) {
        for effect in effects {
            match effect {
                Effect::Engine(command) => self.calls.send(command),
                Effect::Save => self.keeping.save(&self.program),
                Effect::Forget => self.keeping.forget(&self.program),
                Effect::Shutter => self.shutter.press(ctx),
                Effect::Report => {
                    if let Some(path) = &self.surroundings.report {
                        let written = capture::write_json(path, &self.program.report());
                        self.trouble.extend(written.err());
                    }
                }
                Effect::Attention(wanted) => {
                    let kind = if wanted {
                        UserAttentionType::Critical
                    } else {
                        UserAttentionType::Reset
                    };
                    ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(kind));
                }
                Effect::Close => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
        }
    }
}
