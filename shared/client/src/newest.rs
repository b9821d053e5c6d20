//! The newest value wins: one place for a value that many writers replace and one reader waits for.
//!
//! What it is: the join between a camera, which must never wait, and an encoder, which may be slow.
//! What it is not: a queue; a value that was not taken in time is gone, and counted.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A one-value mailbox; clones share it.
pub(crate) struct Newest<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    value: Option<T>,
    closed: bool,
}

/// What [`Newest::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// The newest value; it is gone from the mailbox.
    Value(T),
    /// Nothing came in time.
    Nothing,
    /// Closed: nothing will ever come.
    Closed,
}

impl<T> Clone for Newest<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Newest<T> {
    pub(crate) fn new() -> Self {
        let state = Mutex::new(State {
            value: None,
            closed: false,
        });
        Self {
            shared: Arc::new(Shared {
                state,
                arrived: Condvar::new(),
            }),
        }
    }

    /// Replaces what was there. Holds the lock for a move only.
    pub(crate) fn put(&self, value: T) {
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.value = Some(value);
        drop(state);
        self.shared.arrived.notify_one();
    }

    /// Wakes the reader for good.
    pub(crate) fn close(&self) {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.shared.arrived.notify_all();
    }

    /// Waits until a value is there, at most `timeout`.
    pub(crate) fn take(&self, timeout: Duration) -> Taken<T> {
        let state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .shared
            .arrived
            .wait_timeout_while(state, timeout, |s| s.value.is_none() && !s.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Taken::Closed;
        }
        state.value.take().map_or(Taken::Nothing, Taken::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_wins_and_is_taken_once() {
        let newest = Newest::new();
        newest.put(1);
        newest.put(2);
        assert_eq!(newest.take(Duration::ZERO), Taken::Value(2));
        assert_eq!(newest.take(Duration::ZERO), Taken::Nothing);
        newest.put(3);
        newest.close();
        assert_eq!(newest.take(Duration::from_secs(5)), Taken::Closed);
    }
}
