//! A wish for a key frame, passed on at most every 500 ms: ours to the peer, and the peer's to ours.

use std::time::Instant;

use vrs_domain::limit::KEYFRAME_INTERVAL_MIN;

/// A key frame of one source.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyframeWish {
    pub(super) wanted: bool,
    asked: Option<Instant>,
}

impl KeyframeWish {
    pub(super) const fn new(wanted: bool) -> Self {
        Self {
            wanted,
            asked: None,
        }
    }

    /// When [`Self::take`] says yes next, if that is not now.
    pub(super) fn due(self) -> Option<Instant> {
        let asked = self.wanted.then_some(self.asked)?;
        asked.map(|asked| asked + KEYFRAME_INTERVAL_MIN)
    }

    /// Whether to ask now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let may_ask = self
            .asked
            .is_none_or(|at| now >= at + KEYFRAME_INTERVAL_MIN);
        let ask = self.wanted && may_ask;
        if ask {
            self.wanted = false;
            self.asked = Some(now);
        }
        ask
    }
}
