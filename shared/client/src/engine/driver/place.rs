//! Telling the provider where a caller is: with the sign-in, and whenever it changes.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use vrs_domain::limit::LOCATION_INTERVAL;
use vrs_domain::{CivicLocation, LocationRefusal, Sensitive};
use vrs_sip::{Enclosure, RegisterParams, RegistrationHandle, Response};

use super::Driver;
use crate::engine::sign_in::SignIn;
use crate::engine::{Event, LocationReport, Role, status};

/// What the provider is to be told, and what it said.
#[derive(Default)]
pub(super) struct Whereabouts {
    /// Where we are, until the provider has answered.
    untold: Option<Sensitive<CivicLocation>>,
    /// It was handed to the endpoint.
    on_its_way: bool,
    /// When the next one may be told.
    not_before: Option<Instant>,
    /// What the provider said last.
    registered: Option<bool>,
}

impl Whereabouts {
    /// The registration of a new connection, with what the provider has not yet heard.
    pub(super) fn register(&mut self, now: Instant, sign_in: &SignIn) -> RegisterParams {
        RegisterParams {
            enclosure: self.enclose(now, sign_in),
            ..sign_in.register()
        }
    }

    fn enclose(&mut self, now: Instant, sign_in: &SignIn) -> Option<Enclosure> {
        let place = self.untold.as_ref()?.expose();
        self.on_its_way = true;
        self.not_before = Some(now + LOCATION_INTERVAL);
        let utc = SystemTime::now().duration_since(UNIX_EPOCH);
        let utc_ms = utc.map_or(0, |utc| utc.as_millis() as u64);
        Some(sign_in.enclosure(place, Uuid::new_v4(), utc_ms))
    }

    /// What to tell the user of an answer; `enclosed`: it is the answer to what was handed over
    /// last.
    fn answered(
        &mut self,
        now: Instant,
        enclosed: bool,
        (registered, refused): (Option<bool>, Option<LocationRefusal>),
    ) -> Option<LocationReport> {
        let changed = std::mem::replace(&mut self.registered, registered) != registered;
        // What the user changed meanwhile is answered later.
        let answer = (enclosed && self.on_its_way).then(|| match refused {
            Some(why) => Err(why),
            // A provider that says nothing may have kept nothing.
            None if registered != Some(true) => Err(LocationRefusal::NotKept),
            None => Ok(()),
        });
        match answer {
            Some(Err(LocationRefusal::TooSoon)) => {
                self.on_its_way = false;
                self.not_before = Some(now + LOCATION_INTERVAL);
            }
            Some(_) => self.untold = None,
            None => {}
        }
        (changed || answer.is_some()).then_some(LocationReport { registered, answer })
    }
}

impl Driver {
    pub(super) fn set_location(&mut self, now: Instant, place: Option<Sensitive<CivicLocation>>) {
        if self.config.role != Role::Caller {
            return;
        }
        self.whereabouts.untold = place;
        self.whereabouts.on_its_way = false;
        self.tell_location(now);
    }

    /// Tells what was not told yet, if it is time (RFC 9248 section 5.2.5: limited in rate).
    pub(super) fn tell_location(&mut self, now: Instant) {
        let (Some(sign_in), Some(registration)) = (&self.sign_in, self.registration) else {
            return;
        };
        let early = self.whereabouts.not_before.is_some_and(|at| now < at);
        if self.whereabouts.on_its_way || early || self.leaving.is_some() {
            return;
        }
        if let Some(enclosure) = self.whereabouts.enclose(now, sign_in) {
            self.endpoint.enclose(now, registration, enclosure);
        }
    }

    /// A REGISTER was granted.
    pub(super) fn on_location_answered(
        &mut self,
        now: Instant,
        registration: RegistrationHandle,
        enclosed: bool,
        response: &Response,
    ) {
        let ours = self.registration == Some(registration) && self.leaving.is_none();
        if !ours || self.config.role != Role::Caller {
            return;
        }
        let said = status::location(&response.headers);
        if let Some(report) = self.whereabouts.answered(now, enclosed, said) {
            self.outlet.tell(Event::Location(report));
        }
    }

    /// The provider took no REGISTER with a location; the next one goes without.
    pub(super) fn on_location_refused(&mut self, registration: RegistrationHandle) {
        if self.registration != Some(registration) {
            return;
        }
        self.whereabouts.untold = None;
        self.outlet.tell(Event::Location(LocationReport {
            registered: self.whereabouts.registered,
            answer: Some(Err(LocationRefusal::Unreadable)),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Option<Sensitive<CivicLocation>> {
        Some(Sensitive::new("country=US;RD=Elm".parse().unwrap()))
    }

    fn waiting() -> Whereabouts {
        Whereabouts {
            untold: place(),
            on_its_way: true,
            ..Whereabouts::default()
        }
    }

    #[test]
    fn f22_what_the_provider_kept_is_not_told_again() {
        let mut here = waiting();
        let report = here.answered(Instant::now(), true, (Some(true), None));
        let kept = LocationReport {
            registered: Some(true),
            answer: Some(Ok(())),
        };
        assert_eq!(report, Some(kept));
        assert!(here.untold.is_none());
        assert_eq!(
            here.answered(Instant::now(), false, (Some(true), None)),
            None
        );
    }

    #[test]
    fn f22_what_came_too_soon_is_told_again_and_what_is_wrong_is_not() {
        let refused = |why| {
            let mut here = waiting();
            let report = here.answered(Instant::now(), true, (Some(false), Some(why)));
            assert_eq!(report.and_then(|report| report.answer), Some(Err(why)));
            here.untold.is_some() && !here.on_its_way
        };
        assert!(refused(LocationRefusal::TooSoon));
        assert!(!refused(LocationRefusal::Unreadable));
    }

    #[test]
    fn f22_an_answer_to_what_was_changed_meanwhile_is_no_answer() {
        let mut here = waiting();
        (here.untold, here.on_its_way) = (place(), false);
        let report = here.answered(Instant::now(), true, (Some(true), None));
        assert_eq!(report.map(|report| report.answer), Some(None));
        assert!(here.untold.is_some());
    }

    #[test]
    fn f22_a_provider_that_says_nothing_is_not_taken_at_its_word() {
        let report = waiting().answered(Instant::now(), true, (None, None));
        let answer = report.and_then(|report| report.answer);
        assert_eq!(answer, Some(Err(LocationRefusal::NotKept)));
    }
}
