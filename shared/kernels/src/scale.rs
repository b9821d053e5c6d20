//! Scaling pictures.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

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
}
