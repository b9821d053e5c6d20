//! The look of the product: colours, sizes, fonts.
//!
//! What it is: the one place where a colour or a size is written.
//! What it is not: it draws nothing; that is [`crate::widgets`].
//! Start reading at [`Palette`].

mod install;
mod palette;
pub mod size;

pub use install::{bold, icon, install_fonts, install_look, regular};
pub use palette::{Pair, Palette, Theme, contrast_ratio, luminance};
