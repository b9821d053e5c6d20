//! Where a caller is: what they typed, what they want told, and what their provider has.

use std::fmt;

use vrs_domain::{
    CivicElement, CivicLocation, InvalidLocation, LocationRefusal, PhoneNumber, Sensitive,
};

/// A field of the address form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressField {
    /// Two letters.
    Country,
    /// State or province.
    State,
    /// City or town.
    City,
    /// Postal code; may be empty.
    PostalCode,
    /// Street with its type and direction.
    Street,
    /// House number.
    House,
    /// Apartment, suite, room; may be empty.
    Unit,
}

impl AddressField {
    /// Every field, in the order in which they are asked for.
    pub const ALL: [Self; 7] = [
        Self::Country,
        Self::State,
        Self::City,
        Self::PostalCode,
        Self::Street,
        Self::House,
        Self::Unit,
    ];

    /// The key of its name.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Country => "address-country",
            Self::State => "address-state",
            Self::City => "address-city",
            Self::PostalCode => "address-postal-code",
            Self::Street => "address-street",
            Self::House => "address-house",
            Self::Unit => "address-unit",
        }
    }

    /// The element it becomes (RFC 5139).
    #[must_use]
    pub const fn element(self) -> CivicElement {
        match self {
            Self::Country => CivicElement::Country,
            Self::State => CivicElement::A1,
            Self::City => CivicElement::A3,
            Self::PostalCode => CivicElement::Pc,
            Self::Street => CivicElement::Rd,
            Self::House => CivicElement::Hno,
            Self::Unit => CivicElement::Unit,
        }
    }

    /// Without it nobody finds the door (47 CFR 9.3, "dispatchable location").
    const fn is_needed(self) -> bool {
        !matches!(self, Self::PostalCode | Self::Unit)
    }

    fn of(element: CivicElement) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|field| field.element() == element)
    }
}

/// What is in the fields. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AddressForm([String; AddressField::ALL.len()]);

impl AddressForm {
    fn of(location: &CivicLocation) -> Self {
        let value = |field: AddressField| location.get(field.element());
        Self(AddressField::ALL.map(|field| value(field).unwrap_or_default().to_owned()))
    }

    /// What is in one field.
    #[must_use]
    pub fn get(&self, field: AddressField) -> &str {
        &self.0[field as usize]
    }

    /// One field, to be changed.
    pub fn field_mut(&mut self, field: AddressField) -> &mut String {
        &mut self.0[field as usize]
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|text| text.trim().is_empty())
    }

    /// The address; `None` when nothing is filled in.
    fn read(&self) -> Result<Option<CivicLocation>, Wrong> {
        if self.is_empty() {
            return Ok(None);
        }
        let filled = |field: &AddressField| !self.get(*field).trim().is_empty();
        let missing = |field: &AddressField| field.is_needed() && !filled(field);
        if let Some(field) = AddressField::ALL.into_iter().find(|field| missing(field)) {
            return Err(Wrong::Missing(field));
        }
        let there = AddressField::ALL.into_iter().filter(filled);
        let elements = there.map(|field| (field.element(), self.get(field).to_owned()));
        CivicLocation::from_elements(elements)
            .map(Some)
            .map_err(|error| Wrong::of(&error))
    }
}

impl fmt::Debug for AddressForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressForm(«redacted»)")
    }
}

/// Why an address cannot be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// This field has to be filled in.
    Missing(AddressField),
    /// The country is two letters.
    Country,
    /// This field has signs that no address has.
    Signs(AddressField),
    /// It is too long.
    TooLong,
}

impl Wrong {
    /// The field that has to be changed, if it is one.
    #[must_use]
    pub const fn field(self) -> Option<AddressField> {
        match self {
            Self::Missing(field) | Self::Signs(field) => Some(field),
            Self::Country => Some(AddressField::Country),
            Self::TooLong => None,
        }
    }

    fn of(error: &InvalidLocation) -> Self {
        let field = |element: &CivicElement| AddressField::of(*element);
        match error {
            InvalidLocation::Country | InvalidLocation::NoCountry => Self::Country,
            InvalidLocation::Control(element) | InvalidLocation::Semicolon(element) => {
                field(element).map_or(Self::TooLong, Self::Signs)
            }
            InvalidLocation::Empty(element) => field(element).map_or(Self::TooLong, Self::Missing),
            InvalidLocation::Length
            | InvalidLocation::Value(_)
            | InvalidLocation::Nothing
            | InvalidLocation::Part(_)
            | InvalidLocation::Unknown(_)
            | InvalidLocation::Twice(_) => Self::TooLong,
        }
    }
}

