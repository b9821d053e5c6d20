//! A small SIP telephone: answers, rings, is busy or never answers; plays speech, a tone or
//! the signals of a telephone network and reports what it heard.
//!
//! What it is: a user agent server on `vrs-sip` and `vrs-media`'s trunk leg, over UDP, TCP or TLS,
//! with G.711 sound; the far end of a trunk in tests and in the demo.
//! What it is not: a softphone. It places no calls, and it shares protocol code with the server,
//! so tests/peers brings in telephones by other people.
//! Start reading at [`Telephone::spawn`]; [`mod@line`] is one call, [`driver`] the loop.

pub mod driver;
pub mod ear;
pub mod line;
pub mod network;
pub mod phone;
pub mod report;
pub mod signals;
pub mod told;
pub mod voice;

pub use phone::{Behaviour, Happening, Settings, Telephone, TelephoneError, Wish};
pub use report::Report;
pub use signals::TonePlan;
pub use told::Told;
pub use voice::Voice;
