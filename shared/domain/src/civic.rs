//! Where a subscriber is registered to be: a civic address, element by element.

use std::fmt;
use std::str::FromStr;

use crate::limit::{CIVIC_LOCATION_BYTES_MAX, CIVIC_VALUE_BYTES_MAX};
use crate::state::{UnknownWord, words};

words! {
    /// An element of a civic address, by its name and in the order of the schema (RFC 5139
    /// section 4; the meanings stand in section 3 and in RFC 4119 section 2.2.1).
    CivicElement, "element of a civic address" {
        /// The country, two letters (ISO 3166-1).
        Country = "country",
        /// State, region, province.
        A1 = "A1",
        /// County, parish, district.
        A2 = "A2",
        /// City, township.
        A3 = "A3",
        /// City division, borough.
        A4 = "A4",
        /// Neighbourhood, block.
        A5 = "A5",
        /// Group of streets below the neighbourhood.
        A6 = "A6",
        /// Road pre-modifier, as "Old".
        Prm = "PRM",
        /// Leading street direction, as "N".
        Prd = "PRD",
        /// Street or road, without its type.
        Rd = "RD",
        /// Street suffix or type, as "Avenue".
        Sts = "STS",
        /// Trailing street direction, as "SW".
        Pod = "POD",
        /// Road post-modifier, as "Extended".
        Pom = "POM",
        /// Road section.
        RdSec = "RDSEC",
        /// Road branch.
        RdBr = "RDBR",
        /// Road sub-branch.
        RdSubBr = "RDSUBBR",
        /// House number, without its suffix.
        Hno = "HNO",
        /// House number suffix, as "A" or "1/2".
        Hns = "HNS",
        /// Landmark or vanity address.
        Lmk = "LMK",
        /// What else helps to find it, as "the rear entrance".
        Loc = "LOC",
        /// Floor.
        Flr = "FLR",
        /// Name of whoever lives or works there.
        Nam = "NAM",
        /// Postal code.
        Pc = "PC",
        /// Building.
        Bld = "BLD",
        /// Unit: apartment or suite.
        Unit = "UNIT",
        /// Room.
        Room = "ROOM",
        /// Seat, desk or cubicle.
        Seat = "SEAT",
        /// Type of place (RFC 4589).
        Plc = "PLC",
        /// Postal community name.
        Pcn = "PCN",
        /// Post office box.
        PoBox = "POBOX",
        /// Additional code.
        AddCode = "ADDCODE",
    }
}

words! {
    /// Why a provider does not take the location that a subscriber's device tells it.
    LocationRefusal, "reason to refuse a location" {
        /// It cannot be understood, or is no civic address.
        Unreadable = "unreadable",
        /// It points at another server; only what comes along is taken (RFC 6442 section 4.1).
        Elsewhere = "elsewhere",
        /// The account was registered at another place just before.
        TooSoon = "too_soon",
        /// It could not be written down.
        NotKept = "not_kept",
        /// Only callers have one.
        NotCaller = "not_caller",
    }
}

/// A civic address (RFC 5139): each element once, in the order of the schema, with a country.
///
/// Written `country=US;RD=Broadway;HNO=123;PC=10007`. It is personal data:
/// `Debug` shows nothing of it; whoever keeps one wraps it in [`crate::Sensitive`].
#[derive(Clone, PartialEq, Eq)]
pub struct CivicLocation(Vec<(CivicElement, String)>);

/// Why a text is not a civic address. No message repeats a value: it is where somebody lives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    /// Nothing was written.
    #[error(
        "no location was given; write it like country=US;A1=NY;A3=New York;RD=Broadway;HNO=123"
    )]
    Nothing,
    /// The whole text is too long.
    #[error("a location has at most {CIVIC_LOCATION_BYTES_MAX} bytes")]
    Length,
    /// A part without an equals sign; counted from 1.
    #[error("part {0} of the location is not written ELEMENT=VALUE")]
    Part(usize),
    /// A name that RFC 5139 does not know.
    #[error(transparent)]
    Unknown(#[from] UnknownWord),
    /// An element that stands there twice.
    #[error("{0} is there twice")]
    Twice(CivicElement),
    /// An element without a value.
    #[error("{0} is empty")]
    Empty(CivicElement),
    /// A value that is too long.
    #[error("{0} is longer than {CIVIC_VALUE_BYTES_MAX} bytes")]
    Value(CivicElement),
    /// A value with a semicolon, which separates elements.
    #[error("{0} has a semicolon in it")]
    Semicolon(CivicElement),
    /// A value with signs that cannot be printed.
    #[error("{0} has control signs in it")]
    Control(CivicElement),
    /// No country, without which no other element has a meaning (RFC 5139 section 3.3).
    #[error("country is missing; write two letters, such as country=US")]
    NoCountry,
    /// A country that is not two letters.
    #[error("country is two letters, such as US")]
    Country,
}

