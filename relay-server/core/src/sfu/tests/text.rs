//! Who reads what of whom: text of several people in one room, and a relief between two of them.

use vrs_media::Written;

use super::*;

const EVERYBODY: [Leg; 5] = [
    Leg::Caller,
    Leg::Interpreter,
    Leg::Relief,
    Leg::Team,
    Leg::Supervisor,
];

impl World {
    fn write(&mut self, leg: Leg, text: &str) {
        let now = self.now;
        assert!(self.client(leg).send_text(now, text), "{leg}");
    }

    /// All text that came to this one.
    fn written(&self, leg: Leg) -> impl Iterator<Item = &Written> {
        let got = self.got.iter().filter(move |(to, _)| *to == leg);
        got.filter_map(|(_, event)| {
            if let PeerEvent::Text(written) = event {
                Some(written)
            } else {
                None
            }
        })
    }

    /// What this one read, by name of the writer.
    fn read(&self, leg: Leg, name: &str) -> String {
        let of = self.written(leg).filter(|written| written.name == name);
        of.map(|written| written.text.as_str()).collect()
    }

    fn sources(&self, leg: Leg) -> Vec<u32> {
        let text = self.written(leg).filter(|written| !written.text.is_empty());
        let mut sources: Vec<u32> = text.filter_map(|written| written.source).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }
}

#[test]
fn r39_everybody_reads_all_others_under_their_names_but_for_the_supervisor() {
    let mut world = World::of(&EVERYBODY);
    world.connect();
    for leg in EVERYBODY {
        world.write(leg, leg.word());
    }
    world.run(Duration::from_secs(3));
    let names = [
        (Leg::Caller, "Caller"),
        (Leg::Interpreter, "Interpreter"),
        (Leg::Relief, "Interpreter 2"),
        (Leg::Team, "Interpreter 3"),
        (Leg::Supervisor, "Interpreter 4"),
    ];
    for reader in EVERYBODY {
        for (writer, name) in names {
            let hidden = reader == writer || writer == Leg::Supervisor;
            let expected = if hidden { "" } else { writer.word() };
            assert_eq!(world.read(reader, name), expected, "{reader} of {writer}");
        }
        assert_eq!(world.read(reader, ""), "", "all of it has a name");
    }
    assert_eq!(world.text_lost, [Leg::Supervisor]);
}

#[test]
fn r39_a_relief_takes_over_and_no_character_of_either_is_lost_or_doubled() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Relief]);
    world.connect();
    let (mut first, mut second) = (String::new(), String::new());
    for n in 0..10 {
        world.write(Leg::Interpreter, &format!("a{n} "));
        world.write(Leg::Relief, &format!("b{n}, "));
        first += &format!("a{n} ");
        second += &format!("b{n}, ");
        world.run(Duration::from_millis(130));
    }
    // What was typed in the last moment still goes out: whoever leaves has sent it.
    world.run(Duration::from_millis(700));
    world.rename(Leg::Relief, Leg::Interpreter);
    for n in 10..20 {
        world.write(Leg::Interpreter, &format!("b{n}, "));
        second += &format!("b{n}, ");
        world.run(Duration::from_millis(130));
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.read(Leg::Caller, "Interpreter"), first);
    assert_eq!(world.read(Leg::Caller, "Interpreter 2"), second);
    assert_eq!(
        world.sources(Leg::Caller).len(),
        2,
        "a line for each writer"
    );
    // The next relief is somebody else again.
    world.room.join(world.now, Leg::Relief, someone(world.now));
    assert_eq!(
        world.room.names_of(),
        ["Caller", "Interpreter 2", "Interpreter 3"]
    );
}

fn someone(now: Instant) -> Peer {
    let config = |seed| {
        let certificate = Certificate::generate().unwrap();
        PeerConfig::new(vec![server()], certificate, [seed; 32])
    };
    let (_, offer) = Peer::offerer(config(201), now).unwrap();
    Peer::answerer(config(202), now, &offer).unwrap().0
}

#[test]
fn r39_a_caller_whose_device_knows_no_sources_reads_labels_through_a_relief() {
    let mut world = World::with(
        &[Leg::Caller, Leg::Interpreter, Leg::Relief],
        |leg, offer| {
            if leg == Leg::Caller {
                offer.replace("a=rtt-mixer\r\n", "")
            } else {
                offer
            }
        },
    );
    world.connect();
    world.write(Leg::Interpreter, "One moment, I am going to");
    world.run(Duration::from_secs(1));
    world.write(Leg::Relief, "Hello, I take over now.");
    world.run(Duration::from_secs(1));
    assert_eq!(world.read(Leg::Caller, ""), "One moment, I am going to");
    // Whoever has left is not waited for.
    world.rename(Leg::Relief, Leg::Interpreter);
    world.run(Duration::from_secs(1));
    world.write(Leg::Interpreter, " Go on\u{8}\u{8}");
    world.run(Duration::from_secs(1));
    assert_eq!(
        world.read(Leg::Caller, ""),
        "One moment, I am going to\u{2028}[Interpreter 2] Hello, I take over now. Go on\u{8}\u{8}"
    );
    assert!(world.sources(Leg::Caller).is_empty());
}

#[test]
fn a_name_stays_with_whoever_comes_back_to_their_place() {
    let mut world = World::new();
    world.connect();
    let now = world.now;
    world.room.leave(now, Leg::Interpreter);
    world.room.join(now, Leg::Interpreter, someone(now));
    assert_eq!(world.room.names_of(), ["Caller", "Interpreter"]);
}
