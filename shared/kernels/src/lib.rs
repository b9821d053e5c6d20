//! Work over every pixel and every sample that libraries do with generic code.
//!
//! What it is: functions without type parameters around `fast_image_resize` and `rustfft`. Such code
//! is compiled where it is used with a type: here it is compiled once, and not again with each
//! change of the crates that use it.
//! What it is not: it knows nothing of pictures' and sounds' meaning, and nothing of our other
//! crates.
//! Start reading at [`RgbaScaler`] and [`plan_fft`].

use std::sync::Arc;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use rustfft::FftPlanner;

pub use rustfft::Fft;
pub use rustfft::num_complex::Complex;

/// Width and height, in pixels.
pub type Size = (u32, u32);

/// Scales RGBA pictures, with memory that is used again and again.
#[derive(Default)]
pub struct RgbaScaler {
    resizer: Resizer,
}

impl RgbaScaler {
    /// Scales `rgba` of the size `from` into `out`, which gets the size `to`; alpha has to be the
    /// same everywhere. False if the picture is not what it says.
    pub fn scale(&mut self, rgba: &[u8], from: Size, to: Size, out: &mut Vec<u8>) -> bool {
        out.resize(to.0 as usize * to.1 as usize * 4, 0);
        let whole = ImageRef::new(from.0, from.1, rgba, PixelType::U8x4);
        let small = Image::from_slice_u8(to.0, to.1, out, PixelType::U8x4);
        let (Ok(whole), Ok(mut small)) = (whole, small) else {
            return false;
        };
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false);
        self.resizer.resize(&whole, &mut small, &options).is_ok()
    }
}

/// A forward transform of so many samples.
#[must_use]
pub fn plan_fft(samples: usize) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft_forward(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_scaled_to_what_was_asked_and_rubbish_is_refused() {
        let mut scaler = RgbaScaler::default();
        let mut out = Vec::new();
        let grey = [7, 8, 9, 255].repeat(64 * 48);
        assert!(scaler.scale(&grey, (64, 48), (16, 12), &mut out));
        assert_eq!(out, [7, 8, 9, 255].repeat(16 * 12));
        assert!(!scaler.scale(&grey[..100], (64, 48), (16, 12), &mut out));
    }

    #[test]
    fn a_wave_is_one_line_of_its_spectrum() {
        let wave = |n: usize| (n as f32 * std::f32::consts::TAU * 5.0 / 64.0).cos();
        let mut samples: Vec<_> = (0..64).map(|n| Complex::new(wave(n), 0.0)).collect();
        plan_fft(64).process(&mut samples);
        let strongest = (0..32).max_by(|a, b| samples[*a].norm().total_cmp(&samples[*b].norm()));
        assert_eq!(strongest, Some(5));
    }
}