/// How far the last change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// On its way to the provider, or to be told as soon as there is a connection.
    Sending,
    /// The provider has it.
    Kept,
    /// The provider does not take it.
    Refused(LocationRefusal),
}

/// What the user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceChange {
    /// The fields hold this now.
    Edited(AddressForm),
    /// Save and tell.
    Saved,
    /// Tell nothing from here, or tell it again.
    Withheld(bool),
}

/// Everything about where a caller is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Whose address it is; somebody else who signs in here lives elsewhere.
    owner: Option<String>,
    kept: Option<CivicLocation>,
    /// Nothing is told from here.
    pub withheld: bool,
    /// What is in the fields.
    pub form: AddressForm,
    /// Why it could not be saved.
    pub wrong: Option<Wrong>,
    /// How far the last change has come.
    pub progress: Option<Progress>,
    /// Whether the provider has an address; `None` until it says.
    pub registered: Option<bool>,
}

impl Place {
    /// As it was kept for this account; an address that makes no sense any more is forgotten.
    #[must_use]
    pub fn kept(account: &str, address: Option<&str>, withheld: bool) -> Self {
        let kept: Option<CivicLocation> = address.and_then(|text| text.parse().ok());
        Self {
            owner: Some(plain(account)),
            form: kept.as_ref().map(AddressForm::of).unwrap_or_default(),
            kept,
            withheld,
            ..Self::default()
        }
    }

    /// Whose it is, the address in the words of [`CivicLocation`], and whether it is withheld; what
    /// to keep on disk.
    #[must_use]
    pub fn to_keep(&self) -> Option<(String, Option<String>, bool)> {
        let address = self.kept.as_ref().map(ToString::to_string);
        let owner = self.owner.clone()?;
        (address.is_some() || self.withheld).then_some((owner, address, self.withheld))
    }

    /// What this account's provider is told when it signs in.
    #[must_use]
    pub fn to_tell(&self, account: &str) -> Option<Sensitive<CivicLocation>> {
        let theirs = self.owner.as_deref() == Some(&*plain(account));
        let kept = self.kept.clone().filter(|_| theirs && !self.withheld);
        kept.map(Sensitive::new)
    }

    /// Somebody is signed in.
    pub fn signed_in(&mut self, account: &str) {
        let account = plain(account);
        if self.owner.as_deref() != Some(&*account) {
            *self = Self {
                owner: Some(account),
                // The provider's word comes before or after this.
                registered: self.registered,
                ..Self::default()
            };
        }
    }

    /// Nobody is signed in any more.
    pub fn signed_out(&mut self) {
        (self.registered, self.progress) = (None, None);
    }

    /// Changes it; when the result is something, that is what the provider is told now.
    pub fn update(&mut self, change: PlaceChange) -> Option<Option<Sensitive<CivicLocation>>> {
        match change {
            PlaceChange::Edited(form) => {
                (self.form, self.wrong, self.progress) = (form, None, None);
                None
            }
            PlaceChange::Saved => match self.form.read() {
                Ok(location) => {
                    // As it is told, with the country in capitals.
                    self.form = location.as_ref().map(AddressForm::of).unwrap_or_default();
                    (self.kept, self.wrong) = (location, None);
                    Some(self.told())
                }
                Err(wrong) => {
                    (self.wrong, self.progress) = (Some(wrong), None);
                    None
                }
            },
            PlaceChange::Withheld(withheld) => {
                (self.withheld, self.wrong) = (withheld, None);
                Some(self.told())
            }
        }
    }

    fn told(&mut self) -> Option<Sensitive<CivicLocation>> {
        let told = self.kept.clone().filter(|_| !self.withheld);
        self.progress = told.is_some().then_some(Progress::Sending);
        told.map(Sensitive::new)
    }

    /// The provider said something.
    pub fn answered(
        &mut self,
        registered: Option<bool>,
        answer: Option<Result<(), LocationRefusal>>,
    ) {
        self.registered = registered;
        match answer {
            Some(Ok(())) => self.progress = Some(Progress::Kept),
            Some(Err(why)) => self.progress = Some(Progress::Refused(why)),
            None => {}
        }
    }

