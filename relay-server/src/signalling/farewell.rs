//! Legs that are over for us while their peer may not know it yet: its connection is away, or
//! breaks before it has agreed. The BYE goes out as soon as the peer can be reached again, so that
//! no telephone hangs on a call that nobody is in any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::info;
use vrs_domain::{Activity, EndReason};
use vrs_sip::{CallHandle, FlowId};

use super::actor::{Actor, Use};
use super::wire;

/// Who cannot be reached for so long is not told any more.
const FAREWELL_MAX: Duration = Duration::from_secs(300);

/// By what the peer of a leg is found again.
#[derive(Debug)]
struct Whereabouts {
    account: Option<String>,
    instance: Option<String>,
    trunk: Option<String>,
}

/// Legs that are being ended; each is here until [`Actor::on_call_over`].
#[derive(Debug, Default)]
pub(super) struct Departing(BTreeMap<CallHandle, Whereabouts>);

impl Departing {
    pub(super) fn over(&mut self, call: CallHandle) {
        self.0.remove(&call);
    }
}

impl Actor {
    /// Ends a leg that was forgotten, by CANCEL or BYE, wherever its peer is.
    pub(super) fn end(&mut self, now: Instant, call: CallHandle, used: Use, reason: EndReason) {
        let mut headers = wire::reason_headers(reason);
        if used.away {
            headers.push((wire::AVAILABILITY.to_owned(), Activity::Away.to_string()));
        }
        self.endpoint
            .hang_up_patiently(now, call, headers, now + FAREWELL_MAX);
        let Use {
            account,
            instance,
            trunk,
            invited,
            ..
        } = used;
        if let Some(asked) = invited {
            self.closing.begin(call, asked.ca);
        }
        // Refused, it is over already.
        if self.endpoint.call_flow(call).is_some() {
            let whereabouts = Whereabouts {
                account,
                instance,
                trunk,
            };
            self.departing.0.insert(call, whereabouts);
            self.see_off(now);
        }
    }

    /// Something about connections has changed: whoever waited for that is told now.
    pub(super) fn see_off(&mut self, now: Instant) {
        let legs = self.departing.0.keys().copied();
        let waiting: Vec<_> = legs
            .filter(|call| self.endpoint.waits_to_hang_up(*call))
            .collect();
        for call in waiting {
            match self.way_to(call) {
                Some(flow) => {
                    info!(call = call.0, flow = flow.0, "hangs up on a new connection");
                    self.endpoint.hang_up_on(now, call, flow);
                }
                // They are not on the line and may be asked elsewhere; if they come back where
                // they were, the BYE goes first.
                None => self.on_rid_of(now, call),
            }
        }
    }

    fn way_to(&self, call: CallHandle) -> Option<FlowId> {
        let peer = self.departing.0.get(&call)?;
        if let Some(trunk) = &peer.trunk {
            return self.flows.of_trunk(trunk);
        }
        let (user, instance) = (peer.account.as_ref()?, peer.instance.as_ref()?);
        self.registrar.flow_of(user, instance)
    }
}
