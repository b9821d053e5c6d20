//! The part of the settings in which a caller says where they are.

use egui::{Id, Key, Rect, Ui};
use egui_phosphor::bold as glyph;
use vrs_domain::LocationRefusal;

use crate::kit::Kit;
use crate::place::{AddressField, AddressForm, Place, PlaceChange, Progress, Wrong};
use crate::theme::size;
use crate::widgets::{Button, Field, Kind, choice, words};

/// Longest text in one field, in characters.
const CHARS_MAX: usize = 120;
/// Fields stand beside each other from this width on.
const BESIDE_WIDTH_MIN: f32 = 520.0;

const ROWS: [&[AddressField]; 3] = [
    &[AddressField::Country, AddressField::State],
    &[AddressField::City, AddressField::PostalCode],
    &[
        AddressField::Street,
        AddressField::House,
        AddressField::Unit,
    ],
];

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
    let entered = fields(ui, kit, place, &mut form);
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

/// Draws the fields, what is wrong with one under it; says whether Enter was pressed in one.
fn fields(ui: &mut Ui, kit: &Kit, place: &Place, form: &mut AddressForm) -> bool {
    let wrong = place.wrong.and_then(Wrong::field);
    // What turns out to be wrong gets the keyboard, once.
    let memory = Id::unique("address-wrong");
    let before: Option<AddressField> = ui.data(|data| data.get_temp(memory)).flatten();
    ui.data_mut(|data| data.insert_temp(memory, wrong));
    let news = wrong.filter(|_| wrong != before);
    let mut entered = false;
    let mut field = |ui: &mut Ui, which: AddressField| -> Rect {
        let (name, hint) = (kit.t(which.key()), hint(kit, which));
        let field = Field::new(&name)
            .hint(&hint)
            .points(size::BODY)
            .chars_max(CHARS_MAX);
        let response = field.show(ui, kit, form.field_mut(which));
        if news == Some(which) {
            response.request_focus();
        } else {
            entered |= response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        }
        let mut whole = response.rect;
        whole.min.y -= size::FIELD; // with its name
        whole
    };
    for row in ROWS {
        if ui.available_width() < BESIDE_WIDTH_MIN {
            for which in row {
                let whole = field(ui, *which);
                let here = place.wrong.filter(|_| wrong == Some(*which));
                complain(ui, kit, here, news.map(|_| whole));
            }
        } else {
            ui.columns(row.len(), |columns| {
                for (column, which) in columns.iter_mut().zip(row) {
                    let whole = field(column, *which);
                    column.spacing_mut().item_spacing.y = size::SPACE_S;
                    let here = place.wrong.filter(|_| wrong == Some(*which));
                    complain(column, kit, here, news.map(|_| whole));
                }
            });
        }
    }
    entered
}

/// `news`: it was not there a moment ago, and is brought into view with its field.
fn complain(ui: &mut Ui, kit: &Kit, wrong: Option<Wrong>, news: Option<Rect>) {
    let Some(wrong) = wrong else { return };
    let sentence = wrong_words(kit, wrong);
    let danger = kit.palette.danger;
    let said = words::with_icon(ui, glyph::WARNING, &sentence, size::BODY, danger);
    words::tell_at_once(ui, &said, &sentence);
    if let Some(field) = news {
        ui.scroll_to_rect(field.union(said.rect), None);
    }
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

/// How far the last change has come, or what the provider has.
fn outcome(ui: &mut Ui, kit: &Kit, place: &Place) {
    let palette = &kit.palette;
    if let Some(wrong) = place.wrong {
        let elsewhere = wrong.field().is_some();
        return complain(ui, kit, Some(wrong).filter(|_| !elsewhere), None);
    }
    let refused = |why: LocationRefusal| kit.t(&format!("address-refused-{why}"));
    let (icon, sentence, color) = match (place.progress, place.registered) {
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
    };
    let said = words::with_icon(ui, icon, &sentence, size::BODY, color);
    if matches!(place.progress, Some(Progress::Refused(_))) {
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
