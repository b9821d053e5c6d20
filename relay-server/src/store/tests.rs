//! One conformance suite for all stores, and what happens to a damaged one.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::journal::{Entry, Kind, Placed, Record};

fn session(id: u32, state: &str) -> SessionRow {
    SessionRow {
        session: format!("{id:032x}"),
        state: state.into(),
        telephone: "idle".into(),
        interpreter: Some("1234".into()),
        epoch: Some(2),
        call: "relay_outbound".into(),
        urgency: "standard".into(),
        caller: Some("+15550100001".into()),
        number: "+15550100199".into(),
        languages: "ase/en".into(),
        placed_at_ms: 1_790_000_000_000,
        session_ms: 5000,
        conversation_ms: 0,
        event: 3,
        ended: None,
    }
}

fn registration(account: &str, binding: &str) -> RegistrationRow {
    RegistrationRow {
        account: account.into(),
        binding: binding.into(),
        contact: "sip:x@y.invalid;transport=ws".into(),
        expires_at_ms: 1,
        user_agent: None,
    }
}

fn presence(ca: &str, availability: &str) -> PresenceRow {
    PresenceRow {
        interpreter: ca.into(),
        availability: availability.into(),
        languages: vec!["ase/en".into()],
        skills: vec![],
        since_ms: 7,
    }
}

fn conforms(store: &dyn Store) {
    assert!(store.sessions().unwrap().is_empty());
    store.put_session(&session(2, "request_received")).unwrap();
    store.put_session(&session(1, "request_received")).unwrap();
    store.put_session(&session(2, "relay_active")).unwrap();
    assert_eq!(
        store.sessions().unwrap(),
        [session(1, "request_received"), session(2, "relay_active")]
    );
    assert_eq!(
        store.session(&session(2, "").session).unwrap(),
        Some(session(2, "relay_active"))
    );
    store.remove_session(&session(2, "").session).unwrap();
    store.remove_session(&session(2, "").session).unwrap();
    assert_eq!(store.session(&session(2, "").session).unwrap(), None);

    for (account, binding) in [("12", "b"), ("1", "c"), ("1", "a"), ("123", "a")] {
        store
            .put_registration(&registration(account, binding))
            .unwrap();
    }
    let bindings = |rows: Vec<RegistrationRow>| {
        rows.into_iter()
            .map(|r| (r.account, r.binding))
            .collect::<Vec<_>>()
    };
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bindings(store.registrations_of("1").unwrap()),
        pairs(&[("1", "a"), ("1", "c")])
    );
    assert_eq!(
        bindings(store.registrations().unwrap()),
        pairs(&[("1", "a"), ("1", "c"), ("12", "b"), ("123", "a")])
    );
    store.remove_registration("1", "a").unwrap();
    assert_eq!(store.registrations().unwrap().len(), 3);

    store.put_presence(&presence("9", "away")).unwrap();
    store.put_presence(&presence("9", "available")).unwrap();
    store.put_presence(&presence("8", "in_call")).unwrap();
    assert_eq!(
        store.presences().unwrap(),
        [presence("8", "in_call"), presence("9", "available")]
    );
    store.remove_presence("8").unwrap();
    assert_eq!(store.presences().unwrap(), [presence("9", "available")]);

    store.clear().unwrap();
    assert!(store.sessions().unwrap().is_empty());
    assert!(store.registrations().unwrap().is_empty());
    assert!(store.presences().unwrap().is_empty());
}

#[test]
fn the_memory_store_conforms() {
    conforms(&MemoryStore::default());
}

#[test]
fn the_sled_store_conforms_and_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (store, quarantined) = open(&path).unwrap();
    assert!(quarantined.is_none());
    conforms(&store);
    store.put_session(&session(5, "relay_active")).unwrap();
    store.flush().unwrap();
    drop(store);
    let (store, quarantined) = open(&path).unwrap();
    assert!(quarantined.is_none());
    assert_eq!(store.sessions().unwrap(), [session(5, "relay_active")]);
}

