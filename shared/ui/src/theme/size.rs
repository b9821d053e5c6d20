//! Every size of the product, in points (a point grows with the user's text size).

/// Facts beside the main text; never smaller.
pub const META: f32 = 14.0;
/// Ordinary text.
pub const BODY: f32 = 16.0;
/// The state strip, names, numbers.
pub const LEAD: f32 = 20.0;
/// The heading of a screen.
pub const TITLE: f32 = 28.0;
/// What must be read from across the room.
pub const DISPLAY: f32 = 44.0;

/// Between an icon and its word's edge.
pub const SPACE_XS: f32 = 4.0;
/// Between things that belong together.
pub const SPACE_S: f32 = 8.0;
/// Between controls of one group.
pub const SPACE_M: f32 = 12.0;
/// Inside cards on a small window; between groups.
pub const SPACE_L: f32 = 16.0;
/// Inside cards.
pub const SPACE_XL: f32 = 24.0;
/// Between columns.
pub const SPACE_XXL: f32 = 32.0;
/// Around a screen.
pub const SPACE_XXXL: f32 = 48.0;

/// Corner of a control.
pub const RADIUS_CONTROL: u8 = 12;
/// Corner of a card.
pub const RADIUS_CARD: u8 = 16;
/// Corner of a printed key.
pub const RADIUS_KEY: u8 = 5;

/// Least width and height of anything to press (WCAG 2.2, 2.5.5).
pub const TARGET: f32 = 44.0;
/// A text field.
pub const FIELD: f32 = 52.0;
/// A main action.
pub const MAIN: f32 = 64.0;
/// The state strip.
pub const STRIP: f32 = 56.0;
/// The bar of controls under a picture.
pub const BAR: f32 = 88.0;
/// The column of pages at the left.
pub const RAIL: f32 = 96.0;

/// Thickness of the focus ring.
pub const FOCUS_RING: f32 = 3.0;
/// From a control to its focus ring.
pub const FOCUS_GAP: f32 = 2.0;
/// Thickness of a control's edge.
pub const EDGE: f32 = 1.5;
/// Thickness of the edge of something selected.
pub const EDGE_SELECTED: f32 = 2.5;

/// An icon beside body text.
pub const ICON: f32 = 20.0;
/// An icon in a bar or a strip.
pub const ICON_L: f32 = 26.0;

/// Below this window width, in points, screens use one column less.
pub const NARROW: f32 = 960.0;
/// Below this window width, in points, words that an icon can stand for are left out.
pub const TINY: f32 = 560.0;
/// Below this window height, in points, screens save height.
pub const LOW: f32 = 620.0;

/// Below this window height, in points, only what cannot be missed is left.
pub const FLAT: f32 = 320.0;

/// What the user may choose as text size, in per cent.
pub const SCALES_PERCENT: [u16; 5] = [100, 125, 150, 200, 300];
/// How long something may take to show where it went, in seconds.
pub const MOTION_S: f32 = 0.15;
