//! The way of a call: who is reached already, and who not yet.

use egui_phosphor::bold as glyph;
use vrs_domain::{EndReason, PhoneNumber, SessionState};

use super::{CallFacts, is_trouble};
use crate::kit::Kit;
use crate::widgets::{Reach, Station};

/// The stations of a call, with how far it came: the user, the interpreter, the telephone; between
/// subscribers the two of them.
#[must_use]
pub fn stations(kit: &Kit, call: &CallFacts, failed: Option<EndReason>) -> Vec<Station> {
    if call.direct {
        let other = match call.state {
            _ if failed.is_some_and(is_trouble) => Reach::Failed,
            Some(SessionState::RelayActive | SessionState::CallEnded) => Reach::There,
            _ => Reach::Now,
        };
        return vec![you(kit), other_station(kit, call, glyph::USER, other)];
    }
    relayed(kit, call, failed).into()
}

fn you(kit: &Kit) -> Station {
    Station {
        icon: glyph::USER,
        name: kit.t("journey-you"),
        reach: Reach::There,
    }
}

fn other_station(kit: &Kit, call: &CallFacts, icon: &'static str, reach: Reach) -> Station {
    let name = call
        .number
        .as_ref()
        .map_or_else(|| kit.t("journey-telephone"), PhoneNumber::spaced);
    Station { icon, name, reach }
}

fn relayed(kit: &Kit, call: &CallFacts, failed: Option<EndReason>) -> [Station; 3] {
    let (mut interpreter, mut telephone) = match call.state {
        None | Some(SessionState::RequestReceived) => (Reach::Now, Reach::Ahead),
        Some(SessionState::InterpreterAssigned) => (Reach::There, Reach::Ahead),
        Some(SessionState::HearingPartyDialing) => (Reach::There, Reach::Now),
        Some(SessionState::RelayActive | SessionState::CallEnded) => (Reach::There, Reach::There),
    };
    match failed {
        Some(
            EndReason::HearingBusy
            | EndReason::HearingNoAnswer
            | EndReason::NumberRefused
            | EndReason::NumberInvalid
            | EndReason::NumberUnknown
            | EndReason::TrunkUnavailable,
        ) => telephone = Reach::Failed,
        Some(reason) if is_trouble(reason) => {
            interpreter = Reach::Failed;
            telephone = Reach::Ahead;
        }
        Some(_) | None => {}
    }
    let name = call.interpreter.as_ref().map_or_else(
        || kit.t("journey-interpreter"),
        |id| kit.with("journey-interpreter-id", &[("id", id.to_string().into())]),
    );
    [
        you(kit),
        Station {
            icon: glyph::HANDS_CLAPPING,
            name,
            reach: interpreter,
        },
        other_station(kit, call, glyph::PHONE, telephone),
    ]
}

/// The three stations as the interpreter sees them, in the middle.
#[must_use]
pub fn stations_of_interpreter(kit: &Kit, call: &CallFacts) -> Vec<Station> {
    let [mut caller, mut me, telephone] = relayed(kit, call, None);
    caller.name = kit.t("journey-caller");
    caller.reach = Reach::Now;
    me.name = kit.t("journey-you");
    me.reach = Reach::There;
    vec![caller, me, telephone]
}
