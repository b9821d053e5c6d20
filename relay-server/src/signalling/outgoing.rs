//! Domain → SIP: what sessions want.

use std::time::Instant;

use tracing::{debug, info};
use vrs_domain::{EndReason, Leg, PhoneNumber, SessionId};
use vrs_sip::{Body, CallHandle, InviteParams, NameAddr, Uri};

use super::actor::{Actor, Use};
use super::emergency::bare::Enclosed;
use super::emergency::{self, Facts};
use super::{Command, Dial, wire};
use crate::session::{Message, News, Speaker};

pub(super) fn on_command(actor: &mut Actor, now: Instant, command: Command) {
    match command {
        Command::Queued {
            session,
            leg,
            position,
        } => queued(actor, now, session, leg, position),
        Command::RingCalling { session } => {
            if let Some(&call) = actor.legs.get(&(session, Leg::Caller)) {
                let headers = actor.progress_headers(call, session);
                actor.endpoint.progress(now, call, 180, headers, None);
            }
        }
        Command::AnswerCalling {
            session,
            leg,
            offered,
            sdp,
        } => {
            let Some(&call) = actor.legs.get(&(session, leg)) else {
                return actor.answered_while_away(session);
            };
            // The answer to an offer that another one has overtaken fits nobody.
            if actor.calls.get(&call).map(|used| used.offered) != Some(offered) {
                return;
            }
            let mut headers = session_headers(session);
            headers.push(("Recv-Info".into(), String::new()));
            if let Some(used) = actor.calls.get_mut(&call) {
                used.answered = true;
            }
            actor.endpoint.accept(now, call, headers, Body::sdp(&sdp));
            actor.bind_leg(call);
        }
        Command::Reinvite { session, leg, sdp } => match actor.legs.get(&(session, leg)) {
            Some(&call) => actor.endpoint.reinvite(now, call, Body::sdp(&sdp)),
            // An interpreter who is gone was told of already, and somebody else may sit there by
            // the time this is read.
            None if leg.seat().is_some() => {}
            None => {
                let who = Speaker { leg, epoch: None };
                let news = News::ReinviteAnswered { sdp: None };
                actor
                    .directory()
                    .tell(session, Message::Party { who, news });
            }
        },
        Command::AnswerReinvite { session, leg, sdp } => {
            let Some(&call) = actor.legs.get(&(session, leg)) else {
                return;
            };
            let status = if sdp.is_some() { 200 } else { 488 };
            let body = sdp.as_deref().map(Body::sdp);
            actor.endpoint.answer_reinvite(now, call, status, body);
        }
        Command::Invite(invitation) => actor.invite(now, *invitation),
        Command::Dial(dial) => {
            let session = dial.session;
            if let Err(reason) = call_telephone(actor, now, *dial, false) {
                let leg = Leg::Hearing;
                let failed = Message::CalledFailed { leg, reason };
                actor.directory().tell(session, failed);
            }
        }
        Command::Ring(ringing) => actor.ring(now, *ringing),
        Command::HangUp {
            session,
            leg,
            reason,
        } => hang_up(actor, now, session, leg, reason),
        Command::Abandon { session, reason } => abandon(actor, now, session, reason),
        Command::CancelInvitation {
            reason,
            session,
            epoch,
        } => actor.cancel_invitation(now, session, epoch, reason),
        Command::TellAway(asked) => actor.tell_away(&asked),
        Command::Relieve { session } => actor.relieve(session),
        Command::Restore(restored) => actor.restore(now, *restored),
        Command::SeeOff { restored, reason } => actor.see_off_restored(now, &restored, reason),
        Command::Status {
            leg,
            session,
            status,
        } => tell(actor, now, session, leg, &status),
    }
}

/// A caller of ours learns their place; to a telephone it simply rings.
fn queued(actor: &mut Actor, now: Instant, session: SessionId, leg: Leg, position: u32) {
    let Some(&call) = actor.legs.get(&(session, leg)) else {
        return;
    };
    if leg == Leg::Hearing {
        return actor.endpoint.progress(now, call, 180, Vec::new(), None);
    }
    let mut headers = actor.progress_headers(call, session);
    headers.push((wire::QUEUE_POSITION.to_owned(), position.to_string()));
    actor.endpoint.progress(now, call, 182, headers, None);
}

impl Actor {
    /// What a caller is told before the answer: their app shows a crisis or a call to a friend as
    /// what it is from the first moment.
    fn progress_headers(&self, call: CallHandle, session: SessionId) -> Vec<(String, String)> {
        let mut headers = session_headers(session);
        if let Some((kind, urgency)) = self.calls.get(&call).and_then(|used| used.placed) {
            headers.push((wire::KIND.to_owned(), kind.to_string()));
            headers.push((wire::URGENCY.to_owned(), urgency.to_string()));
        }
        headers
    }
}

