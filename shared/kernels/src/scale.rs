//! Scaling pictures.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

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
        // With its type said, code for one kind of pixels is made and not for all.
        let whole = TypedImageRef::<U8x4>::from_buffer(from.0, from.1, rgba);
        let small = TypedImage::<U8x4>::from_buffer(to.0, to.1, out);
        let (Ok(whole), Ok(mut small)) = (whole, small) else {
            return false;
        };
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false);
        self.resizer
            .resize_typed(&whole, &mut small, &options)
            .is_ok()
    }
}
