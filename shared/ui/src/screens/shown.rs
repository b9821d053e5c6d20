//! A person's picture with what surrounds it.

use egui::{Rect, Ui};

use crate::kit::Kit;
use crate::widgets::{Fit, Look, Placeholder, VideoView, name_tag};
use crate::{glyph, host::Seen};

/// Pictures narrower than this, in points, carry no name: it would cover hands.
const TAGGED_WIDTH_MIN: f32 = 180.0;

/// A picture with what surrounds it.
pub struct Shown<'a> {
    view: &'a VideoView,
    name: String,
    tag: String,
    mirrored: bool,
    icon: &'static str,
    missing: String,
}

impl<'a> Shown<'a> {
    /// The other person's picture: its accessible name, and the icon and words in its place.
    #[must_use]
    pub fn other(seen: &'a Seen, name: String, icon: &'static str, missing: String) -> Self {
        Self {
            view: &seen.remote,
            name,
            tag: String::new(),
            mirrored: false,
            icon,
            missing,
        }
    }

    /// The user's own picture.
    #[must_use]
    pub fn own(seen: &'a Seen, kit: &Kit, mirrored: bool, camera_off: bool) -> Self {
        let (icon, missing) = if camera_off {
            (glyph::VIDEO_CAMERA_SLASH, kit.t("no-picture-camera-off"))
        } else {
            (glyph::VIDEO_CAMERA, kit.t("no-picture-camera"))
        };
        Self {
            view: &seen.local,
            name: kit.t("your-picture"),
            tag: kit.t("you"),
            mirrored,
            icon,
            missing,
        }
    }

    /// Whether there is a picture.
    #[must_use]
    pub const fn has_picture(&self) -> bool {
        self.view.has_picture()
    }

    /// Draws it into `rect`.
    pub fn show(&self, ui: &mut Ui, kit: &Kit, rect: Rect, radius: u8, fit: Fit) {
        let look = Look {
            name: &self.name,
            fit,
            mirrored: self.mirrored,
            radius,
            empty: Placeholder {
                icon: self.icon,
                words: &self.missing,
            },
        };
        let place = self.view.show(ui, kit, rect, &look);
        if self.view.has_picture() && place.width() > TAGGED_WIDTH_MIN && !self.tag.is_empty() {
            name_tag(ui, kit, place, &self.tag);
        }
    }
}
