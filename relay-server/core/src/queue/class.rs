//! Who can take which seat, as small numbers: an index has one shelf per class.
//!
//! What it is not: it knows no single interpreter or session.

use vrs_domain::{CaId, Gender, LanguagePair, Seat, SignLanguage, Skill, SpokenLanguage, limit};

/// A CA id as a number in the same order: copied and compared without a look into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CaKey(u64);

/// Ten digits, and "no digit", which sorts before them as a shorter text does.
const DIGIT_VALUES: u64 = 11;

impl From<&CaId> for CaKey {
    fn from(ca: &CaId) -> Self {
        let mut digits = ca.as_str().bytes();
        let places = 0..limit::CA_ID_DIGITS_MAX;
        Self(places.fold(0, |key, _| {
            let digit = digits.next().map_or(0, |d| d.saturating_sub(b'0') + 1);
            key * DIGIT_VALUES + u64::from(digit)
        }))
    }
}

impl CaKey {
    /// The CA id again; every key was one.
    pub(super) fn id(self) -> Option<CaId> {
        let mut text = [0; limit::CA_ID_DIGITS_MAX];
        let mut rest = self.0;
        for place in text.iter_mut().rev() {
            let digit = u8::try_from(rest % DIGIT_VALUES).ok()?;
            *place = digit.checked_sub(1).map_or(b' ', |digit| b'0' + digit);
            rest /= DIGIT_VALUES;
        }
        std::str::from_utf8(&text).ok()?.trim_end().parse().ok()
    }
}

/// Who is asked for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    Everybody,
    Supervisors,
}

impl Pool {
    pub(super) const ALL: [Self; 2] = [Self::Everybody, Self::Supervisors];

    pub(super) const fn of(seat: Seat) -> Self {
        match seat {
            Seat::Lead | Seat::Relief | Seat::Team => Self::Everybody,
            Seat::Supervisor => Self::Supervisors,
        }
    }
}

/// What a seat asks of whoever takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) languages: LanguagePair,
    pub(super) pool: Pool,
    pub(super) skill: Option<Skill>,
    pub(super) gender: Option<Gender>,
}

/// The number of a [`Want`], below [`CLASSES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(pub(super) usize);

impl Class {
    /// The [`Want::plain_number`] of a class without wishes; none for the others.
    pub(super) fn plain_number(self) -> Option<usize> {
        self.0.is_multiple_of(WISHES).then_some(self.0 / WISHES)
    }
}

/// How many language pairs there are.
pub(super) const PAIRS: usize = SignLanguage::ALL.len() * SpokenLanguage::ALL.len();
/// How many languages with a pool there are.
pub(super) const PLAIN_CLASSES: usize = PAIRS * Pool::ALL.len();
/// How many different wishes there are, none included.
pub(super) const WISHES: usize = (Skill::ALL.len() + 1) * (Gender::ALL.len() + 1);
/// How many classes there are.
pub(super) const CLASSES: usize = PLAIN_CLASSES * WISHES;

/// The number of a language pair, below [`PAIRS`].
pub(super) const fn pair_number(languages: LanguagePair) -> usize {
    languages.signed as usize * SpokenLanguage::ALL.len() + languages.spoken as usize
}

/// Every language pair, in the order of their numbers.
pub(super) fn pairs() -> impl Iterator<Item = LanguagePair> {
    SignLanguage::ALL.iter().flat_map(|&signed| {
        let spoken = SpokenLanguage::ALL.iter();
        spoken.map(move |&spoken| LanguagePair { signed, spoken })
    })
}

/// No wish, then every wish of a kind.
fn or_none<T: Copy>(all: &[T]) -> impl Iterator<Item = Option<T>> + Clone {
    std::iter::once(None).chain(all.iter().copied().map(Some))
}

impl Want {
    /// Without wishes.
    pub(super) const fn plain(languages: LanguagePair, pool: Pool) -> Self {
        Self {
            languages,
            pool,
            skill: None,
            gender: None,
        }
    }

    /// The same with each other spoken language, in the order of their numbers.
    pub(super) fn into_other_languages(self) -> impl Iterator<Item = Self> {
        let other = move |pair: &LanguagePair| {
            pair.signed == self.languages.signed && pair.spoken != self.languages.spoken
        };
        let others = pairs().filter(other);
        others.map(move |languages| Self { languages, ..self })
    }

