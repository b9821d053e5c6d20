//! What a published head proves about a journal.

use std::time::Duration;

use super::*;

struct Place {
    data: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("checkpoint.txt");
        Self { data, file }
    }

    fn journal(&self) -> PathBuf {
        self.data.path().join("journal")
    }

    fn options(&self, bytes_max: u64) -> Options {
        Options {
            rotation: Rotation {
                bytes_max,
                age_max: None,
            },
            checkpoint: Some(Publishing {
                file: self.file.clone(),
                every: Duration::from_secs(3600),
                signer: signing_key(self.data.path(), "relay.test/journal").unwrap(),
            }),
            ..Options::default()
        }
    }

    /// Checkpoints that were put aside.
    fn kept(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.data.path()).unwrap();
        let files = files.map(|f| f.unwrap().path());
        files
            .filter(|f| f.to_string_lossy().contains("-contradicts-"))
            .collect()
    }

    /// Opens, appends the records of these sessions, stops cleanly.
    fn run(&self, sessions: std::ops::Range<u32>) -> Opened {
        let options = self.options(u64::MAX);
        let (journal, opened) = Journal::open_with(&self.journal(), options, |_| {}).unwrap();
        for session in sessions {
            for event in 0..3 {
                journal.append_blocking(entry(session, event)).unwrap();
            }
        }
        journal.close();
        opened
    }

    fn standing(&self) -> (Standing, String) {
        let key = verifier_key(&public_key_file(self.data.path())).unwrap();
        let checkpoint = Checkpoint::read(&self.file, &key).unwrap();
        let report = verify_record(&self.journal(), checkpoint.head.sequence).unwrap();
        let standing = checkpoint.standing(report.asked, report.end);
        (standing, checkpoint.describe(standing).to_string())
    }
}

#[test]
fn r34_a_clean_stop_publishes_the_head_and_the_journal_holds_it() {
    let place = Place::new();
    place.run(0..2);
    let (standing, said) = place.standing();
    assert_eq!(standing, Standing::Holds);
    assert!(
        said.contains("record 6 is in the journal as it was signed"),
        "{said}"
    );
    // An older checkpoint holds in a longer journal.
    let older = fs::read(&place.file).unwrap();
    assert_eq!(place.run(2..3).contradiction, None);
    assert_ne!(fs::read(&place.file).unwrap(), older);
    fs::write(&place.file, older).unwrap();
    assert_eq!(place.standing().0, Standing::Holds);
}

#[test]
fn r34_a_journal_cut_back_behind_the_checkpoint_is_named() {
    let place = Place::new();
    let segment = place.journal().join(scan::segment_name(1));
    place.run(0..1);
    let short = fs::read(&segment).unwrap();
    place.run(1..3);
    fs::write(&segment, &short).unwrap();
    assert!(
        verify(&place.journal()).unwrap().is_good(),
        "the chain alone sees nothing"
    );
    let (standing, said) = place.standing();
    assert_eq!(standing, Standing::Cut { last: 3 });
    assert!(
        said.starts_with("the journal was cut: it ends with record 3, but the checkpoint of relay.test/journal at "),
        "{said}"
    );
    // The next start says so, too, and does not replace the witness.
    let opened = place.run(0..0);
    let said = opened.contradiction.unwrap();
    assert!(said.starts_with("the journal was cut: "), "{said}");
    assert_eq!(place.kept().len(), 1, "{said}");
    assert!(
        said.contains(&place.kept()[0].display().to_string()),
        "{said}"
    );
    assert_eq!(place.run(0..0).contradiction, None);
}

#[test]
fn r34_a_journal_written_anew_with_a_right_chain_is_named() {
    let place = Place::new();
    place.run(0..3);
    fs::rename(place.journal(), place.data.path().join("before")).unwrap();
    let (journal, _) = Journal::open(&place.journal(), |_| {}).unwrap();
    for session in 100..104 {
        for event in 0..3 {
            journal.append_blocking(entry(session, event)).unwrap();
        }
    }
    journal.close();
    assert!(
        verify(&place.journal()).unwrap().is_good(),
        "the chain alone sees nothing"
    );
    let (standing, said) = place.standing();
    assert_eq!(standing, Standing::Rewritten);
    assert!(
        said.contains("the journal was rewritten: its record 9 is not the one"),
        "{said}"
    );
    let said = place.run(0..0).contradiction.unwrap();
    assert!(said.starts_with("the journal was rewritten: "), "{said}");
}

#[test]
fn r34_a_checkpoint_of_another_key_or_with_a_changed_text_is_refused() {
    let place = Place::new();
    place.run(0..1);
    let key = verifier_key(&public_key_file(place.data.path())).unwrap();
    let note = fs::read_to_string(&place.file).unwrap();
    fs::write(&place.file, note.replacen("\n3\n", "\n2\n", 1)).unwrap();
    let error = Checkpoint::read(&place.file, &key).unwrap_err().to_string();
    assert!(
        error.contains("is forged, or the text was changed"),
        "{error}"
    );
    fs::write(&place.file, &note).unwrap();
    let other = Signer::generate("relay.test/journal").unwrap();
    let error = Checkpoint::read(&place.file, other.verifier()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("is not signed by relay.test/journal+"),
        "{error}"
    );
    assert!(error.contains(&place.file.display().to_string()), "{error}");
}

#[test]
fn a_checkpoint_that_we_did_not_sign_is_kept_and_told() {
    let place = Place::new();
    place.run(0..1);
    let other = Signer::generate("relay.test/journal").unwrap();
    fs::write(&place.file, other.sign("relay.test/journal\n3\n")).unwrap();
    let said = place.run(0..0).contradiction.unwrap();
    assert!(
        said.starts_with("the last checkpoint cannot be used: "),
        "{said}"
    );
    assert_eq!(place.kept().len(), 1);
    assert_eq!(place.standing().0, Standing::Holds);
}

#[test]
fn the_head_is_published_when_a_segment_is_closed() {
    let place = Place::new();
    let options = place.options(1);
    let (journal, _) = Journal::open_with(&place.journal(), options, |_| {}).unwrap();
    for event in 0..3 {
        journal.append_blocking(entry(0, event)).unwrap();
    }
    let published = || {
        let note = fs::read_to_string(&place.file).unwrap_or_default();
        note.lines().nth(1).map(str::to_owned)
    };
    let patience = std::time::Instant::now();
    while published().as_deref() != Some("3") {
        assert!(
            patience.elapsed() < Duration::from_secs(10),
            "{:?}",
            published()
        );
        std::thread::yield_now();
    }
    journal.close();
}
