//! What an operator does with a journal: export it, repair it.

use sha2::{Digest, Sha256};

use super::*;

fn export_of(folder: &Path, since: Option<&str>, until: Option<&str>) -> (Vec<u8>, Vec<u8>) {
    let into = tempfile::tempdir().unwrap();
    let [since, until] = [since, until].map(|t| t.map(|t| t.parse().unwrap()));
    export::export(folder, into.path(), since, until).unwrap();
    let read = |name| fs::read(into.path().join(name)).unwrap();
    (read(export::RECORDS_FILE), read(export::MANIFEST_FILE))
}

#[test]
fn an_export_is_the_same_every_time_and_its_manifest_is_true() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 3);
    let (records, manifest) = export_of(folder.path(), None, None);
    assert_eq!(
        export_of(folder.path(), None, None),
        (records.clone(), manifest.clone())
    );
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["records"], 9);
    assert_eq!(
        (&manifest["first_sequence"], &manifest["last_sequence"]),
        (&1.into(), &9.into())
    );
    assert_eq!(manifest["head_hash"], verify(folder.path()).unwrap().head);
    assert_eq!(manifest["last_hash"], manifest["head_hash"]);
    assert_eq!(
        manifest["files"][0]["sha256"],
        hex::encode(Sha256::digest(&records))
    );
    assert_eq!(manifest["files"][0]["bytes"], records.len());
    // Whoever has the whole export can compute the chain.
    let mut hash = [0; 32];
    for (sequence, line) in (1..).zip(records.split(|b| *b == b'\n').take(9)) {
        hash = frame::hash(&hash, sequence, line);
    }
    assert_eq!(manifest["head_hash"], hex::encode(hash));
}

#[test]
fn an_export_of_a_period_holds_that_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 2);
    // The records of a session are a millisecond apart.
    let (records, manifest) = export_of(
        folder.path(),
        Some("2026-09-21T14:13:20.001Z"),
        Some("2026-09-21T14:13:20.002Z"),
    );
    assert_eq!(records.iter().filter(|b| **b == b'\n').count(), 2);
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        (&manifest["first_sequence"], &manifest["last_sequence"]),
        (&2.into(), &5.into())
    );
    assert_eq!(manifest["head_sequence"], 6);
    assert_eq!(manifest["since"], "2026-09-21T14:13:20.001Z");
    let (records, manifest) = export_of(folder.path(), Some("2027-01-01T00:00:00Z"), None);
    assert_eq!(records, b"");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["last_sequence"], serde_json::Value::Null);
}

#[test]
fn an_export_overwrites_nothing_and_leaves_no_manifest_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), 1);
    let into = tempfile::tempdir().unwrap();
    let manifest = into.path().join(export::MANIFEST_FILE);
    fs::write(&manifest, "mine").unwrap();
    let error = export::export(folder.path(), into.path(), None, None).unwrap_err();
    assert!(
        error.to_string().contains("manifest.json is already there"),
        "{error}"
    );
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), 1);
    fs::remove_file(&manifest).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.len() - 9;
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = export::export(folder.path(), into.path(), None, None).unwrap_err();
    assert!(error.to_string().contains("damaged at record 3"), "{error}");
    assert!(!manifest.exists());
}

/// Six records in segments of two.
fn three_segments(folder: &Path) -> Vec<PathBuf> {
    let (journal, _) = Journal::open_on(folder, |_| {}, RealDisk, 400, Host::Thread).unwrap();
    for event in 0..6 {
        journal.append_blocking(entry(0, event)).unwrap();
    }
    journal.close();
    let list = scan::segments(folder).unwrap();
    assert_eq!(
        list.iter().map(|(first, _)| *first).collect::<Vec<_>>(),
        [1, 3, 5]
    );
    list.into_iter().map(|(_, path)| path).collect()
}

