//! Packets that somebody who is in the call by right would have to make on purpose.

use super::Dice;

/// Most bytes of a datagram on the open network.
const DATAGRAM_BYTES: u64 = 1_400;

/// What is known of the call by whoever attacks it.
pub(super) struct Target {
    /// Payload types that were agreed.
    pub(super) payload_types: Vec<u8>,
    /// Sources of the attacker, and those of the server towards them.
    pub(super) own: Vec<u32>,
    pub(super) servers: Vec<u32>,
}

fn bytes(dice: &mut Dice, most: u64) -> Vec<u8> {
    let count = dice.below(most + 1);
    (0..count).map(|_| dice.next() as u8).collect()
}

fn one_of<T: Copy>(dice: &mut Dice, list: &[T]) -> T {
    list[dice.below(list.len() as u64) as usize]
}

/// An RTP packet with one or several things wrong in what only whoever has the keys can read.
pub(super) fn rtp(dice: &mut Dice, target: &Target) -> Vec<u8> {
    let (padding, extension) = (dice.below(3) == 0, dice.below(2) == 0);
    let sources = if dice.below(4) == 0 {
        dice.below(16)
    } else {
        0
    };
    let known = one_of(dice, &target.payload_types);
    let payload_type = match dice.below(4) {
        0 => dice.below(64) as u8,
        _ => known,
    };
    let ssrc = match dice.below(3) {
        0 => dice.next() as u32,
        _ => one_of(dice, &target.own),
    };
    let mut packet = vec![0x80 | u8::from(padding) << 5 | u8::from(extension) << 4 | sources as u8];
    packet.push(payload_type | (dice.next() as u8 & 0x80));
    packet.extend((dice.next() as u16).to_be_bytes());
    packet.extend((dice.next() as u32).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..sources * 4).map(|_| dice.next() as u8));
    if extension {
        let words = dice.below(6) as usize;
        let profile = one_of(dice, &[0xbede_u16, 0x1000, 0x100f, 0, 0xffff]);
        packet.extend(profile.to_be_bytes());
        packet.extend((words as u16).to_be_bytes());
        // Elements that are longer than what is left of them (RFC 8285 section 4.2).
        packet.extend((0..words * 4).map(|_| dice.next() as u8 | 0x0f));
    }
    packet.extend(payload(dice));
    if padding {
        let count = one_of(dice, &[0, 1, 4, 200, 255]);
        packet.extend(std::iter::repeat_n(0, usize::from(dice.below(6) as u8)));
        packet.push(count);
    }
    packet
}

/// Payloads that begin as something and end as nothing.
fn payload(dice: &mut Dice) -> Vec<u8> {
    let head: &[&[u8]] = &[
        &[],
        &[0x78],                   // STAP-A without a unit
        &[0x78, 0xff, 0xff, 0x67], // STAP-A with a unit longer than itself
        &[0x78, 0, 0, 0, 0],       // STAP-A with empty units
        &[0x7c],                   // FU-A without its header
        &[0x7c, 0x85],             // its start and no more
        &[0x7c, 0x45],             // its end without a start
        &[0x7c, 0xc5],             // start and end at once
        &[0x60],
        &[0x7f],
        &[0x67], // parameters of nothing
        &[0x65],
        &[0xe2, 0x40, 0x00], // redundancy that goes on behind the end
        &[0xe2, 0xff, 0xff, 0xff],
        &[0x62],
        &[0xff; 3], // a telephone key that is none
        &[15, 0x80, 0xff, 0xff],
        &[0xf0, 0x28, 0x8c, 0x28], // no UTF-8
        &[0x90, 0xff, 0xff],       // VP8 with a picture id that ends
    ];
    let mut payload = one_of(dice, head).to_vec();
    let most = if dice.below(8) == 0 {
        DATAGRAM_BYTES
    } else {
        60
    };
    payload.extend(bytes(dice, most));
    payload
}

/// A compound RTCP packet whose parts contradict each other.
pub(super) fn rtcp(dice: &mut Dice, target: &Target) -> Vec<u8> {
    let mut compound = Vec::new();
    for _ in 0..1 + dice.below(4) {
        let kind = match dice.below(4) {
            0 => 192 + dice.below(32) as u8,
            _ => one_of(dice, &[200, 201, 202, 203, 204, 205, 206, 207]),
        };
        let mut body = Vec::new();
        body.extend(one_of(dice, &target.own).to_be_bytes());
        let about = match dice.below(3) {
            0 => dice.next() as u32,
            _ => one_of(dice, &target.servers),
        };
        body.extend(about.to_be_bytes());
        match dice.below(5) {
            // Everything that can be lost is lost (RFC 4585 section 6.2.1).
            0 => body.extend((0..dice.below(60) * 4).map(|_| 0xff)),
            // No rate at all, and the highest (draft-alvestrand-rmcat-remb-03).
            1 => {
                body.extend(b"REMB");
                body.extend([dice.next() as u8, dice.next() as u8, 0xff, 0xff]);
                body.extend(about.to_be_bytes());
            }
            2 => {}
            _ => body.extend(bytes(dice, 80)),
        }
        while !body.len().is_multiple_of(4) {
            body.push(0);
        }
        let words = match dice.below(4) {
            0 => dice.next() as u16 % 64,
            _ => (body.len() / 4) as u16,
        };
        // Formats 1, 4, 11 and 15 have a meaning; the count of reports is the same field.
        let count = one_of(dice, &[0, 1, 1, 4, 11, 15, 15, 31]);
        let padding = u8::from(dice.below(6) == 0) << 5;
        compound.extend([0x80 | padding | count, kind]);
        compound.extend(words.to_be_bytes());
        compound.extend(body);
    }
    compound
}

/// A datagram that has been changed on its way, or was made up.
pub(super) fn garbage(dice: &mut Dice, real: &[u8]) -> Vec<u8> {
    let mut bad = match dice.below(3) {
        0 => bytes(dice, DATAGRAM_BYTES),
        _ => real.to_vec(),
    };
    for _ in 0..1 + dice.below(4) {
        let length = bad.len() as u64;
        match dice.below(4) {
            0 if length > 0 => bad[dice.below(length) as usize] ^= 1 << dice.below(8),
            1 => bad.truncate(dice.below(length + 1) as usize),
            2 => bad.extend(bytes(dice, 20)),
            _ if length > 0 => {
                // STUN, DTLS, RTP, RTCP, and what is none of them (RFC 7983 section 7).
                bad[0] = one_of(
                    dice,
                    &[0, 1, 3, 15, 20, 22, 23, 63, 64, 79, 128, 144, 191, 255],
                );
            }
            _ => {}
        }
    }
    bad
}
