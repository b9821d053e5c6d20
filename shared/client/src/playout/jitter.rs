//! The jitter buffer: frames come in any order and any rhythm, and leave one per 20 ms.
//!
//! It waits for a few frames before it starts, waits longer when frames come too late, and less
//! when there have been plenty for a while. Pure: no clock; the caller pops once per 20 ms.

use std::collections::BTreeMap;

/// Frames waited for at first: 40 ms.
const TARGET_START: usize = 2;
/// Frames waited for at most: 240 ms; a conversation bears no more.
const TARGET_MAX: usize = 12;
/// Frames kept at most: 1 s. Past it the oldest go.
const FRAMES_MAX: usize = 50;
/// Popped frames without a late one after which the wait gets shorter: 10 s.
const CALM_POPS: u32 = 500;
/// Popped frames with more than needed after which one is skipped: 1 s.
const SURPLUS_POPS: u32 = 50;
/// Concealed frames in a row after which the buffer counts as empty: 100 ms.
const CONCEALED_MAX: u32 = 5;
/// A jump in RTP time beyond this means another source: 2 s, in samples.
const JUMP_SAMPLES: i64 = 96_000;

/// Frames ordered by RTP time.
pub(crate) struct JitterBuffer {
    frames: BTreeMap<i64, Entry>,
    /// RTP time, unwrapped, of the frame to be played next; `None` before the start.
    next: Option<i64>,
    newest: Option<i64>,
    target: usize,
    calm: u32,
    surplus: u32,
    concealed: u32,
}

struct Entry {
    data: Vec<u8>,
    samples: usize,
}

/// What to play for the next 20 ms (or the frame's own length).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pop {
    /// Decode this.
    Frame(Vec<u8>),
    /// One is missing but the talk goes on: let the decoder bridge it.
    Conceal,
    /// Nothing to play: silence.
    Silence,
}

impl JitterBuffer {
    pub(crate) fn new() -> Self {
        Self {
            frames: BTreeMap::new(),
            next: None,
            newest: None,
            target: TARGET_START,
            calm: 0,
            surplus: 0,
            concealed: 0,
        }
    }

    /// Takes a frame of `samples` samples that belongs at RTP time `timestamp`.
    pub(crate) fn push(&mut self, timestamp: u32, samples: usize, data: Vec<u8>) {
        let mut time = self.unwrap(timestamp);
        if self
            .newest
            .is_some_and(|newest| (time - newest).abs() > JUMP_SAMPLES)
        {
            // The far end changed its clock (another sender behind the same stream): start over.
            self.frames.clear();
            self.next = None;
            time = i64::from(timestamp);
            self.newest = Some(time);
        }
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        if self.next.is_some_and(|next| time < next) {
            // Too late to be heard: wait longer from now on.
            self.target = (self.target + 1).min(TARGET_MAX);
            self.calm = 0;
            return;
        }
        self.frames.insert(time, Entry { data, samples });
        while self.frames.len() > FRAMES_MAX {
            self.skip_oldest();
        }
    }

    /// The next thing to play.
    pub(crate) fn pop(&mut self) -> Pop {
        if self.frames.is_empty() {
            return self.starve();
        }
        if self.next.is_none() && self.frames.len() < self.target {
            return Pop::Silence;
        }
        self.adapt();
        let Some((&earliest, _)) = self.frames.first_key_value() else {
            return Pop::Silence;
        };
        let next = self.next.unwrap_or(earliest);
        // A hole longer than the bridge is jumped over.
        if earliest > next && self.concealed < CONCEALED_MAX && earliest - next < JUMP_SAMPLES {
            self.concealed += 1;
            self.next = Some(next + crate::codec::FRAME_SAMPLES as i64);
            self.drop_passed();
            return Pop::Conceal;
        }
        let Some((time, entry)) = self.frames.pop_first() else {
            return Pop::Silence;
        };
        self.concealed = 0;
        self.next = Some(time + entry.samples as i64);
        Pop::Frame(entry.data)
    }

    /// Frames waiting.
    #[cfg(test)]
    fn depth(&self) -> usize {
        self.frames.len()
    }

    fn starve(&mut self) -> Pop {
        let Some(next) = self.next else {
            return Pop::Silence;
        };
        if self.concealed < CONCEALED_MAX {
            // Time stands still: a frame that is only late will still be played.
            self.concealed += 1;
            self.next = Some(next);
            return Pop::Conceal;
        }
        self.next = None;
        self.concealed = 0;
        self.target = (self.target + 1).min(TARGET_MAX);
        self.calm = 0;
        Pop::Silence
    }

