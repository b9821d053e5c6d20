//! Text of several people through one mixer (RFC 9071).

use super::*;
use crate::t140::{MISSING_TEXT, Writer};

const MIXER: &str = "a=rtt-mixer\r\n";

fn writers() -> [Writer; 2] {
    [
        Writer::new(0x1111, "Interpreter"),
        Writer::new(0x2222, "Interpreter 2"),
    ]
}

/// Alice, who mixes, offers; Bob reads an offer that `change` has been through.
fn world(net: Network, change: impl Fn(&str) -> String) -> (World, String, String) {
    let now = net.now;
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let offer = change(&offer);
    let (bob, answer) = Peer::answerer(config(BOB, 2), now, &offer).unwrap();
    alice.accept_answer(now, &change(&answer)).unwrap();
    let world = World {
        net,
        peers: [alice, bob],
        heard: [Heard::default(), Heard::default()],
    };
    (world, offer, answer)
}

fn unaware(description: &str) -> String {
    description.replace(MIXER, "")
}

/// What Bob read of this source.
fn read_of(world: &World, source: Option<u32>) -> String {
    let written = world.heard[1].written.iter();
    let of = written.filter(|written| written.source == source);
    of.map(|written| written.text.as_str()).collect()
}

#[test]
fn r39_who_offers_to_tell_writers_apart_is_answered_so_and_nobody_else_is() {
    let (_, offer, answer) = world(Network::new(1), str::to_owned);
    assert!(offer.contains(MIXER) && answer.contains(MIXER));
    assert!(offer.contains("a=fmtp:98 cps=90\r\n") && answer.contains("a=fmtp:98 cps=90\r\n"));
    let (world, offer, answer) = world(Network::new(1), unaware);
    assert!(!offer.contains(MIXER) && !answer.contains(MIXER));
    for peer in &world.peers {
        let text = peer.negotiated().get(MediaKind::Text).unwrap();
        assert!(!text.text.multiparty);
        assert_eq!(text.text.cps, 90);
    }
}

#[test]
fn r39_each_writers_text_comes_whole_under_their_name() {
    let (mut world, ..) = world(Network::new(3), str::to_owned);
    world.connect();
    let [one, two] = writers();
    for n in 0..20 {
        let now = world.now();
        assert!(world.peers[0].send_text_of(now, &one, &format!("a{n} ")));
        assert!(world.peers[0].send_text_of(now, &two, &format!("b{n}\u{8}\u{2028}")));
        assert!(world.peers[1].send_text(now, &format!("{n},")));
        world.run(Duration::from_millis(170));
    }
    world.run(Duration::from_secs(2));
    let all = |write: &dyn Fn(u32) -> String| (0..20).map(write).collect::<String>();
    assert_eq!(
        read_of(&world, Some(one.source)),
        all(&|n| format!("a{n} "))
    );
    let expected = all(&|n| format!("b{n}\u{8}\u{2028}"));
    assert_eq!(read_of(&world, Some(two.source)), expected);
    assert_eq!(read_of(&world, None), "");
    assert_eq!(world.heard[0].text, all(&|n| format!("{n},")));
    assert!(
        world.heard[0]
            .written
            .iter()
            .all(|written| written.source.is_none())
    );
    // The name was there before the text, and is told with all of it.
    for written in &world.heard[1].written {
        let writer = writers()
            .into_iter()
            .find(|w| Some(w.source) == written.source);
        assert_eq!(written.name, writer.unwrap().name);
    }
}

#[test]
fn r39_seeded_loss_marks_only_what_is_missing() {
    let mut marks = 0;
    for (seed, loss) in [(1, 5), (2, 15), (3, 30), (4, 45)] {
        let (mut world, ..) = world(Network::new(seed), str::to_owned);
        world.connect();
        world.net.loss = loss;
        world.net.reorder = 10;
        world.net.repeat = 5;
        let [one, two] = writers();
        let mut typed = [String::new(), String::new()];
        for n in 0..80 {
            let now = world.now();
            let who = usize::from(world.net.dice.chance(50));
            let word = format!("{n}.");
            assert!(world.peers[0].send_text_of(now, [&one, &two][who], &word));
            typed[who].push_str(&word);
            world.run(Duration::from_millis(400));
        }
        // What comes last is followed by something that comes.
        world.net.loss = 0;
        for (writer, typed) in writers().iter().zip(&mut typed) {
            assert!(world.peers[0].send_text_of(world.net.now, writer, "end"));
            typed.push_str("end");
        }
        world.run(Duration::from_secs(3));
        for (writer, typed) in writers().iter().zip(&typed) {
            let read = read_of(&world, Some(writer.source));
            marks += read.matches(MISSING_TEXT).count();
            let mut rest = typed.as_str();
            for (n, part) in read.split(MISSING_TEXT).enumerate() {
                let at = if n == 0 {
                    rest.find(part).filter(|at| *at == 0)
                } else {
                    rest.find(part)
                };
                let at = at.unwrap_or_else(|| panic!("{loss} %: {read:?} of {typed:?}"));
                rest = &rest[at + part.len()..];
            }
            assert_eq!(rest, "", "{loss} %");
            assert!(loss > 5 || read == *typed, "{loss} %: {read:?}");
        }
    }
    assert!(marks > 0, "nothing was ever lost");
}

