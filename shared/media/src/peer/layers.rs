//! Several sizes of one picture from one source (RFC 8853): which stream is which, how much of each
//! comes, and which of them the source is to send (RFC 7728).

use std::time::{Duration, Instant};

use super::Peer;
use crate::extension::StreamId;
use crate::rtcp::Pausing;
use crate::rtp::MediaKind;
use crate::sdp::Layers;

/// What comes of each size is counted over this time.
const COUNTED: Duration = Duration::from_millis(500);
/// A size of which nothing came for so long is not being sent.
const SILENT: Duration = Duration::from_secs(1);
/// The source is told again when it does not do what it was told; to send, each time after twice as
/// long, up to 8 s: its usual size may be as small already, or its camera off.
const TOLD_AGAIN: Duration = Duration::from_millis(500);
const DOUBLED_MAX: u32 = 4;

impl Peer {
    /// Passes on another size of the picture to this peer from its next key frame on, and leaves
    /// out what no other picture refers to while the path is too narrow even for that.
    pub fn choose_layer(&mut self, layer: usize, thin: bool) {
        if let Some(index) = self.finder.of_kind(MediaKind::Video) {
            self.streams[index].sender.choose(layer, thin);
        }
    }

    /// The SSRC of the other peer whose picture this one is sent.
    #[must_use]
    pub fn seen_source(&self) -> Option<u32> {
        let index = self.finder.of_kind(MediaKind::Video)?;
        self.streams[index].sender.source()
    }

    /// Whether pictures came from this peer under this SSRC.
    #[must_use]
    pub fn has_source(&self, ssrc: u32) -> bool {
        let video = self.finder.of_kind(MediaKind::Video);
        video.is_some_and(|index| self.streams[index].receiver.has_source(ssrc))
    }

    /// Whether this peer sends sizes of its picture only as long as they are wanted
    /// ([`Self::want_layer`]).
    #[must_use]
    pub fn can_pause_layers(&self) -> bool {
        let video = self.finder.of_kind(MediaKind::Video);
        video.is_some_and(|index| self.streams[index].receiver.can_pause())
    }

    /// Whether this peer is to send one of several sizes of its picture.
    pub fn want_layer(&mut self, now: Instant, layer: usize, wanted: bool) {
        if let Some(index) = self.finder.of_kind(MediaKind::Video) {
            let receiver = &mut self.streams[index].receiver;
            receiver.want_layer(now, layer, wanted);
            self.advance(now);
        }
    }
}

#[derive(Debug)]
struct State {
    ssrc: Option<u32>,
    bytes: u64,
    bps: u32,
    came: Option<Instant>,
    wanted: bool,
    asked: Option<Instant>,
    told: Option<Instant>,
    /// How often it was told again in vain.
    again: u32,
}

/// What is known of each size.
#[derive(Debug)]
pub(super) struct LayerStates {
    agreed: Layers,
    can_pause: bool,
    each: Vec<State>,
    counted_since: Option<Instant>,
    /// The rates changed since they were taken.
    fresh: bool,
    /// Of the last order to pause (RFC 7728 section 5.2).
    pause_number: u16,
}

impl LayerStates {
    pub(super) fn new(agreed: &Layers, can_pause: bool) -> Self {
        let each = agreed.each.iter().map(|layer| State {
            ssrc: None,
            bytes: 0,
            bps: 0,
            came: None,
            wanted: !layer.paused,
            asked: None,
            told: None,
            again: 0,
        });
        Self {
            each: each.collect(),
            agreed: agreed.clone(),
            can_pause,
            counted_since: None,
            fresh: false,
            pause_number: 0,
        }
    }

    /// A stream says which size it is.
    pub(super) fn named(&mut self, ssrc: u32, id: StreamId) {
        let place = self.agreed.place(id);
        if let Some(state) = place.and_then(|place| self.each.get_mut(place)) {
            state.ssrc = Some(ssrc);
        }
    }

    /// Which size a stream is; what has no name is the first.
    pub(super) fn of(&self, ssrc: u32) -> usize {
        let mut each = self.each.iter();
        each.position(|state| state.ssrc == Some(ssrc)).unwrap_or(0)
    }

    /// Notes that a packet came. True when there are new rates.
    pub(super) fn packet(&mut self, now: Instant, layer: usize, bytes: usize) -> bool {
        if let Some(state) = self.each.get_mut(layer) {
            state.bytes += bytes as u64;
            state.came = Some(now);
            state.again = 0;
        }
        let since = *self.counted_since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed < COUNTED {
            return false;
        }
        for state in &mut self.each {
            let bps = std::mem::take(&mut state.bytes) as u128 * 8_000 / passed.as_millis();
            state.bps = u32::try_from(bps).unwrap_or(u32::MAX);
        }
        self.counted_since = Some(now);
        self.fresh = true;
        true
    }

