//! A caller whose network is gone at once, and who has another.

use super::*;

const CALL: SessionId = SessionId(0);
/// The caller moves after this many steps.
const MOVES_AFTER: u64 = 200;
/// A bad moment of the network lasts for this many steps.
const LATE_FOR: u64 = 6;

/// The caller is at another address, and nothing reaches the old one; gives the answer that is on
/// its way to them.
fn move_away(world: &mut World) -> String {
    let (now, client) = (world.now, &mut world.clients[0]);
    world.places.remove(&client.address);
    client.address = SocketAddr::from(([10, 9, 9, 9], 5_000));
    world.places.insert(client.address, 0);
    let offer = client.peer.restart(now, vec![client.address], Vec::new());
    let offer = offer.unwrap();
    let rooms = &mut world.rooms;
    rooms.reoffered(now, CALL, Leg::Caller, &offer).unwrap()
}

/// How long each party's picture stood still at most, with so much trouble in between: either the
/// whole machine stands still, or all datagrams are late for a moment.
fn moved(seed: u64, trouble: Duration) -> [Duration; 2] {
    let mut world = World::of(1, seed);
    let usual = Duration::from_millis(world.dice.below(15));
    world.delay = usual;
    let answered = MOVES_AFTER + 1 + world.dice.below(8);
    let troubled = MOVES_AFTER + world.dice.below(20);
    let (mut step, mut answer) = (0, String::new());
    world.talk(Duration::from_secs(3), 6_000, |world| {
        step += 1;
        if step == MOVES_AFTER {
            let newest = |client: &mut Client| client.seen.drain(..client.seen.len() - 1).count();
            assert!(
                world
                    .clients
                    .iter_mut()
                    .map(newest)
                    .all(|before| before > 20)
            );
            answer = move_away(world);
        }
        if step == answered {
            let peer = &mut world.clients[0].peer;
            peer.accept_direction(world.now, &answer).unwrap();
        }
        if step == troubled && seed.is_multiple_of(2) {
            world.now += trouble;
        }
        if step == troubled && !seed.is_multiple_of(2) {
            world.delay += trouble;
        }
        if step == troubled + LATE_FOR {
            world.delay = usual;
        }
    });
    for client in &world.clients {
        assert!(client.over.is_empty(), "seed {seed}: {:?}", client.over);
        let newest = client.seen.last().unwrap().0;
        let still = world.now - newest;
        assert!(still < Duration::from_millis(300), "seed {seed}: {still:?}");
    }
    [0, 1].map(|place| world.longest_gap(place))
}

#[test]
fn r6_who_has_another_network_is_seen_and_sees_again_within_300_ms() {
    for seed in 0..30 {
        // Some packets have to be asked for twice when there is trouble.
        let trouble = Duration::from_millis([0, 250, 500][(seed % 3) as usize]);
        let most = Duration::from_millis(300) + 2 * trouble;
        for gap in moved(seed, trouble) {
            assert!(gap <= most, "seed {seed}: {gap:?} with {trouble:?}");
        }
    }
}
