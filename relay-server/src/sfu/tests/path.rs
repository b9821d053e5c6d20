//! What forwarding costs, as far as it can be counted.

use super::*;

/// The datagrams of one picture of the first client.
fn filmed(world: &mut World, number: u32) -> Vec<Vec<u8>> {
    let (now, client) = (world.now, &mut world.clients[0]);
    let unit = picture(false, 20_000);
    client
        .peer
        .send_frame(now, MediaKind::Video, number * 3_000, &unit);
    let outputs = std::iter::from_fn(|| client.peer.poll_output());
    outputs
        .filter_map(|output| match output {
            PeerOutput::Transmit { bytes, .. } => Some(bytes),
            PeerOutput::Event(_) => None,
        })
        .collect()
}

#[test]
fn a_picture_that_is_forwarded_takes_no_new_memory() {
    let mut world = World::of(1, 12);
    // Until as much is kept for whoever loses a packet as ever will be.
    world.talk(Duration::from_secs(3), 20_000, |_| {});
    let source = world.clients[0].address;
    let mut counted = 0;
    // All at once, and no more than can come before the source is told of them.
    for number in 10_000..10_004 {
        let mut datagrams = filmed(&mut world, number);
        let (now, rooms) = (world.now, &mut world.rooms);
        let counts = allocation_counter::measure(|| {
            for bytes in &mut datagrams {
                rooms.handle_datagram(now, source, bytes);
            }
        });
        let sent = world.rooms.batch.iter().len();
        assert!(sent >= datagrams.len(), "{sent} went out");
        // The first may be the one that also tells the source what came.
        if number > 10_000 {
            assert_eq!(counts.count_total, 0, "{counts:?}");
            counted += datagrams.len();
        }
        world.collect();
        world.deliver();
    }
    assert!(counted > 40, "{counted} packets");
}