/// Calls the telephone; a call for help takes along what emergency services need, unless it is to
/// go `bare`.
pub(super) fn call_telephone(
    actor: &mut Actor,
    now: Instant,
    dial: Dial,
    bare: bool,
) -> Result<(), EndReason> {
    let trunk = &dial.trunk;
    let flow = actor.flows.trunk(trunk).ok_or_else(|| {
        info!(trunk, "the trunk is not connected");
        EndReason::TrunkUnavailable
    })?;
    let open = actor.flows.get(flow);
    let gateway = open.map(|open| open.peer.to_string()).unwrap_or_default();
    let datagram = open.is_some_and(|open| open.datagram);
    let target = telephone_uri(&dial.number, &gateway);
    let (from, mut headers) = identity(actor, &dial);
    headers.extend(actor.correlation_header(dial.session));
    let bare = bare || actor.silent_trunks.remove(&dial.trunk);
    let whole = dial.emergency && !bare;
    let body = if whole {
        let (more, body) = enclose(actor, &dial);
        headers.extend(more);
        body
    } else {
        Body::sdp(&dial.sdp)
    };
    let params = InviteParams {
        to: NameAddr::new(target.clone()),
        target,
        from,
        contact_user: "relay".into(),
        headers,
        body,
        credentials: None,
    };
    let call = actor.endpoint.invite(now, flow, params);
    let mut used = Use::new(dial.session, Leg::Hearing, None);
    used.trunk = Some(dial.trunk.clone());
    used.emergency = dial.emergency;
    used.enclosed = whole.then(|| Box::new(Enclosed { dial, datagram }));
    actor.remember(call, used);
    Ok(())
}

/// What the account says of the caller now, and who interprets now: a call that is placed again
/// tells the present state of both.
fn enclose(actor: &mut Actor, dial: &Dial) -> (Vec<(String, String)>, Body) {
    let id = actor.new_uuid();
    let caller = dial.caller.as_ref();
    let account = caller.and_then(|number| actor.auth.account(number.as_str()));
    let location = account.as_ref().and_then(|account| account.location());
    let (session, located) = (dial.session, location.is_some());
    info!(%session, located, "what emergency services need goes along");
    let facts = Facts {
        domain: &actor.domain,
        service: &actor.emergency,
        caller,
        name: account.as_ref().and_then(|account| account.name()),
        location,
        ca: dial.ca.as_ref(),
        id,
        utc_ms: actor.services.clock.now().utc_ms,
    };
    emergency::enclose(&dial.sdp, &facts)
}

/// Who calls, for the trunk: it is trusted with the identity (RFC 3325 section 9.1) and keeps it
/// to itself when the caller wants that (RFC 3323 section 4.1).
fn identity(actor: &Actor, dial: &Dial) -> (NameAddr, Vec<(String, String)>) {
    let nobody = NameAddr {
        display: Some("Anonymous".into()),
        ..NameAddr::new(Uri::sip("anonymous", "anonymous.invalid"))
    };
    let Some(caller) = &dial.caller else {
        return (nobody, Vec::new());
    };
    let caller = telephone_uri(caller, &actor.domain);
    let mut headers = vec![("P-Asserted-Identity".into(), format!("<{caller}>"))];
    if !dial.anonymous {
        return (NameAddr::new(caller), headers);
    }
    headers.push(("Privacy".into(), "id".into()));
    (nobody, headers)
}

/// Ends a leg in whatever way its state asks for: refusal, CANCEL or BYE.
fn hang_up(actor: &mut Actor, now: Instant, session: SessionId, leg: Leg, reason: EndReason) {
    actor.stop_ringing(now, session, leg, reason);
    if leg == Leg::Caller {
        actor.away.forget(session);
    }
    let Some(&call) = actor.legs.get(&(session, leg)) else {
        return;
    };
    let Some(used) = actor.forget(call) else {
        return;
    };
    debug!(%session, %leg, %reason, "hanging up");
    if used.incoming && !used.answered {
        let headers = wire::refusal_headers(reason);
        let status = reason.sip_status();
        // A session that ends well before its answer still needs a failure status here.
        actor
            .endpoint
            .reject(now, call, if status < 300 { 487 } else { status }, headers);
    } else {
        actor.end(now, call, used, reason);
    }
}

/// Ends whatever a session has, also what it no longer knows of.
fn abandon(actor: &mut Actor, now: Instant, session: SessionId, reason: EndReason) {
    for &leg in Leg::ALL {
        hang_up(actor, now, session, leg, reason);
    }
    actor.closing.forget(session);
    let theirs = |used: &Use| used.session == session;
    let rest = actor.calls.iter().filter(|(_, used)| theirs(used));
    let rest: Vec<_> = rest.map(|(call, _)| *call).collect();
    for call in rest {
        if let Some(used) = actor.forget(call) {
            actor.end(now, call, used, reason);
        }
    }
}

fn tell(actor: &mut Actor, now: Instant, session: SessionId, leg: Leg, status: &wire::Status) {
    let Some(&call) = actor.legs.get(&(session, leg)) else {
        return;
    };
    // Before the answer there is no dialog to say it in: who is back from a broken connection may
    // still wait for theirs.
    let hears = |used: &Use| used.answered && used.wants_status && used.gone_until.is_none();
    if !actor.calls.get(&call).is_some_and(hears) {
        return;
    }
    let Ok(bytes) = serde_json::to_vec(status) else {
        return;
    };
    let headers = vec![("Info-Package".to_owned(), wire::STATUS_PACKAGE.to_owned())];
    let body = Body {
        content_type: wire::STATUS_TYPE.into(),
        bytes,
    };
    actor.endpoint.info(now, call, headers, body);
}

pub(super) fn session_headers(session: SessionId) -> Vec<(String, String)> {
    vec![(wire::SESSION.to_owned(), session.to_string())]
}

/// R34, R35: `;user=phone` for E.164 numbers, `;user=dialstring` for service codes.
fn telephone_uri(number: &PhoneNumber, host: &str) -> Uri {
    let user = if number.is_service_code() {
        "dialstring"
    } else {
        "phone"
    };
    Uri::sip_at(number.as_str(), host).with_param("user", Some(user))
}
