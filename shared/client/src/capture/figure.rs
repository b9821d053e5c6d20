//! The drawn person who signs in a synthetic picture: head, torso, two arms, two hands with fingers.
//!
//! What moves: wrists on smooth paths through the signing space (chest to face), fingers opening
//! and closing, mouth and eyelids. What does not is drawn once, by [`Figure::backdrop`].

use super::canvas::{Canvas, Colour, Point, mix};

/// What the figure looks like, so that two ends of a call can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    wall_top: Colour,
    wall_bottom: Colour,
    garment: Colour,
    skin: Colour,
    hair: Colour,
}

impl Look {
    /// A caller at home: warm wall, plum jumper.
    pub const CALLER: Self = Self {
        wall_top: [236, 224, 208],
        wall_bottom: [214, 194, 172],
        garment: [104, 54, 92],
        skin: [198, 142, 106],
        hair: [52, 34, 28],
    };
    /// An interpreter in a studio: cool wall, plain dark clothes that hands stand out from.
    pub const INTERPRETER: Self = Self {
        wall_top: [176, 202, 216],
        wall_bottom: [132, 164, 184],
        garment: [34, 40, 52],
        skin: [232, 184, 150],
        hair: [94, 62, 38],
    };
}

/// Lengths as shares of the figure's height.
const UPPER_ARM: f32 = 0.235;
const FOREARM: f32 = 0.215;
const ARM_RADIUS: f32 = 0.052;
const WRIST_RADIUS: f32 = 0.027;

/// A figure of one size.
pub(super) struct Figure {
    look: Look,
    width: usize,
    height: usize,
    /// Pixels that stand for a length of 1.
    scale: f32,
}

impl Figure {
    /// `foot` rows at the bottom are left to the strip.
    pub(super) fn new(look: Look, width: usize, height: usize, foot: usize) -> Self {
        Self {
            look,
            width,
            height,
            scale: (height - foot.min(height / 2)) as f32,
        }
    }

    /// A point `x` right of the middle and `y` below the top, as shares of the height.
    fn at(&self, x: f32, y: f32) -> Point {
        Point::new(self.width as f32 / 2.0 + x * self.scale, y * self.scale)
    }

    fn len(&self, share: f32) -> f32 {
        share * self.scale
    }

    /// Everything that does not move, as a whole RGBA picture.
    pub(super) fn backdrop(&self) -> Vec<u8> {
        let mut rgba = vec![0; self.width * self.height * 4];
        let mut canvas = Canvas::new(&mut rgba, self.width, self.height);
        let look = self.look;
        let shade = mix(look.skin, look.hair, 0.25);
        let fold = mix(look.garment, [0, 0, 0], 0.22);
        canvas.gradient(look.wall_top, look.wall_bottom);
        // Hair behind, torso, neck.
        canvas.ellipse(
            self.at(0.0, 0.25),
            self.len(0.122),
            self.len(0.15),
            look.hair,
        );
        canvas.capsule(
            self.at(-0.155, 0.545),
            self.len(0.075),
            self.at(0.155, 0.545),
            self.len(0.075),
            look.garment,
        );
        canvas.capsule(
            self.at(0.0, 0.66),
            self.len(0.205),
            self.at(0.0, 1.3),
            self.len(0.185),
            look.garment,
        );
        canvas.capsule(
            self.at(0.0, 0.37),
            self.len(0.048),
            self.at(0.0, 0.47),
            self.len(0.052),
            shade,
        );
        canvas.ellipse(self.at(0.0, 0.475), self.len(0.075), self.len(0.032), fold);
        canvas.ellipse(self.at(0.0, 0.465), self.len(0.066), self.len(0.03), shade);
        // Face, ears, hairline, brows, nose.
        for side in [-1.0, 1.0] {
            canvas.ellipse(
                self.at(side * 0.098, 0.28),
                self.len(0.017),
                self.len(0.028),
                shade,
            );
        }
        canvas.ellipse(
            self.at(0.0, 0.275),
            self.len(0.097),
            self.len(0.126),
            look.skin,
        );
        canvas.ellipse(
            self.at(0.0, 0.165),
            self.len(0.098),
            self.len(0.048),
            look.hair,
        );
        for side in [-1.0, 1.0] {
            canvas.capsule(
                self.at(side * 0.088, 0.175),
                self.len(0.022),
                self.at(side * 0.105, 0.245),
                self.len(0.012),
                look.hair,
            );
            canvas.capsule(
                self.at(side * 0.028, 0.2325),
                self.len(0.005),
                self.at(side * 0.058, 0.2335),
                self.len(0.004),
                look.hair,
            );
        }
        canvas.capsule(
            self.at(0.0, 0.27),
            self.len(0.007),
            self.at(0.003, 0.305),
            self.len(0.011),
            mix(look.skin, shade, 0.55),
        );
        rgba
    }