impl CivicLocation {
    /// A location of these elements, in any order; spaces around values are ignored and several
    /// in a row are one (the values are tokens, RFC 5139 section 4).
    ///
    /// # Errors
    /// [`InvalidLocation`], which names the element.
    pub fn from_elements(
        given: impl IntoIterator<Item = (CivicElement, String)>,
    ) -> Result<Self, InvalidLocation> {
        let mut elements: Vec<(CivicElement, String)> = Vec::new();
        for (element, value) in given {
            if elements.iter().any(|(there, _)| *there == element) {
                return Err(InvalidLocation::Twice(element));
            }
            elements.push((element, checked(element, &value)?));
        }
        elements.sort_by_key(|(element, _)| *element);
        let location = Self(elements);
        if location.get(CivicElement::Country).is_none() {
            return Err(InvalidLocation::NoCountry);
        }
        if location.to_string().len() > CIVIC_LOCATION_BYTES_MAX {
            return Err(InvalidLocation::Length);
        }
        Ok(location)
    }

    /// The elements that are there, with their values, in the order of the schema.
    pub fn elements(&self) -> impl Iterator<Item = (CivicElement, &str)> {
        self.0
            .iter()
            .map(|(element, value)| (*element, value.as_str()))
    }

    /// The value of one element.
    #[must_use]
    pub fn get(&self, element: CivicElement) -> Option<&str> {
        let found = self.0.iter().find(|(there, _)| *there == element);
        found.map(|(_, value)| value.as_str())
    }
}

impl FromStr for CivicLocation {
    type Err = InvalidLocation;

    /// Takes elements in any order; their names in any case; spaces around names and values are
    /// ignored. A value cannot hold a semicolon.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err(InvalidLocation::Nothing);
        }
        if text.len() > CIVIC_LOCATION_BYTES_MAX {
            return Err(InvalidLocation::Length);
        }
        let parts = text.split(';').enumerate();
        // A semicolon at the end, or two in a row, mean nothing.
        let parts = parts.filter(|(_, part)| !part.trim().is_empty());
        let named = parts.map(|(index, part)| {
            let (name, value) = part
                .split_once('=')
                .ok_or(InvalidLocation::Part(index + 1))?;
            Ok((element(name.trim())?, value.to_owned()))
        });
        Self::from_elements(named.collect::<Result<Vec<_>, InvalidLocation>>()?)
    }
}

fn element(name: &str) -> Result<CivicElement, InvalidLocation> {
    let mut all = CivicElement::ALL.iter();
    match all.find(|known| known.word().eq_ignore_ascii_case(name)) {
        Some(known) => Ok(*known),
        None => Ok(name.parse()?),
    }
}

fn checked(element: CivicElement, value: &str) -> Result<String, InvalidLocation> {
    if value.chars().any(is_control) {
        return Err(InvalidLocation::Control(element));
    }
    if value.contains(';') {
        return Err(InvalidLocation::Semicolon(element));
    }
    let words: Vec<_> = value.trim().split(' ').filter(|w| !w.is_empty()).collect();
    let value = words.join(" ");
    if value.is_empty() {
        return Err(InvalidLocation::Empty(element));
    }
    if value.len() > CIVIC_VALUE_BYTES_MAX {
        return Err(InvalidLocation::Value(element));
    }
    if element != CivicElement::Country {
        return Ok(value);
    }
    if value.len() != 2 || !value.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(InvalidLocation::Country);
    }
    Ok(value.to_ascii_uppercase())
}

