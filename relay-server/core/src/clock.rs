//! The two clocks of a session, read by the driver at one moment.
//!
//! What it is not: it reads no clock itself.

/// One moment on both clocks.
///
/// The monotonic clock measures durations, the UTC clock dates the record: a step of the wall
/// clock changes a date and never a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970-01-01T00:00:00Z; may step backwards.
    pub utc_ms: u64,
    /// Milliseconds that the server has been up, this process and those before it taken together;
    /// never steps backwards.
    pub mono_ms: u64,
}

/// A moment for tests to count from; nothing may depend on which.
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test has to begin at some instant"
)]
pub(crate) fn some_instant() -> std::time::Instant {
    std::time::Instant::now()
}
