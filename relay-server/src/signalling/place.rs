//! Who calls whom, in which way: an INVITE becomes a request for a call, or is refused by name.

use std::sync::Arc;
use std::time::Instant;

use relay_core::session::Placed;
use vrs_domain::{
    CallKind, EndReason, Gender, LanguagePair, PhoneNumber, SessionId, Skill, Urgency,
};
use vrs_sip::{FlowId, Headers, NameAddr, Request, Uri};

use super::actor::{Actor, Use};
use super::auth::Verdict;
use super::{intake, wire};
use crate::accounts::{Account, Role};
use crate::session::Place;

/// Calls one account may have at once: one spoken, one held, one ringing.
const CALLS_PER_ACCOUNT_MAX: usize = 3;
/// So much of a Request-URI goes into the record, in bytes.
const URL_BYTES_MAX: usize = 256;

/// Why an INVITE is not taken.
pub(super) enum Refusal {
    /// Prove who you are.
    Challenge(Vec<String>),
    /// A reason that needs no further word.
    Reason(EndReason),
    /// A reason, and what exactly is wrong.
    Why(EndReason, String),
    /// 503, to be tried again after so many seconds.
    Busy(u32, &'static str),
}

impl Actor {
    /// Who calls whom, in which languages, with which media; all of it checked.
    pub(super) fn accept_invite(
        &mut self,
        now: Instant,
        flow: FlowId,
        request: &Request,
    ) -> Result<Place, Refusal> {
        if self.stopping.is_cancelled() {
            return Err(Refusal::Reason(EndReason::ServiceStopping));
        }
        let open = self
            .flows
            .get(flow)
            .ok_or(Refusal::Reason(EndReason::CallerLost))?;
        let address = Some(open.peer.ip());
        let trunk = open.trunk.clone();
        let mut placed = match &trunk {
            Some(_) => self.telephones_call(request)?,
            None => self.subscribers_call(now, flow, request)?,
        };
        placed.address = address;
        let offer = intake::sdp(&request.headers, &request.body)
            .ok_or_else(|| Refusal::Why(EndReason::MediaFailed, "an SDP offer is needed".into()))?;
        Ok(Place {
            session: SessionId(self.new_uuid().as_u128()),
            placed,
            offer,
            trunk,
            correlation: wire::correlation(&request.headers)
                .unwrap_or_else(|| self.new_uuid().simple().to_string()),
        })
    }

    /// A gateway brings a call for one of our subscribers.
    fn telephones_call(&self, request: &Request) -> Result<Placed, Refusal> {
        let number = dialled(request)?;
        let called = self
            .subscriber(&number)
            .ok_or(Refusal::Reason(EndReason::NumberUnknown))?;
        let (caller, anonymous) = telephone_caller(&request.headers);
        Ok(Placed {
            kind: CallKind::RelayInbound,
            urgency: Urgency::Standard,
            caller,
            anonymous,
            languages: languages_of(&called),
            number,
            skill: None,
            gender: None,
            address: None,
            url: url(&request.uri),
        })
    }

    /// A subscriber calls a telephone, or another subscriber.
    fn subscribers_call(
        &mut self,
        now: Instant,
        flow: FlowId,
        request: &Request,
    ) -> Result<Placed, Refusal> {
        let account = self.known_caller(now, flow, request)?;
        let number = self.number_called(request)?;
        let urgency = self.numbers.urgency(&number);
        let for_help = urgency == Urgency::Emergency;
        // A09: nobody calls in another's name. Help comes in the name of whoever signed in (F18).
        let (from, own) = (user_of_from(&request.headers), account.username());
        let nameless = from.as_deref().is_none_or(is_nobody);
        if !nameless && !for_help && from.as_deref() != Some(own) {
            return Err(Refusal::Reason(EndReason::NotAllowed));
        }
        let Role::Caller { number: caller, .. } = account.role() else {
            return Err(Refusal::Why(
                EndReason::NotAllowed,
                "interpreters place no calls".into(),
            ));
        };
        // F18: whoever calls for help is not counted, nor whoever calls a crisis line.
        if urgency == Urgency::Standard {
            self.check_rate(now, own)?;
        }
        if number == *caller {
            return Err(Refusal::Why(
                EndReason::NumberInvalid,
                "this is the caller's own number".into(),
            ));
        }
        let said = if for_help {
            Wishes::known(&request.headers)
        } else {
            Wishes::read(&request.headers)?
        };
        Ok(Placed {
            kind: self.kind_of_call(said.kind, &number, urgency)?,
            urgency,
            caller: Some(caller.clone()),
            anonymous: nameless || wants_privacy(&request.headers),
            number,
            languages: said.languages.unwrap_or_else(|| languages_of(&account)),
            skill: said.skill,
            gender: said.gender,
            address: None,
            url: url(&request.uri),
        })
    }

