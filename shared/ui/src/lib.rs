//! What both desktop apps are drawn with.
//!
//! What it is: the look ([`theme`]), the controls ([`widgets`]), the words ([`strings`],
//! [`situation`]), the screens both apps have ([`screens`]), and what their demonstrations and
//! tests need ([`automation`], [`capture`], [`twin`]).
//! What it is not: it knows no network and no call engine; the apps convert.
//! Start reading at [`Kit`], then [`widgets::Button`].

pub mod automation;
pub mod capture;
pub mod conversation;
pub mod desk;
pub mod host;
pub mod key_pad;
mod keys;
mod kit;
pub mod place;
pub mod screens;
pub mod situation;
pub mod strings;
#[cfg(test)]
mod testing;
pub mod theme;
pub mod twin;
pub mod widgets;

/// Pictures and the mailbox they come in, as the engine hands them over.
pub mod picture {
    pub use vrs_media::picture::{Picture, Slot};
}

/// The icons: one family, one weight.
pub use egui_phosphor::bold as glyph;
pub use keys::{Keys, key_went_down, screen_opened};
pub use kit::Kit;
pub use strings::{Language, Strings};
pub use theme::Theme;
