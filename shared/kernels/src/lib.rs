//! Work over every pixel and every sample that libraries do with generic code.
//!
//! What it is: functions without type parameters around `fast_image_resize` and `rustfft`. Such code
//! is compiled where it is used with a type: here it is compiled once, and not again with each
//! change of the crates that use it.
//! What it is not: it knows nothing of pictures' and sounds' meaning, and nothing of our other
//! crates.
//! Start reading at [`plan_fft`].

#[cfg(feature = "scale")]
mod scale;

use std::sync::Arc;

use rustfft::FftPlanner;

pub use rustfft::Fft;
pub use rustfft::num_complex::Complex;
#[cfg(feature = "scale")]
pub use scale::{RgbaScaler, Size};

/// A forward transform of so many samples.
#[must_use]
pub fn plan_fft(samples: usize) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft_forward(samples)
}
