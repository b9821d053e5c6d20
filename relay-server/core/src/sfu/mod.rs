//! The forwarding unit's thinking: who gets whose packets.
//!
//! What it is: a [`Room`] holds the WebRTC peers of one session, forwards picture and sound between
//! them without decoding, passes text on under its writer's name, passes key frame requests back to whoever makes the
//! picture, and hands sound out for mixing while a telephone is on the line.
//! What it is not: it owns no socket, no clock and no codec.
//! Start reading at [`Room`].

mod layers;
mod room;
mod writers;

pub use room::{Party, PeerNews, Room, RoomOutput};

#[cfg(test)]
mod tests;
