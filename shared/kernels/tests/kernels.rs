//! Outside the library, so that it is compiled once.
#![cfg(feature = "scale")]

use vrs_kernels::{Complex, RgbaScaler, plan_fft};

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
