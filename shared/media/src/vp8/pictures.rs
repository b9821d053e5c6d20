//! The numbers of pictures in payload descriptors (RFC 7741 section 4.2), made continuous over
//! changes of the source: receivers tell by them which picture refers to which.

use super::Descriptor;

/// How many numbers there are, of one byte and of two.
const SHORT: u16 = 1 << 7;
const LONG: u16 = 1 << 15;
/// The first bit of two bytes says that they are two.
const LONG_MARK: u16 = 1 << 15;

/// What is added to the numbers of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    picture: u16,
    base: u8,
}

/// What a packet says.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    picture: u16,
    /// So many pictures can be told apart.
    all: u16,
    /// Of the lowest temporal layer, where there are several.
    base: u8,
}

impl Numbers {
    fn read(payload: &[u8]) -> Option<Self> {
        let descriptor = Descriptor::read(payload)?;
        let (at, is_long) = descriptor.picture_id?;
        let high = u16::from(*payload.get(at)?);
        let (picture, all) = if is_long {
            (high << 8 | u16::from(*payload.get(at + 1)?), LONG)
        } else {
            (high, SHORT)
        };
        let base = descriptor.base_layer.and_then(|at| payload.get(at));
        Some(Self {
            picture: picture % all,
            all,
            base: base.copied().unwrap_or_default(),
        })
    }

    const fn shifted(self, by: Shift) -> Self {
        Self {
            picture: self.picture.wrapping_add(by.picture) % self.all,
            base: self.base.wrapping_add(by.base),
            ..self
        }
    }

    /// Whether this picture comes after another one.
    const fn is_after(self, other: Self) -> bool {
        let step = self.picture.wrapping_sub(other.picture) % self.all;
        step > 0 && step < self.all / 2
    }
}

impl Shift {
    /// Changes the numbers in a payload.
    pub(crate) fn apply(self, payload: &mut [u8]) {
        if self == Self::default() {
            return;
        }
        let (Some(at), Some(numbers)) = (Descriptor::read(payload), Numbers::read(payload)) else {
            return;
        };
        let numbers = numbers.shifted(self);
        if let Some((at, is_long)) = at.picture_id {
            let long = (numbers.picture | LONG_MARK).to_be_bytes();
            let short = [numbers.picture as u8];
            let bytes = if is_long { &long[..] } else { &short };
            if let Some(place) = payload.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        if let Some(place) = at.base_layer.and_then(|at| payload.get_mut(at)) {
            *place = numbers.base;
        }
    }
}

/// The pictures of one stream that is fed from changing sources.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    source: Option<u32>,
    shift: Shift,
    /// As it went out.
    newest: Option<Numbers>,
}

impl Pictures {
    /// What has to be added to the numbers of this packet; the first of a source begins the picture
    /// that comes after the newest.
    pub(crate) fn shift(&mut self, ssrc: u32, payload: &[u8]) -> Shift {
        let Some(said) = Numbers::read(payload) else {
            return Shift::default();
        };
        if self.source.replace(ssrc) != Some(ssrc) {
            let next = |newest: Numbers| Shift {
                picture: newest.picture.wrapping_add(1).wrapping_sub(said.picture),
                base: newest.base.wrapping_add(1).wrapping_sub(said.base),
            };
            self.shift = self.newest.map(next).unwrap_or_default();
        }
        let out = said.shifted(self.shift);
        if self.newest.is_none_or(|newest| out.is_after(newest)) {
            self.newest = Some(out);
        }
        self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payload whose descriptor has these numbers, the picture's of two bytes.
    fn long(picture: u16, base: u8) -> Vec<u8> {
        let [high, low] = (picture | LONG_MARK).to_be_bytes();
        vec![0x90, 0xe0, high, low, base, 0x20, 1, 2, 3]
    }

    fn short(picture: u8) -> Vec<u8> {
        vec![0x90, 0x80, picture, 1, 2, 3]
    }

    fn sent(pictures: &mut Pictures, ssrc: u32, mut payload: Vec<u8>) -> Vec<u8> {
        pictures.shift(ssrc, &payload).apply(&mut payload);
        payload
    }

    #[test]
    fn numbers_go_on_by_one_over_a_change_of_the_source_and_wrap() {
        let mut pictures = Pictures::default();
        assert_eq!(sent(&mut pictures, 1, long(32_766, 254)), long(32_766, 254));
        // Of one picture in several packets, and of one that comes late.
        assert_eq!(sent(&mut pictures, 1, long(32_767, 255)), long(32_767, 255));
        assert_eq!(sent(&mut pictures, 1, long(32_767, 255)), long(32_767, 255));
        assert_eq!(sent(&mut pictures, 1, long(32_766, 254)), long(32_766, 254));
        assert_eq!(sent(&mut pictures, 2, long(500, 70)), long(0, 0));
        assert_eq!(sent(&mut pictures, 2, long(500, 70)), long(0, 0));
        assert_eq!(sent(&mut pictures, 2, long(501, 71)), long(1, 1));
        assert_eq!(sent(&mut pictures, 1, long(9, 9)), long(2, 2), "it is back");
    }

    #[test]
    fn short_numbers_stay_short_and_what_has_none_stays_as_it_is() {
        let mut pictures = Pictures::default();
        assert_eq!(sent(&mut pictures, 1, short(127)), short(127));
        assert_eq!(sent(&mut pictures, 2, short(5)), short(0));
        assert_eq!(sent(&mut pictures, 2, short(6)), short(1));
        assert_eq!(sent(&mut pictures, 3, long(7, 7)), long(2, 2));
        for plain in [&[0x10, 1, 2][..], &[0x90, 0x40, 3, 1, 2], &[]] {
            assert_eq!(sent(&mut pictures, 4, plain.to_vec()), plain);
        }
    }

    #[test]
    fn a43_cut_off_descriptors_are_left_as_they_are() {
        let mut pictures = Pictures::default();
        sent(&mut pictures, 1, long(7, 7));
        let whole = long(90, 90);
        for length in 0..4 {
            let cut = whole[..length].to_vec();
            assert_eq!(sent(&mut pictures, 2, cut.clone()), cut, "{length}");
        }
    }
}
