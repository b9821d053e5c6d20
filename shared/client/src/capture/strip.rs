//! The machine-readable strip at the foot of a synthetic picture: a frame counter and a clock that
//! survive lossy coding, so that a receiver knows which picture it sees and how old it is.
//!
//! Layout: two rows of 48 light or dark blocks, most significant bit first:
//! 8 bits of [`MARK`], 32 bits of counter, 32 bits of milliseconds, 24 bits of checksum
//! (the low bits of CRC-32 over the 64 bits before it). A block is at least 8 by 8 pixels.

/// Blocks in one row.
const COLUMNS: usize = 48;
/// Rows of blocks.
const ROWS: usize = 2;
/// Smallest side of a block, in pixels: one H.264 transform.
const BLOCK_PIXELS_MIN: usize = 8;
/// The first byte, so that an ordinary picture is seldom looked at further.
const MARK: u8 = 0xA6;
/// Grey of a 0 and of a 1: not the extremes, which limited-range video would clip.
const DARK: u8 = 28;
const LIGHT: u8 = 228;

/// What the strip says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Grows by one with each picture, wraps.
    pub counter: u32,
    /// Milliseconds of wall clock when the picture was drawn, modulo 2^32.
    pub clock_ms: u32,
}

impl Stamp {
    /// The stamp of picture `counter`, drawn `unix_ms` milliseconds after 1970.
    #[must_use]
    pub fn new(counter: u32, unix_ms: u64) -> Self {
        // Keeping the low 32 bits is the point.
        Self {
            counter,
            clock_ms: (unix_ms & u64::from(u32::MAX)) as u32,
        }
    }
}

/// Where the blocks are in a picture of this size.
struct Grid {
    left: usize,
    top: usize,
    block_width: usize,
    block_height: usize,
}

impl Grid {
    /// `None` for pictures too small to carry a strip.
    fn of(width: usize, height: usize) -> Option<Self> {
        let block_width = width / COLUMNS;
        let block_height = (height / 40).max(BLOCK_PIXELS_MIN);
        if block_width < BLOCK_PIXELS_MIN || height < 4 * ROWS * block_height {
            return None;
        }
        let left = (width - COLUMNS * block_width) / 2;
        Some(Self {
            left,
            top: height - ROWS * block_height,
            block_width,
            block_height,
        })
    }
}

/// How many pixel rows at the foot of the picture the strip takes; 0 when it does not fit.
#[must_use]
pub fn height_px(width: usize, height: usize) -> usize {
    Grid::of(width, height).map_or(0, |grid| ROWS * grid.block_height)
}

fn checksum(stamp: Stamp) -> u32 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&stamp.counter.to_be_bytes());
    bytes[4..].copy_from_slice(&stamp.clock_ms.to_be_bytes());
    crc32fast::hash(&bytes) & 0x00FF_FFFF
}

/// Writes the strip into an RGBA picture. Returns whether it fits.
pub fn draw(rgba: &mut [u8], width: usize, height: usize, stamp: Stamp) -> bool {
    let Some(grid) = Grid::of(width, height) else {
        return false;
    };
    if rgba.len() < width * height * 4 {
        return false;
    }
    let word = (u128::from(MARK) << 88)
        | (u128::from(stamp.counter) << 56)
        | (u128::from(stamp.clock_ms) << 24)
        | u128::from(checksum(stamp));
    for row in 0..ROWS {
        let mut line = vec![DARK; width * 4];
        for column in 0..COLUMNS {
            let bit = ROWS * COLUMNS - 1 - (row * COLUMNS + column);
            if word >> bit & 1 == 1 {
                let from = (grid.left + column * grid.block_width) * 4;
                line[from..from + grid.block_width * 4].fill(LIGHT);
            }
        }
        for alpha in line.iter_mut().skip(3).step_by(4) {
            *alpha = 255;
        }
        for y in 0..grid.block_height {
            let from = (grid.top + row * grid.block_height + y) * width * 4;
            rgba[from..from + width * 4].copy_from_slice(&line);
        }
    }
    true
}

