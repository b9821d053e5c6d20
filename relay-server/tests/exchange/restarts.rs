//! The server is killed: who goes on, and who is told that it is over.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use relay_server::journal::{Disk, Entry, Kind, RealDisk, SegmentFile};
use vrs_domain::Leg;

use super::office::{ANA, BEN, CALLER, OTHER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::talking;

#[tokio::test(start_paused = true)]
async fn whoever_was_on_the_line_of_a_call_that_a_restart_ends_is_hung_up() {
    let mut office = Office::open().await;
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut caller = office.sign_in(CALLER).await;
    let call = caller.call(TELEPHONE).await;
    let hers = ana.answer_next().await;
    caller.answered(call).await;
    let (_rings, _) = gateway.incoming().await;
    pass(seconds(2)).await;
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    assert_eq!(office.ends(), ["server_restarted"]);
    caller.sign_in(&mut office).await;
    assert!(caller.is_ended(call, seconds(5)).await);
    ana.sign_in(&mut office).await;
    assert!(ana.is_ended(hers, seconds(5)).await);
}

#[tokio::test(start_paused = true)]
async fn a_kill_right_after_the_end_leaves_nobody_on_the_line() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    let (telephone, hers) = (gateway.calls()[0], ana.calls()[0]);
    // Nothing that the server says in its last moment arrives.
    gateway.deafen().await;
    ana.deafen().await;
    let call = caller.placed();
    caller.hang_up(call).await;
    pass(seconds(1)).await;
    assert_eq!(office.ends(), ["caller_hung_up"]);
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    assert!(gateway.is_ended(telephone, seconds(5)).await);
    ana.sign_in(&mut office).await;
    assert!(ana.is_ended(hers, seconds(5)).await);
}

/// Takes what was kept of a leg out of the record, as if the kill had come before it.
fn forget(entries: Vec<Entry>, leg: Leg) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::new();
    for mut entry in entries {
        let bound =
            matches!(&entry.kind, Kind::LegBound { leg: bound, .. } if *bound == leg.word());
        if !bound {
            entry.event = kept.len() as u64;
            kept.push(entry);
        }
    }
    kept
}

#[tokio::test(start_paused = true)]
async fn a_leg_of_which_nothing_was_kept_is_lost_at_a_restart() {
    for (number, leg, then) in [
        (TELEPHONE, Leg::Hearing, Some("hearing_lost")),
        (TELEPHONE, Leg::Caller, Some("caller_lost")),
        ("911", Leg::Hearing, None),
        (TELEPHONE, Leg::Interpreter, None),
    ] {
        let mut office = Office::open().await;
        let (mut caller, mut ana, mut gateway) = talking(&mut office, number).await;
        office.kill();
        for party in [&mut caller, &mut ana, &mut gateway] {
            party.cut().await;
        }
        let entries = forget(office.entries(), leg);
        office.rewrite(entries).await;
        office.start().await;
        gateway.connect(&mut office, Some(TRUNKS[0])).await;
        pass(seconds(1)).await;
        assert_eq!(
            office.ends(),
            Vec::from_iter(then.map(str::to_owned)),
            "{number} {leg}"
        );
        if number == "911" {
            // It is dialled again (F21).
            gateway.answer_next().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_telephone_that_answers_is_in_the_record_before_the_conversation() {
    let mut office = Office::open().await;
    let _there = talking(&mut office, TELEPHONE).await;
    let words: Vec<_> = office
        .entries()
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    let place = |fits: &dyn Fn(&Kind) -> bool| words.iter().position(fits).unwrap();
    let bound = place(&|kind| matches!(kind, Kind::LegBound { leg, .. } if leg == "hearing"));
    let answered = place(&|kind| matches!(kind, Kind::CalledAnswered { .. }));
    assert!(bound < answered, "{words:?}");
}

#[tokio::test(start_paused = true)]
async fn f43_nothing_is_billed_from_a_restart_until_the_last_party_is_back() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    pass(seconds(55)).await;
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway] {
        party.cut().await;
    }
    office.start().await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    ana.sign_in(&mut office).await;
    pass(seconds(30)).await;
    caller.sign_in(&mut office).await;
    pass(seconds(10)).await;
    let telephone = gateway.calls()[0];
    gateway.hang_up(telephone).await;
    pass(seconds(5)).await;
    let ended = office
        .entries()
        .into_iter()
        .find_map(|entry| match entry.kind {
            Kind::Ended {
                reason,
                conversation_ms,
                ..
            } => Some((reason, conversation_ms)),
            _ => None,
        });
    let (reason, conversation_ms) = ended.unwrap();
    assert_eq!(reason, "hearing_hung_up");
    assert!(
        (69_000..71_500).contains(&conversation_ms),
        "{conversation_ms}"
    );
}

/// A disk without room, until there is some.
#[derive(Clone, Default)]
struct FullDisk(Arc<AtomicBool>);

struct FullFile(Box<dyn SegmentFile>, FullDisk);

impl FullDisk {
    fn make_room(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_room(&self) -> io::Result<()> {
        let room = self.0.load(Ordering::Relaxed);
        room.then_some(()).ok_or(io::ErrorKind::StorageFull.into())
    }
}

impl Disk for FullDisk {
    fn open(&mut self, path: &Path, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        let real = RealDisk.open(path, length)?;
        Ok(Box::new(FullFile(real, self.clone())))
    }
}

impl SegmentFile for FullFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.1.has_room()?;
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.has_room()?;
        self.0.sync()
    }
}

#[tokio::test(start_paused = true)]
async fn r03_a_server_that_comes_back_to_a_full_disk_takes_conversations_up_all_the_same() {
    let mut office = Office::open().await;
    let (mut caller, mut ana, mut gateway) = talking(&mut office, TELEPHONE).await;
    // Another call only rings.
    let mut ben = office.sign_in(BEN).await;
    let mut other = office.sign_in(OTHER).await;
    let call = other.call(TELEPHONE).await;
    ben.answer_next().await;
    other.answered(call).await;
    pass(seconds(2)).await;
    office.kill();
    for party in [&mut caller, &mut ana, &mut gateway, &mut ben, &mut other] {
        party.cut().await;
    }
    let disk = FullDisk::default();
    office.start_on(disk.clone()).await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    for party in [&mut caller, &mut ana, &mut other] {
        party.sign_in(&mut office).await;
    }
    assert!(
        other.is_ended(call, seconds(5)).await,
        "it was no conversation"
    );
    pass(seconds(10)).await;
    assert!(office.ends().is_empty(), "nothing can be recorded yet");
    disk.make_room();
    pass(seconds(10)).await;
    assert_eq!(office.ends(), ["server_restarted"]);
    let telephone = gateway.calls()[0];
    gateway.hang_up(telephone).await;
    pass(seconds(5)).await;
    let mut ends = office.ends();
    ends.sort();
    assert_eq!(ends, ["hearing_hung_up", "server_restarted"]);
    office.assert_replays();
}
