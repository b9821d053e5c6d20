//! The screens that both apps have: signing in, settings, the stage of a call, and how a window is
//! divided.

mod frame;
mod keys_row;
mod place;
mod settings;
mod shown;
mod sign_in;
mod stage;

pub use frame::{first_page, settings, sign_in, top_strip, with_preview};
pub use settings::{Change, Choices, DeviceNames, TEXT_SIZES, settings_page};
pub use shown::Shown;
pub use sign_in::{Form, FormChange, Problem, SignInView, sign_in_page};
pub use stage::{Beside, Stage, StagePress, call_stage};
