//! Picture and sound of the calls: what comes in, what is to be sent, what the window hears of it.

use std::time::Instant;

use super::Driver;
use super::calls::{ActiveCall, Place};
use crate::engine::media::{MediaInput, MediaNotice, MediaSession};
use crate::engine::{CallStats, Event};

impl Driver {
    /// The media of the call that stands there; one that is waiting has none yet.
    pub(super) fn media_at(&mut self, place: Place) -> Option<&mut MediaSession> {
        let call = match place {
            Place::Current => &mut self.call,
            Place::Parked => &mut self.parked,
            Place::Waiting => &mut self.waiting,
        };
        call.as_mut().and_then(|active| active.media.as_mut())
    }

    pub(super) fn on_media(&mut self, now: Instant, place: Place, input: MediaInput) {
        if let MediaInput::Prepared(input) = input {
            return self.on_prepared_input(now, place, input);
        }
        let Some(media) = self.media_at(place) else {
            return;
        };
        match input {
            MediaInput::Network(input) => media.receive(now, input, false),
            MediaInput::Other(input) => media.receive(now, input, true),
            MediaInput::Prepared(_) => {}
            MediaInput::Report(report) => {
                if let Some(notice) = media.on_report(now, report) {
                    self.on_notice(now, place, notice);
                }
            }
        }
    }

    /// Returns whether there was anything to do.
    pub(super) fn flush_media(&mut self, now: Instant) -> bool {
        let mut busy = false;
        for place in [Place::Current, Place::Parked] {
            let Some(media) = self.media_at(place) else {
                continue;
            };
            let notices = media.flush(now);
            busy |= !notices.is_empty();
            for notice in notices {
                self.on_notice(now, place, notice);
            }
        }
        busy
    }

    fn call_at(&mut self, place: Place) -> Option<&mut ActiveCall> {
        match place {
            Place::Current => self.call.as_mut(),
            Place::Parked => self.parked.as_mut(),
            Place::Waiting => self.waiting.as_mut(),
        }
    }

    fn on_notice(&mut self, now: Instant, place: Place, notice: MediaNotice) {
        match notice {
            MediaNotice::Connected => self.on_media_connected(now, place),
            MediaNotice::Disconnected => {
                if let Some(active) = self.call_at(place) {
                    active.call.set_media_connected(false);
                }
                self.tell_call();
                self.path_is_lost(now, place);
            }
            MediaNotice::Failed(reason) => self.on_media_failed(now, place, &reason),
            MediaNotice::Text(text) => self.outlet.tell(Event::TextReceived(text)),
            MediaNotice::Key(key) => self.outlet.tell(Event::KeyPressed(key)),
            MediaNotice::Problem(text) => self.outlet.tell(Event::DeviceProblem(text)),
            MediaNotice::Levels {
                microphone_dbfs,
                speaker_dbfs,
                heard_hz,
            } => {
                self.outlet.tell(Event::Levels {
                    microphone_dbfs,
                    speaker_dbfs,
                    heard_hz,
                });
            }
        }
    }

    /// While the server is away, its media may fail: both may come back.
    fn on_media_failed(&mut self, now: Instant, place: Place, reason: &str) {
        let Some(active) = self.call_at(place) else {
            return;
        };
        if active.kept_until.is_none() {
            let handle = active.call.handle;
            return self.end_by_media(now, handle, reason);
        }
        tracing::info!(reason, "no media; the call waits for the server");
        active.call.set_media_connected(false);
        self.tell_call();
    }

    /// There is a path. What is on hold tells the other end so, who may not know it any more.
    fn on_media_connected(&mut self, now: Instant, place: Place) {
        let Some(active) = self.call_at(place) else {
            return;
        };
        active.call.set_media_connected(true);
        let (handle, on_hold) = (active.call.handle, active.call.on_hold);
        if on_hold {
            self.send_hold(now, handle, true);
        } else if place == Place::Current {
            self.start_media(now);
        }
        self.tell_call();
    }

    /// Devices and codecs of the call start, unless they run.
    pub(super) fn start_media(&mut self, now: Instant) {
        let Some(active) = &mut self.call else { return };
        let Some(media) = active.media.as_mut() else {
            return;
        };
        if media.is_started() || !active.call.has_media() || active.call.on_hold {
            return;
        }
        match media.start(now, &self.config, self.switches, &self.remote) {
            Ok(mailbox) => active.mailbox = Some(mailbox),
            Err(error) => {
                let handle = active.call.handle;
                return self.end_by_media(now, handle, &error.to_string());
            }
        }
        self.order_camera();
    }

    /// Sends the snapshots that differ from the last ones.
    pub(super) fn tell_call(&mut self) {
        let switches = self.switches;
        let news = |active: &mut ActiveCall| {
            let view = active.call.view(switches);
            let is_news = active.last_view.as_ref() != Some(&view);
            is_news.then(|| active.last_view.insert(view).clone())
        };
        if let Some(view) = self.parked.as_mut().and_then(news) {
            self.outlet.tell(Event::Parked(Some(view)));
        }
        if let Some(view) = self.call.as_mut().and_then(news) {
            self.outlet.tell(Event::Call(view));
        }
    }

    /// Figures once a second, while there is media.
    pub(super) fn tell_stats(&mut self) {
        let started = self
            .call
            .as_ref()
            .and_then(|active| active.media.as_ref())
            .is_some_and(MediaSession::is_started);
        if let Some(stats) = self.stats().filter(|_| started) {
            self.outlet.tell(Event::Stats(stats));
        }
    }

    pub(super) fn stats(&self) -> Option<CallStats> {
        let active = self.call.as_ref()?;
        let mut stats = active
            .media
            .as_ref()
            .map(MediaSession::stats)
            .unwrap_or_default();
        stats.frames_captured = self
            .camera
            .captured()
            .saturating_sub(active.captured_before);
        stats.states = active.call.states().to_vec();
        Some(stats)
    }
}
