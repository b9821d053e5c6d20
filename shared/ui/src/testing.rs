//! What several unit tests need.

use std::time::Instant;

/// A moment to count from; an `Instant` can be had in no other way.
#[allow(clippy::disallowed_methods)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
