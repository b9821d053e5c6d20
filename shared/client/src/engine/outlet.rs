//! The driver's end of the event queue: never blocks, never loses an event that matters.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use super::Event;

/// Events held back while the window does not read; past it the oldest go, with a word in the log.
const HELD_BACK_MAX: usize = 4096;

/// Sends events and wakes the window.
pub(crate) struct Outlet {
    events: SyncSender<Event>,
    held_back: VecDeque<Event>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outlet {
    pub(crate) fn new(events: SyncSender<Event>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self {
            events,
            held_back: VecDeque::new(),
            wake,
        }
    }

    /// The window's alarm clock, for threads that put pictures into a slot.
    pub(crate) fn wake(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::clone(&self.wake)
    }

    /// Tells the window. Readings that nobody reads are dropped; everything else waits its turn.
    pub(crate) fn tell(&mut self, event: Event) {
        let passing = matches!(event, Event::Levels { .. } | Event::Stats(_));
        self.retry();
        if self.held_back.is_empty() {
            match self.events.try_send(event) {
                Ok(()) => (self.wake)(),
                Err(TrySendError::Full(event)) if !passing => self.hold_back(event),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        } else if !passing {
            self.hold_back(event);
        }
    }

    /// Passes on what was held back, as far as the window reads again.
    pub(crate) fn retry(&mut self) {
        while let Some(event) = self.held_back.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => (self.wake)(),
                Err(TrySendError::Full(event)) => {
                    self.held_back.push_front(event);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => self.held_back.clear(),
            }
        }
    }

    fn hold_back(&mut self, event: Event) {
        if self.held_back.len() >= HELD_BACK_MAX {
            tracing::error!("the window does not read its events; the oldest is lost");
            self.held_back.pop_front();
        }
        self.held_back.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_window_that_does_not_read_loses_readings_but_no_events() {
        let (send, receive) = sync_channel(2);
        let mut outlet = Outlet::new(send, Arc::new(|| {}));
        let level = Event::Levels {
            microphone_dbfs: 0.0,
            speaker_dbfs: 0.0,
            heard_hz: 0.0,
        };
        for n in 0..5 {
            outlet.tell(Event::TextReceived(n.to_string().as_str().into()));
            outlet.tell(level.clone());
        }
        let mut seen = Vec::new();
        for _ in 0..10 {
            seen.extend(receive.try_iter());
            outlet.retry();
        }
        let texts: Vec<_> = seen
            .iter()
            .filter(|e| matches!(e, Event::TextReceived(_)))
            .collect();
        assert_eq!(texts.len(), 5);
    }
}
