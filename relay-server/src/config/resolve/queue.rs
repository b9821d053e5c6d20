//! `[queue]` and `[numbers]`.

use std::collections::BTreeSet;
use std::time::Duration;

use relay_core::queue::{Occupancy, QueueRules};
use relay_core::session::Rules;
use vrs_domain::PhoneNumber;

use super::Resolver;
use crate::config::raw::{At, RawNumbers, RawQueue};
use crate::config::resolved::{Numbers, QueueSettings};

/// Over which time the share of calls is measured when nothing else is written, in minutes.
const OCCUPANCY_WINDOW_MIN: u64 = 60;

pub(super) fn queue(raw: &RawQueue) -> QueueSettings {
    let rules = QueueRules::default();
    let session = Rules::default();
    let window = raw.occupancy_window_min.as_ref();
    let window_min = window.map_or(OCCUPANCY_WINDOW_MIN, |minutes| minutes.value);
    let occupancy = raw.occupancy_percent.as_ref().map(|percent| Occupancy {
        share_percent: u8::try_from(percent.value).unwrap_or(100),
        window: Duration::from_secs(60 * window_min),
    });
    let missed = raw.missed_invitations_max.as_ref();
    let missed_max = missed.and_then(|missed| u32::try_from(missed.value).ok());
    QueueSettings {
        rules: QueueRules {
            invitation_timeout: seconds(
                raw.invitation_timeout_s.as_ref(),
                rules.invitation_timeout,
            ),
            wrap_up: seconds(raw.wrap_up_s.as_ref(), rules.wrap_up),
            missed_max: missed_max.unwrap_or(rules.missed_max),
            occupancy: occupancy.or(rules.occupancy),
            wish_patience: seconds(raw.wish_patience_s.as_ref(), rules.wish_patience),
        },
        session: Rules {
            ring_timeout: seconds(raw.hearing_ring_timeout_s.as_ref(), session.ring_timeout),
            reassign_timeout: seconds(raw.reassign_timeout_s.as_ref(), session.reassign_timeout),
        },
    }
}

pub(super) fn seconds(value: Option<&At<u64>>, otherwise: Duration) -> Duration {
    value.map_or(otherwise, |v| Duration::from_secs(v.value))
}

impl Resolver<'_> {
    pub(super) fn numbers(&mut self, raw: &RawNumbers) -> Numbers {
        let default = Numbers::default();
        let emergency = "[numbers] emergency";
        if raw.emergency.as_ref().is_some_and(Vec::is_empty) {
            // Every call for help would wait with all the others.
            let message = "names no number: calls for help would be ordinary calls";
            let hint = "write the numbers, such as [\"911\"], or leave the line out";
            self.problem(None, emergency, message, hint);
        }
        Numbers {
            emergency: self
                .set(emergency, raw.emergency.as_deref())
                .unwrap_or(default.emergency),
            crisis: self
                .set("[numbers] crisis", raw.crisis.as_deref())
                .unwrap_or(default.crisis),
        }
    }

    fn set(&mut self, key: &str, list: Option<&[At<String>]>) -> Option<BTreeSet<PhoneNumber>> {
        let mut set = BTreeSet::new();
        for item in list? {
            match item.value.parse() {
                Ok(number) => {
                    set.insert(number);
                }
                Err(error) => {
                    let message = format!("'{}' cannot be dialled: {error}", item.value);
                    let hint = "write service codes like \"911\", others like \"+15550100199\"";
                    self.problem(Some(item.line), key, message, hint);
                }
            }
        }
        Some(set)
    }
}