#[test]
fn r39_who_cannot_tell_writers_apart_gets_labels_and_no_sources() {
    let (mut world, ..) = world(Network::new(5), unaware);
    world.connect();
    let [one, two] = writers();
    let now = world.now();
    assert!(world.peers[0].send_text_of(now, &one, "I have to go,"));
    world.run(Duration::from_secs(1));
    let now = world.now();
    assert!(world.peers[0].send_text_of(now, &two, "hello.\u{2028}"));
    world.run(Duration::from_secs(1));
    let now = world.now();
    assert!(world.peers[0].send_text_of(now, &one, "bye"));
    world.run(Duration::from_secs(1));
    let now = world.now();
    world.peers[0].text_ended(now, one.source);
    assert!(world.peers[0].send_text_of(now, &two, "So"));
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.heard[1].text,
        "I have to go,\u{2028}[Interpreter 2] hello.\u{2028}[Interpreter] bye\u{2028}\
         [Interpreter 2] So"
    );
    assert!(
        world.heard[1]
            .written
            .iter()
            .all(|written| written.source.is_none())
    );
}

#[test]
fn r39_on_a_data_channel_writers_are_told_apart_by_labels() {
    let mut world = super::channel::without_text_line(Network::new(6));
    world.connect();
    let [one, two] = writers();
    let now = world.now();
    assert!(world.peers[0].send_text_of(now, &one, "Good day.\u{2028}"));
    assert!(world.peers[0].send_text_of(now, &two, "hi"));
    world.run(Duration::from_secs(6));
    assert_eq!(
        world.heard[1].text,
        "[Interpreter] Good day.\u{2028}[Interpreter 2] hi"
    );
}

#[test]
fn r39_who_gives_it_up_in_a_further_offer_gets_labels_from_then_on() {
    let (mut world, ..) = world(Network::new(7), str::to_owned);
    world.connect();
    let [one, two] = writers();
    assert!(world.peers[0].send_text_of(world.net.now, &one, "before."));
    world.run(Duration::from_secs(2));
    let now = world.now();
    let again = world.peers[1].hold(now, false).unwrap();
    let answer = world.peers[0].handle_offer(now, &unaware(&again)).unwrap();
    assert!(!answer.contains(MIXER));
    world.peers[1].accept_direction(now, &answer).unwrap();
    assert!(world.peers[0].send_text_of(now, &two, "after."));
    assert!(world.peers[0].send_text_of(now, &one, "last."));
    world.run(Duration::from_secs(2));
    assert_eq!(read_of(&world, Some(one.source)), "before.");
    let expected = "after.\u{2028}[Interpreter] last.";
    assert_eq!(read_of(&world, None), expected);
    // Nor does it come back by being offered.
    let again = world.peers[1].hold(world.net.now, false).unwrap();
    let again = unaware(&again).replace(
        "a=rtpmap:98 t140/1000\r\n",
        "a=rtpmap:98 t140/1000\r\na=rtt-mixer\r\n",
    );
    let answer = world.peers[0].handle_offer(world.net.now, &again).unwrap();
    assert!(!answer.contains(MIXER));
}

#[test]
fn v10_no_more_characters_a_second_are_sent_than_the_peer_said() {
    let slow = |description: &str| description.replace("cps=90", "cps=5");
    let (mut world, ..) = world(Network::new(8), slow);
    world.connect();
    let typed: String = (0..60).map(|n| format!("{n:02} ")).collect();
    assert!(world.peers[0].send_text(world.net.now, &typed));
    let begin = world.now();
    let mut came = Vec::new();
    while world.heard[1].text.len() < typed.len() {
        let before = world.heard[1].text.len();
        world.step();
        came.resize(world.heard[1].text.len(), world.now() - begin);
        assert!(before <= came.len() && world.now() - begin < Duration::from_secs(60));
    }
    assert_eq!(world.heard[1].text, typed);
    for window in came.windows(51) {
        let took = window[50] - window[0];
        assert!(
            took >= Duration::from_millis(9_900),
            "51 characters in {took:?}"
        );
    }
}

#[test]
fn r39_each_peer_is_another_source() {
    let (world, ..) = world(Network::new(9), str::to_owned);
    let [alice, bob] = &world.peers;
    assert_ne!(alice.text_source(), bob.text_source());
    for peer in [alice, bob] {
        let media = peer.negotiated().media.iter();
        let mut known = media.flat_map(|media| media.remote_ssrcs.iter());
        assert!(known.all(|ssrc| *ssrc != alice.text_source() && *ssrc != bob.text_source()));
    }
}