    /// Whether the user should hear that emergency services will not be told where they are.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let coming = self.progress == Some(Progress::Sending);
        self.registered == Some(false) && !self.withheld && !coming
    }
}

/// An account as it is compared: people type numbers in many ways, and may add the domain.
fn plain(account: &str) -> String {
    let user = account.split('@').next().unwrap_or_default().trim();
    let number = user.parse::<PhoneNumber>();
    number.map_or_else(|_| user.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "+15550100001";

    fn filled() -> AddressForm {
        let mut form = AddressForm::default();
        for (field, text) in [
            (AddressField::Country, "us"),
            (AddressField::State, "NY"),
            (AddressField::City, " New York "),
            (AddressField::Street, "Fifth Avenue"),
            (AddressField::House, "5"),
        ] {
            text.clone_into(form.field_mut(field));
        }
        form
    }

    fn saved(form: AddressForm) -> (Place, Option<Option<Sensitive<CivicLocation>>>) {
        let mut place = Place::default();
        place.signed_in(ME);
        assert_eq!(place.update(PlaceChange::Edited(form)), None);
        let told = place.update(PlaceChange::Saved);
        (place, told)
    }

    #[test]
    fn f22_a_saved_address_is_told_and_kept_for_its_owner_alone() {
        let (mut place, told) = saved(filled());
        let told = told.flatten().unwrap();
        let text = "country=US;A1=NY;A3=New York;RD=Fifth Avenue;HNO=5";
        assert_eq!(told.expose().to_string(), text);
        assert_eq!(place.progress, Some(Progress::Sending));
        place.answered(Some(true), Some(Ok(())));
        assert_eq!(place.progress, Some(Progress::Kept));
        let (owner, address, withheld) = place.to_keep().unwrap();
        let again = Place::kept(&owner, address.as_deref(), withheld);
        assert_eq!(again.form.get(AddressField::City), "New York");
        assert_eq!(again.to_tell("(555) 010-0001@relay.test"), Some(told));
        assert_eq!(again.to_tell("+15550100002"), None);
        let mut other = again.clone();
        other.signed_in("+15550100002");
        assert_eq!(other.form, AddressForm::default());
        let mut same = again.clone();
        same.signed_in(ME);
        assert_eq!(same, again);
    }

    #[test]
    fn f22_what_is_wrong_with_an_address_names_the_field() {
        let with = |field: AddressField, text: &str| {
            let mut form = filled();
            text.clone_into(form.field_mut(field));
            saved(form).0.wrong
        };
        let missing = AddressField::ALL.map(|field| with(field, " "));
        let needed = [true, true, true, false, true, true, false];
        for ((field, wrong), needed) in AddressField::ALL.into_iter().zip(missing).zip(needed) {
            assert_eq!(wrong, needed.then_some(Wrong::Missing(field)));
        }
        assert_eq!(with(AddressField::Country, "USA"), Some(Wrong::Country));
        let street = AddressField::Street;
        assert_eq!(with(street, "a;b"), Some(Wrong::Signs(street)));
        assert_eq!(with(street, &"x".repeat(300)), Some(Wrong::TooLong));
    }

    #[test]
    fn f22_withheld_or_empty_nothing_is_told() {
        let (mut place, _) = saved(filled());
        assert_eq!(place.update(PlaceChange::Withheld(true)), Some(None));
        assert_eq!(place.to_tell(ME), None);
        assert_eq!(place.to_keep().map(|kept| kept.2), Some(true));
        assert!(matches!(
            place.update(PlaceChange::Withheld(false)),
            Some(Some(_))
        ));
        let (place, told) = saved(AddressForm::default());
        assert_eq!((place.to_keep(), told), (None, Some(None)));
    }

    #[test]
    fn f22_the_user_hears_of_a_missing_address_unless_they_want_it_so() {
        let mut place = Place::default();
        place.signed_in(ME);
        assert!(!place.is_wanted(), "nobody has said so");
        place.answered(Some(false), None);
        assert!(place.is_wanted());
        place.answered(Some(false), Some(Err(LocationRefusal::Unreadable)));
        assert!(place.is_wanted());
        place.update(PlaceChange::Withheld(true));
        assert!(!place.is_wanted());
    }

    #[test]
    fn a32_debug_shows_nothing_of_where_somebody_lives() {
        let (place, _) = saved(filled());
        let shown = format!("{place:?}");
        assert!(
            !shown.contains("Fifth") && !shown.contains("York"),
            "{shown}"
        );
    }
}
