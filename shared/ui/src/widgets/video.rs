//! A live picture.

use egui::accesskit::Role;
use egui::{
    Align2, Color32, ColorImage, Context, CornerRadius, Rect, Sense, TextureHandle, TextureOptions,
    Ui, WidgetInfo, pos2, vec2,
};
use vrs_media::picture::{Picture, Slot};

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, size};

/// The newest picture of one source, on the graphics card.
pub struct VideoView {
    texture: Option<TextureHandle>,
    version: u64,
    name: &'static str,
}

/// How a picture sits in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// All of it is seen: hands are never cut off.
    Contain,
    /// The place is filled.
    Cover,
}

/// What is drawn where no picture has come.
#[derive(Debug, Clone, Copy)]
pub struct Placeholder<'a> {
    /// A Phosphor icon.
    pub icon: &'a str,
    /// Why there is no picture.
    pub words: &'a str,
}

impl VideoView {
    /// A view without a picture; the name is for debugging only.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            texture: None,
            version: 0,
            name,
        }
    }

    /// Takes over the newest picture of `slot`, if it is new.
    pub fn update(&mut self, ctx: &Context, slot: &Slot<Picture>) {
        let version = slot.version();
        if version == self.version {
            return;
        }
        self.version = version;
        self.texture = slot.latest().and_then(|picture| {
            let image = to_image(&picture)?;
            Some(match self.texture.take() {
                Some(mut texture) => {
                    texture.set(image, TextureOptions::LINEAR);
                    texture
                }
                None => ctx.load_texture(self.name, image, TextureOptions::LINEAR),
            })
        });
    }

    /// Whether there is a picture.
    #[must_use]
    pub const fn has_picture(&self) -> bool {
        self.texture.is_some()
    }

    /// Draws the picture in `rect` on the neutral surround; returns the place it takes there.
    pub fn show(&self, ui: &mut Ui, kit: &Kit, rect: Rect, look: &Look<'_>) -> Rect {
        let stage = kit.theme.stage();
        let radius = CornerRadius::same(look.radius);
        let id = ui.scope_id().with("picture").with(self.name);
        let response = ui.interact(rect, id, Sense::hover());
        ui.painter().rect_filled(rect, radius, stage.surround);
        let Some(texture) = &self.texture else {
            let words = look.empty.words;
            response.widget_info(|| {
                WidgetInfo::labeled(Role::Image, true, format!("{}: {words}", look.name))
            });
            draw_placeholder(ui, rect, &look.empty, stage.ink_2);
            return rect;
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, look.name));
        let (place, mut uv) = place_and_cut(rect, texture.aspect_ratio(), look.fit);
        if look.mirrored {
            std::mem::swap(&mut uv.min.x, &mut uv.max.x);
        }
        let shape = egui::epaint::RectShape::filled(
            place,
            if place == rect {
                radius
            } else {
                CornerRadius::ZERO
            },
            Color32::WHITE,
        )
        .with_texture(texture.id(), uv);
        ui.painter().add(shape);
        place
    }
}

/// How a picture is to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Its accessible name.
    pub name: &'a str,
    /// How it sits in its place.
    pub fit: Fit,
    /// Left and right swapped, as in a mirror.
    pub mirrored: bool,
    /// Corner radius in points.
    pub radius: u8,
    /// What is drawn instead of a missing picture.
    pub empty: Placeholder<'a>,
}

/// Where a picture lies in `rect` and which part of it is shown (texture coordinates 0 to 1).
fn place_and_cut(rect: Rect, aspect: f32, fit: Fit) -> (Rect, Rect) {
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let room = rect.width() / rect.height().max(1.0);
    match fit {
        Fit::Contain => {
            let size = if room > aspect {
                vec2(rect.height() * aspect, rect.height())
            } else {
                vec2(rect.width(), rect.width() / aspect)
            };
            (Rect::from_center_size(rect.center(), size), whole)
        }
        Fit::Cover => {
            let seen = if room > aspect {
                vec2(1.0, aspect / room)
            } else {
                vec2(room / aspect, 1.0)
            };
            (rect, Rect::from_center_size(whole.center(), seen))
        }
    }
}

fn to_image(picture: &Picture) -> Option<ColorImage> {
    let size = [picture.width as usize, picture.height as usize];
    // A picture that is not what it says is dropped, not trusted.
    (size[0] > 0 && size[1] > 0 && picture.rgba.len() == 4 * size[0] * size[1])
        .then(|| ColorImage::from_rgba_premultiplied(size, &picture.rgba))
}

fn draw_placeholder(ui: &Ui, rect: Rect, empty: &Placeholder<'_>, color: Color32) {
    let painter = ui.painter();
    let small = rect.width() < 200.0 || rect.height() < 120.0;
    let points = if small { size::META } else { size::BODY };
    let icon = if small { size::ICON_L } else { size::DISPLAY };
    let room = rect.width() - 2.0 * size::SPACE_M;
    let text = painter.layout(
        empty.words.to_owned(),
        theme::regular(points),
        color,
        room.max(1.0),
    );
    let whole = icon + size::SPACE_S + text.size().y;
    if whole + size::SPACE_S > rect.height() {
        paint::icon(
            painter,
            rect.center(),
            empty.icon,
            icon.min(rect.height()),
            color,
        );
        return;
    }
    let top = rect.center().y - whole / 2.0;
    paint::icon(
        painter,
        pos2(rect.center().x, top + icon / 2.0),
        empty.icon,
        icon,
        color,
    );
    let left = rect.center().x - text.size().x / 2.0;
    painter.galley(pos2(left, top + icon + size::SPACE_S), text, color);
}

/// Draws the name of a picture's person in its lower left corner.
pub fn name_tag(ui: &Ui, kit: &Kit, picture: Rect, name: &str) {
    let stage = kit.theme.stage();
    let painter = ui.painter();
    let text = painter.layout_no_wrap(name.to_owned(), theme::bold(size::META), stage.ink);
    let tag = Rect::from_min_size(
        picture.left_bottom()
            + vec2(
                size::SPACE_S,
                -size::SPACE_S - text.size().y - size::SPACE_S,
            ),
        text.size() + vec2(size::SPACE_L, size::SPACE_S),
    );
    painter.rect_filled(tag, CornerRadius::same(size::RADIUS_KEY), stage.bg);
    painter.text(
        tag.center(),
        Align2::CENTER_CENTER,
        name,
        theme::bold(size::META),
        stage.ink,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u4_contain_never_cuts_a_hand_off() {
        let wide = Rect::from_min_size(pos2(0.0, 0.0), vec2(1280.0, 480.0));
        let (place, cut) = place_and_cut(wide, 4.0 / 3.0, Fit::Contain);
        assert_eq!(place.size(), vec2(640.0, 480.0));
        assert_eq!(cut.size(), vec2(1.0, 1.0));
        let (place, cut) = place_and_cut(wide, 4.0 / 3.0, Fit::Cover);
        assert_eq!(place, wide);
        assert!((cut.size().y - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_picture_that_lies_about_its_size_is_dropped() {
        let liar = Picture {
            width: 4,
            height: 4,
            rgba: vec![0; 16],
            counter: 1,
        };
        assert!(to_image(&liar).is_none());
        assert!(to_image(&Picture::default()).is_none());
        let honest = Picture {
            width: 2,
            height: 2,
            rgba: vec![0; 16],
            counter: 1,
        };
        assert!(to_image(&honest).is_some());
    }
}