    /// The number that a subscriber calls; the service of RFC 5031 for emergencies is the first
    /// number for them.
    fn number_called(&self, request: &Request) -> Result<PhoneNumber, Refusal> {
        let sos = self.numbers.foremost().filter(|_| request.uri.is_sos());
        sos.cloned().map_or_else(|| dialled(request), Ok)
    }

    /// The account of a subscriber with this number: interpreters have none, whatever their CA id.
    fn subscriber(&self, number: &PhoneNumber) -> Option<Arc<Account>> {
        let account = self.auth.account(number.as_str())?;
        match account.role() {
            Role::Caller { .. } => Some(account),
            Role::Interpreter { .. } => None,
        }
    }

    fn known_caller(
        &mut self,
        now: Instant,
        flow: FlowId,
        request: &Request,
    ) -> Result<Arc<Account>, Refusal> {
        let user = self.flows.get(flow).and_then(|open| open.user.clone());
        if let Some(account) = user.and_then(|user| self.auth.account(&user)) {
            return Ok(account);
        }
        match self.verify(now, flow, request) {
            Verdict::Known(account) => Ok(account),
            Verdict::Challenge(challenges) | Verdict::Wrong(challenges) => {
                Err(Refusal::Challenge(challenges))
            }
            Verdict::TooMany(seconds) => Err(Refusal::Busy(seconds, "too many wrong passwords")),
        }
    }

    fn check_rate(&mut self, now: Instant, user: &str) -> Result<(), Refusal> {
        let same = |used: &&Use| used.incoming && used.account.as_deref() == Some(user);
        let running = self.calls.values().filter(same).count();
        if running >= CALLS_PER_ACCOUNT_MAX || !self.auth.may_call(now, user) {
            return Err(Refusal::Busy(
                wire::RETRY_AFTER_S,
                "too many calls of this account",
            ));
        }
        Ok(())
    }

    /// A number of ours is a subscriber's, whom one calls directly, unless the caller wants an
    /// interpreter or says otherwise.
    fn kind_of_call(
        &self,
        asked: Option<CallKind>,
        number: &PhoneNumber,
        urgency: Urgency,
    ) -> Result<CallKind, Refusal> {
        // Help is at the telephone, and only there.
        if urgency == Urgency::Emergency {
            return Ok(CallKind::RelayOutbound);
        }
        let ours = self.subscriber(number).is_some();
        match asked {
            None if ours => Ok(CallKind::PointToPoint),
            None => Ok(CallKind::RelayOutbound),
            Some(CallKind::PointToPoint) if !ours => Err(Refusal::Reason(EndReason::NumberUnknown)),
            Some(CallKind::RelayInbound) => Err(Refusal::Why(
                EndReason::KindUnsupported,
                "a subscriber places no inbound call".into(),
            )),
            Some(CallKind::RelayOutbound) if ours => Err(Refusal::Why(
                EndReason::KindUnsupported,
                "this number is a subscriber's: call it directly".into(),
            )),
            Some(kind) => Ok(kind),
        }
    }
}

/// What a request says about its call.
struct Wishes {
    kind: Option<CallKind>,
    languages: Option<LanguagePair>,
    skill: Option<Skill>,
    gender: Option<Gender>,
}

impl Wishes {
    fn read(headers: &Headers) -> Result<Self, Refusal> {
        Ok(Self {
            kind: word(headers, wire::KIND, EndReason::KindUnsupported)?,
            languages: word(headers, wire::LANGUAGES, EndReason::LanguageUnknown)?,
            skill: word(headers, wire::SKILL, EndReason::RequestInvalid)?,
            gender: word(headers, wire::GENDER, EndReason::RequestInvalid)?,
        })
    }

