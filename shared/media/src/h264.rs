//! H.264 over RTP (RFC 6184, packetization mode 1): access units in Annex B form to payloads and
//! back, and the few things a relay must know about them without decoding.

use bytes::{BufMut, Bytes, BytesMut};

/// `a=fmtp` profile-level-id of our encoder: constrained baseline, level 3.1.
pub const PROFILE_LEVEL_ID: &str = "42e01f";
/// Its level, 3.1.
pub const LEVEL_IDC: u8 = 31;

const NAL_SLICE: u8 = 1;
const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_DELIMITER: u8 = 9;
const NAL_FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Whether this profile-level-id is a baseline profile (constrained or not): what our decoders
/// and encoders agree on.
#[must_use]
pub fn is_baseline(profile_level_id: &str) -> bool {
    profile_level_id.len() == 6
        && profile_level_id.bytes().all(|b| b.is_ascii_hexdigit())
        && profile_level_id.starts_with("42")
}

/// Whether this profile-level-id is constrained baseline (RFC 6184 table 5).
#[must_use]
pub fn is_constrained_baseline(profile_level_id: &str) -> bool {
    let flags = profile_level_id
        .get(2..4)
        .and_then(|f| u8::from_str_radix(f, 16).ok());
    is_baseline(profile_level_id) && flags.is_some_and(|flags| flags & 0x40 != 0)
}

/// The level of a profile-level-id, as `level_idc` says it; `None` if there is none.
#[must_use]
pub fn level_idc(profile_level_id: &str) -> Option<u8> {
    let level = profile_level_id.get(4..6)?;
    u8::from_str_radix(level, 16)
        .ok()
        .filter(|level| *level > 0)
}

/// The same profile at this level, or at its own if that is lower (RFC 6184 section 8.2.2).
#[must_use]
pub fn at_most(profile_level_id: &str, limit_idc: u8) -> String {
    let level = level_idc(profile_level_id).map_or(limit_idc, |own| own.min(limit_idc));
    let profile = profile_level_id.get(..4).unwrap_or("42e0");
    format!("{profile}{level:02x}")
}

/// The NAL units of an Annex B byte stream, without their start codes.
pub fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(annex_b);
    std::iter::from_fn(move || {
        loop {
            let current = rest?;
            let end = find_start_code(current).unwrap_or(current.len());
            rest = after_start_code(&current[end..]);
            let trailing = current[..end].iter().rev().take_while(|b| **b == 0).count();
            let nal = &current[..end - trailing];
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    })
}

fn find_start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|w| w == [0, 0, 1])
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    find_start_code(bytes).map(|at| &bytes[at + 3..])
}

fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Whether an access unit in Annex B form can be decoded without an earlier one.
#[must_use]
pub fn is_keyframe(annex_b: &[u8]) -> bool {
    nal_units(annex_b).any(|nal| nal_type(nal) == NAL_IDR)
}

/// Whether an RTP payload begins a key frame: it carries parameter sets, or the first piece of
/// an IDR slice. A relay switches sources here.
#[must_use]
pub fn payload_starts_keyframe(payload: &[u8]) -> bool {
    let starts = |kind: u8| kind == NAL_SPS || kind == NAL_IDR;
    match nal_type(payload) {
        STAP_A => aggregated(payload).is_some_and(|nals| nals.iter().any(|n| starts(nal_type(n)))),
        FU_A => payload
            .get(1)
            .is_some_and(|h| h & FU_START != 0 && starts(h & 0x1f)),
        kind => starts(kind),
    }
}

/// Whether an RTP payload is of a picture that no other refers to (section 5.3, NRI): whoever has
/// too narrow a path is spared it, and misses nothing else.
#[must_use]
pub fn payload_is_discardable(payload: &[u8]) -> bool {
    const IMPORTANCE: u8 = 0x60;
    let Some(first) = payload.first().filter(|first| *first & IMPORTANCE == 0) else {
        return false;
    };
    let only_slices = |nals: Vec<&[u8]>| nals.iter().all(|nal| nal_type(nal) == NAL_SLICE);
    match first & 0x1f {
        STAP_A => aggregated(payload).is_some_and(only_slices),
        FU_A => payload
            .get(1)
            .is_some_and(|inner| inner & 0x1f == NAL_SLICE),
        kind => kind == NAL_SLICE,
    }
}

