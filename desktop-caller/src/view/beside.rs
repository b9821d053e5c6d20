//! What is beside the call: one that is waiting, or one that is on hold.

use egui::Key;
use vrs_client::CallView;
use vrs_domain::PhoneNumber;
use vrs_ui::situation::clock_words;
use vrs_ui::widgets::{Kind, Notice};
use vrs_ui::{Kit, glyph};

use crate::message::Message;
use crate::model::Model;
use crate::update::other_party;

/// The notice under the strip, and what its buttons do.
pub(super) fn notice(kit: &Kit, model: &Model) -> Option<(Notice, Vec<Message>)> {
    let call = model.call.view()?;
    if let Some(invitation) = &model.incoming {
        return Some(waiting(kit, &invitation.from, call.connected));
    }
    model.parked.as_ref().map(|parked| on_hold(kit, parked))
}

fn waiting(kit: &Kit, from: &str, connected: bool) -> (Notice, Vec<Message>) {
    let (shown, spoken) = super::who_words(kit, from);
    let key = if connected {
        "waiting-call"
    } else {
        "waiting-call-instead"
    };
    let sentence = |who: String| kit.with(key, &[("who", who.into())]);
    let notice = Notice {
        spoken: Some(sentence(spoken)),
        urgent: true,
        ..Notice::new(glyph::PHONE_INCOMING, sentence(shown))
    };
    let notice = notice
        .action(glyph::PHONE, kit.t("answer"), Key::A, Kind::Call)
        .action(glyph::X, kit.t("decline"), Key::D, Kind::Danger);
    (notice, vec![Message::Answer, Message::Decline])
}

fn on_hold(kit: &Kit, parked: &CallView) -> (Notice, Vec<Message>) {
    let since = parked.conversation_started.or(parked.started);
    let time = since.map(|since| kit.now.saturating_duration_since(since));
    let mut who = other_party(parked);
    if who.is_empty() {
        who = kit.t("incoming-unknown");
    }
    let spelled = parked.number.as_ref().map(PhoneNumber::spoken);
    let spoken = kit.with(
        "parked-spoken",
        &[("who", spelled.unwrap_or_else(|| who.clone()).into())],
    );
    let clock = clock_words(time.unwrap_or_default());
    let sentence = kit.with("parked", &[("who", who.into()), ("time", clock.into())]);
    let notice = Notice {
        spoken: Some(spoken),
        ..Notice::new(glyph::PAUSE, sentence)
    };
    let swap = notice.action(
        glyph::ARROWS_LEFT_RIGHT,
        kit.t("swap"),
        Key::S,
        Kind::Secondary,
    );
    (swap, vec![Message::Swap])
}