    pub(super) const fn has_wishes(self) -> bool {
        self.skill.is_some() || self.gender.is_some()
    }

    pub(super) const fn wishing(self, skill: Option<Skill>, gender: Option<Gender>) -> Self {
        Self {
            skill,
            gender,
            ..self
        }
    }

    /// The same languages and pool with every combination of wishes.
    pub(super) fn with_every_wish(self) -> impl Iterator<Item = Self> {
        or_none(Skill::ALL).flat_map(move |skill| {
            or_none(Gender::ALL).map(move |gender| self.wishing(skill, gender))
        })
    }

    /// The number of languages and pool, below [`PLAIN_CLASSES`].
    pub(super) const fn plain_number(self) -> usize {
        pair_number(self.languages) * Pool::ALL.len() + self.pool as usize
    }

    pub(super) const fn class(self) -> Class {
        let skill = match self.skill {
            None => 0,
            Some(skill) => skill as usize + 1,
        };
        let gender = match self.gender {
            None => 0,
            Some(gender) => gender as usize + 1,
        };
        Class(self.plain_number() * WISHES + skill * (Gender::ALL.len() + 1) + gender)
    }

    /// Which classes may be asked, the preferred first. `binding` wishes are still insisted on as
    /// long as `on_shift` says that somebody could fulfil them; gender is given up before skill.
    pub(super) fn levels(
        self,
        binding: bool,
        on_shift: impl Fn(Class) -> bool,
    ) -> [Option<Class>; 4] {
        let Self { skill, gender, .. } = self;
        let class = |skill, gender| self.wishing(skill, gender).class();
        let skill_binds = binding && skill.is_some() && on_shift(class(skill, None));
        let bound_skill = skill.filter(|_| skill_binds);
        let gender_binds = binding && gender.is_some() && on_shift(class(bound_skill, gender));
        let both = skill.is_some() && gender.is_some();
        [
            Some(class(skill, gender)),
            (both && !gender_binds).then(|| class(skill, None)),
            (both && !skill_binds).then(|| class(None, gender)),
            (self.has_wishes() && !skill_binds && !gender_binds).then(|| class(None, None)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_key_is_its_ca_id_and_sorts_as_it_does() {
        let mut ids: Vec<CaId> = ["0", "00", "1", "10", "9", "0000000001", "9999999999", "12"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        ids.sort();
        let keys: Vec<CaKey> = ids.iter().map(CaKey::from).collect();
        assert!(keys.is_sorted());
        let again: Vec<CaId> = keys.iter().map(|key| key.id().unwrap()).collect();
        assert_eq!(again, ids);
    }

    #[test]
    fn every_want_has_its_own_number() {
        let mut numbers = BTreeSet::new();
        for (place, languages) in pairs().enumerate() {
            assert_eq!(pair_number(languages), place);
            for pool in Pool::ALL {
                for want in Want::plain(languages, pool).with_every_wish() {
                    assert!(want.class().0 < CLASSES);
                    assert!(want.plain_number() < PLAIN_CLASSES);
                    let plain = (!want.has_wishes()).then(|| want.plain_number());
                    assert_eq!(want.class().plain_number(), plain);
                    numbers.insert(want.class());
                }
            }
        }
        assert_eq!(numbers.len(), CLASSES);
    }

    #[test]
    fn f5_f14_gender_is_given_up_before_skill_and_neither_while_it_can_be_fulfilled() {
        let plain = Want::plain(LanguagePair::default(), Pool::Everybody);
        let (skill, gender) = (Some(Skill::Medical), Some(Gender::Female));
        let want = plain.wishing(skill, gender);
        let [both, trained, female, any] = [
            want,
            plain.wishing(skill, None),
            plain.wishing(None, gender),
            plain,
        ]
        .map(Want::class);
        let open = |here: &[Class], binding| {
            let levels = want.levels(binding, |class| here.contains(&class));
            levels.into_iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(open(&[both, trained, female], true), [both]);
        assert_eq!(open(&[trained, female], true), [both, trained]);
        assert_eq!(open(&[female], true), [both, female]);
        assert_eq!(open(&[], true), [both, trained, female, any]);
        assert_eq!(
            open(&[both, trained, female], false),
            [both, trained, female, any]
        );
    }
}
