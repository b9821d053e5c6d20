//! Gateways that cannot take what goes along: they get the call without it.
//!
//! The rules want the data delivered, but the call more than the data. A gateway that finds fault
//! with the body is asked again at once with the SDP alone.
//!
//! Over UDP there is more to it. With the data an INVITE is larger than the 1300 bytes that RFC
//! 3261 section 18.1.1 allows where nobody knows the path's MTU, and it wants TCP then. A UDP trunk
//! of ours leads to a gateway on a loopback or private address and to no other (the configuration
//! sees to that), on a path that the operator owns; and the gateway was configured as one that is
//! spoken to over UDP, so TCP may not be there. So the INVITE is sent as it is, in fragments if
//! need be. Should some filter drop those, nothing at all comes back: the next try on this trunk
//! goes without the data, and fits.

use std::time::Instant;

use tracing::warn;

use super::super::Dial;
use super::super::actor::{Actor, Use};
use super::super::outgoing::call_telephone;

/// A call for help that is on its way with everything.
#[derive(Debug)]
pub(in super::super) struct Enclosed {
    /// How to place it again.
    pub(in super::super) dial: Dial,
    /// Whether it went out as datagrams.
    pub(in super::super) datagram: bool,
}

impl Actor {
    /// Places a refused call for help again without the data, when these may be the reason.
    /// `answered` says whether the gateway said anything. Whether that was done.
    pub(in super::super) fn place_bare(
        &mut self,
        now: Instant,
        used: &mut Use,
        status: u16,
        answered: bool,
    ) -> bool {
        let Some(enclosed) = used.enclosed.take() else {
            return false;
        };
        let trunk = enclosed.dial.trunk.clone();
        if answered && is_about_bodies(status) {
            warn!(
                trunk,
                status, "the gateway does not take what goes along with an emergency call"
            );
            return call_telephone(self, now, enclosed.dial, true).is_ok();
        }
        if !answered && enclosed.datagram {
            // The next trunk comes first: this one may as well be dead.
            self.silent_trunks.insert(trunk);
        }
        false
    }
}

/// Whether a refusal may mean the body or its size rather than the call (RFC 3261 section 21, RFC
/// 6442 section 4.3 for 424).
const fn is_about_bodies(status: u16) -> bool {
    matches!(
        status,
        400 | 406 | 413 | 415 | 420 | 424 | 488 | 493 | 500 | 501 | 513 | 606
    )
}
