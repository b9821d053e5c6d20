//! The screens that both apps have: signing in, settings, and how a window is divided.

mod frame;
mod settings;
mod sign_in;

pub use frame::{Beside, FramePress, Shown, Stage, StagePress, call_stage, page_frame, text_is_open, top_strip, with_preview};
pub use settings::{Change, Choices, DeviceNames, TEXT_SIZES, settings_page};
pub use sign_in::{Form, FormChange, Problem, SignInView, sign_in_page};
