//! Two hundred calls behind one address, and one party who means harm.

use std::time::Duration;

use super::hostile::{Target, garbage, rtcp, rtp};
use super::*;

const SESSIONS: u128 = 200;
/// Pictures come every 40 ms; whoever misses none has no longer gap than this.
const GAP_MAX: Duration = Duration::from_millis(100);

/// What the peer at this place knows of its call.
pub(super) fn target(world: &World, place: usize) -> Target {
    let peer = &world.clients[place].peer;
    let media = &peer.negotiated().media;
    let own = peer.local_description().lines();
    let own = own.filter_map(|line| {
        let value = line.strip_prefix("a=ssrc:")?;
        value.split(' ').next()?.parse().ok()
    });
    Target {
        payload_types: media
            .iter()
            .flat_map(|media| {
                let red = media.red.map(|(send, _)| send);
                let keys = media.keys.iter().map(|keys| keys.payload_type);
                [media.payload_type].into_iter().chain(red).chain(keys)
            })
            .collect(),
        own: own.collect(),
        servers: media
            .iter()
            .flat_map(|media| media.remote_ssrcs.clone())
            .collect(),
    }
}

/// Nobody but the attacked session noticed anything.
fn nobody_else_noticed(world: &World, pictures: usize, sounds: usize) {
    for (place, client) in world.clients.iter().enumerate() {
        assert!(client.over.is_empty(), "{place}: {:?}", client.over);
        if client.session == SessionId(0) {
            continue;
        }
        assert_eq!(client.seen.len(), pictures, "pictures of {place}");
        assert_eq!(client.heard.len(), sounds, "sounds of {place}");
        let gap = world.longest_gap(place);
        assert!(gap <= GAP_MAX, "{place} saw nothing for {gap:?}");
    }
    let lost = |(_, _, news): &&(SessionId, Leg, PeerNews)| *news != PeerNews::Connected;
    assert_eq!(world.news.iter().find(lost), None);
}

#[test]
fn a47_no_party_is_told_where_another_one_is() {
    let mut world = World::new(47, Allowed::everything());
    let certificate = Certificate::generate().unwrap();
    for leg in [Leg::Caller, Leg::Interpreter] {
        let allowed = Allowed::default();
        world
            .join(SessionId(1), leg, &certificate, allowed)
            .unwrap();
    }
    let addresses: Vec<String> = world
        .clients
        .iter()
        .map(|one| one.address.ip().to_string())
        .collect();
    let config = PeerConfig::new(vec![server()], certificate, [9; 32]);
    let (_, offer) = Peer::offerer(config, world.now).unwrap();
    let session = SessionId(1);
    let told = [
        world
            .rooms
            .offer(world.now, session, Leg::Team, &[])
            .unwrap(),
        world
            .rooms
            .answer(world.now, session, Leg::Relief, &offer)
            .unwrap(),
    ];
    for description in told {
        let own = server().ip().to_string();
        assert!(description.contains(&own));
        for address in &addresses {
            assert!(!description.contains(address), "{address} in {description}");
        }
    }
}

#[test]
fn a41_malformed_datagrams_of_every_kind_among_200_calls_disturb_none_of_the_others() {
    let mut world = World::of(SESSIONS, 41);
    let target = target(&world, 0);
    let (mut dice, attacker) = (Dice::new(7), world.clients[0].address);
    let stranger = SocketAddr::from(([198, 51, 100, 66], 6_666));
    let mut sealed = 0;
    let time = Duration::from_secs(2);
    world.talk(time, 500, |world| {
        for _ in 0..4 {
            // By right in the call, with keys: only what is inside is wrong.
            for plain in [rtp(&mut dice, &target), rtcp(&mut dice, &target)] {
                sealed += usize::from(world.clients[0].peer.send_sealed(&plain));
            }
            let now = world.now;
            let packet = rtp(&mut dice, &target);
            world.clients[0].peer.send_sealed(&packet);
            let mut real = None;
            while let Some(output) = world.clients[0].peer.poll_output() {
                if let PeerOutput::Transmit { bytes, .. } = output {
                    world.inject(attacker, &bytes);
                    real = Some(bytes);
                }
            }
            let real = real.unwrap_or(packet);
            // From its own address, from a stranger's, and in the name of somebody else.
            let victim = 2 + dice.below(2 * SESSIONS as u64 - 2) as usize;
            let victim = world.clients[victim].address;
            for source in [attacker, stranger, victim] {
                let bad = garbage(&mut dice, &real);
                world.inject(source, &bad);
                world.inject(source, &real);
            }
            assert_eq!(now, world.now);
        }
    });
    assert!(sealed > 2_000, "{sealed} packets were sealed");
    nobody_else_noticed(&world, 50, 100);
    // The attacked call goes on, too.
    let before = world.clients[0].seen.len();
    world.talk(Duration::from_secs(1), 500, |_| {});
    assert!(world.clients[0].seen.len() > before + 20);
}