#[test]
fn r04_a_repair_takes_out_everything_from_a_record_on_keeps_all_of_it_and_the_chain_goes_on() {
    for before in 1..=6_u64 {
        let folder = tempfile::tempdir().unwrap();
        let files = three_segments(folder.path());
        let mut heads = vec![[0; 32]];
        read_lines(folder.path(), |line| {
            heads.push(*line.hash);
            Ok::<_, JournalError>(())
        })
        .unwrap();
        let contents: Vec<_> = files.iter().map(|f| fs::read(f).unwrap()).collect();
        let plan = repair::plan(folder.path(), before, 1_790_000_000_000).unwrap();
        assert_eq!(
            records(folder.path()).unwrap().len(),
            6,
            "a plan changes nothing"
        );
        let into = plan.carry_out().unwrap();
        assert!(
            into.ends_with("damaged-2026-09-21T141320Z"),
            "{}",
            into.display()
        );
        // Every byte that was taken out is there.
        for (file, content) in files.iter().zip(&contents) {
            let kept = fs::read(file).unwrap_or_default();
            if kept != *content {
                let moved = into.join(file.file_name().unwrap());
                assert_eq!(fs::read(moved).unwrap(), *content, "before {before}");
                assert!(content.starts_with(&kept));
            }
        }
        let (journal, opened) = Journal::open(folder.path(), |_| {}).unwrap();
        assert_eq!((opened.records, opened.torn), (before - 1, None));
        assert_eq!(journal.append_blocking(entry(9, 0)).unwrap(), before);
        journal.close();
        let report = verify_record(folder.path(), before - 1).unwrap();
        let hash = report.asked.unwrap_or_default();
        assert_eq!(
            hash,
            heads[before as usize - 1],
            "the chain goes on from record N-1"
        );
        assert_eq!(report.repairs.len(), 1);
        assert_eq!(report.repairs[0].cut_before, before);
        assert_eq!(report.repairs[0].kept_hash, hex::encode(hash));
        assert!(
            report
                .to_string()
                .contains("the journal was cut before record"),
            "{report}"
        );
    }
}

#[test]
fn r04_a_repair_takes_out_damage_of_every_kind_and_nothing_before_it() {
    let damage: [fn(&[PathBuf]); 4] = [
        |files| flip(&files[1], 100),
        |files| flip(&files[1], 3),
        |files| fs::remove_file(&files[1]).unwrap(),
        |files| fs::write(&files[1], b"VIS").unwrap(),
    ];
    for (case, damage) in damage.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        damage(&three_segments(folder.path()));
        let error = Journal::open(folder.path(), |_| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains("damaged at record 3 "), "{error}");
        let error = repair::plan(folder.path(), 4, 0).unwrap_err().to_string();
        assert!(
            error.contains("damaged at record 3 ") && error.contains("not before record 4"),
            "{error}"
        );
        let plan = repair::plan(folder.path(), 3, 0).unwrap();
        assert!(
            plan.report().damage.as_ref().unwrap().contains("record 3"),
            "case {case}"
        );
        plan.carry_out().unwrap();
        assert_eq!(records(folder.path()).unwrap().len(), 2, "case {case}");
    }
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_repair_of_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    three_segments(folder.path());
    for before in [0, 7, 100] {
        let error = repair::plan(folder.path(), before, 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("counted from 1") || error.contains("ends with record 6 and is whole"),
            "{error}"
        );
    }
}

#[test]
fn a_repair_takes_snapshots_of_what_is_gone_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        snapshots: Some(9),
        ..Options::default()
    };
    let (journal, _) = Journal::open_with(folder.path(), options, |_| {}).unwrap();
    for event in 0..3 {
        journal.append_blocking(entry(0, event)).unwrap();
    }
    journal.close();
    let into = repair::plan(folder.path(), 3, 0)
        .unwrap()
        .carry_out()
        .unwrap();
    assert!(snapshot::snapshots(folder.path()).unwrap().is_empty());
    assert!(into.join(snapshot::snapshot_name(3)).exists());
}
