//! What forwarding costs, as far as it can be counted.

use vrs_media::Codec;

use super::crowd::target;
use super::formats::pictures;
use super::*;

/// Everybody who can see the caller.
const LEGS: [Leg; 5] = [
    Leg::Caller,
    Leg::Interpreter,
    Leg::Relief,
    Leg::Team,
    Leg::Supervisor,
];
/// Packets of a picture of VP8.
const PACKETS: u16 = 18;

/// One call of these legs with one format of pictures; the caller is the first.
fn call(legs: &[Leg], codec: Codec) -> World {
    let mut world = World::new(12, Allowed::everything());
    let certificate = Certificate::generate().unwrap();
    for leg in legs {
        let joined = world.join(SessionId(0), *leg, &certificate, pictures(&[codec]));
        joined.unwrap();
    }
    world.connect();
    world
}

/// What the caller has to send now.
fn datagrams(world: &mut World) -> Vec<Vec<u8>> {
    let peer = &mut world.clients[0].peer;
    let outputs = std::iter::from_fn(|| peer.poll_output());
    outputs
        .filter_map(|output| match output {
            PeerOutput::Transmit { bytes, .. } => Some(bytes),
            PeerOutput::Event(_) => None,
        })
        .collect()
}

/// The datagrams of one picture of H.264.
fn h264(world: &mut World, number: u32) -> Vec<Vec<u8>> {
    let unit = picture(number == 0, 20_000);
    let (now, kind) = (world.now, MediaKind::Video);
    let peer = &mut world.clients[0].peer;
    peer.send_frame(now, kind, number * 3_000, &unit);
    datagrams(world)
}

/// The datagrams of one picture of VP8 with a number (RFC 7741 section 4.2).
fn vp8(world: &mut World, number: u32) -> Vec<Vec<u8>> {
    let target = target(world, 0);
    let [.., high, low] = number.to_be_bytes();
    for n in 0..PACKETS {
        let marker = if n + 1 == PACKETS { 0x80 } else { 0 };
        let video = world.clients[0].peer.negotiated().get(MediaKind::Video);
        let mut packet = vec![0x80, marker | video.unwrap().payload_type];
        packet.extend((number as u16 * PACKETS + n).to_be_bytes());
        packet.extend((number * 3_000).to_be_bytes());
        packet.extend(target.own[1].to_be_bytes());
        packet.extend([if n == 0 { 0x90 } else { 0x80 }, 0x80, 0x80 | high, low]);
        packet.extend([
            if number == 0 { 0x50 } else { 0x51 },
            0x42,
            0,
            0x9d,
            1,
            0x2a,
        ]);
        packet.resize(1_100, 9);
        assert!(world.clients[0].peer.send_sealed(&packet));
    }
    datagrams(world)
}

/// Pictures reach all viewers, and at last without any memory being asked for.
fn forwarded_in_what_there_is(
    legs: &[Leg],
    codec: Codec,
    film: fn(&mut World, u32) -> Vec<Vec<u8>>,
) {
    let mut world = call(legs, codec);
    let source = world.clients[0].address;
    let mut next = 0..;
    // Until as much is kept for whoever loses a packet as ever will be.
    for number in next.by_ref().take(75) {
        for bytes in film(&mut world, number) {
            world.inject(source, &bytes);
        }
        for _ in 0..8 {
            world.step();
        }
    }
    let mut counted = 0;
    // All at once, and no more than can come before the source is told of them.
    for (turn, number) in next.take(4).enumerate() {
        let mut datagrams = film(&mut world, number);
        let (now, rooms) = (world.now, &mut world.rooms);
        let counts = allocation_counter::measure(|| {
            for bytes in &mut datagrams {
                rooms.handle_datagram(now, source, bytes);
            }
        });
        let sent = world.rooms.batch.iter().len();
        let expected = datagrams.len() * (legs.len() - 1);
        assert!(sent >= expected, "{sent} of {expected} went out");
        // The first may be the one that also tells the source what came.
        if turn > 0 {
            assert_eq!(counts.count_total, 0, "{counts:?}");
            counted += datagrams.len();
        }
        world.collect();
        world.deliver();
    }
    assert!(counted > 40, "{counted} packets");
}

#[test]
fn a_picture_that_is_forwarded_takes_no_new_memory() {
    forwarded_in_what_there_is(&LEGS[..2], Codec::H264, h264);
}

#[test]
fn a_picture_that_four_see_takes_no_new_memory() {
    forwarded_in_what_there_is(&LEGS, Codec::H264, h264);
}

#[test]
fn a_picture_of_vp8_that_is_forwarded_takes_no_new_memory() {
    forwarded_in_what_there_is(&LEGS[..2], Codec::Vp8, vp8);
}