/// Whether an RTP payload carries a sequence parameter set: the safe place to begin decoding.
#[must_use]
pub fn payload_has_parameters(payload: &[u8]) -> bool {
    match nal_type(payload) {
        STAP_A => aggregated(payload).is_some_and(|n| n.iter().any(|n| nal_type(n) == NAL_SPS)),
        kind => kind == NAL_SPS,
    }
}

/// Cuts an access unit in Annex B form into RTP payloads of at most `payload_bytes_max` bytes:
/// small NAL units together (STAP-A), large ones in pieces (FU-A). The marker bit belongs on
/// the last one.
#[must_use]
pub fn packetise(annex_b: &[u8], payload_bytes_max: usize) -> Vec<Bytes> {
    let limit = payload_bytes_max.max(16);
    let mut payloads = Vec::new();
    let mut group: Vec<&[u8]> = Vec::new();
    let mut group_bytes = 1;
    for nal in nal_units(annex_b) {
        if matches!(nal_type(nal), NAL_DELIMITER | NAL_FILLER) {
            continue; // RTP has its own frame borders; filler is for constant-rate channels
        }
        if group_bytes + 2 + nal.len() > limit {
            flush_group(&mut group, &mut payloads);
            group_bytes = 1;
        }
        if nal.len() > limit {
            fragment(nal, limit, &mut payloads);
        } else {
            group.push(nal);
            group_bytes += 2 + nal.len();
        }
    }
    flush_group(&mut group, &mut payloads);
    payloads
}

fn flush_group(group: &mut Vec<&[u8]>, payloads: &mut Vec<Bytes>) {
    match group.as_slice() {
        [] => return,
        [nal] => payloads.push(Bytes::copy_from_slice(nal)),
        nals => {
            let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
            let mut out = BytesMut::new();
            out.put_u8(importance | STAP_A);
            for nal in nals {
                out.put_u16(nal.len() as u16);
                out.put_slice(nal);
            }
            payloads.push(out.freeze());
        }
    }
    group.clear();
}

fn fragment(nal: &[u8], limit: usize, payloads: &mut Vec<Bytes>) {
    let (header, body) = (nal[0], &nal[1..]);
    let piece = limit - 2;
    let pieces = body.len().div_ceil(piece);
    for (number, chunk) in body.chunks(piece).enumerate() {
        let start = if number == 0 { FU_START } else { 0 };
        let end = if number + 1 == pieces { FU_END } else { 0 };
        let mut out = BytesMut::with_capacity(chunk.len() + 2);
        out.put_u8((header & 0xe0) | FU_A);
        out.put_u8(start | end | (header & 0x1f));
        out.put_slice(chunk);
        payloads.push(out.freeze());
    }
}

fn aggregated(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let mut nals = Vec::new();
    let mut rest = payload.get(1..)?;
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        let nal = rest.get(2..2 + length).filter(|nal| !nal.is_empty())?;
        nals.push(nal);
        rest = &rest[2 + length..];
    }
    (!nals.is_empty()).then_some(nals)
}

/// Joins the payloads of one access unit, in order and complete, to Annex B form.
///
/// `None`: they do not fit together or are of a kind that packetization mode 1 forbids.
#[must_use]
pub fn depacketise<'a>(payloads: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut in_fragment = false;
    for payload in payloads {
        let kind = nal_type(payload);
        if in_fragment && kind != FU_A {
            return None;
        }
        match kind {
            1..=23 => push_nal(&mut out, payload),
            STAP_A => aggregated(payload)?
                .iter()
                .for_each(|nal| push_nal(&mut out, nal)),
            FU_A => {
                let (&header, body) = payload.get(1..)?.split_first()?;
                let start = header & FU_START != 0;
                if start == in_fragment {
                    return None;
                }
                if start {
                    out.extend_from_slice(&START_CODE);
                    out.push((payload[0] & 0xe0) | (header & 0x1f));
                }
                out.extend_from_slice(body);
                in_fragment = header & FU_END == 0;
            }
            _ => return None,
        }
    }
    (!in_fragment && !out.is_empty()).then_some(out)
}

