//! How good media was: metrics while it flows, and one line in the log when a leg ends.
//!
//! Metrics add up what legs of one kind count; nothing in them names a session.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use relay_core::sfu::PeerNews;
use tracing::info;
use vrs_domain::{Leg, SessionId};
use vrs_media::jitter::JitterStats;
use vrs_media::trunk::TrunkStats;
use vrs_media::{KindStats, MediaKind, PeerStats};

/// Metrics are brought up to date this often.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// Whoever sent nothing from one update to the next, so many times in a row, is silent.
const QUIET_UPDATES: u8 = 2;

/// Sizes of a picture, in the order in which its source names them.
const LAYERS: [&str; 3] = ["0", "1", "2"];
const KINDS: [(MediaKind, &str); 3] = [
    (MediaKind::Audio, "audio"),
    (MediaKind::Video, "video"),
    (MediaKind::Text, "text"),
];

/// What was told of a leg so far.
struct Told {
    since: Instant,
    stats: PeerStats,
    /// Updates in a row in which neither picture nor sound came.
    quiet: u8,
}

impl Told {
    /// Whether the leg fell silent, or can be seen or heard again.
    fn listen(&mut self, stats: &PeerStats) -> Option<PeerNews> {
        let arrived =
            |stats: &PeerStats| stats.audio.packets_received + stats.video.packets_received;
        let is_quiet = stats.connected && stats.awaited && arrived(stats) == arrived(&self.stats);
        let was_silent = self.quiet == QUIET_UPDATES;
        self.quiet = match is_quiet {
            true => (self.quiet + 1).min(QUIET_UPDATES),
            false => 0,
        };
        match (was_silent, self.quiet == QUIET_UPDATES) {
            (false, true) => Some(PeerNews::Silent),
            (true, false) => Some(PeerNews::Heard),
            (true, true) | (false, false) => None,
        }
    }
}

/// The figures of one worker's legs.
#[derive(Default)]
pub(super) struct Quality {
    told: HashMap<(SessionId, Leg), Told>,
}

impl Quality {
    /// A leg has a new peer.
    pub(super) fn joined(&mut self, now: Instant, session: SessionId, leg: Leg) {
        let told = Told {
            since: now,
            stats: PeerStats::default(),
            quiet: 0,
        };
        self.told.insert((session, leg), told);
        metrics::gauge!("visavis_media_legs", "leg" => leg.word()).increment(1.0);
    }

    /// A leg has another name from now on.
    pub(super) fn renamed(&mut self, session: SessionId, from: Leg, to: Leg) {
        if let Some(told) = self.told.remove(&(session, from)) {
            self.told.insert((session, to), told);
            metrics::gauge!("visavis_media_legs", "leg" => from.word()).decrement(1.0);
            metrics::gauge!("visavis_media_legs", "leg" => to.word()).increment(1.0);
        }
    }

    /// Counts what has come since the last time; says when that is nothing for too long.
    pub(super) fn update(
        &mut self,
        session: SessionId,
        leg: Leg,
        stats: PeerStats,
    ) -> Option<PeerNews> {
        let told = self.told.get_mut(&(session, leg))?;
        count(leg, &told.stats, &stats);
        let news = told.listen(&stats);
        told.stats = stats;
        if news == Some(PeerNews::Silent) {
            metrics::counter!("visavis_media_silences_total", "leg" => leg.word()).increment(1);
        }
        news
    }

    /// A leg's peer is gone: the last figures.
    pub(super) fn parted(&mut self, now: Instant, session: SessionId, leg: Leg, stats: &PeerStats) {
        let Some(told) = self.told.remove(&(session, leg)) else {
            return;
        };
        count(leg, &told.stats, stats);
        metrics::gauge!("visavis_media_legs", "leg" => leg.word()).decrement(1.0);
        let lasted = now.saturating_duration_since(told.since);
        if !stats.connected && stats.video.packets_received + stats.audio.packets_received == 0 {
            // It never got so far.
            return;
        }
        summarize(leg, stats);
        tell(session, leg, lasted, stats);
    }
}