#[test]
fn r06_a_store_that_another_has_open_is_not_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (first, _) = open(&path).unwrap();
    assert!(matches!(open(&path), Err(StoreError::Locked)));
    first.put_session(&session(1, "relay_active")).unwrap();
}

fn journalled(sessions: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for id in 0..sessions {
        let placed = Kind::CallPlaced(Box::new(Placed::outbound(
            "+15550100001",
            "+15550100199",
            "ase/en",
        )));
        let ended = Kind::Ended {
            reason: "caller_cancelled".into(),
            stage: "request_received".into(),
            total_ms: 10,
            conversation_ms: 0,
        };
        // Every third session is left open.
        let kinds = if id % 3 == 0 {
            vec![placed]
        } else {
            vec![placed, ended]
        };
        for (event, kind) in (0_u64..).zip(kinds) {
            let entry = Entry {
                session: format!("{id:032x}"),
                event,
                at_ms: 5,
                session_ms: event * 10,
                up_ms: event * 10,
                kind,
            };
            records.push(Record {
                sequence: records.len() as u64 + 1,
                entry,
            });
        }
    }
    records
}

fn rebuilt(store: &dyn Store) -> Vec<SessionRow> {
    let mut rebuild = Rebuild::default();
    for record in journalled(30) {
        rebuild.take(&record);
    }
    let restored = rebuild.finish();
    fill(store, &restored.rows).unwrap();
    assert_eq!(restored.open.len(), 10);
    assert!(restored.faults.is_empty());
    store.sessions().unwrap()
}

#[test]
fn r03_a_store_that_cannot_be_used_keeps_its_views_in_memory() {
    let mut rebuild = Rebuild::default();
    for record in journalled(30) {
        rebuild.take(&record);
    }
    let rows = rebuild.finish().rows;
    let full = StoreError::Engine("no space left on device".into());
    let (store, why) = filled(Err(full), &rows);
    assert!(why.unwrap().to_string().contains("no space left"));
    assert_eq!(store.sessions().unwrap(), rebuilt(&MemoryStore::default()));
}

#[test]
fn the_views_are_rebuilt_from_the_journal_alone() {
    let store = MemoryStore::default();
    store.put_presence(&presence("1", "available")).unwrap();
    let rows = rebuilt(&store);
    assert_eq!(rows.len(), 30);
    assert_eq!(rows[0].ended, None);
    assert_eq!(rows[1].ended.as_deref(), Some("caller_cancelled"));
    assert!(store.presences().unwrap().is_empty());
}

#[test]
fn r04_a_damaged_store_is_put_aside_or_read_and_always_rebuilt_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (store, _) = open(&path).unwrap();
    let expected = rebuilt(&store);
    store.flush().unwrap();
    drop(store);
    let good = fs::read(path.join("db")).unwrap();
    let mut quarantined = 0;
    for run in 0..16_usize {
        fs::create_dir_all(&path).unwrap();
        let mut bytes = good.clone();
        match run {
            0 => bytes.truncate(good.len() / 2),
            1 => bytes.clear(),
            _ => {
                let at = (run * 7919 * 131) % (bytes.len() - 8);
                bytes[at..at + 8].iter_mut().for_each(|b| *b = !*b);
            }
        }
        fs::write(path.join("db"), &bytes).unwrap();
        let start = Instant::now();
        let (store, aside) = open(&path).unwrap();
        assert!(start.elapsed() < Duration::from_secs(25), "run {run}");
        quarantined += usize::from(aside.is_some());
        assert_eq!(rebuilt(&store), expected, "run {run}");
        store.flush().unwrap();
        drop(store);
    }
    assert!(quarantined > 0, "no damage was noticed at all");
    assert_eq!(asides(folder.path()), quarantined);
}

#[test]
fn r05_a_left_over_snapshot_does_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (store, _) = open(&path).unwrap();
    drop(store);
    fs::write(path.join("snap.0000000000000001"), b"").unwrap();
    fs::write(path.join("snap.0000000000000002.generating"), b"half").unwrap();
    let (store, _) = open(&path).unwrap();
    assert_eq!(rebuilt(&store).len(), 30);
}

fn asides(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .filter(|e| {
            e.as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("store.damaged-")
        })
        .count()
}
