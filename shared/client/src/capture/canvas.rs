//! Smooth shapes on an RGBA picture: just what the drawn figure needs.
//!
//! Each shape touches only the pixels of its own bounding box, because it is drawn thirty times a second.

/// A point in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Point {
    pub(super) const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    pub(super) fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point `length` away in the direction `angle` (radians, clockwise from the right).
    pub(super) fn toward(self, angle: f32, length: f32) -> Self {
        Self::new(self.x + angle.cos() * length, self.y + angle.sin() * length)
    }

    /// The point a share `t` of the way to `other`.
    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        Self::new(
            self.x + (other.x - self.x) * t,
            self.y + (other.y - self.y) * t,
        )
    }
}

/// A colour without alpha.
pub(super) type Colour = [u8; 3];

/// A picture being drawn.
pub(super) struct Canvas<'a> {
    rgba: &'a mut [u8],
    width: usize,
    height: usize,
}

impl<'a> Canvas<'a> {
    /// `rgba` holds `4 * width * height` bytes.
    pub(super) fn new(rgba: &'a mut [u8], width: usize, height: usize) -> Self {
        debug_assert_eq!(rgba.len(), width * height * 4);
        Self {
            rgba,
            width,
            height,
        }
    }

    /// A vertical gradient over the whole picture.
    pub(super) fn gradient(&mut self, top: Colour, bottom: Colour) {
        let height = self.height.max(2);
        for (y, line) in self.rgba.chunks_exact_mut(self.width * 4).enumerate() {
            let colour = mix(top, bottom, y as f32 / (height - 1) as f32);
            for pixel in line.chunks_exact_mut(4) {
                pixel[..3].copy_from_slice(&colour);
                pixel[3] = 255;
            }
        }
    }

    /// A line from `a` to `b` with round ends whose radius goes from `ra` to `rb`.
    pub(super) fn capsule(&mut self, a: Point, ra: f32, b: Point, rb: f32, colour: Colour) {
        let r = ra.max(rb);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length2 = (dx * dx + dy * dy).max(1e-6);
        let bounds = (
            a.x.min(b.x) - r,
            a.y.min(b.y) - r,
            a.x.max(b.x) + r,
            a.y.max(b.y) + r,
        );
        self.fill(bounds, colour, |x, y| {
            let t = (((x - a.x) * dx + (y - a.y) * dy) / length2).clamp(0.0, 1.0);
            let (ex, ey) = (x - a.x - t * dx, y - a.y - t * dy);
            let radius = ra + (rb - ra) * t;
            // The square root is needed on the rim only.
            let d2 = ex * ex + ey * ey;
            if d2 < (radius - 1.0).max(0.0).powi(2) {
                1.0
            } else {
                radius + 0.5 - d2.sqrt()
            }
        });
    }

    /// An upright ellipse.
    pub(super) fn ellipse(&mut self, centre: Point, rx: f32, ry: f32, colour: Colour) {
        let bounds = (centre.x - rx, centre.y - ry, centre.x + rx, centre.y + ry);
        let (rx, ry) = (rx.max(0.5), ry.max(0.5));
        self.fill(bounds, colour, |x, y| {
            let k = ((x - centre.x) / rx).hypot((y - centre.y) / ry);
            (1.0 - k) * rx.min(ry) + 0.5
        });
    }

    /// Paints each pixel in `bounds` (left, top, right, bottom) by its coverage, 0 to 1.
    fn fill(
        &mut self,
        bounds: (f32, f32, f32, f32),
        colour: Colour,
        coverage: impl Fn(f32, f32) -> f32,
    ) {
        let clamp = |v: f32, max: usize| (v.max(0.0) as usize).min(max);
        let (x0, y0) = (
            clamp(bounds.0 - 1.0, self.width),
            clamp(bounds.1 - 1.0, self.height),
        );
        let (x1, y1) = (
            clamp(bounds.2 + 2.0, self.width),
            clamp(bounds.3 + 2.0, self.height),
        );
        for y in y0..y1 {
            let line = &mut self.rgba[(y * self.width + x0) * 4..(y * self.width + x1.max(x0)) * 4];
            for (index, pixel) in line.chunks_exact_mut(4).enumerate() {
                let covered = coverage((x0 + index) as f32 + 0.5, y as f32 + 0.5);
                if covered >= 1.0 {
                    pixel[..3].copy_from_slice(&colour);
                } else if covered > 0.0 {
                    let under = [pixel[0], pixel[1], pixel[2]];
                    pixel[..3].copy_from_slice(&mix(under, colour, covered));
                }
            }
        }
    }
}

/// The colour a share `t` of the way from `a` to `b`.
pub(super) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    let channel = |i: usize| (f32::from(a[i]) + (f32::from(b[i]) - f32::from(a[i])) * t) as u8;
    [channel(0), channel(1), channel(2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_filled_and_cut_at_the_border() {
        let mut rgba = vec![0; 20 * 20 * 4];
        let mut canvas = Canvas::new(&mut rgba, 20, 20);
        canvas.ellipse(Point::new(10.0, 10.0), 5.0, 5.0, [200, 0, 0]);
        canvas.capsule(
            Point::new(-50.0, 2.0),
            2.0,
            Point::new(50.0, 2.0),
            2.0,
            [0, 200, 0],
        );
        canvas.capsule(
            Point::new(f32::NAN, 2.0),
            2.0,
            Point::new(50.0, 2.0),
            2.0,
            [0, 0, 9],
        );
        assert_eq!(rgba[(10 * 20 + 10) * 4], 200);
        assert_eq!(rgba[(2 * 20) * 4 + 1], 200);
        assert_eq!(rgba[(19 * 20 + 19) * 4], 0);
    }
}