/// Adds to the counters what is new.
fn count(leg: Leg, before: &PeerStats, after: &PeerStats) {
    let leg = leg.word();
    for (kind, kind_word) in KINDS {
        let (before, after) = (before.kind(kind), after.kind(kind));
        let add = |name: &'static str, direction: &'static str, of: fn(&KindStats) -> u64| {
            let more = of(after).saturating_sub(of(before));
            if more > 0 {
                metrics::counter!(name, "leg" => leg, "kind" => kind_word, "direction" => direction)
                    .increment(more);
            }
        };
        add("visavis_media_packets_total", "in", |k| k.packets_received);
        add("visavis_media_packets_total", "out", |k| k.packets_sent);
        add("visavis_media_bytes_total", "in", |k| k.bytes_received);
        add("visavis_media_bytes_total", "out", |k| k.bytes_sent);
        add("visavis_media_lost_total", "in", |k| k.lost);
        add("visavis_media_lost_total", "out", |k| k.lost_by_peer);
        add("visavis_media_nacks_total", "in", |k| k.nacks_received);
        add("visavis_media_nacks_total", "out", |k| k.nacks_sent);
        add("visavis_media_resent_total", "in", |k| k.repaired);
        add("visavis_media_resent_total", "out", |k| k.resent);
        add("visavis_media_left_out_total", "out", |k| k.thinned);
        add("visavis_media_keyframe_requests_total", "in", |k| {
            k.plis_received
        });
        add("visavis_media_keyframe_requests_total", "out", |k| {
            k.plis_sent
        });
        add("visavis_media_arrivals_total", "in", |k| k.arrivals_heard);
        add("visavis_media_arrivals_total", "out", |k| k.arrivals_told);
        add("visavis_media_pictures_total", "in", |k| k.pictures);
        add("visavis_media_freezes_total", "in", |k| k.freezes);
        add("visavis_media_frozen_ms_total", "in", |k| k.frozen_ms);
    }
    let pictures = after
        .video
        .packets_sent
        .saturating_sub(before.video.packets_sent);
    if pictures > 0 {
        let layer = LAYERS.get(after.video.layer).copied().unwrap_or("?");
        metrics::counter!("visavis_media_layer_packets_total", "leg" => leg, "layer" => layer)
            .increment(pictures);
    }
    for (why, more) in [
        ("unproven", after.unproven.saturating_sub(before.unproven)),
        (
            "undecryptable",
            after.undecryptable.saturating_sub(before.undecryptable),
        ),
        ("unknown", after.unknown.saturating_sub(before.unknown)),
    ] {
        if more > 0 {
            metrics::counter!("visavis_media_refused_total", "leg" => leg, "why" => why)
                .increment(more);
        }
    }
}

/// Percent of what should have come that did not.
fn loss_percent(lost: u64, came: u64) -> f64 {
    100.0 * lost as f64 / (lost + came).max(1) as f64
}

fn kbps(bytes: u64, lasted: Duration) -> u64 {
    (bytes as f64 * 8.0 / 1000.0 / lasted.as_secs_f64().max(0.001)) as u64
}

/// One observation for each leg that ended.
fn summarize(leg: Leg, stats: &PeerStats) {
    let leg = leg.word();
    for (kind, word) in KINDS {
        let figures = stats.kind(kind);
        if figures.packets_received == 0 {
            continue;
        }
        let loss = loss_percent(figures.lost, figures.packets_received);
        metrics::histogram!("visavis_media_jitter_ms", "leg" => leg, "kind" => word)
            .record(f64::from(figures.jitter_ms));
        metrics::histogram!("visavis_media_loss_percent", "leg" => leg, "kind" => word)
            .record(loss);
    }
    if let Some(round_trip) = stats.rtt_ms {
        metrics::histogram!("visavis_media_round_trip_ms", "leg" => leg)
            .record(f64::from(round_trip));
    }
}

fn tell(session: SessionId, leg: Leg, lasted: Duration, stats: &PeerStats) {
    let (audio, video) = (&stats.audio, &stats.video);
    info!(
        %session,
        %leg,
        seconds = lasted.as_secs(),
        round_trip_ms = stats.rtt_ms.map(f64::from),
        path = stats.candidate_type,
        srtp = stats.srtp_profile,
        path_kbps = video.path_bps / 1000,
        video_in_kbps = kbps(video.bytes_received, lasted),
        video_out_kbps = kbps(video.bytes_sent, lasted),
        video_loss_in_percent = loss_percent(video.lost, video.packets_received),
        video_loss_out_percent = loss_percent(video.lost_by_peer, video.packets_sent),
        video_jitter_ms = f64::from(video.jitter_ms),
        pictures = video.pictures,
        freezes = video.freezes,
        frozen_ms = video.frozen_ms,
        resent = video.resent,
        repaired = video.repaired,
        layer = video.layer,
        left_out = video.thinned,
        keyframes_wanted = video.plis_received,
        audio_in_kbps = kbps(audio.bytes_received, lasted),
        audio_loss_in_percent = loss_percent(audio.lost, audio.packets_received),
        audio_jitter_ms = f64::from(audio.jitter_ms),
        refused = stats.unproven + stats.undecryptable + stats.unknown,
        "quality"
    );
}

