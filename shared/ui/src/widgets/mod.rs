//! The things screens are made of.
//!
//! What it is: every control and figure of both apps, each with a role, a name and a state for a
//! screen reader.
//! What it is not: no widget knows a call or changes anything; each says what the user did.
//! Start reading at [`Button`].

mod bar;
mod button;
mod card;
mod choice;
mod dial_pad;
mod field;
mod flash;
mod journey;
mod meter;
mod notice;
mod paint;
mod rail;
mod ring;
mod strip;
mod text_pane;
mod toast;
mod video;
pub mod words;

pub use bar::{BarItem, BarPress, EndButton, call_bar};
pub use button::{Button, Kind, Outline};
pub use card::card;
pub use choice::{choice, switch};
pub use dial_pad::{dial_pad, dial_rows};
pub use field::Field;
pub use flash::{FLASH_HZ, flash_border, thin_flash_border};
pub use journey::{Reach, Station, journey};
pub use meter::{level_meter, loudness_dbfs};
pub use notice::{Notice, NoticeAction, notice};
pub use paint::{focus_ring, icon};
pub use rail::{Page, rail};
pub use ring::countdown_ring;
pub use strip::{Fact, Form, Strip, state_strip};
pub use text_pane::{Typed, text_pane};
pub use toast::{Note, Toasts};
pub use video::{Fit, Look, Placeholder, VideoView, name_tag};
