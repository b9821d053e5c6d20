//! Requests without end: what is asked for is given as often as it is of use (A42).

use super::crowd::target;
use super::*;

/// Feedback about one of the server's streams.
fn feedback(format: u8, kind: u8, own: u32, about: u32, rest: &[u8]) -> Vec<u8> {
    let words = 2 + rest.len() / 4;
    let mut packet = vec![0x80 | format, kind, 0, words as u8];
    packet.extend(own.to_be_bytes());
    packet.extend(about.to_be_bytes());
    packet.extend(rest);
    packet
}

/// The server's source of pictures towards the peer at this place.
fn pictures_from_server(world: &World, place: usize) -> (u32, u32) {
    let own = target(world, place).own[0];
    let video = world.clients[place].peer.negotiated().get(MediaKind::Video);
    (own, video.unwrap().remote_ssrcs[0])
}

/// The server's figures of pictures for this place.
fn stats(world: &World, place: usize) -> vrs_media::KindStats {
    let client = &world.clients[place];
    let mut all = world.rooms.stats();
    let found = all.find(|(session, leg, _)| (*session, *leg) == (client.session, client.leg));
    found.unwrap().2.video
}

#[test]
fn a42_ten_thousand_key_frame_requests_a_second_ask_the_source_twice_a_second() {
    let mut world = World::of(2, 42);
    let (own, about) = pictures_from_server(&world, 0);
    let mut number = 0_u8;
    world.clients[1].keyframes_wanted = 0;
    world.talk(Duration::from_secs(3), 1_500, |world| {
        for _ in 0..25 {
            let picture_loss = feedback(1, 206, own, about, &[]);
            assert!(world.clients[0].peer.send_sealed(&picture_loss));
            number = number.wrapping_add(1);
            let mut entry = about.to_be_bytes().to_vec();
            entry.extend([number, 0, 0, 0]);
            let full_intra = feedback(4, 206, own, 0, &entry);
            assert!(world.clients[0].peer.send_sealed(&full_intra));
        }
    });
    let asked = world.clients[1].keyframes_wanted;
    assert!((2..=8).contains(&asked), "{asked} times in three seconds");
    for place in [2, 3] {
        assert!(world.clients[place].keyframes_wanted <= 1, "{place}");
        assert_eq!(world.clients[place].seen.len(), 75, "{place}");
    }
}

#[test]
fn a42_asking_for_everything_again_and_again_gets_at_most_half_of_it_again() {
    let mut world = World::of(2, 43);
    let (own, about) = pictures_from_server(&world, 0);
    let mut sequence = 0_u16;
    world.talk(Duration::from_secs(2), 3_000, |world| {
        // All numbers there are, once a second.
        for _ in 0..12 {
            let mut entries = Vec::new();
            for _ in 0..32 {
                entries.extend(sequence.to_be_bytes());
                entries.extend([0xff, 0xff]);
                sequence = sequence.wrapping_add(17);
            }
            let lost = feedback(1, 205, own, about, &entries);
            assert!(world.clients[0].peer.send_sealed(&lost));
        }
    });
    let stats = stats(&world, 0);
    assert!(stats.nacks_received > 10_000, "{stats:?}");
    assert!(stats.resent > 10, "{stats:?}");
    let sent = |place: usize| world.sent[&world.clients[place].address];
    let (asked_for, usual) = (sent(0), sent(2));
    let most = usual + usual * 3 / 5;
    assert!(
        asked_for <= most,
        "{asked_for} bytes, and {usual} to others"
    );
    for place in 1..4 {
        assert_eq!(world.clients[place].seen.len(), 50, "{place}");
    }
}

#[test]
fn a42_who_claims_to_take_nothing_slows_nobody_but_the_one_they_look_at() {
    let mut world = World::of(2, 44);
    let (own, about) = pictures_from_server(&world, 0);
    world.talk(Duration::from_secs(2), 800, |world| {
        let mut rest = b"REMB".to_vec();
        rest.extend([1, 0, 0, 0]);
        rest.extend(about.to_be_bytes());
        let nothing = feedback(15, 206, own, 0, &rest);
        assert!(world.clients[0].peer.send_sealed(&nothing));
        // A goodbye in the name of the server's own source and of a stranger (RFC 3550 section 6.6).
        let mut goodbye = vec![0x82, 203, 0, 2];
        goodbye.extend(about.to_be_bytes());
        goodbye.extend([9; 4]);
        assert!(world.clients[0].peer.send_sealed(&goodbye));
    });
    for place in 1..4 {
        let client = &world.clients[place];
        assert!(client.over.is_empty());
        assert_eq!(client.heard.len(), 100, "{place}");
    }
    assert_eq!(world.clients[2].seen.len(), 50);
    assert_eq!(world.clients[3].seen.len(), 50);
    let lost = |(_, _, news): &&(SessionId, Leg, PeerNews)| *news != PeerNews::Connected;
    assert_eq!(world.news.iter().find(lost), None);
}
