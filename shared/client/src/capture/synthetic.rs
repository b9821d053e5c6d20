//! The synthetic camera: a signing figure with a frame counter and a clock, for people (digits)
//! and for machines ([`super::strip`]). A first-class device: the demo and every test use it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::camera::{CameraProblem, CameraSource, Frame};
use super::canvas::{Canvas, Point};
use super::figure::{Figure, Look};
use super::{digits, strip};
use crate::engine::VideoSize;

/// Milliseconds of wall clock since 1970: what a picture shows, and what its reader compares with.
#[must_use]
pub fn wall_clock_ms() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Draws pictures; knows no time but the one it is given.
pub struct Painter {
    figure: Figure,
    backdrop: Vec<u8>,
    width: usize,
    height: usize,
}

impl Painter {
    /// A painter of pictures of this size, in pixels.
    #[must_use]
    pub fn new(look: Look, width: usize, height: usize) -> Self {
        let figure = Figure::new(look, width, height, strip::height_px(width, height));
        let backdrop = figure.backdrop();
        Self {
            figure,
            backdrop,
            width,
            height,
        }
    }

    /// Picture number `counter`, `seconds` after the figure began, at `unix_ms`, as RGBA.
    #[must_use]
    pub fn paint(&self, seconds: f32, counter: u32, unix_ms: u64) -> Vec<u8> {
        let mut rgba = self.backdrop.clone();
        let mut canvas = Canvas::new(&mut rgba, self.width, self.height);
        self.figure.draw_moving(&mut canvas, seconds);
        self.badge(&mut rgba, counter, unix_ms);
        strip::draw(
            &mut rgba,
            self.width,
            self.height,
            strip::Stamp::new(counter, unix_ms),
        );
        rgba
    }

    /// Counter and clock in the upper left corner.
    fn badge(&self, rgba: &mut [u8], counter: u32, unix_ms: u64) {
        let scale = (self.height / 240).max(1);
        let margin = 6 * scale;
        let seconds = unix_ms / 1000;
        let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let text = format!(
            "#{:05} {h:02}:{m:02}:{s:02}.{:03}",
            counter % 100_000,
            unix_ms % 1000
        );
        let (width, height) = digits::size(&text, scale);
        let radius = (height / 2 + 3 * scale) as f32;
        let middle = (margin + height / 2 + 2 * scale) as f32;
        let left = margin as f32 + radius * 0.7;
        let mut canvas = Canvas::new(rgba, self.width, self.height);
        canvas.capsule(
            Point::new(left, middle),
            radius,
            Point::new(left + width as f32, middle),
            radius,
            [24, 30, 40],
        );
        digits::draw(
            rgba,
            self.width,
            (left as usize, middle as usize - height / 2),
            scale,
            [244, 246, 248],
            &text,
        );
    }
}

/// The camera made of a [`Painter`] and the clock.
pub(crate) struct SyntheticCamera {
    painter: Painter,
    size: VideoSize,
    began: Instant,
    next: Instant,
    counter: u32,
}

impl SyntheticCamera {
    pub(crate) fn new(look: Look, size: VideoSize) -> Self {
        let painter = Painter::new(look, size.width as usize, size.height as usize);
        let now = Instant::now();
        Self {
            painter,
            size,
            began: now,
            next: now,
            counter: 0,
        }
    }
}

impl CameraSource for SyntheticCamera {
    fn next_frame(&mut self) -> Result<Frame, CameraProblem> {
        let period = Duration::from_secs(1) / self.size.fps.max(1);
        let now = Instant::now();
        if let Some(wait) = self.next.checked_duration_since(now) {
            std::thread::sleep(wait);
        }
        // After a stall the camera goes on from now, it does not catch up in a burst.
        self.next = (self.next + period).max(now);
        self.counter = self.counter.wrapping_add(1);
        let rgba = self.painter.paint(
            self.began.elapsed().as_secs_f32(),
            self.counter,
            wall_clock_ms(),
        );
        Ok(Frame {
            width: self.size.width,
            height: self.size.height,
            rgba,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_carries_its_own_stamp() {
        let painter = Painter::new(Look::CALLER, 640, 480);
        for counter in 1..4 {
            let unix_ms = 1_800_000_000_000 + u64::from(counter);
            let stamp = strip::Stamp::new(counter, unix_ms);
            assert_eq!(
                strip::read(&painter.paint(0.1, counter, unix_ms), 640, 480),
                Some(stamp)
            );
        }
    }

    #[test]
    fn odd_and_tiny_sizes_are_painted_without_a_strip() {
        for (width, height) in [(64, 48), (33, 17), (2, 2)] {
            let rgba = Painter::new(Look::CALLER, width, height).paint(0.0, 1, 1);
            assert_eq!(rgba.len(), width * height * 4);
        }
    }

    #[test]
    fn the_synthetic_camera_keeps_its_pace() {
        let size = VideoSize {
            width: 64,
            height: 48,
            fps: 50,
        };
        let mut camera = SyntheticCamera::new(Look::CALLER, size);
        let began = Instant::now();
        for _ in 0..6 {
            camera.next_frame().unwrap();
        }
        assert!(
            began.elapsed() >= Duration::from_millis(95),
            "{:?}",
            began.elapsed()
        );
    }
}