    fn adapt(&mut self) {
        self.calm += 1;
        if self.calm >= CALM_POPS {
            self.calm = 0;
            self.target = self.target.saturating_sub(1).max(TARGET_START);
        }
        self.surplus = if self.frames.len() > self.target + 2 {
            self.surplus + 1
        } else {
            0
        };
        if self.surplus >= SURPLUS_POPS {
            self.surplus = 0;
            self.skip_oldest();
        }
    }

    fn skip_oldest(&mut self) {
        if let Some((time, entry)) = self.frames.pop_first()
            && self.next.is_some()
        {
            self.next = Some(time + entry.samples as i64);
        }
    }

    /// After a bridge, frames that begin before the next moment are behind.
    fn drop_passed(&mut self) {
        if let Some(next) = self.next {
            // A frame that merely overlaps is still played whole.
            let passed = next - crate::codec::FRAME_SAMPLES as i64;
            self.frames = self.frames.split_off(&(passed + 1));
        }
    }

    /// RTP time without its 32-bit wrap, near the newest one seen.
    fn unwrap(&self, timestamp: u32) -> i64 {
        self.newest.map_or(i64::from(timestamp), |newest| {
            // Keeping the low 32 bits is the point, and so is reading the difference as signed.
            let difference = timestamp.wrapping_sub(newest as u32) as i32;
            newest + i64::from(difference)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: u32 = crate::codec::FRAME_SAMPLES as u32;

    fn push(buffer: &mut JitterBuffer, n: u32) {
        buffer.push(n.wrapping_mul(F), F as usize, vec![n as u8]);
    }

    fn started(first: u32) -> JitterBuffer {
        let mut buffer = JitterBuffer::new();
        for n in 0..TARGET_START as u32 {
            push(&mut buffer, first + n);
        }
        buffer
    }

    #[test]
    fn it_waits_for_a_few_frames_and_puts_them_in_order() {
        let mut buffer = JitterBuffer::new();
        push(&mut buffer, 11);
        assert_eq!(buffer.pop(), Pop::Silence);
        push(&mut buffer, 10);
        assert_eq!(buffer.pop(), Pop::Frame(vec![10]));
        assert_eq!(buffer.pop(), Pop::Frame(vec![11]));
    }

    #[test]
    fn a_hole_is_bridged_once_and_the_talk_goes_on() {
        let mut buffer = started(0);
        push(&mut buffer, 3);
        assert_eq!(buffer.pop(), Pop::Frame(vec![0]));
        assert_eq!(buffer.pop(), Pop::Frame(vec![1]));
        assert_eq!(buffer.pop(), Pop::Conceal);
        assert_eq!(buffer.pop(), Pop::Frame(vec![3]));
    }

    #[test]
    fn a_late_frame_makes_it_wait_longer() {
        let mut buffer = started(0);
        push(&mut buffer, 3);
        for _ in 0..4 {
            buffer.pop();
        }
        let before = buffer.target;
        push(&mut buffer, 2);
        assert_eq!(buffer.target, before + 1);
    }

    #[test]
    fn starvation_is_bridged_briefly_and_then_silent() {
        let mut buffer = started(0);
        buffer.pop();
        buffer.pop();
        for _ in 0..CONCEALED_MAX {
            assert_eq!(buffer.pop(), Pop::Conceal);
        }
        assert_eq!(buffer.pop(), Pop::Silence);
        assert_eq!(buffer.pop(), Pop::Silence);
    }

    #[test]
    fn rtp_time_wraps_without_a_hole() {
        let mut buffer = JitterBuffer::new();
        for n in 0..4_u32 {
            let timestamp = (u32::MAX - 2 * F + 1).wrapping_add(n * F);
            buffer.push(timestamp, F as usize, vec![n as u8]);
        }
        for n in 0..4 {
            assert_eq!(buffer.pop(), Pop::Frame(vec![n]));
        }
    }

    #[test]
    fn another_source_starts_it_over() {
        let mut buffer = started(0);
        buffer.pop();
        push(&mut buffer, 100_000);
        push(&mut buffer, 100_001);
        assert_eq!(buffer.pop(), Pop::Frame(vec![(100_000_u32 & 0xFF) as u8]));
    }

    #[test]
    fn it_never_holds_more_than_a_second_and_sheds_surplus() {
        let mut buffer = JitterBuffer::new();
        for n in 0..500 {
            push(&mut buffer, n);
        }
        assert_eq!(buffer.depth(), FRAMES_MAX);
        for n in 500..6500 {
            push(&mut buffer, n);
            buffer.pop();
        }
        assert!(buffer.depth() <= TARGET_START + 4, "{}", buffer.depth());
    }
}