fn push_nal(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend_from_slice(&START_CODE);
    out.extend_from_slice(nal);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;
    use std::hint::black_box;

    /// An access unit whose NAL units have these types and sizes; bodies never hold start codes.
    fn access_unit(dice: &mut Dice, nals: &[(u8, usize)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, bytes) in nals {
            out.extend_from_slice(&START_CODE);
            out.push(0x60 | kind);
            out.extend((1..*bytes).map(|_| 1 + dice.below(255) as u8));
        }
        out
    }

    #[test]
    fn any_access_unit_survives_packetising() {
        let mut dice = Dice::new(1);
        for round in 0..400 {
            let count = 1 + dice.below(6) as usize;
            let nals: Vec<(u8, usize)> = (0..count)
                .map(|_| {
                    let bound = if dice.chance(50) { 60 } else { 9_000 };
                    (
                        [1, 5, 6, 7, 8][dice.below(5) as usize],
                        1 + dice.below(bound) as usize,
                    )
                })
                .collect();
            let unit = access_unit(&mut dice, &nals);
            let limit = 100 + dice.below(1_200) as usize;
            let payloads = packetise(&unit, limit);
            assert!(payloads.iter().all(|p| p.len() <= limit), "round {round}");
            let joined = depacketise(payloads.iter().map(|p| p.as_ref()));
            assert_eq!(
                joined.as_deref(),
                Some(unit.as_slice()),
                "round {round}: {nals:?}"
            );
        }
    }

    #[test]
    fn a_lost_piece_is_noticed() {
        let mut dice = Dice::new(2);
        let unit = access_unit(&mut dice, &[(7, 20), (8, 5), (5, 5_000)]);
        let payloads = packetise(&unit, 1_000);
        assert!(payload_has_parameters(&payloads[0]));
        assert!(is_keyframe(&unit));
        let last = payloads.len() - 1;
        let without = |n: usize| {
            let kept = payloads.iter().enumerate().filter(|(i, _)| *i != n);
            depacketise(kept.map(|(_, p)| p.as_ref()).collect::<Vec<_>>())
        };
        assert_eq!(without(1), None, "start of the fragment");
        assert_eq!(without(last), None, "end of the fragment");
    }

    #[test]
    fn key_frames_are_recognised_without_decoding() {
        assert!(payload_starts_keyframe(&[0x65, 1, 2]));
        assert!(
            payload_starts_keyframe(&[0x7c, 0x85, 2]),
            "start of a fragmented IDR slice"
        );
        assert!(!payload_starts_keyframe(&[0x7c, 0x05, 2]), "its middle");
        assert!(
            payload_starts_keyframe(&[24, 0, 2, 0x67, 1, 0, 1, 0x68]),
            "parameter sets"
        );
        assert!(!payload_starts_keyframe(&[0x61, 1]));
        assert!(!is_keyframe(&[0, 0, 1, 0x61, 9, 0, 0, 1, 0x61, 9]));
        assert!(is_keyframe(&[0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x65, 9]));
    }

    #[test]
    fn v3_pictures_that_no_other_refers_to_are_recognised_without_decoding() {
        for payload in [
            &[0x01, 9][..],
            &[0x1c, 0x81, 9],
            &[0x1c, 0x41, 9],
            &[24, 0, 2, 0x01, 1, 0, 1, 0x01],
        ] {
            assert!(payload_is_discardable(payload), "{payload:?}");
            let important = [&[payload[0] | 0x20], &payload[1..]].concat();
            assert!(!payload_is_discardable(&important), "{important:?}");
        }
        // Parameter sets and whatever else is no slice stay.
        for payload in [
            &[0x06, 9][..],
            &[0x1c, 0x85],
            &[24, 0, 1, 0x06],
            &[0x1c],
            &[24],
            &[],
        ] {
            assert!(!payload_is_discardable(payload), "{payload:?}");
        }
    }

    #[test]
    fn bad_payloads_do_not_panic() {
        let mut dice = Dice::new(3);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..dice.below(12)).map(|_| dice.next() as u8).collect();
            black_box((
                payload_starts_keyframe(&bytes),
                payload_has_parameters(&bytes),
            ));
            black_box(depacketise([bytes.as_slice(), bytes.as_slice()]));
            black_box((packetise(&bytes, 3), is_keyframe(&bytes)));
        }
        assert_eq!(depacketise([[28u8].as_slice()]), None);
        assert_eq!(depacketise([[].as_slice()]), None);
    }

    #[test]
    fn profiles() {
        assert!(is_constrained_baseline("42e01f") && is_constrained_baseline("42C00D"));
        assert!(is_baseline("42001f") && !is_constrained_baseline("42001f"));
        assert!(!is_baseline("640032") && !is_baseline("42") && !is_baseline("42zz1f"));
    }
}
