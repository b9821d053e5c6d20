//! Several sizes of the caller's picture, and packets that only some of the viewers lost.

use super::*;

/// Bytes of a usual picture and of a small one; at 30 a second 960 and 144 kbit/s.
const USUAL: usize = 4_000;
const SMALL: usize = 600;

/// A picture of this many bytes; `discardable`: no other refers to it.
fn unit(whole: bool, discardable: bool, bytes: usize) -> Vec<u8> {
    if whole {
        return picture(bytes);
    }
    let header = if discardable { 0x01 } else { 0x61 };
    let mut unit = vec![0, 0, 0, 1, header];
    unit.extend(std::iter::repeat_n(0x5a, bytes));
    unit
}

/// The caller's app: what it was asked for.
#[derive(Default)]
struct App {
    number: u32,
    lower: bool,
    whole: [bool; 2],
}

impl App {
    /// Films for so long, every second picture such that no other refers to it.
    fn film(&mut self, world: &mut World, pictures: u32) {
        for _ in 0..pictures {
            for (leg, event) in &world.got {
                match event {
                    PeerEvent::KeyframeRequested { layer } if *leg == Leg::Caller => {
                        self.whole[*layer] = true;
                    }
                    PeerEvent::LayerWanted { wanted, .. } if *leg == Leg::Caller => {
                        self.lower = *wanted;
                    }
                    _ => {}
                }
            }
            world.got.retain(|(leg, _)| *leg != Leg::Caller);
            let (n, now) = (self.number, world.now);
            self.number += 1;
            let discardable = n % 2 == 1;
            let [whole, small_whole] = std::mem::take(&mut self.whole);
            let caller = world.client(Leg::Caller);
            let usual = unit(whole || n == 0, discardable, USUAL);
            caller.send_frame(now, MediaKind::Video, n * 3_000, &usual);
            if self.lower {
                let small = unit(small_whole, discardable, SMALL);
                caller.send_layer(now, 1, n * 3_000, &small);
            }
            world.run(Duration::from_millis(33));
        }
    }
}

/// How many pictures of each size a leg saw, and how many of them no other refers to.
fn seen(world: &World, leg: Leg) -> (usize, usize, usize) {
    let frames = world.frames(leg, MediaKind::Video);
    let small = frames.iter().filter(|frame| frame.len() < 2_000).count();
    let discardable = frames.iter().filter(|frame| frame[4] == 0x01).count();
    (frames.len() - small, small, discardable)
}

fn tell(world: &mut World, leg: Leg, bps: u32) {
    let now = world.now;
    world.client(leg).limit_source(now, bps);
}

#[test]
fn v3_whoever_has_a_narrow_path_gets_a_smaller_picture_before_a_slower_one_and_others_do_not() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Team]);
    world.connect();
    let mut app = App::default();
    app.film(&mut world, 90);
    assert!(!app.lower, "nobody needs it");
    tell(&mut world, Leg::Team, 300_000);
    app.film(&mut world, 150);
    assert!(app.lower);
    world.got.clear();
    app.film(&mut world, 150);
    let (usual, small, discardable) = seen(&world, Leg::Interpreter);
    assert_eq!((usual, small), (150, 0));
    assert!(
        discardable > 70,
        "{discardable}: one may have been a key frame"
    );
    // The usual size was tried once, perhaps.
    let (usual, small, discardable) = seen(&world, Leg::Team);
    assert!(usual < 50 && usual + small >= 150, "{usual} and {small}");
    assert!(discardable > 70, "smaller, not slower: {discardable}");
    // Narrower still.
    tell(&mut world, Leg::Team, 60_000);
    app.film(&mut world, 90);
    world.got.clear();
    app.film(&mut world, 60);
    assert_eq!(seen(&world, Leg::Team), (0, 30, 0), "what is left is whole");
    let mut stats = world.room.stats();
    let team = stats.find(|(leg, _)| *leg == Leg::Team).unwrap();
    assert_eq!(team.1.video.layer, 1);
    drop(stats);
    let (usual, small, discardable) = seen(&world, Leg::Interpreter);
    assert!(
        (usual, small) == (60, 0) && discardable > 25,
        "{discardable}"
    );
    // And wide again.
    tell(&mut world, Leg::Team, 5_000_000);
    app.film(&mut world, 400);
    world.got.clear();
    app.film(&mut world, 60);
    assert_eq!(seen(&world, Leg::Team), (60, 0, 30));
    assert!(!app.lower, "nobody needs it any more");
}

#[test]
fn a_change_of_size_begins_with_a_key_frame_and_leaves_no_gap() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Team]);
    world.connect();
    let mut app = App::default();
    app.film(&mut world, 60);
    tell(&mut world, Leg::Team, 300_000);
    app.film(&mut world, 200);
    let pictures: Vec<(u64, usize, bool)> = world
        .got
        .iter()
        .filter_map(|(leg, event)| match event {
            PeerEvent::Frame {
                sequence,
                data,
                keyframe,
                kind: MediaKind::Video,
                ..
            } if *leg == Leg::Team => Some((*sequence, data.len(), *keyframe)),
            _ => None,
        })
        .collect();
    let change = pictures
        .windows(2)
        .find(|pair| pair[0].1 > 2_000 && pair[1].1 < 2_000);
    assert!(change.unwrap()[1].2, "the first small one is whole");
    for pair in pictures.windows(2) {
        let packets = pair[1].1.div_ceil(1_100) as u64;
        assert!(pair[1].0 - pair[0].0 <= packets + 1, "{pair:?}");
    }
    // One of them, perhaps, in both.
    assert!((260..=261).contains(&pictures.len()), "{}", pictures.len());
}

#[test]
fn a_relief_begins_with_the_usual_size_whatever_the_one_before_sent() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Relief, Leg::Team]);
    world.connect();
    let mut app = App::default();
    tell(&mut world, Leg::Team, 300_000);
    app.film(&mut world, 150);
    assert!(app.lower);
    world.rename(Leg::Relief, Leg::Interpreter);
    world.got.clear();
    app.film(&mut world, 60);
    let (usual, small, _) = seen(&world, Leg::Interpreter);
    assert!(usual >= 58 && small == 0, "{usual} and {small}");
    let (_, small, _) = seen(&world, Leg::Team);
    assert!(small >= 58, "{small}");
}

#[test]
fn r45_each_viewer_gets_what_it_lost_from_what_the_source_sent_once() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Relief, Leg::Team]);
    world.connect();
    let mut app = App::default();
    app.film(&mut world, 10);
    world.got.clear();
    world.losses = vec![(Leg::Interpreter, 7), (Leg::Relief, 11), (Leg::Team, 13)];
    app.film(&mut world, 200);
    world.losses.clear();
    app.film(&mut world, 10);
    for leg in [Leg::Interpreter, Leg::Relief, Leg::Team] {
        let (usual, ..) = seen(&world, leg);
        assert!(usual >= 208, "{leg} saw {usual} of 210");
        let stats = world.room.stats().find(|(other, _)| *other == leg).unwrap();
        assert!(stats.1.video.resent > 40, "{leg}: {:?}", stats.1.video);
        let stats = world.client(leg).stats();
        assert!(stats.video.repaired > 40, "{leg}: {:?}", stats.video);
        assert_eq!(stats.undecryptable, 0);
    }
}
