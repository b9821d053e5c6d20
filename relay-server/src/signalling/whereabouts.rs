//! Where a caller's device says that they are: with REGISTER (F22, RFC 9248 section 5.2.5).
//!
//! Whatever is wrong with a location, the registration stands: a telephone that is lost for a
//! misspelt street would help nobody. The 200 says what is wrong (RFC 6442 section 4.4).

use std::time::Instant;

use tracing::error;
use vrs_domain::{CivicLocation, LocationRefusal, Sensitive};
use vrs_sip::{Request, TransactionHandle, multipart};

use super::actor::Actor;
use super::wire;
use crate::accounts::{Account, Role};

/// So many locations may be on their way to the disk at once; each of them writes the accounts
/// file anew.
const RELOCATIONS_MAX: usize = 16;

/// A location that was to be kept, and the REGISTER that waits for it.
pub(super) struct Relocated {
    txn: TransactionHandle,
    headers: Vec<(String, String)>,
    user: String,
    kept: bool,
}

/// Why a location is not taken.
struct Problem {
    refusal: LocationRefusal,
    /// For those who look into the matter; holds nothing of the location.
    why: String,
}

impl Problem {
    fn new(refusal: LocationRefusal, why: impl ToString) -> Self {
        let why = why.to_string().replace(['"', '\\'], "'");
        Self { refusal, why }
    }
}

impl Actor {
    /// Answers a REGISTER that is granted with 200; when it tells a new location, as soon as that
    /// is kept.
    pub(super) fn grant(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        request: &Request,
        account: &Account,
        headers: Vec<(String, String)>,
    ) {
        let problem = match self.new_location(now, request, account) {
            Ok(Some(place)) => return self.relocate(txn, account, place, headers),
            Ok(None) => None,
            Err(problem) => Some(problem),
        };
        self.answer_grant(now, txn, account, headers, problem);
    }

    /// The location that a request tells, if it is another one than that in the account.
    fn new_location(
        &mut self,
        now: Instant,
        request: &Request,
        account: &Account,
    ) -> Result<Option<CivicLocation>, Problem> {
        let Some(place) = told(request)? else {
            return Ok(None);
        };
        if let Role::Interpreter { .. } = account.role() {
            let why = "only callers have a registered location";
            return Err(Problem::new(LocationRefusal::NotCaller, why));
        }
        if account.location() == Some(&place) {
            return Ok(None);
        }
        let busy = self.relocations.len() >= RELOCATIONS_MAX;
        if busy || !self.auth.may_relocate(now, account.username()) {
            let why = "the location was changed just before";
            return Err(Problem::new(LocationRefusal::TooSoon, why));
        }
        Ok(Some(place))
    }

    /// Keeps a location away from the task that answers everybody: the disk takes its time.
    fn relocate(
        &mut self,
        txn: TransactionHandle,
        account: &Account,
        place: CivicLocation,
        headers: Vec<(String, String)>,
    ) {
        let accounts = self.auth.accounts();
        let user = account.username().to_owned();
        self.relocations.spawn_blocking(move || {
            let kept = accounts.relocate(&user, Sensitive::new(place));
            if let Err(error) = &kept {
                error!(%error, "a registered location cannot be kept");
            }
            Relocated {
                txn,
                headers,
                user,
                kept: kept.is_ok(),
            }
        });
    }

    /// A location was kept, or could not be: the REGISTER that told it is answered.
    pub(super) fn on_relocated(&mut self, now: Instant, done: Relocated) {
        let Some(account) = self.auth.account(&done.user) else {
            // Removed meanwhile.
            return self.endpoint.respond(now, done.txn, 403, Vec::new(), None);
        };
        let why = "the location could not be kept; it is as it was before";
        let problem = (!done.kept).then(|| Problem::new(LocationRefusal::NotKept, why));
        self.answer_grant(now, done.txn, &account, done.headers, problem);
    }

    fn answer_grant(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        account: &Account,
        mut headers: Vec<(String, String)>,
        problem: Option<Problem>,
    ) {
        if let Role::Caller { location, .. } = account.role() {
            let refusal = problem.as_ref().map(|problem| problem.refusal);
            headers.push(wire::location_header(location.is_some(), refusal));
        }
        if let Some(problem) = problem {
            headers.push(geolocation_error(problem.refusal));
            headers.push(self.warning(&problem.why));
        }
        self.endpoint.respond(now, txn, 200, headers, None);
    }
}

/// The error codes of RFC 6442 section 4.4.
fn geolocation_error(refusal: LocationRefusal) -> (String, String) {
    let value = match refusal {
        LocationRefusal::Elsewhere => "300;code=\"Dereference Failure\"",
        LocationRefusal::Unreadable
        | LocationRefusal::TooSoon
        | LocationRefusal::NotKept
        | LocationRefusal::NotCaller => "100;code=\"Cannot Process Location\"",
    };
    ("Geolocation-Error".to_owned(), value.to_owned())
}

/// The location that comes along with a request, if any does.
fn told(request: &Request) -> Result<Option<CivicLocation>, Problem> {
    let mut values = request.headers.get_all("Geolocation").peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let Some(id) = values.find_map(content_id) else {
        let why = "a location has to come along: Geolocation names no part of this message";
        return Err(Problem::new(LocationRefusal::Elsewhere, why));
    };
    let unreadable = |why: &str| Problem::new(LocationRefusal::Unreadable, why);
    let document = pointed_at(request, &id)
        .ok_or_else(|| unreadable("Geolocation points at no application/pidf+xml"))?;
    let place = vrs_pidf::read(&document).map_err(|error| unreadable(&error.to_string()))?;
    Ok(Some(place))
}

/// The content id that a `<cid:…>` of a Geolocation value names, in angle brackets (RFC 2392).
fn content_id(value: &str) -> Option<String> {
    let lower = value.to_ascii_lowercase();
    let begin = lower.find("<cid:")? + "<cid:".len();
    let (id, _) = value.get(begin..)?.split_once('>')?;
    Some(format!("<{id}>"))
}

/// The document of this content id: the body itself (RFC 8262), which need not name itself, or one
/// of its parts.
fn pointed_at(request: &Request, id: &str) -> Option<Vec<u8>> {
    let content_type = request.headers.get("Content-Type")?;
    if let Some(parts) = multipart::parse(content_type, &request.body) {
        let is_it = |part: &vrs_sip::Part| {
            part.is(vrs_pidf::MEDIA_TYPE) && part.header("Content-ID") == Some(id)
        };
        return parts.into_iter().find(is_it).map(|part| part.bytes);
    }
    let named = request.headers.get("Content-ID").map(str::trim);
    let is_it = multipart::is_type(content_type, vrs_pidf::MEDIA_TYPE)
        && named.is_none_or(|named| named == id);
    is_it.then(|| request.body.clone())
}
