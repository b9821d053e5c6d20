//! Makes a picture smaller.

use vrs_kernels::RgbaScaler;
use vrs_media::picture::Picture;

use crate::engine::VideoSize;

/// Scales pictures, again and again into the same buffer.
#[derive(Default)]
pub(crate) struct Scaler {
    kernel: RgbaScaler,
    picture: Option<Picture>,
}

impl Scaler {
    /// The picture in this size; `None` when it is not larger, or is not what it says.
    pub(crate) fn fit(&mut self, picture: &Picture, size: VideoSize) -> Option<&Picture> {
        if picture.width <= size.width && picture.height <= size.height {
            return None;
        }
        let (width, height) = (size.width, size.height);
        let mut rgba = self.picture.take().map(|old| old.rgba).unwrap_or_default();
        let from = (picture.width, picture.height);
        let kernel = &mut self.kernel;
        if !kernel.scale(&picture.rgba, from, (width, height), &mut rgba) {
            return None;
        }
        let counter = picture.counter;
        self.picture = Some(Picture {
            width,
            height,
            rgba,
            counter,
        });
        self.picture.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_smaller_and_looks_the_same() {
        let (width, height) = (64_u32, 48_u32);
        let pixel = |n: u32| {
            if n % width < width / 2 {
                [200, 0, 0, 255]
            } else {
                [0, 0, 200, 255]
            }
        };
        let rgba = (0..width * height).flat_map(pixel).collect();
        let picture = Picture {
            width,
            height,
            rgba,
            counter: 7,
        };
        let size = |width, height| VideoSize {
            width,
            height,
            fps: 30,
        };
        let mut scaler = Scaler::default();
        assert!(scaler.fit(&picture, size(64, 48)).is_none());
        for _ in 0..2 {
            let small = scaler.fit(&picture, size(32, 24)).unwrap();
            assert_eq!((small.width, small.height, small.counter), (32, 24, 7));
            assert_eq!(small.rgba[..4], [200, 0, 0, 255]);
            assert_eq!(small.rgba[31 * 4..32 * 4], [0, 0, 200, 255]);
        }
        let broken = Picture {
            rgba: vec![0; 8],
            ..picture
        };
        assert!(scaler.fit(&broken, size(32, 24)).is_none());
    }
}