    /// Everything that moves, at `seconds` since the figure began.
    pub(super) fn draw_moving(&self, canvas: &mut Canvas<'_>, seconds: f32) {
        self.face(canvas, seconds);
        for side in [-1.0, 1.0] {
            self.arm(canvas, side, seconds);
        }
    }

    fn face(&self, canvas: &mut Canvas<'_>, seconds: f32) {
        let look = self.look;
        // Eyelids close for an eighth of a second every three and a half.
        let open = if seconds % 3.5 < 0.125 { 0.12 } else { 1.0 };
        for side in [-1.0, 1.0] {
            let eye = self.at(side * 0.042, 0.266);
            canvas.ellipse(
                eye,
                self.len(0.0175),
                self.len(0.0105 * open),
                [250, 248, 244],
            );
            canvas.ellipse(eye, self.len(0.0088), self.len(0.0094 * open), look.hair);
        }
        let mouthing = 0.5 + 0.5 * (seconds * 7.0).sin() * (seconds * 1.3).sin();
        let lips = mix(look.skin, [150, 40, 50], 0.6);
        canvas.ellipse(
            self.at(0.0, 0.343),
            self.len(0.032 - 0.008 * mouthing),
            self.len(0.008 + 0.012 * mouthing),
            lips,
        );
        canvas.ellipse(
            self.at(0.0, 0.343),
            self.len(0.022),
            self.len(0.001 + 0.009 * mouthing),
            [90, 24, 32],
        );
    }

    /// `side` is -1 for the arm on the left of the picture, 1 for the other.
    fn arm(&self, canvas: &mut Canvas<'_>, side: f32, seconds: f32) {
        let look = self.look;
        let sleeve = mix(look.garment, [255, 255, 255], 0.07);
        let shoulder = self.at(side * 0.2, 0.545);
        let wrist = self.wrist(side, seconds);
        let elbow = elbow(
            shoulder,
            wrist,
            self.len(UPPER_ARM),
            self.len(FOREARM),
            side,
        );
        canvas.capsule(
            shoulder,
            self.len(ARM_RADIUS + 0.012),
            elbow,
            self.len(ARM_RADIUS - 0.006),
            sleeve,
        );
        let cuff = elbow.mix(wrist, 0.62);
        canvas.capsule(
            elbow,
            self.len(0.034),
            wrist,
            self.len(WRIST_RADIUS),
            look.skin,
        );
        canvas.capsule(
            elbow,
            self.len(ARM_RADIUS - 0.006),
            cuff,
            self.len(0.036),
            sleeve,
        );
        self.hand(canvas, side, elbow, wrist, seconds);
    }

    /// Where the wrist is: a sum of slow waves, a little different on each side.
    fn wrist(&self, side: f32, seconds: f32) -> Point {
        let t = seconds + if side > 0.0 { 0.0 } else { 0.7 };
        let x = 0.1 + 0.045 * (t * 2.1).sin() + 0.025 * (t * 4.7 + side).sin();
        let y = 0.665 + 0.08 * (t * 1.7 + 0.4 * side).sin() + 0.02 * (t * 5.3).cos();
        self.at(side * x, y)
    }

