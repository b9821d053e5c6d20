//! Keys that act on a whole screen, without getting in the way of typing.

use egui::{Context, Event, Key};

/// Who has the keyboard in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keys {
    typing: bool,
    focused: bool,
}

impl Keys {
    /// Who has the keyboard at this moment.
    #[must_use]
    pub fn read(ctx: &Context) -> Self {
        Self {
            typing: ctx.text_edit_focused(),
            focused: ctx.memory(|memory| memory.focused()).is_some(),
        }
    }

    /// Who has it in the frame that begins; `before` was read when the last one ended.
    ///
    /// On Escape the last frame counts, because egui takes the focus away before any view runs.
    #[must_use]
    pub fn at_start(ctx: &Context, before: Self) -> Self {
        if ctx.input(|input| input.key_pressed(Key::Escape)) {
            before
        } else {
            Self::read(ctx)
        }
    }

    /// Whether a text field has the keyboard.
    #[must_use]
    pub const fn typing(self) -> bool {
        self.typing
    }

    /// A single key such as M, outside text fields.
    #[must_use]
    pub fn pressed(self, ctx: &Context, key: Key) -> bool {
        !self.typing && key_went_down(ctx, key)
    }

    /// Enter or space, which belong to the focused control if there is one.
    #[must_use]
    pub fn pressed_unfocused(self, ctx: &Context, key: Key) -> bool {
        !self.focused && key_went_down(ctx, key)
    }
}

/// Whether `key` was pressed in this frame, alone and not by holding it.
#[must_use]
pub fn key_went_down(ctx: &Context, key: Key) -> bool {
    ctx.input(|input| {
        input.events.iter().any(|event| {
            matches!(event, Event::Key { key: this, pressed: true, repeat: false, modifiers, .. }
                if *this == key && modifiers.is_none())
        })
    })
}

/// Whether another screen was drawn in the frame before; then its first control may take the keyboard.
#[must_use]
pub fn screen_opened(ctx: &Context, screen: &'static str) -> bool {
    let id = egui::Id::unique("screen");
    let before: Option<&'static str> = ctx.data(|data| data.get_temp(id));
    ctx.data_mut(|data| data.insert_temp(id, screen));
    before != Some(screen)
}
