//! A tiny bitmap font for the counter and clock that people can read in a synthetic picture.

/// Columns and rows of one sign, in font pixels.
const GLYPH_WIDTH: usize = 5;
const GLYPH_HEIGHT: usize = 7;
/// Columns from one sign to the next.
const ADVANCE: usize = 6;

/// Five bits per row, the leftmost column in bit 4.
const fn glyph(sign: char) -> [u8; GLYPH_HEIGHT] {
    match sign {
        '0' => [0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E],
        '1' => [0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E],
        '2' => [0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F],
        '3' => [0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E],
        '4' => [0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02],
        '5' => [0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E],
        '6' => [0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E],
        '7' => [0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        '8' => [0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E],
        '9' => [0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C],
        ':' => [0x00, 0x04, 0x04, 0x00, 0x04, 0x04, 0x00],
        '.' => [0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C],
        '#' => [0x0A, 0x0A, 0x1F, 0x0A, 0x1F, 0x0A, 0x0A],
        _ => [0; GLYPH_HEIGHT],
    }
}

/// Width and height of `text` in pixels when each font pixel is `scale` pixels wide.
pub(super) fn size(text: &str, scale: usize) -> (usize, usize) {
    (text.chars().count() * ADVANCE * scale, GLYPH_HEIGHT * scale)
}

/// Writes `text` with its upper left corner at (`x`, `y`); what lies outside is cut.
pub(super) fn draw(
    rgba: &mut [u8],
    width: usize,
    at: (usize, usize),
    scale: usize,
    colour: [u8; 3],
    text: &str,
) {
    let height = rgba.len() / 4 / width.max(1);
    for (index, sign) in text.chars().enumerate() {
        let left = at.0 + index * ADVANCE * scale;
        if left + GLYPH_WIDTH * scale > width || at.1 + GLYPH_HEIGHT * scale > height {
            return;
        }
        for (row, bits) in glyph(sign).into_iter().enumerate() {
            for column in (0..GLYPH_WIDTH).filter(|c| bits >> (GLYPH_WIDTH - 1 - c) & 1 == 1) {
                for y in 0..scale {
                    let start = ((at.1 + row * scale + y) * width + left + column * scale) * 4;
                    for pixel in rgba[start..start + scale * 4].chunks_exact_mut(4) {
                        pixel[..3].copy_from_slice(&colour);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_leave_ink_and_never_leave_the_picture() {
        let mut rgba = vec![0; 60 * 20 * 4];
        draw(&mut rgba, 60, (1, 1), 2, [255, 255, 255], "12:34.56789");
        let ink = rgba.chunks_exact(4).filter(|p| p[0] == 255).count();
        assert!(ink > 60, "{ink}");
        draw(&mut rgba, 60, (100, 100), 2, [255; 3], "1");
        assert_eq!(size("12", 3), (36, 21));
    }
}