/// Reads the strip of an RGBA picture, or `None` when there is none or its checksum is wrong.
#[must_use]
pub fn read(rgba: &[u8], width: usize, height: usize) -> Option<Stamp> {
    let grid = Grid::of(width, height)?;
    if rgba.len() < width * height * 4 {
        return None;
    }
    let mut word = 0_u128;
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            word = word << 1 | u128::from(block_is_light(rgba, width, &grid, row, column));
        }
        // An ordinary picture ends here, after eight blocks' worth of luck.
        if row == 0 && word >> (COLUMNS - 8) != u128::from(MARK) {
            return None;
        }
    }
    let field = |shift: u32| u32::try_from(word >> shift & 0xFFFF_FFFF).ok();
    let stamp = Stamp {
        counter: field(56)?,
        clock_ms: field(24)?,
    };
    (word & 0x00FF_FFFF == u128::from(checksum(stamp))).then_some(stamp)
}

/// The middle of the block, away from the edges that coding smears.
fn block_is_light(rgba: &[u8], width: usize, grid: &Grid, row: usize, column: usize) -> bool {
    let (w, h) = (grid.block_width, grid.block_height);
    let x0 = grid.left + column * w + w / 4;
    let y0 = grid.top + row * h + h / 4;
    let (mut sum, mut count) = (0_u32, 0_u32);
    for y in y0..y0 + h / 2 {
        for x in x0..x0 + w / 2 {
            // Green carries most of the luma.
            sum += u32::from(rgba[(y * width + x) * 4 + 1]);
            count += 1;
        }
    }
    sum / count.max(1) >= 128
}

/// The one-way delay in milliseconds, or `None` when the two clocks cannot be the same one.
#[must_use]
pub fn delay_ms(stamp: Stamp, now_unix_ms: u64) -> Option<u32> {
    const PLAUSIBLE_MS: u32 = 60_000;
    let delay = Stamp::new(0, now_unix_ms)
        .clock_ms
        .wrapping_sub(stamp.clock_ms);
    (delay < PLAUSIBLE_MS).then_some(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(width: usize, height: usize, stamp: Stamp) {
        let mut rgba = vec![90; width * height * 4];
        assert!(draw(&mut rgba, width, height, stamp), "{width}x{height}");
        assert_eq!(read(&rgba, width, height), Some(stamp), "{width}x{height}");
    }

    #[test]
    fn stamps_are_read_back_at_every_usual_size() {
        for (width, height) in [(640, 360), (640, 480), (1280, 720), (854, 480), (384, 288)] {
            check(
                width,
                height,
                Stamp {
                    counter: 0,
                    clock_ms: u32::MAX,
                },
            );
            check(
                width,
                height,
                Stamp {
                    counter: 0xDEAD_BEEF,
                    clock_ms: 12_345_678,
                },
            );
        }
    }

    #[test]
    fn small_or_ordinary_pictures_have_no_stamp() {
        assert!(!draw(
            &mut vec![0; 160 * 120 * 4],
            160,
            120,
            Stamp {
                counter: 1,
                clock_ms: 1
            }
        ));
        assert_eq!(read(&vec![0; 640 * 480 * 4], 640, 480), None);
        assert_eq!(read(&vec![255; 640 * 480 * 4], 640, 480), None);
        assert_eq!(read(&[], 640, 480), None);
    }

    #[test]
    fn a_damaged_stamp_is_refused() {
        let (width, height) = (640, 480);
        let mut rgba = vec![0; width * height * 4];
        assert!(draw(
            &mut rgba,
            width,
            height,
            Stamp {
                counter: 7,
                clock_ms: 9
            }
        ));
        let foot = width * height * 4 - width * 12 * 4;
        for pixel in &mut rgba[foot..] {
            *pixel = 255 - *pixel;
        }
        assert_eq!(read(&rgba, width, height), None);
    }

    #[test]
    fn delay_wraps_and_refuses_foreign_clocks() {
        let stamp = Stamp {
            counter: 0,
            clock_ms: u32::MAX - 9,
        };
        assert_eq!(delay_ms(stamp, 10), Some(20));
        assert_eq!(delay_ms(stamp, 3_000_000), None);
        assert_eq!(delay_ms(stamp, u64::from(u32::MAX - 10)), None);
    }
}