    fn hand(&self, canvas: &mut Canvas<'_>, side: f32, elbow: Point, wrist: Point, seconds: f32) {
        let look = self.look;
        let forearm = (wrist.y - elbow.y).atan2(wrist.x - elbow.x);
        // The hand turns about the wrist, mostly upright as hands are in signing.
        let angle = forearm + side * 0.35 * (seconds * 2.9 + side).sin();
        let palm = wrist.toward(angle, self.len(0.038));
        let shade = mix(look.skin, look.hair, 0.16);
        let open = 0.5 + 0.5 * (seconds * 2.3 + 1.7 * side).sin();
        canvas.capsule(
            wrist,
            self.len(WRIST_RADIUS),
            palm,
            self.len(0.036),
            look.skin,
        );
        for finger in 0..4_u8 {
            let f = f32::from(finger);
            // Fingers open one after the other, so the handshape keeps changing.
            let mine = (open * 1.6 - 0.2 * f).clamp(0.15, 1.0);
            let fan = (f - 1.5) * (0.16 + 0.12 * open);
            let length = [0.06, 0.072, 0.068, 0.054][usize::from(finger)] * mine;
            let root = palm.toward(angle + fan * 1.5, self.len(0.026));
            let tip = root.toward(angle + fan, self.len(length));
            canvas.capsule(
                root,
                self.len(0.0125),
                tip,
                self.len(0.0098),
                if finger % 2 == 0 { look.skin } else { shade },
            );
        }
        let thumb = palm.toward(angle - side * 1.25, self.len(0.026));
        let tip = thumb.toward(angle - side * (0.5 + 0.5 * open), self.len(0.042));
        canvas.capsule(thumb, self.len(0.0145), tip, self.len(0.0105), look.skin);
    }
}

/// The elbow of a two-bone arm: outward and below, or on the line when the wrist is out of reach.
fn elbow(shoulder: Point, wrist: Point, upper: f32, fore: f32, side: f32) -> Point {
    // In a tiny picture the bounds cross, so this is no clamp.
    let reach = shoulder
        .distance(wrist)
        .max((upper - fore).abs() + 1.0)
        .min(upper + fore - 0.5)
        .max(0.1);
    let cosine =
        ((upper * upper + reach * reach - fore * fore) / (2.0 * upper * reach)).clamp(-1.0, 1.0);
    let direction = (wrist.y - shoulder.y).atan2(wrist.x - shoulder.x);
    // Of the two solutions always the outer one: the wrist stays inside the shoulder and below it.
    shoulder.toward(direction - side * cosine.acos(), upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_stay_joined_and_never_jump() {
        let figure = Figure::new(Look::CALLER, 640, 480, 24);
        for side in [-1.0, 1.0] {
            let mut last = None::<Point>;
            for tick in 0..3000_u16 {
                let seconds = f32::from(tick) / 30.0;
                let shoulder = figure.at(side * 0.2, 0.545);
                let wrist = figure.wrist(side, seconds);
                let (upper, fore) = (figure.len(UPPER_ARM), figure.len(FOREARM));
                let joint = elbow(shoulder, wrist, upper, fore, side);
                assert!((joint.distance(shoulder) - upper).abs() < 1.0);
                assert!(
                    (joint.distance(wrist) - fore).abs() < 8.0,
                    "{seconds} {side}"
                );
                assert!(
                    joint.y > shoulder.y - figure.len(0.03),
                    "elbow up at {seconds} {side}"
                );
                assert!(
                    last.is_none_or(|last| last.distance(joint) < figure.len(0.1)),
                    "{seconds}"
                );
                last = Some(joint);
            }
        }
    }

    #[test]
    fn the_figure_moves_and_keeps_its_backdrop() {
        let figure = Figure::new(Look::INTERPRETER, 320, 240, 0);
        let backdrop = figure.backdrop();
        let draw = |seconds| {
            let mut rgba = backdrop.clone();
            figure.draw_moving(&mut Canvas::new(&mut rgba, 320, 240), seconds);
            rgba
        };
        let (a, b) = (draw(0.0), draw(0.5));
        let changed = a
            .chunks_exact(4)
            .zip(b.chunks_exact(4))
            .filter(|(a, b)| a != b)
            .count();
        assert!(changed > 1000, "{changed}");
        assert_eq!(a[..4], b[..4]);
    }
}
