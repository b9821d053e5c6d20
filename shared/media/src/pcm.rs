//! Samples of sound in 16 bits and as parts of full scale.

/// A sample as a part of full scale, -1 to 1.
#[must_use]
pub fn to_unit(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// A part of full scale in 16 bits; what is louder is clipped.
#[must_use]
pub fn to_linear(sample: f32) -> i16 {
    (sample * 32_768.0) as i16
}

/// The mean of the squares of samples, as a part of full scale; of none it is 0.
#[must_use]
pub fn mean_square(samples: &[i16]) -> f32 {
    let squares = samples.iter().map(|sample| to_unit(*sample).powi(2));
    squares.sum::<f32>() / samples.len().max(1) as f32
}
