//! Registrations of ours: REGISTER, refresh, leaving.

use super::compose::add_headers;
use super::timers::Owner;
use super::transactions::Use;
use super::{Enclosure, Endpoint, Event, FlowId, RegisterParams, RegistrationHandle};
use crate::digest::{Answer, DigestSession};
use crate::message::{NameAddr, Response, Uri};
use crate::registration::{Registration, State};
use std::time::Instant;

/// Longest interval a registrar may demand by 423, seconds.
const MIN_EXPIRES_MAX_S: u32 = 24 * 3600;

/// Answers that may mean the body of a REGISTER, its type or its size (RFC 3261 section 21.4, RFC
/// 6442 section 4.3).
const ENCLOSURE_REFUSED: [u16; 5] = [400, 413, 415, 424, 513];

impl Endpoint {
    /// Registers a contact on a flow and keeps it registered: refreshed at half of what was
    /// granted, until unregister, failure or loss of the flow.
    pub fn register(
        &mut self,
        now: Instant,
        flow: FlowId,
        params: RegisterParams,
    ) -> RegistrationHandle {
        let handle = RegistrationHandle(self.new_id());
        let mut contact = self
            .registered_contact(flow, &params.contact_user)
            .unwrap_or_else(|| NameAddr::new(Uri::sip(&params.contact_user, "invalid")));
        if let Some(instance) = &params.instance {
            contact
                .params
                .set("+sip.instance", Some(&format!("\"<{instance}>\"")));
        }
        if let Some(reg_id) = params.reg_id {
            contact.params.set("reg-id", Some(&reg_id.to_string()));
        }
        let mut aor = params.aor;
        aor.params.remove("tag");
        let registration = Registration {
            flow,
            state: State::Registering,
            registrar: params.registrar,
            aor,
            contact,
            headers: clean_headers(&params.headers),
            enclosure: params.enclosure.map(clean),
            enclosed: false,
            expires_s: params.expires_s,
            call_id: self.random.word(),
            from_tag: self.random.word(),
            cseq: 0,
            digest: params
                .credentials
                .map(|credentials| DigestSession::new(credentials, flow)),
            again: false,
            leaving: false,
            interval_raised: false,
        };
        self.registrations.insert(handle, registration);
        if let Some(open) = self.flows.get_mut(&flow) {
            open.registrations.insert(handle);
        }
        self.send_register(now, handle, true);
        handle
    }

    /// Gives a registration up. [`Event::Registered`] with `expires_s` 0 follows, or a failure.
    pub fn unregister(&mut self, now: Instant, registration: RegistrationHandle) {
        let Some(known) = self.registrations.get_mut(&registration) else {
            return;
        };
        known.leaving = true;
        match known.state {
            State::Registered { .. } => self.send_register(now, registration, true),
            State::Registering => known.again = true,
            State::Unregistering => {}
        }
    }

    /// Changes the further headers of a registration and registers again at once.
    pub fn update_headers(
        &mut self,
        now: Instant,
        registration: RegistrationHandle,
        headers: Vec<(String, String)>,
    ) {
        let Some(known) = self.registrations.get_mut(&registration) else {
            return;
        };
        known.headers = clean_headers(&headers);
        self.register_again(now, registration);
    }

    /// Registers again at once with this enclosure, in the place of an earlier one that was not
    /// granted yet.
    pub fn enclose(
        &mut self,
        now: Instant,
        registration: RegistrationHandle,
        enclosure: Enclosure,
    ) {
        let Some(known) = self.registrations.get_mut(&registration) else {
            return;
        };
        known.enclosure = Some(clean(enclosure));
        // What is on its way has another one.
        known.enclosed = false;
        self.register_again(now, registration);
    }

    fn register_again(&mut self, now: Instant, registration: RegistrationHandle) {
        let Some(known) = self.registrations.get_mut(&registration) else {
            return;
        };
        match known.state {
            State::Registered { .. } => self.send_register(now, registration, true),
            State::Registering => known.again = true,
            State::Unregistering => {}
        }
    }

