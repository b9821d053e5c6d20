//! VP8 over RTP (RFC 7741): the little that a relay must know about it without decoding.

mod pictures;

pub(crate) use pictures::{Pictures, Shift};

/// The payload descriptor has a second byte.
const EXTENDED: u8 = 0x80;
/// No other picture refers to this one.
const NOT_REFERRED_TO: u8 = 0x20;
/// A partition starts here.
const PARTITION_START: u8 = 0x10;
/// Which partition.
const PARTITION: u8 = 0x07;
/// The second byte says that a picture id, an index of temporal layers, and one of layers or key
/// frames follow.
const PICTURE_ID: u8 = 0x80;
const LAYER_INDEX: u8 = 0x40;
const LAYER_OR_KEY: u8 = 0x30;
const TEMPORAL: u8 = 0x20;
/// The picture id has two bytes.
const LONG_PICTURE_ID: u8 = 0x80;
/// The frame depends on others (RFC 6386 section 9.1).
const INTERFRAME: u8 = 0x01;
/// What every key frame has after its first three bytes.
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// Whether an RTP payload begins a key frame: the start of its first partition.
#[must_use]
pub fn payload_starts_keyframe(payload: &[u8]) -> bool {
    let Some((&first, _)) = payload.split_first() else {
        return false;
    };
    let starts = first & PARTITION_START != 0 && first & PARTITION == 0;
    let descriptor = Descriptor::read(payload);
    let frame = descriptor.and_then(|descriptor| payload.get(descriptor.bytes..));
    starts
        && frame.is_some_and(|frame| {
            let is_key = frame.first().is_some_and(|tag| tag & INTERFRAME == 0);
            is_key && frame.get(3..6) == Some(&START_CODE)
        })
}

/// Whether an RTP payload is of a picture that no other refers to, of an upper temporal layer. Where
/// no layers are told, each picture counts as what the next refers to.
#[must_use]
pub fn payload_is_discardable(payload: &[u8]) -> bool {
    let Some(&[first, follows]) = payload.first_chunk() else {
        return false;
    };
    let is_told = first & EXTENDED != 0 && first & NOT_REFERRED_TO != 0;
    if !is_told || follows & TEMPORAL == 0 {
        return false;
    }
    let layer = Descriptor::read(payload).and_then(|descriptor| descriptor.layer);
    let layer = layer.and_then(|at| payload.get(at));
    layer.is_some_and(|layer| layer >> 6 > 0)
}

/// Where things are in a payload descriptor (section 4.2).
#[derive(Debug, Clone, Copy, Default)]
struct Descriptor {
    /// The number of the picture, and whether it has two bytes.
    picture_id: Option<(usize, bool)>,
    /// The number of the last picture of the lowest temporal layer.
    base_layer: Option<usize>,
    /// The temporal layer, or the number of the last key frame.
    layer: Option<usize>,
    bytes: usize,
}

impl Descriptor {
    fn read(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        if first & EXTENDED == 0 {
            return Some(Self {
                bytes: 1,
                ..Self::default()
            });
        }
        let follows = *payload.get(1)?;
        let mut found = Self {
            bytes: 2,
            ..Self::default()
        };
        if follows & PICTURE_ID != 0 {
            let is_long = payload.get(found.bytes)? & LONG_PICTURE_ID != 0;
            found.picture_id = Some((found.bytes, is_long));
            found.bytes += 1 + usize::from(is_long);
        }
        if follows & LAYER_INDEX != 0 {
            found.base_layer = Some(found.bytes);
            found.bytes += 1;
        }
        if follows & LAYER_OR_KEY != 0 {
            found.layer = Some(found.bytes);
            found.bytes += 1;
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a key frame of 640 by 480, after its descriptor.
    const KEY: [u8; 10] = [0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];

    fn payload(descriptor: &[u8], frame: &[u8]) -> Vec<u8> {
        [descriptor, frame].concat()
    }

    #[test]
    fn a_key_frame_begins_with_the_start_of_its_first_partition() {
        for descriptor in [
            &[0x10][..],
            &[0x90, 0x80, 0x7f],
            &[0x90, 0x80, 0xff, 0xff],
            &[0x90, 0xe0, 0x80, 0x01, 0x05, 0x20],
            &[0x90, 0x10, 0x03],
            &[0x90, 0x00],
        ] {
            assert!(payload_starts_keyframe(&payload(descriptor, &KEY)));
            let mut inter = KEY;
            inter[0] |= 1;
            assert!(!payload_starts_keyframe(&payload(descriptor, &inter)));
            let mut other = KEY;
            other[4] = 0;
            assert!(!payload_starts_keyframe(&payload(descriptor, &other)));
        }
        // The middle of the first partition, and the start of the second.
        assert!(!payload_starts_keyframe(&payload(&[0x00], &KEY)));
        assert!(!payload_starts_keyframe(&payload(&[0x11], &KEY)));
    }

    #[test]
    fn v3_pictures_of_upper_temporal_layers_are_recognised() {
        let told = [0xb0, 0xe0, 0x80, 0x01, 0x05, 0x40];
        assert!(payload_is_discardable(&told));
        assert!(payload_is_discardable(&[0xb0, 0x20, 0x40]));
        let changed = |at: usize, value: u8| {
            let mut other = told;
            other[at] = value;
            other
        };
        assert!(
            !payload_is_discardable(&changed(0, 0x90)),
            "it is referred to"
        );
        assert!(!payload_is_discardable(&changed(1, 0xd0)), "no layers");
        assert!(!payload_is_discardable(&changed(5, 0x20)), "the lowest");
        assert!(!payload_is_discardable(&told[..5]));
        assert!(!payload_is_discardable(&[]));
    }

    #[test]
    fn a43_cut_off_payloads_begin_nothing() {
        let whole = payload(&[0x90, 0xe0, 0x80, 0x01, 0x05, 0x20], &KEY[..6]);
        for length in 0..whole.len() {
            assert!(!payload_starts_keyframe(&whole[..length]), "{length}");
        }
        assert!(payload_starts_keyframe(&whole));
    }
}