/// How well the voice of a leg was played into a bridge, when one of the two is gone.
pub(super) fn tell_voice(session: SessionId, leg: Leg, played: &JitterStats) {
    if played.played == 0 {
        return;
    }
    summarize_playing(leg, played);
    info!(
        %session,
        %leg,
        audio_delay_ms = played.mean_ms,
        audio_concealed_percent = played.concealed_percent(),
        late = played.late,
        dropped = played.dropped,
        "quality of a voice on the bridge"
    );
}

/// One observation for each voice that was played into a bridge.
fn summarize_playing(leg: Leg, played: &JitterStats) {
    if played.played == 0 {
        return;
    }
    let leg = leg.word();
    metrics::histogram!("visavis_media_delay_ms", "leg" => leg).record(f64::from(played.mean_ms));
    metrics::histogram!("visavis_media_concealed_percent", "leg" => leg)
        .record(played.concealed_percent());
}

/// How good the sound of a telephone was that hung up.
pub(super) fn tell_line(session: SessionId, stats: &TrunkStats) {
    if stats.packets_sent + stats.packets_received == 0 {
        // It was never answered.
        return;
    }
    summarize_playing(Leg::Hearing, &stats.played);
    info!(
        %session,
        leg = Leg::Hearing.word(),
        codec = stats.codec,
        crypto = stats.crypto_suite,
        packets_in = stats.packets_received,
        packets_out = stats.packets_sent,
        audio_loss_in_percent = loss_percent(stats.lost, stats.packets_received),
        audio_jitter_ms = f64::from(stats.jitter_ms),
        audio_delay_ms = stats.played.mean_ms,
        audio_concealed_percent = stats.played.concealed_percent(),
        round_trip_ms = stats.rtt_ms.map(f64::from),
        refused = stats.unexpected_source + stats.undecryptable + stats.unknown,
        "quality"
    );
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    const CALL: SessionId = SessionId(1);

    fn stats(video: u64, awaited: bool) -> PeerStats {
        let mut stats = PeerStats {
            connected: true,
            awaited,
            ..PeerStats::default()
        };
        stats.video.packets_received = video;
        stats
    }

    #[test]
    fn r25_a_leg_that_sends_nothing_is_told_once_and_again_when_it_sends() {
        let mut quality = Quality::default();
        quality.joined(Instant::now(), CALL, Leg::Caller);
        let mut update = |video, awaited| quality.update(CALL, Leg::Caller, stats(video, awaited));
        assert_eq!(update(10, true), None);
        assert_eq!(update(10, true), None);
        assert_eq!(update(10, true), Some(PeerNews::Silent));
        assert_eq!(update(10, true), None);
        assert_eq!(update(11, true), Some(PeerNews::Heard));
        // On hold nothing is awaited.
        for _ in 0..5 {
            assert_eq!(update(11, false), None);
        }
        assert_eq!(update(11, true), None);
        assert_eq!(update(11, true), Some(PeerNews::Silent));
        assert_eq!(update(11, false), Some(PeerNews::Heard));
        assert_eq!(quality.update(CALL, Leg::Team, stats(1, true)), None);
    }

    #[test]
    fn pictures_that_stand_still_are_counted_with_how_long() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let mut quality = Quality::default();
            quality.joined(Instant::now(), CALL, Leg::Caller);
            for (freezes, frozen_ms) in [(0, 0), (2, 900), (2, 900), (3, 1_250)] {
                let mut stats = stats(1, true);
                (stats.video.freezes, stats.video.frozen_ms) = (freezes, frozen_ms);
                quality.update(CALL, Leg::Caller, stats);
            }
        });
        let shown = recorder.handle().render();
        let labels = r#"{leg="caller",kind="video",direction="in"}"#;
        for (name, value) in [("freezes", 3), ("frozen_ms", 1_250)] {
            let line = format!("visavis_media_{name}_total{labels} {value}");
            assert!(
                shown.lines().any(|shown| shown == line),
                "{line} in {shown}"
            );
        }
    }
}