    /// Sends the next REGISTER. `fresh`: not an answer to a challenge.
    fn send_register(&mut self, now: Instant, handle: RegistrationHandle, fresh: bool) {
        let Some(registration) = self.registrations.get_mut(&handle) else {
            return;
        };
        registration.state = if registration.leaving {
            State::Unregistering
        } else {
            State::Registering
        };
        registration.again = false;
        let flow = registration.flow;
        let mut request = registration.request();
        if let Some(digest) = &mut registration.digest {
            if fresh {
                digest.begin();
            }
            digest.authorize(flow, &mut request, &mut self.random);
        }
        self.deadlines.set(Owner::Registration(handle), None);
        self.start_client(now, flow, request, Use::Register(handle));
    }

    pub(super) fn registration_timeout(&mut self, now: Instant, handle: RegistrationHandle) {
        if self
            .registrations
            .get(&handle)
            .is_some_and(|known| matches!(known.state, State::Registered { .. }))
        {
            self.send_register(now, handle, true);
        }
    }

    pub(super) fn register_response(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: RegistrationHandle,
        response: &Response,
    ) {
        if response.is_provisional() {
            return;
        }
        let Some(registration) = self.registrations.get_mut(&handle) else {
            return;
        };
        if response.is_success() {
            self.register_granted(now, handle, response);
            return;
        }
        let challenged = matches!(response.status, 401 | 407);
        if challenged
            && let Some(digest) = &mut registration.digest
            && digest.challenged(flow, response) == Answer::Retry
        {
            self.send_register(now, handle, false);
            return;
        }
        if response.status == 423 && !registration.interval_raised {
            let least = response
                .headers
                .get("Min-Expires")
                .and_then(|value| value.trim().parse().ok());
            if let Some(least) = least.filter(|least| (1..=MIN_EXPIRES_MAX_S).contains(least)) {
                registration.interval_raised = true;
                registration.expires_s = registration.expires_s.max(least);
                self.send_register(now, handle, true);
                return;
            }
        }
        // Whoever cannot take a location must not cost anybody their telephone.
        if registration.enclosed && ENCLOSURE_REFUSED.contains(&response.status) {
            registration.enclosure = None;
            self.emit(Event::EnclosureRefused {
                registration: handle,
                status: response.status,
            });
            self.send_register(now, handle, true);
            return;
        }
        self.registration_failed(handle, response.status, Some(response.clone()));
    }

    fn register_granted(&mut self, now: Instant, handle: RegistrationHandle, response: &Response) {
        let Some(registration) = self.registrations.get_mut(&handle) else {
            return;
        };
        if registration.state == State::Unregistering {
            self.remove_registration(handle);
            self.emit(Event::Registered {
                registration: handle,
                expires_s: 0,
                enclosed: false,
                response: response.clone(),
            });
            return;
        }
        let expires_s = registration.granted_s(response);
        registration.granted(now, expires_s);
        registration.interval_raised = false;
        let enclosed = std::mem::take(&mut registration.enclosed);
        if enclosed {
            registration.enclosure = None;
        }
        let (again, at) = (
            registration.again || registration.leaving,
            registration.poll_timeout(),
        );
        self.deadlines.set(Owner::Registration(handle), at);
        self.emit(Event::Registered {
            registration: handle,
            expires_s,
            enclosed,
            response: response.clone(),
        });
        if again {
            self.send_register(now, handle, true);
        }
    }

    pub(super) fn registration_failed(
        &mut self,
        handle: RegistrationHandle,
        status: u16,
        response: Option<Response>,
    ) {
        if !self.registrations.contains_key(&handle) {
            return;
        }
        self.remove_registration(handle);
        self.emit(Event::RegistrationFailed {
            registration: handle,
            status,
            response,
        });
    }

    fn remove_registration(&mut self, handle: RegistrationHandle) {
        let Some(registration) = self.registrations.remove(&handle) else {
            return;
        };
        if let Some(flow) = self.flows.get_mut(&registration.flow) {
            flow.registrations.remove(&handle);
        }
        self.deadlines.set(Owner::Registration(handle), None);
    }
}

fn clean(enclosure: Enclosure) -> Enclosure {
    Enclosure {
        headers: clean_headers(&enclosure.headers),
        body: enclosure.body,
    }
}

/// The application's headers without those that are ours.
fn clean_headers(headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut clean = crate::Headers::new();
    add_headers(&mut clean, headers);
    clean
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
