//! How large our picture is for what the path takes: smaller before slower.
//!
//! Signing is read from motion; a smaller picture hurts it less than a slower one (domain list V3).
//! So the size goes down to 320 by 240 first (V4), and only then the frame rate.

use std::time::{Duration, Instant};

use crate::engine::VideoSize;

/// What one pixel of one picture needs to look well, in bits.
const BITS_PER_PIXEL: f32 = 0.05;
/// More than this much improves nothing, in bits for each pixel.
const BITS_PER_PIXEL_MAX: f32 = 0.12;
/// Sizes, in parts of the camera's sides.
const SCALES: [(u32, u32); 5] = [(1, 1), (3, 4), (1, 2), (3, 8), (1, 4)];
/// The smallest width that is scaled to, in pixels.
const WIDTH_MIN: u32 = 320;
/// Slower than the camera, for paths that take no more than this.
const SLOWER_FPS: [u32; 3] = [20, 15, 10];
/// A step up needs so much more than it says, so that it is not undone at once.
const SPARE: f32 = 1.2;
/// And for so long.
const STEADY: Duration = Duration::from_secs(3);

/// Chooses a size.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// From the largest down.
    rungs: Vec<VideoSize>,
    at: usize,
    better_since: Option<Instant>,
}

impl Ladder {
    /// Begins with what the camera gives.
    pub(crate) fn new(full: VideoSize) -> Self {
        let sizes = SCALES.iter().map(|(part, of)| VideoSize {
            // 4:2:0 needs even sides.
            width: (full.width * part / of) & !1,
            height: (full.height * part / of) & !1,
            fps: full.fps,
        });
        let mut rungs: Vec<_> = sizes
            .filter(|size| size.width >= WIDTH_MIN || size.width == full.width & !1)
            .collect();
        let smallest = rungs.last().copied().unwrap_or(full);
        let slower = SLOWER_FPS.into_iter().filter(|fps| *fps < full.fps);
        rungs.extend(slower.map(|fps| VideoSize { fps, ..smallest }));
        Self {
            rungs,
            at: 0,
            better_since: None,
        }
    }

    /// The smallest size that is as fast as the camera.
    pub(crate) fn smallest(&self) -> VideoSize {
        let fast = |rung: &&VideoSize| rung.fps == self.rungs[0].fps;
        let smallest = self.rungs.iter().rev().find(fast);
        smallest.copied().unwrap_or(self.rungs[0])
    }

    /// The size for a path that takes so many bits a second: down at once, up after a while.
    pub(crate) fn choose(&mut self, now: Instant, bps: u32) -> VideoSize {
        let fits = |rung: &VideoSize, spare: f32| bits(*rung, BITS_PER_PIXEL) * spare <= bps as f32;
        let last = self.rungs.len() - 1;
        let down = self.rungs.iter().position(|rung| fits(rung, 1.0));
        let up = self.rungs.iter().position(|rung| fits(rung, SPARE));
        if down.unwrap_or(last) > self.at {
            self.at = down.unwrap_or(last);
            self.better_since = None;
        } else if let Some(up) = up.filter(|up| *up < self.at) {
            let since = *self.better_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= STEADY {
                self.at = up;
                self.better_since = None;
            }
        } else {
            self.better_since = None;
        }
        self.rungs[self.at]
    }
}

/// What the encoder is asked for, in bits per second.
pub(crate) fn bitrate(size: VideoSize, bps: u32) -> u32 {
    bps.min(bits(size, BITS_PER_PIXEL_MAX) as u32)
}

/// What the encoder of the smaller picture is asked for, in bits per second: for those whose path
/// takes little.
pub(crate) fn lower_bitrate(size: VideoSize) -> u32 {
    bits(size, BITS_PER_PIXEL) as u32
}

fn bits(size: VideoSize, per_pixel: f32) -> f32 {
    (size.width * size.height * size.fps) as f32 * per_pixel
}

#[cfg(test)]
mod tests {
    use super::*;

    const VGA: VideoSize = VideoSize {
        width: 640,
        height: 480,
        fps: 30,
    };

    /// Width and frame rate for each rate, one after the other, a second apart.
    fn seen(full: VideoSize, rates: &[u32]) -> Vec<(u32, u32)> {
        let mut ladder = Ladder::new(full);
        #[allow(
            clippy::disallowed_methods,
            reason = "an Instant can be had in no other way"
        )]
        let began = Instant::now();
        let choose = |(n, bps): (usize, &u32)| {
            let size = ladder.choose(began + Duration::from_secs(n as u64), *bps);
            (size.width, size.fps)
        };
        rates.iter().enumerate().map(choose).collect()
    }

    #[test]
    fn v3_the_picture_gets_smaller_before_it_gets_slower() {
        let rates = [1_000_000, 400_000, 200_000, 110_000, 70_000, 60_000, 10_000];
        let expected = [
            (640, 30),
            (480, 30),
            (320, 30),
            (320, 20),
            (320, 15),
            (320, 15),
            (320, 10),
        ];
        assert_eq!(seen(VGA, &rates), expected);
        let hd = VideoSize {
            width: 1280,
            height: 720,
            fps: 30,
        };
        assert_eq!(seen(hd, &[2_000_000, 1_000_000]), [(1280, 30), (960, 30)]);
    }

    #[test]
    fn it_gets_larger_only_after_a_while_and_does_not_flap() {
        let better = [200_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000];
        let widths: Vec<_> = seen(VGA, &better)
            .into_iter()
            .map(|(width, _)| width)
            .collect();
        assert_eq!(widths, [320, 320, 320, 320, 640]);
        let flapping = [
            200_000, 500_000, 500_000, 200_000, 500_000, 500_000, 270_000,
        ];
        assert!(seen(VGA, &flapping).iter().all(|size| *size == (320, 30)));
    }

    #[test]
    fn a_small_camera_is_never_scaled_and_no_bits_are_wasted() {
        let small = VideoSize {
            width: 176,
            height: 144,
            fps: 12,
        };
        assert_eq!(seen(small, &[1_000, 1_000_000]), [(176, 10), (176, 10)]);
        assert!(bitrate(small, 1_000_000) < 40_000);
        assert_eq!(bitrate(VGA, 500_000), 500_000);
    }
}
