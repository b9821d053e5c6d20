//! The part of the settings in which a caller says where they are.

use egui::{Key, Ui};
use egui_phosphor::bold as glyph;

use crate::kit::Kit;
use crate::place::{AddressField, Place, PlaceChange, Progress, Wrong};
use crate::theme::size;
use crate::widgets::{Button, Field, Kind, choice, words};

/// Longest text in one field, in characters.
const CHARS_MAX: usize = 120;
/// Fields stand beside each other from this width on.
const BESIDE_WIDTH_MIN: f32 = 520.0;

/// Draws what stands under the section's title.
pub(super) fn place(ui: &mut Ui, kit: &Kit, place: &Place) -> Option<PlaceChange> {
    let mut change = None;
    words::plain(ui, &kit.t("address-about"), size::BODY, kit.palette.ink_2);
    let options = [kit.t("address-told"), kit.t("address-withheld")];
    let chosen = usize::from(place.withheld);
    if let Some(picked) = choice(ui, kit, &kit.t("settings-address"), &options, chosen) {
        change = Some(PlaceChange::Withheld(picked == 1));
    }
    if place.withheld {
        let key = match place.registered {
            Some(true) => "address-withheld-registered",
            Some(false) | None => "address-withheld-missing",
        };
        words::plain(ui, &kit.t(key), size::BODY, kit.palette.ink);
        return change;
    }
    let mut form = place.form.clone();
    let mut entered = false;
    let mut field = |ui: &mut Ui, which: AddressField| {
        let (name, hint) = (kit.t(which.key()), hint(kit, which));
        let field = Field::new(&name)
            .hint(&hint)
            .points(size::BODY)
            .chars_max(CHARS_MAX)
            .id(egui::Id::unique(which.key()));
        let response = field.show(ui, kit, form.field_mut(which));
        entered |= response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    };
    let rows: [&[AddressField]; 3] = [
        &[AddressField::Country, AddressField::State],
        &[AddressField::City, AddressField::PostalCode],
        &[
            AddressField::Street,
            AddressField::House,
            AddressField::Unit,
        ],
    ];
    for row in rows {
        if ui.available_width() < BESIDE_WIDTH_MIN {
            row.iter().for_each(|which| field(ui, *which));
        } else {
            ui.columns(row.len(), |columns| {
                for (column, which) in columns.iter_mut().zip(row) {
                    field(column, *which);
                }
            });
        }
    }
    if form != place.form {
        change = Some(PlaceChange::Edited(form));
    }
    let word = kit.t("address-save");
    let button = Button::new(&word)
        .icon(glyph::FLOPPY_DISK)
        .kind(Kind::Primary);
    if button.show(ui, kit).clicked() || entered {
        change = Some(PlaceChange::Saved);
    }
    outcome(ui, kit, place);
    change
}

fn hint(kit: &Kit, field: AddressField) -> String {
    match field {
        AddressField::Country => kit.t("address-country-hint"),
        AddressField::PostalCode | AddressField::Unit => kit.t("address-optional"),
        AddressField::State | AddressField::City | AddressField::Street | AddressField::House => {
            String::new()
        }
    }
}

/// What is wrong, how far the last change has come, or what the provider has.
fn outcome(ui: &mut Ui, kit: &Kit, place: &Place) {
    let palette = &kit.palette;
    let (icon, sentence, color) = if let Some(wrong) = place.wrong {
        (glyph::WARNING, wrong_words(kit, wrong), palette.danger)
    } else {
        let refused = |why: vrs_domain::LocationRefusal| kit.t(&format!("address-refused-{why}"));
        match (place.progress, place.registered) {
            (Some(Progress::Sending), _) => (
                glyph::HOURGLASS_MEDIUM,
                kit.t("address-sending"),
                palette.ink_2,
            ),
            (Some(Progress::Kept), _) => (glyph::CHECK_CIRCLE, kit.t("address-kept"), palette.call),
            (Some(Progress::Refused(why)), _) => (glyph::WARNING, refused(why), palette.danger),
            (None, Some(true)) => (
                glyph::CHECK_CIRCLE,
                kit.t("address-registered"),
                palette.ink_2,
            ),
            (None, Some(false)) => (glyph::WARNING, kit.t("address-missing"), palette.ink),
            (None, None) => return,
        }
    };
    let said = words::with_icon(ui, icon, &sentence, size::BODY, color);
    let urgent = place.wrong.is_some() || matches!(place.progress, Some(Progress::Refused(_)));
    if urgent {
        words::tell_at_once(ui, &said, &sentence);
    } else {
        words::tell_politely(ui, &said, &sentence);
    }
}

fn wrong_words(kit: &Kit, wrong: Wrong) -> String {
    let naming = |key: &str, field: AddressField| {
        let name = kit.t(field.key());
        kit.with(key, &[("field", name.into())])
    };
    match wrong {
        Wrong::Missing(field) => naming("address-wrong-missing", field),
        Wrong::Signs(field) => naming("address-wrong-signs", field),
        Wrong::Country => kit.t("address-wrong-country"),
        Wrong::TooLong => kit.t("address-wrong-long"),
    }
}
