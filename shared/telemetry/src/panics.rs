//! A panic hook that reports where, never what.
//!
//! A panic's message may hold what the failing code had in its hands: a number, a text, SDP. Only
//! messages that were written in the source as they stand are shown; formatted ones are not.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Installs the hook for the whole process; the default hook (which prints content) is replaced.
pub fn install() {
    std::panic::set_hook(Box::new(report));
}

/// Panics since the process started; every one of them is a defect.
#[must_use]
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn report(info: &PanicHookInfo<'_>) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    let message = shown_message(info);
    let location = info
        .location()
        .map(|l| format!("{}:{}", l.file(), l.line()));
    let thread = std::thread::current();
    tracing::error!(
        event = "panic",
        location = location.as_deref().unwrap_or("unknown"),
        thread = thread.name().unwrap_or("unnamed"),
        message_shown = message,
        "a task panicked; this is a defect"
    );
}

/// The message when it is a literal of the source, else a stand-in.
fn shown_message(info: &PanicHookInfo<'_>) -> &'static str {
    // `panic!("literal")` carries a `&'static str`; everything formatted carries a `String`.
    info.payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("«redacted»")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::{Format, Settings, subscriber};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a32_a_panic_is_reported_without_its_content() {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = Settings {
            format: Format::Json,
            ..Settings::default()
        };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        let before = super::count();
        tracing::subscriber::with_default(subscriber, || {
            super::install();
            let secret = String::from("+15550100199");
            let outcome = std::panic::catch_unwind(|| panic!("number {secret}"));
            assert!(outcome.is_err());
            let outcome = std::panic::catch_unwind(|| panic!("table is inconsistent"));
            assert!(outcome.is_err());
            drop(std::panic::take_hook());
        });
        assert_eq!(super::count(), before + 2);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("5550100199"), "{text}");
        assert!(text.contains("«redacted»"), "{text}");
        assert!(text.contains("table is inconsistent"), "{text}");
        assert!(text.contains("panics.rs:"), "{text}");
    }
}