/// Signs that print nothing, and line ends by any other name; what XML 1.0 cannot hold is among
/// them.
fn is_control(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

impl fmt::Display for CivicLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (element, value)) in self.elements().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(f, "{separator}{element}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CivicLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CivicLocation(«redacted»)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<CivicLocation>().unwrap_err().to_string()
    }

    #[test]
    fn f22_elements_are_taken_in_any_order_and_case_and_kept_in_that_of_the_schema() {
        let text = " HNO = 123 ;rd=Broadway;country=us;A1=NY;a3=New York;PC=10007;";
        let location: CivicLocation = text.parse().unwrap();
        assert_eq!(
            location.to_string(),
            "country=US;A1=NY;A3=New York;RD=Broadway;HNO=123;PC=10007"
        );
        assert_eq!(location.get(CivicElement::Rd), Some("Broadway"));
        assert_eq!(location.get(CivicElement::Flr), None);
    }

    #[test]
    fn f22_what_is_wrong_with_a_location_is_named_and_its_values_are_not() {
        for (text, why) in [
            ("", "no location was given"),
            (" ;; ", "country is missing"),
            ("A1=NY", "country is missing"),
            (
                "country=US;Fifth Avenue 5",
                "part 2 of the location is not written ELEMENT=VALUE",
            ),
            (
                "country=US;STREET=Fifth",
                "'STREET' is not a known element of a civic address",
            ),
            ("country=US;A1=NY;a1=NJ", "A1 is there twice"),
            ("country=US;RD= ", "RD is empty"),
            ("country=US;LOC=a\nb", "LOC has control signs in it"),
            ("country=US;LOC=a\u{ffff}b", "LOC has control signs in it"),
            ("country=USA", "country is two letters"),
            ("country=1a", "country is two letters"),
        ] {
            let said = refused(text);
            assert!(said.contains(why), "{text:?}: {said}");
            assert!(!said.contains("Fifth"), "{said}");
        }
        let long = "x".repeat(CIVIC_VALUE_BYTES_MAX + 1);
        assert_eq!(
            refused(&format!("country=US;NAM={long}")),
            "NAM is longer than 255 bytes"
        );
        let whole = format!("country=US;NAM={}", "x".repeat(CIVIC_LOCATION_BYTES_MAX));
        assert_eq!(refused(&whole), "a location has at most 1024 bytes");
    }

    #[test]
    fn f22_a_location_of_elements_is_held_to_the_same_rules() {
        let of = |value: &str| {
            let country = (CivicElement::Country, "US".to_owned());
            CivicLocation::from_elements([(CivicElement::Rd, value.to_owned()), country])
        };
        let location = of("  Fifth   Avenue ").unwrap();
        assert_eq!(location.to_string(), "country=US;RD=Fifth Avenue");
        let refused = [
            ("a;HNO=1", InvalidLocation::Semicolon(CivicElement::Rd)),
            ("a\tb", InvalidLocation::Control(CivicElement::Rd)),
            (" ", InvalidLocation::Empty(CivicElement::Rd)),
        ];
        for (value, why) in refused {
            assert_eq!(of(value), Err(why));
        }
        let long = "x".repeat(CIVIC_VALUE_BYTES_MAX);
        let all = CivicElement::ALL.iter().skip(1).take(5);
        let all = all.map(|element| (*element, long.clone()));
        let country = (CivicElement::Country, "US".to_owned());
        assert_eq!(
            CivicLocation::from_elements(all.chain([country])),
            Err(InvalidLocation::Length)
        );
    }

    #[test]
    fn a32_debug_shows_nothing_of_where_somebody_lives() {
        let location: CivicLocation = "country=US;RD=Broadway".parse().unwrap();
        assert_eq!(format!("{location:?}"), "CivicLocation(«redacted»)");
    }

    proptest! {
        #[test]
        fn f22_a_location_that_was_taken_is_read_again_as_it_was(text in "\\PC{0,200}") {
            if let Ok(location) = format!("country=DE;LOC={text}").parse::<CivicLocation>() {
                prop_assert_eq!(location.to_string().parse(), Ok(location));
            }
        }

        #[test]
        fn f22_no_text_at_all_upsets_the_reader(text in any::<String>()) {
            drop(text.parse::<CivicLocation>());
        }
    }
}
