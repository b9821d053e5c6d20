//! Turns a picture upright: a telephone that is held sideways sends what its camera sees, and says
//! how it is to be shown (3GPP TS 26.114 section 7.4.5).

use vrs_media::Orientation;

use super::video::DecodedPicture;

const PIXEL_BYTES: usize = 4;

/// The picture as it is to be shown.
pub(crate) fn upright(seen: DecodedPicture, orientation: Orientation) -> DecodedPicture {
    let (width, height) = (seen.width as usize, seen.height as usize);
    let turned = |width: usize, height: usize, from: &dyn Fn(usize, usize) -> usize| {
        let mut rgba = Vec::with_capacity(seen.rgba.len());
        for y in 0..height {
            for x in 0..width {
                let at = from(x, y) * PIXEL_BYTES;
                rgba.extend_from_slice(&seen.rgba[at..at + PIXEL_BYTES]);
            }
        }
        DecodedPicture {
            width: width as u32,
            height: height as u32,
            rgba,
        }
    };
    match orientation.quarter_turns() {
        1 => turned(height, width, &|x, y| (height - 1 - x) * width + y),
        2 => turned(width, height, &|x, y| {
            (height - 1 - y) * width + width - 1 - x
        }),
        3 => turned(height, width, &|x, y| x * width + width - 1 - y),
        _ => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of two columns and three rows, one byte for each pixel.
    fn seen() -> DecodedPicture {
        let rgba = [1, 2, 3, 4, 5, 6]
            .iter()
            .flat_map(|byte| [*byte; PIXEL_BYTES]);
        DecodedPicture {
            width: 2,
            height: 3,
            rgba: rgba.collect(),
        }
    }

    fn rows(quarter_turns: u8) -> Vec<Vec<u8>> {
        let picture = upright(seen(), Orientation::new(quarter_turns));
        assert_eq!(picture.rgba.len(), 6 * PIXEL_BYTES);
        let row = picture.width as usize * PIXEL_BYTES;
        let rows = picture.rgba.chunks(row);
        rows.map(|row| row.iter().copied().step_by(PIXEL_BYTES).collect())
            .collect()
    }

    #[test]
    fn pictures_are_turned_clockwise() {
        assert_eq!(rows(0), [[1, 2], [3, 4], [5, 6]]);
        assert_eq!(rows(1), [[5, 3, 1], [6, 4, 2]]);
        assert_eq!(rows(2), [[6, 5], [4, 3], [2, 1]]);
        assert_eq!(rows(3), [[2, 4, 6], [1, 3, 5]]);
    }
}
