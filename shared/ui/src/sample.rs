//! Still pictures of a drawn person, for snapshot tests and the gallery: no camera, always the same.

use vrs_media::picture::Picture;

/// Who is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// In a blue shirt, hands before the chest.
    Caller,
    /// In a dark shirt, one hand raised.
    Interpreter,
}

type Rgb = [f32; 3];

/// Draws `person`, 4:3, `width` pixels wide.
#[must_use]
pub fn person(person: Person, width: u32, counter: u64) -> Picture {
    let height = width * 3 / 4;
    let scale = 480.0 / height.max(1) as f32;
    let mut rgba = Vec::with_capacity((4 * width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let color = pixel(person, x as f32 * scale, y as f32 * scale);
            rgba.extend(color.map(|channel| channel.clamp(0.0, 255.0) as u8));
            rgba.push(255);
        }
    }
    Picture { width, height, rgba, counter }
}

/// The colour at a point of a 640 by 480 picture.
fn pixel(person: Person, x: f32, y: f32) -> Rgb {
    let (wall, shirt, skin, hair) = match person {
        Person::Caller => ([142.0, 158.0, 160.0], [36.0, 66.0, 110.0], [224.0, 172.0, 138.0], [62.0, 44.0, 36.0]),
        Person::Interpreter => ([120.0, 128.0, 142.0], [44.0, 46.0, 52.0], [150.0, 102.0, 74.0], [28.0, 24.0, 24.0]),
    };
    let light = 1.06 - y / 4800.0 - (x - 320.0).abs() / 2600.0;
    let mut color = wall.map(|channel: f32| channel * light);
    let mut put = |paint: Rgb, distance: f32| {
        let cover = (0.5 - distance).clamp(0.0, 1.0);
        for (channel, new) in color.iter_mut().zip(paint) {
            *channel += (new - *channel) * cover;
        }
    };
    let shade = |color: Rgb, factor: f32| color.map(|channel| channel * factor);
    put(hair, ellipse(x, y, 320.0, 142.0, 84.0, 100.0));
    put(shade(skin, 0.86), capsule(x, y, (320.0, 200.0), (320.0, 268.0), 34.0));
    put(shirt, capsule(x, y, (236.0, 322.0), (404.0, 322.0), 66.0));
    put(shirt, ellipse(x, y, 320.0, 470.0, 170.0, 180.0));
    put(skin, ellipse(x, y, 320.0, 160.0, 66.0, 84.0));
    put(hair, ellipse(x, y, 320.0, 84.0, 66.0, 34.0));
    let dark = shade(skin, 0.3);
    put(dark, ellipse(x, y, 296.0, 152.0, 7.0, 6.0));
    put(dark, ellipse(x, y, 344.0, 152.0, 7.0, 6.0));
    put(shade(skin, 0.55), capsule(x, y, (302.0, 206.0), (338.0, 206.0), 4.0));
    let hands = match person {
        Person::Caller => [((204.0, 340.0), (250.0, 400.0), (286.0, 350.0)), ((436.0, 340.0), (410.0, 410.0), (362.0, 332.0))],
        Person::Interpreter => [((204.0, 340.0), (196.0, 420.0), (262.0, 392.0)), ((436.0, 340.0), (470.0, 330.0), (446.0, 230.0))],
    };
    let sleeve = shade(shirt, 1.18);
    for (shoulder, elbow, hand) in hands {
        put(sleeve, capsule(x, y, shoulder, elbow, 36.0));
        put(sleeve, capsule(x, y, elbow, midway(elbow, hand, 0.55), 31.0));
        put(skin, capsule(x, y, midway(elbow, hand, 0.5), hand, 22.0));
        put(skin, ellipse(x, y, hand.0, hand.1, 29.0, 32.0));
        for finger in 0..4 {
            let spread = (finger as f32 - 1.5) * 13.0;
            let tip = (hand.0 + spread * 1.3, hand.1 - 52.0 + spread.abs() * 0.5);
            put(skin, capsule(x, y, (hand.0 + spread, hand.1 - 12.0), tip, 8.0));
        }
    }
    color
}

fn midway(from: (f32, f32), to: (f32, f32), share: f32) -> (f32, f32) {
    (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
}

/// Roughly the distance in pixels to the edge of an ellipse, negative inside.
fn ellipse(x: f32, y: f32, center_x: f32, center_y: f32, half_width: f32, half_height: f32) -> f32 {
    let reach = ((x - center_x) / half_width).hypot((y - center_y) / half_height);
    (reach - 1.0) * half_width.min(half_height)
}

/// The distance in pixels to the edge of a line with round ends, negative inside.
fn capsule(x: f32, y: f32, from: (f32, f32), to: (f32, f32), radius: f32) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let along = ((x - from.0) * dx + (y - from.1) * dy) / (dx * dx + dy * dy).max(1e-6);
    let (near_x, near_y) = midway(from, to, along.clamp(0.0, 1.0));
    (x - near_x).hypot(y - near_y) - radius
}
