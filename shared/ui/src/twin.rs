//! A scripted engine: it says what a test tells it to, and remembers what it was asked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use vrs_media::picture::{Picture, Slot};

use crate::host::Calls;

/// The twin of an engine; clones share everything.
pub struct Twin<Command, Event> {
    said: Rc<RefCell<VecDeque<Event>>>,
    asked: Rc<RefCell<Vec<Command>>>,
    /// The other person's picture.
    pub remote: Slot<Picture>,
    /// The user's own picture.
    pub local: Slot<Picture>,
}

impl<Command, Event> Default for Twin<Command, Event> {
    fn default() -> Self {
        Self {
            said: Rc::default(),
            asked: Rc::default(),
            remote: Slot::new(),
            local: Slot::new(),
        }
    }
}

impl<Command, Event> Clone for Twin<Command, Event> {
    fn clone(&self) -> Self {
        Self {
            said: Rc::clone(&self.said),
            asked: Rc::clone(&self.asked),
            remote: self.remote.clone(),
            local: self.local.clone(),
        }
    }
}

impl<Command, Event> Twin<Command, Event> {
    /// Lets the engine tell something.
    pub fn say(&self, event: Event) {
        self.said.borrow_mut().push_back(event);
    }

    /// What it was asked since the last time this was called.
    #[must_use]
    pub fn take_asked(&self) -> Vec<Command> {
        self.asked.take()
    }
}

impl<Command, Event> Calls<Command, Event> for Twin<Command, Event> {
    fn send(&self, command: Command) {
        self.asked.borrow_mut().push(command);
    }

    fn try_event(&self) -> Option<Event> {
        self.said.borrow_mut().pop_front()
    }

    fn remote_picture(&self) -> Slot<Picture> {
        self.remote.clone()
    }

    fn local_picture(&self) -> Slot<Picture> {
        self.local.clone()
    }
}
