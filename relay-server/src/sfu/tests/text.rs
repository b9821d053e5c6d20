//! Text of several people through the rooms: over a network that loses, to devices that know
//! sources and such as do not, and no faster than they take it.

use super::*;

const MISSING: char = '\u{fffd}';

impl World {
    /// A party whose offer goes through `change`.
    fn join_with(&mut self, session: SessionId, leg: Leg, change: impl Fn(String) -> String) {
        let number = self.clients.len() as u32 + 1;
        let address = SocketAddr::from(([10, 0, 1, number as u8], 5_000));
        let certificate = Certificate::generate().unwrap();
        let config = PeerConfig::new(vec![address], certificate, [number as u8; 32]);
        let (mut peer, offer) = Peer::offerer(config, self.now).unwrap();
        let offer = change(offer);
        let answer = self.rooms.answer(self.now, session, leg, &offer).unwrap();
        peer.accept_answer(self.now, &answer).unwrap();
        self.add(session, leg, address, peer);
    }

    fn place(&self, session: SessionId, leg: Leg) -> usize {
        let mut clients = self.clients.iter();
        let is_theirs = |client: &Client| (client.session, client.leg) == (session, leg);
        clients.position(is_theirs).unwrap()
    }

    fn write(&mut self, session: SessionId, leg: Leg, text: &str) {
        let (now, place) = (self.now, self.place(session, leg));
        assert!(self.clients[place].peer.send_text(now, text), "{leg}");
    }

    /// What one wrote, by the name they have in the end: it may be told later than the first text.
    fn read(&self, session: SessionId, leg: Leg, name: &str) -> String {
        let read = &self.clients[self.place(session, leg)].read;
        let named = |source: Option<u32>| {
            let told = read.iter().rev().map(|(_, written)| written);
            let mut told = told.filter(|told| told.source == source && !told.name.is_empty());
            told.next().map_or("", |told| told.name.as_str())
        };
        let of = read.iter().map(|(_, written)| written);
        let of = of.filter(|written| named(written.source) == name);
        of.map(|written| written.text.as_str()).collect()
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }
}

fn unaware(offer: String) -> String {
    offer.replace("a=rtt-mixer\r\n", "")
}

/// Whether `read` is `typed` with marks where something is missing. What is lost before anything
/// came has none (RFC 9071 section 3.16.3).
fn is_marked(read: &str, typed: &str) -> bool {
    let mut rest = typed;
    for part in read.split(MISSING) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[test]
fn r39_text_of_all_crosses_a_network_that_loses_and_no_room_hears_another() {
    for seed in 0..4 {
        let mut world = World::new(seed, Allowed::everything());
        let legs = [Leg::Caller, Leg::Interpreter, Leg::Relief, Leg::Team];
        for session in [SessionId(1), SessionId(2)] {
            for leg in legs {
                world.join_with(session, leg, |offer| offer);
            }
        }
        world.connect();
        world.loss_permille = 150;
        world.delay = Duration::from_millis(20);
        let mut typed: HashMap<(SessionId, Leg), String> = HashMap::new();
        for n in 0..40 {
            for session in [SessionId(1), SessionId(2)] {
                for leg in legs {
                    if world.dice.below(3) == 0 {
                        let word = format!("{}{}{n}.", session.0, leg.word());
                        world.write(session, leg, &word);
                        *typed.entry((session, leg)).or_default() += &word;
                    }
                }
            }
            world.pass(Duration::from_millis(250));
        }
        world.loss_permille = 0;
        for session in [SessionId(1), SessionId(2)] {
            for leg in legs {
                world.write(session, leg, "end");
                *typed.entry((session, leg)).or_default() += "end";
            }
        }
        world.pass(Duration::from_secs(4));
        let names = ["Caller", "Interpreter", "Interpreter 2", "Interpreter 3"];
        for session in [SessionId(1), SessionId(2)] {
            for reader in legs {
                for (writer, name) in legs.into_iter().zip(names) {
                    let read = world.read(session, reader, name);
                    let typed = match reader == writer {
                        true => "",
                        false => &typed[&(session, writer)],
                    };
                    assert!(
                        is_marked(&read, typed),
                        "seed {seed}, {reader} of {writer}: {read:?} of {typed:?}"
                    );
                }
                assert_eq!(world.read(session, reader, ""), "");
            }
        }
    }
}

#[test]
fn r39_a_device_that_knows_no_sources_reads_a_relief_with_labels() {
    let mut world = World::new(7, Allowed::everything());
    let session = SessionId(1);
    world.join_with(session, Leg::Caller, unaware);
    world.join_with(session, Leg::Interpreter, |offer| offer);
    world.join_with(session, Leg::Relief, |offer| offer);
    world.connect();
    world.write(session, Leg::Interpreter, "We change now,");
    world.pass(Duration::from_secs(1));
    world.write(session, Leg::Relief, "hello.");
    world.pass(Duration::from_secs(1));
    world.write(session, Leg::Interpreter, "goodbye");
    world.pass(Duration::from_secs(1));
    let now = world.now;
    world
        .rooms
        .rename(now, session, Leg::Relief, Leg::Interpreter);
    world.collect();
    world.write(session, Leg::Relief, " Go on.");
    world.pass(Duration::from_secs(2));
    let read = "We change now,\u{2028}[Interpreter 2] hello.\u{2028}[Interpreter] goodbye\
                \u{2028}[Interpreter 2]  Go on.";
    assert_eq!(world.read(session, Leg::Caller, ""), read);
}

#[test]
fn r39_nobody_gets_text_faster_than_their_device_takes_it_and_all_of_it_comes() {
    let mut world = World::new(8, Allowed::everything());
    let session = SessionId(1);
    let slow = |offer: String| offer.replace("cps=90", "cps=10");
    world.join_with(session, Leg::Caller, slow);
    world.join_with(session, Leg::Interpreter, |offer| offer);
    world.join_with(session, Leg::Team, |offer| offer);
    world.connect();
    let typed: String = (0..50).map(|n| format!("{n:03} ")).collect();
    world.write(session, Leg::Interpreter, &typed);
    world.write(session, Leg::Team, &typed);
    world.pass(Duration::from_secs(45));
    assert_eq!(world.read(session, Leg::Caller, "Interpreter"), typed);
    assert_eq!(world.read(session, Leg::Caller, "Interpreter 2"), typed);
    let read = &world.clients[world.place(session, Leg::Caller)].read;
    for (begin, _) in read {
        let window = |(at, _): &&(Instant, Written)| {
            *at >= *begin && *at < *begin + Duration::from_millis(9_900)
        };
        let within = read.iter().filter(window);
        let count: usize = within
            .map(|(_, written)| written.text.chars().count())
            .sum();
        assert!(count <= 101, "{count} characters within ten seconds");
    }
    // The colleague takes more, and had it long before.
    let team = &world.clients[world.place(session, Leg::Team)].read;
    let last = |read: &[(Instant, Written)]| read.last().map(|(at, _)| *at);
    assert!(last(team) < last(read));
}
