//! Domain → SIP: what sessions want.

use std::time::Instant;

use tracing::{debug, info};
use vrs_domain::{EndReason, Leg, PhoneNumber, SessionId};
use vrs_sip::{Body, InviteParams, NameAddr, Uri};

use super::actor::{Actor, Use};
use super::{Command, wire};
use crate::session::Message;

pub(super) fn on_command(actor: &mut Actor, now: Instant, command: Command) {
    match command {
        Command::Queued { session, position } => {
            let Some(&call) = actor.legs.get(&(session, Leg::Caller)) else {
                return;
            };
            let headers = vec![
                (wire::SESSION.to_owned(), session.to_string()),
                (wire::QUEUE_POSITION.to_owned(), position.to_string()),
            ];
            actor.endpoint.progress(now, call, 182, headers, None);
        }
        Command::AnswerCaller { session, sdp } => {
            let Some(&call) = actor.legs.get(&(session, Leg::Caller)) else {
                return;
            };
            let mut headers = session_headers(session);
            headers.push(("Recv-Info".into(), String::new()));
            if let Some(used) = actor.calls.get_mut(&call) {
                used.answered = true;
            }
            actor.endpoint.accept(now, call, headers, Body::sdp(&sdp));
        }
        Command::AnswerReinvite { session, leg, sdp } => {
            let Some(&call) = actor.legs.get(&(session, leg)) else {
                return;
            };
            let status = if sdp.is_some() { 200 } else { 488 };
            let body = sdp.as_deref().map(Body::sdp);
            actor.endpoint.answer_reinvite(now, call, status, body);
        }
        Command::Invite(invitation) => actor.invite(now, invitation),
        Command::Dial {
            session,
            trunk,
            sdp,
            number,
            caller,
        } => {
            if let Err(reason) = dial(actor, now, session, &trunk, sdp, &number, &caller) {
                actor
                    .directory()
                    .tell(session, Message::HearingFailed { reason });
            }
        }
        Command::HangUp {
            session,
            leg,
            reason,
        } => hang_up(actor, now, session, leg, reason),
        Command::CancelInvitation {
            reason,
            session,
            epoch,
        } => actor.cancel_invitation(now, session, epoch, reason),
        Command::Status {
            leg,
            session,
            status,
        } => tell(actor, now, session, leg, &status),
    }
}

fn dial(
    actor: &mut Actor,
    now: Instant,
    session: SessionId,
    trunk: &str,
    sdp: String,
    number: &PhoneNumber,
    caller: &PhoneNumber,
) -> Result<(), EndReason> {
    let flow = actor.flows.trunk(trunk).ok_or_else(|| {
        info!(trunk, "the trunk is not connected");
        EndReason::TrunkUnavailable
    })?;
    let gateway = actor
        .flows
        .get(flow)
        .map(|open| open.peer.to_string())
        .unwrap_or_default();
    let caller = telephone_uri(caller, &actor.domain);
    let target = telephone_uri(number, &gateway);
    // The trunk is trusted with the identity (RFC 3325 section 9.1).
    let mut headers = vec![("P-Asserted-Identity".into(), format!("<{caller}>"))];
    headers.extend(actor.correlation_header(session));
    let params = InviteParams {
        to: NameAddr::new(target.clone()),
        target,
        from: NameAddr::new(caller.clone()),
        contact_user: "relay".into(),
        headers,
        body: Body::sdp(&sdp),
        credentials: None,
    };
    let call = actor.endpoint.invite(now, flow, params);
    let mut used = Use::new(session, Leg::Hearing, None);
    used.trunk = Some(trunk.to_owned());
    actor.remember(call, used);
    Ok(())
}

/// Ends a leg in whatever way its state asks for: refusal, CANCEL or BYE.
fn hang_up(actor: &mut Actor, now: Instant, session: SessionId, leg: Leg, reason: EndReason) {
    let Some(&call) = actor.legs.get(&(session, leg)) else {
        return;
    };
    let Some(used) = actor.forget(call) else {
        return;
    };
    debug!(%session, %leg, %reason, "hanging up");
    if leg == Leg::Caller && !used.answered {
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

fn tell(actor: &mut Actor, now: Instant, session: SessionId, leg: Leg, status: &wire::Status) {
    let Some(&call) = actor.legs.get(&(session, leg)) else {
        return;
    };
    if !actor
        .calls
        .get(&call)
        .is_some_and(|used| used.wants_status && used.gone_until.is_none())
    {
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
