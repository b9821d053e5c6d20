//! A defect in one session ends that session and nothing else (R29): its parties are hung up, its
//! media is closed, its interpreter is free.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use relay_core::session::Input;
use tracing::error;
use vrs_domain::EndReason;

use super::Driver;

/// What a session is told to have ended for; to its parties the server is gone.
const REASON: EndReason = EndReason::ServerRestarted;

/// Whether `life` came to its end without a panic. What it was about may be half done afterwards;
/// the panic itself is reported by `vrs_telemetry::panics`.
pub(super) async fn survives(life: impl Future<Output = ()>) -> bool {
    AssertUnwindSafe(life).catch_unwind().await.is_ok()
}

impl Driver {
    /// The session is over, in whichever way.
    pub(super) async fn close(&mut self, survived: bool) {
        if !survived {
            error!("a session panicked; it is ended");
            metrics::counter!("visavis_session_panics_total").increment(1);
            // Each for itself: what is broken may break again.
            survives(self.end_properly()).await;
            survives(self.abandon(REASON)).await;
        }
        self.services.publisher.remove(self.id);
        self.services.directory.close(self.id);
    }

    /// Ends with a record, if the session stands where its record does: one that was never begun
    /// has none, and an event that was written but not applied must not be written twice.
    async fn end_properly(&mut self) {
        self.pending.clear();
        self.later.clear();
        if self.written == Some(self.session.sequence()) {
            self.pending.push_back(Input::Restarted);
            self.settle().await;
        }
    }
}
