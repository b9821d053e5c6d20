//! Something beside the call that wants a word: another call, a request.

use egui::accesskit::{Live, Role};
use egui::{Align, Key, Layout, Sense, Ui, vec2};

use super::{Button, Kind, Outline, icon, words};
use crate::kit::Kit;
use crate::theme::size;

/// What is said, and what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// A Phosphor icon.
    pub icon: &'static str,
    /// What is going on, as a sentence.
    pub sentence: String,
    /// The same for a screen reader, where counting aloud would disturb.
    pub spoken: Option<String>,
    /// Somebody waits for an answer: the window's edge breathes, and it is told at once.
    pub urgent: bool,
    /// What may be done, the first first.
    pub actions: Vec<NoticeAction>,
}

/// One thing that may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeAction {
    /// A Phosphor icon.
    pub icon: &'static str,
    /// Its word.
    pub word: String,
    /// The key that does the same.
    pub key: Key,
    /// What it does to a call.
    pub kind: Kind,
}

impl Notice {
    /// A notice that only says something.
    #[must_use]
    pub const fn new(icon: &'static str, sentence: String) -> Self {
        Self {
            icon,
            sentence,
            spoken: None,
            urgent: false,
            actions: Vec::new(),
        }
    }

    /// With one thing more that may be done.
    #[must_use]
    pub fn action(mut self, icon: &'static str, word: String, key: Key, kind: Kind) -> Self {
        let action = NoticeAction {
            icon,
            word,
            key,
            kind,
        };
        self.actions.push(action);
        self
    }
}

/// Draws the sentence with its buttons at the right, or under it where the window is narrow; the
/// index of the button pressed.
pub fn notice(ui: &mut Ui, kit: &Kit, notice: &Notice) -> Option<usize> {
    // More than two buttons would leave no room for the sentence.
    let beside = ui.available_width() >= size::NARROW && notice.actions.len() <= 2;
    if beside {
        let from_right: Vec<_> = numbered(notice).rev().collect();
        return ui
            .horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let pressed = buttons(ui, kit, &from_right);
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        sentence(ui, kit, notice);
                    });
                    pressed
                })
                .inner
            })
            .inner;
    }
    ui.spacing_mut().item_spacing.y = size::SPACE_S;
    let (aside, below): (Vec<_>, Vec<_>) =
        numbered(notice).partition(|(_, action)| action.kind == Kind::Plain);
    let left = ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let pressed = buttons(ui, kit, &aside);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                sentence(ui, kit, notice);
            });
            pressed
        })
        .inner
    });
    let under = ui.horizontal_wrapped(|ui| buttons(ui, kit, &below));
    left.inner.or(under.inner)
}

fn numbered(notice: &Notice) -> impl DoubleEndedIterator<Item = (usize, &NoticeAction)> {
    notice.actions.iter().enumerate()
}

fn sentence(ui: &mut Ui, kit: &Kit, notice: &Notice) {
    let palette = &kit.palette;
    ui.spacing_mut().item_spacing.x = size::SPACE_M;
    ui.set_min_height(size::ICON_L);
    let (rect, _) = ui.allocate_exact_size(vec2(size::ICON_L, size::ICON_L), Sense::hover());
    let color = if notice.urgent {
        palette.call
    } else {
        palette.accent
    };
    icon(
        ui.painter(),
        rect.center(),
        notice.icon,
        size::ICON_L,
        color,
    );
    let said = words::strong(ui, &notice.sentence, size::BODY, palette.ink);
    let spoken = notice.spoken.as_ref().unwrap_or(&notice.sentence);
    ui.ctx().accesskit_node_builder(said.id, |node| {
        if notice.urgent {
            node.set_role(Role::Alert);
            node.set_live(Live::Assertive);
        } else {
            node.set_role(Role::Status);
            node.set_live(Live::Polite);
        }
        node.set_label(spoken.as_str());
        node.clear_value();
    });
}

fn buttons(ui: &mut Ui, kit: &Kit, actions: &[(usize, &NoticeAction)]) -> Option<usize> {
    ui.spacing_mut().item_spacing = vec2(size::SPACE_S, size::SPACE_S);
    let low = ui.ctx().content_rect().height() < size::LOW;
    let mut pressed = None;
    for &(index, action) in actions {
        let outline = match action.kind {
            Kind::Call => Outline::Round,
            Kind::Danger => Outline::Square,
            Kind::Primary | Kind::Secondary | Kind::Plain => Outline::Rounded,
        };
        let button = Button::new(&action.word)
            .icon(action.icon)
            .kind(action.kind)
            .outline(outline);
        let button = if low {
            button // printed keys would cost a second row
        } else {
            button.key(action.key.name())
        };
        if button.show(ui, kit).clicked() {
            pressed = Some(index);
        }
    }
    pressed
}
