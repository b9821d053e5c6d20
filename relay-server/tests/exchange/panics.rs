//! A defect in one session is that session's end and nobody else's.

use std::sync::atomic::{AtomicU32, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use relay_core::session::Dialog;
use relay_server::session::{Message, News, Speaker};
use vrs_domain::Leg;

use super::office::{CALLER, Office, TELEPHONE, pass, seconds};
use super::party::talking;

/// So many records of a session's events still panic.
static BROKEN: AtomicU32 = AtomicU32::new(0);

/// Metrics that break whoever counts a session's event.
struct Breaking;

impl Recorder for Breaking {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let left = BROKEN.load(Ordering::Relaxed);
        if key.name() == "visavis_session_events_total" && left > 0 {
            BROKEN.store(left - 1, Ordering::Relaxed);
            panic!("broken");
        }
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn r29_a_panic_in_a_session_leaves_no_leg_no_media_and_a_free_interpreter() {
    metrics::set_global_recorder(Breaking).ok();
    // The second time its end panics as well.
    for times in [1, 2] {
        let mut office = Office::open().await;
        let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
        let legs = [
            (caller.placed(), CALLER),
            (ana.calls()[0], "ana"),
            (gateway.calls()[0], "gateway"),
        ];
        BROKEN.store(times, Ordering::Relaxed);
        let bound = Message::Party {
            who: Speaker {
                leg: Leg::Caller,
                epoch: None,
            },
            news: News::Bound {
                dialog: Dialog("another".into()),
            },
        };
        let session = office.entries()[0].session.parse().unwrap();
        office.switchboard().tell(session, bound);
        for (party, (call, who)) in [&mut caller, &mut ana, &mut gateway].into_iter().zip(legs) {
            assert!(party.is_ended(call, seconds(5)).await, "{who}, {times}");
        }
        pass(seconds(1)).await;
        assert_eq!(office.ends(), ["server_restarted"]);
        office.assert_replays();
        assert_eq!(office.rooms().legs(), []);
        assert_eq!(office.switchboard().running(), 0);
        // She can take the next call.
        caller.call(TELEPHONE).await;
        ana.answer_next().await;
    }
}
