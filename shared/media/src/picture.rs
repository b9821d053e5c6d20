//! One decoded picture, and the mailbox in which the newest one lies.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A picture ready to be drawn: 8-bit RGBA, rows from top to bottom without padding.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue, alpha of each pixel: exactly `4 * width * height` bytes.
    pub rgba: Vec<u8>,
    /// Grows by one per picture of this source.
    pub counter: u64,
}

impl fmt::Debug for Picture {
    /// Never the pixels: they are content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Picture({}x{}, number {})",
            self.width, self.height, self.counter
        )
    }
}

/// A mailbox for one value: the newest wins, and whoever looks sees it as often as they like.
///
/// Clones share the same mailbox. Both sides hold the lock only to swap a pointer, so neither a
/// decoder nor a window ever waits for the other's work.
pub struct Slot<T>(Arc<Mutex<Content<T>>>);

struct Content<T> {
    latest: Option<Arc<T>>,
    version: u64,
}

impl<T> Slot<T> {
    /// An empty mailbox, version 0.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Content {
            latest: None,
            version: 0,
        })))
    }

    /// Replaces the value; the version grows by one.
    pub fn put(&self, value: T) {
        let value = Some(Arc::new(value));
        let previous = {
            let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            content.version += 1;
            std::mem::replace(&mut content.latest, value)
        };
        drop(previous); // a large picture is freed outside the lock
    }

    /// Empties the mailbox (a call ended); the version grows by one.
    pub fn clear(&self) {
        let previous = {
            let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            content.version += 1;
            content.latest.take()
        };
        drop(previous);
    }

    /// The newest value, if any was put.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<T>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .latest
            .clone()
    }

    /// How many times the mailbox changed; equal versions mean nothing new.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .version
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot(version {})", self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_wins_and_every_clone_sees_it() {
        let slot = Slot::new();
        let other = slot.clone();
        assert_eq!((other.version(), other.latest()), (0, None));
        slot.put(1);
        slot.put(2);
        assert_eq!((other.version(), other.latest().as_deref()), (2, Some(&2)));
        other.clear();
        assert_eq!((slot.version(), slot.latest()), (3, None));
    }

    #[test]
    fn a_picture_does_not_print_its_pixels() {
        let picture = Picture {
            width: 1,
            height: 1,
            rgba: vec![200; 4],
            counter: 7,
        };
        assert_eq!(format!("{picture:?}"), "Picture(1x1, number 7)");
    }
}
