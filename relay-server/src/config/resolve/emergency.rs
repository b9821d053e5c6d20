//! `[emergency]`.

use vrs_domain::PhoneNumber;

use super::Resolver;
use crate::config::raw::{At, RawEmergency};
use crate::config::resolved::Emergency;

/// Longest name of a provider, in signs.
const PROVIDER_SIGNS_MAX: usize = 128;
/// Longest NENA company id, in signs.
const COMPANY_SIGNS_MAX: usize = 32;

impl Resolver<'_> {
    pub(super) fn emergency(&mut self, raw: &RawEmergency, domain: &str) -> Emergency {
        let default = Emergency::of(domain);
        Emergency {
            provider: raw
                .provider
                .as_ref()
                .and_then(|name| self.provider(name))
                .unwrap_or(default.provider),
            nena_company_id: raw.nena_company_id.as_ref().and_then(|id| self.company(id)),
            callback: raw
                .callback
                .as_ref()
                .and_then(|number| self.callback(number)),
        }
    }

    fn provider(&mut self, at: &At<String>) -> Option<String> {
        let name = at.value.trim();
        let signs = name.chars().count();
        if (1..=PROVIDER_SIGNS_MAX).contains(&signs) && !name.chars().any(char::is_control) {
            return Some(name.to_owned());
        }
        self.problem(
            Some(at.line),
            "[emergency] provider",
            format!("a name has 1 to {PROVIDER_SIGNS_MAX} printable signs"),
            "write the provider's name as a call taker should read it",
        );
        None
    }

    fn company(&mut self, at: &At<String>) -> Option<String> {
        let id = &at.value;
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if plain && (1..=COMPANY_SIGNS_MAX).contains(&id.len()) {
            return Some(id.clone());
        }
        self.problem(
            Some(at.line),
            "[emergency] nena_company_id",
            format!("'{id}' is not a company id: 1 to {COMPANY_SIGNS_MAX} letters and digits"),
            "write the id alone, without urn:nena:companyid:",
        );
        None
    }

    /// Whoever calls it from a telephone must reach somebody: service codes are no such number.
    fn callback(&mut self, at: &At<String>) -> Option<PhoneNumber> {
        let message = match at.value.parse::<PhoneNumber>() {
            Ok(number) if !number.is_service_code() => return Some(number),
            Ok(number) => format!("{number} is a service code and calls nobody back"),
            Err(error) => format!("'{}' cannot be dialled: {error}", at.value),
        };
        let hint = "write a number that reaches an interpreter, like \"+15550100100\"";
        self.problem(Some(at.line), "[emergency] callback", message, hint);
        None
    }
}
