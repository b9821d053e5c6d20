//! Figures of a call, for demonstrations and tests.

use serde_json::{Value, json};
use vrs_client::{CallEnd, CallStats};

/// The figures, with who they are of and how the call ended; no number, name or address is in it.
///
/// The fields of [`CallStats`] stand at the top; `end` is null while nothing ended.
#[must_use]
pub fn report(role: &str, stats: &CallStats, end: Option<&CallEnd>, sign_in_failed: bool) -> Value {
    let mut report = serde_json::to_value(stats).unwrap_or_else(|_| json!({}));
    report["role"] = json!(role);
    report["sign_in_failed"] = json!(sign_in_failed);
    report["end"] = end.map_or(Value::Null, |end| {
        json!({
            "reason": end.reason.map(vrs_domain::EndReason::word),
            "status": end.status,
            "by_us": end.by_us,
            "duration_s": end.duration_s,
        })
    });
    report
}