    /// F18: a word that nobody knows keeps no one from help, nor from the other words. The kind of
    /// a call for help is not asked for.
    fn known(headers: &Headers) -> Self {
        Self {
            kind: None,
            languages: known(headers, wire::LANGUAGES),
            skill: known(headers, wire::SKILL),
            gender: known(headers, wire::GENDER),
        }
    }
}

/// Between which languages a subscriber talks when nothing else is said.
fn languages_of(account: &Account) -> LanguagePair {
    match account.role() {
        Role::Caller { languages, .. } => languages.unwrap_or_default(),
        Role::Interpreter { .. } => LanguagePair::default(),
    }
}

/// Whether this is the user of somebody who is not to be seen (RFC 3323 section 4.1.1.3).
fn is_nobody(user: &str) -> bool {
    user.eq_ignore_ascii_case("anonymous")
}

/// The telephone number in a Request-URI: `sip:+1…@domain` or `tel:+1…` (R34, R35).
fn dialled(request: &Request) -> Result<PhoneNumber, Refusal> {
    let user = request.uri.user_decoded();
    let invalid = |why: String| Refusal::Why(EndReason::NumberInvalid, why);
    user.ok_or_else(|| invalid("no number was given".into()))?
        .parse()
        .map_err(|error: vrs_domain::number::InvalidNumber| invalid(error.to_string()))
}

/// A header whose value is one of a list of words; missing is fine, another word is not.
fn word<T>(headers: &Headers, name: &str, reason: EndReason) -> Result<Option<T>, Refusal>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let Some(text) = headers.get(name) else {
        return Ok(None);
    };
    match text.trim().parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Refusal::Why(reason, format!("{name}: {error}"))),
    }
}

/// The same, and another word is as if there were none.
fn known<T: std::str::FromStr>(headers: &Headers, name: &str) -> Option<T> {
    headers.get(name)?.trim().parse().ok()
}

fn user_of_from(headers: &Headers) -> Option<String> {
    headers.from()?.uri.user_decoded()
}

fn wants_privacy(headers: &Headers) -> bool {
    ["id", "user", "header"]
        .iter()
        .any(|word| headers.lists_token("Privacy", word))
}

/// Who calls from a telephone, and whether they want to be shown. The gateway is trusted with
/// P-Asserted-Identity (RFC 3325 section 9.1), which it may send although its caller withholds it.
fn telephone_caller(headers: &Headers) -> (Option<PhoneNumber>, bool) {
    let asserted = headers
        .get("P-Asserted-Identity")
        .and_then(NameAddr::parse)
        .and_then(|identity| identity.uri.user_decoded());
    let from = user_of_from(headers);
    let hidden = from.as_deref().is_none_or(is_nobody);
    let number = [asserted, from]
        .into_iter()
        .flatten()
        .find_map(|user| user.parse().ok());
    (number, hidden || wants_privacy(headers))
}

/// F39: the address that was called, and of a longer one its beginning.
fn url(uri: &Uri) -> Option<String> {
    let mut text = uri.to_string();
    let mut end = URL_BYTES_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f39_of_an_address_too_long_for_the_record_its_beginning_is_kept() {
        let long = format!("sip:+15550100199@vrs.test;x={}", "y".repeat(400));
        let kept = url(&Uri::parse(&long).unwrap()).unwrap();
        assert_eq!(kept, long[..URL_BYTES_MAX]);
        let short = "sip:+15550100199@vrs.test;user=phone";
        assert_eq!(url(&Uri::parse(short).unwrap()).unwrap(), short);
    }
}
