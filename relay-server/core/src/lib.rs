//! The relay server's thinking, pure.
//!
//! What it is: four machines that decide and never act. [`session`] is one relayed call,
//! [`queue`] brings waiting sessions and free interpreters together, [`admission`] says who has
//! asked too often, [`sfu`] forwards the media of one session.
//! What it is not: it opens nothing, sends nothing and reads no clock. Time, ids and epochs are
//! handed in; events, actions and the next deadline come out. It knows no SIP and no file format.
//! Start reading at the diagram in [`session`], then the protocol in [`queue`].

pub mod admission;
pub mod clock;
pub mod queue;
pub mod session;
pub mod sfu;

pub use clock::Now;