    /// The bits a second of each size, if they are new.
    pub(super) fn take_rates(&mut self) -> Option<Vec<u32>> {
        let fresh = std::mem::take(&mut self.fresh);
        fresh.then(|| self.each.iter().map(|state| state.bps).collect())
    }

    /// Whether the source is to send a size. False where it cannot be told.
    pub(super) fn want(&mut self, now: Instant, layer: usize, wanted: bool) -> bool {
        let state = self.each.get_mut(layer).filter(|_| self.can_pause);
        if let Some(state) = state
            && state.wanted != wanted
        {
            state.wanted = wanted;
            state.asked = Some(now);
            (state.told, state.again) = (None, 0);
            self.pause_number = self.pause_number.wrapping_add(u16::from(!wanted));
        }
        self.can_pause
    }

    /// When [`Self::order`] has something next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.each.iter().filter_map(State::due).min()
    }

    /// What the source is to be told now.
    pub(super) fn order(&mut self, now: Instant) -> Option<Pausing> {
        let mut each = self.each.iter_mut();
        let state = each.find(|state| state.due().is_some_and(|due| due <= now))?;
        state.again += u32::from(state.told.is_some());
        state.told = Some(now);
        Some(Pausing {
            ssrc: state.ssrc?,
            paused: !state.wanted,
            number: self.pause_number,
        })
    }
}

impl State {
    /// When the source is to be told, as long as it does not do what it was told.
    fn due(&self) -> Option<Instant> {
        let (_, asked) = (self.ssrc?, self.asked?);
        if self.wanted {
            let silent = self.came.map_or(asked, |came| came + SILENT);
            let patience = TOLD_AGAIN * 2_u32.pow(self.again.min(DOUBLED_MAX));
            let patient = self.told.map_or(asked, |told| told + patience);
            return Some(silent.max(patient));
        }
        match self.told {
            None => Some(asked),
            // What came after it can only have been under way for so long.
            Some(told) if self.came? > told + TOLD_AGAIN / 2 => Some(told + TOLD_AGAIN),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::LayerRole;
    use crate::testing::start;

    fn states() -> LayerStates {
        let mut states = LayerStates::new(&Layers::offered(LayerRole::Takes), true);
        states.named(11, StreamId::new("h").unwrap());
        states.named(12, StreamId::new("l").unwrap());
        states.named(13, StreamId::new("x").unwrap());
        states
    }

    #[test]
    fn streams_are_told_apart_and_their_rates_are_known() {
        let mut now = start();
        let mut states = states();
        assert_eq!((states.of(11), states.of(12), states.of(13)), (0, 1, 0));
        for _ in 0..200 {
            states.packet(now, 0, 1_000);
            states.packet(now, 1, 100);
            now += Duration::from_millis(10);
        }
        let rates = states.take_rates().unwrap();
        assert!((760_000..840_000).contains(&rates[0]), "{rates:?}");
        assert!((76_000..84_000).contains(&rates[1]), "{rates:?}");
        assert_eq!(states.take_rates(), None, "nothing new");
    }

    #[test]
    fn a_source_is_told_until_it_does_it() {
        let mut now = start();
        let mut states = states();
        assert_eq!(states.order(now), None, "as it was agreed");
        states.packet(now, 0, 1_000);
        assert!(states.want(now, 1, true));
        let order = states.order(now).unwrap();
        assert_eq!((order.ssrc, order.paused), (12, false));
        assert_eq!(states.order(now), None);
        assert_eq!(states.poll_timeout(), Some(now + TOLD_AGAIN));
        now += TOLD_AGAIN;
        assert!(states.order(now).is_some(), "it was lost");
        assert_eq!(states.poll_timeout(), Some(now + TOLD_AGAIN * 2));
        for _ in 0..10 {
            now = states.poll_timeout().unwrap();
            assert!(states.order(now).is_some(), "it may be able to later");
        }
        assert_eq!(states.poll_timeout(), Some(now + Duration::from_secs(8)));
        for _ in 0..300 {
            now += Duration::from_millis(10);
            states.packet(now, 1, 100);
            assert_eq!(states.order(now), None);
        }
        assert!(states.want(now, 1, false));
        let order = states.order(now).unwrap();
        assert_eq!((order.ssrc, order.paused), (12, true));
        states.packet(now + Duration::from_millis(100), 1, 100);
        assert_eq!(states.poll_timeout(), None, "it was under way");
        now += TOLD_AGAIN;
        states.packet(now, 1, 100);
        assert!(states.order(now).is_some(), "it goes on");
    }
}
