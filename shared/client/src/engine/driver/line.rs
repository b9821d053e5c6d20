//! The connection to the server, registration on it, and trying again.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use vrs_domain::{Activity, Sensitive};
use vrs_sip::{FlowAddress, FlowId, FlowKind, RegistrationHandle, Response};

use super::place::Whereabouts;
use super::{Driver, Input, LEAVE_WITHIN, Leaving};
use crate::engine::sign_in::{SignIn, refusal};
use crate::engine::{Connection, Event, SignInProblem};
use crate::transport::ice_servers::IceServers;
use crate::transport::wss::{self, ConnectError, Link};

type Connecting = Pin<Box<dyn Future<Output = Result<Link, ConnectError>> + Send>>;

/// The way to the server.
pub(super) enum Line {
    /// Not wanted.
    Idle,
    /// TCP, TLS and WebSocket handshakes are on their way.
    Connecting(Connecting),
    /// Open.
    Up(Link),
    /// To be tried again then.
    Waiting(Instant),
}

impl Line {
    /// The next thing on the line; never, when it is idle or waiting.
    pub(super) async fn next(&mut self) -> Input {
        match self {
            Self::Idle | Self::Waiting(_) => std::future::pending().await,
            Self::Connecting(connecting) => Input::Connected(Box::new(connecting.await)),
            Self::Up(link) => Input::Link(link.next().await),
        }
    }

    /// The server's end of an open connection, and our address when it was opened.
    pub(super) fn ends(&self) -> Option<(SocketAddr, IpAddr)> {
        match self {
            Self::Up(link) => Some((link.server, link.local?)),
            Self::Idle | Self::Connecting(_) | Self::Waiting(_) => None,
        }
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self {
            Self::Waiting(at) => Some(*at),
            Self::Idle | Self::Connecting(_) | Self::Up(_) => None,
        }
    }
}

impl Driver {
    pub(super) fn on_sign_in(
        &mut self,
        now: Instant,
        server: &str,
        account: &str,
        password: &Sensitive<String>,
    ) {
        if self.sign_in.is_some() {
            // Somebody else, or somewhere else: what was there ends without ceremony.
            self.leave(now, false);
            self.flush_endpoint_once(now);
            self.finish_leaving();
        }
        let instance = self.config.installation.to_string();
        match SignIn::new(
            self.config.role,
            server,
            account,
            password,
            self.activity,
            instance,
        ) {
            Ok(sign_in) => {
                self.sign_in = Some(sign_in);
                self.backoff.reset();
                self.connect();
            }
            Err(problem) => self.outlet.tell(Event::SignInFailed(problem)),
        }
    }

    /// Starts a connection attempt.
    pub(super) fn connect(&mut self) {
        let Some(sign_in) = &self.sign_in else { return };
        let (address, tls) = (sign_in.address.clone(), Arc::clone(&self.tls));
        self.line = Line::Connecting(Box::pin(async move { wss::connect(&address, tls).await }));
        self.set_connection(Connection::Connecting);
    }

    pub(super) fn on_connected(&mut self, now: Instant, result: Result<Link, ConnectError>) {
        let Some(sign_in) = &self.sign_in else {
            self.line = Line::Idle;
            return;
        };
        let worked_once = sign_in.worked_once;
        match result {
            Ok(link) => {
                let flow = FlowId(self.next_flow);
                self.next_flow += 1;
                let kind = FlowKind::Reliable {
                    websocket: true,
                    tls: true,
                };
                // Empty names: the endpoint makes up a random .invalid one (RFC 7118 section 5).
                let local = FlowAddress {
                    via_sent_by: String::new(),
                    contact_host_port: String::new(),
                };
                self.endpoint.open_flow(flow, kind, local);
                let register = self.whereabouts.register(now, sign_in);
                self.line = Line::Up(link);
                self.flow = Some(flow);
                self.registration = Some(self.endpoint.register(now, flow, register));
            }
            Err(error) => {
                self.line = Line::Idle;
                tracing::info!("no connection to the server");
                if worked_once {
                    return self.retry_later(now);
                }
                self.fail_sign_in(
                    now,
                    match error {
                        ConnectError::NotTrusted(detail) => SignInProblem::NotTrusted { detail },
                        other @ (ConnectError::Unreachable(_) | ConnectError::Refused(_)) => {
                            SignInProblem::Unreachable {
                                detail: other.to_string(),
                            }
                        }
                    },
                );
            }
        }
    }

    /// What the 200 to our REGISTER tells of STUN and TURN; each one tells it anew.
    pub(super) fn learn_ice_servers(
        &mut self,
        registration: RegistrationHandle,
        response: &Response,
    ) {
        if self.registration == Some(registration) && self.leaving.is_none() {
            self.ice = IceServers::of(&response.headers);
        }
    }

    pub(super) fn on_registered(
        &mut self,
        now: Instant,
        registration: RegistrationHandle,
        expires_s: u32,
    ) {
        if self.registration != Some(registration) {
            return;
        }
        if expires_s == 0 {
            // Unregistered, as we asked while leaving.
            self.registration = None;
            return;
        }
        let Some(sign_in) = &mut self.sign_in else {
            return;
        };
        let first = !std::mem::replace(&mut sign_in.worked_once, true);
        let account = sign_in.account().to_owned();
        self.backoff.reset();
        self.set_connection(Connection::Online);
        if first {
            self.outlet.tell(Event::SignedIn { account });
            self.order_camera();
        }
        self.move_call_to_line(now);
    }

    pub(super) fn on_registration_failed(
        &mut self,
        now: Instant,
        registration: RegistrationHandle,
        status: u16,
        response: Option<&Response>,
    ) {
        if self.registration != Some(registration) {
            return;
        }
        self.registration = None;
        if self.leaving.is_some() {
            return;
        }
        let worked_once = self
            .sign_in
            .as_ref()
            .is_some_and(|sign_in| sign_in.worked_once);
        match refusal(status, response) {
            // A changed password or a closed account: asking again would only lock it.
            Some(problem @ (SignInProblem::WrongPassword | SignInProblem::Forbidden)) => {
                self.fail_sign_in(now, problem)
            }
            Some(problem) if !worked_once => self.fail_sign_in(now, problem),
            None if !worked_once => {
                let detail = "the server does not answer".into();
                self.fail_sign_in(now, SignInProblem::Unreachable { detail });
            }
            Some(_) | None => self.on_line_lost(now, "the registration was lost"),
        }
    }

    /// The connection is gone: the call goes on, everything else waits for the next one.
    pub(super) fn on_line_lost(&mut self, now: Instant, detail: &str) {
        tracing::info!(detail, "the connection to the server is lost");
        self.line = Line::Idle;
        // The registration is gone with its flow; what the endpoint says of it no longer matters.
        self.registration = None;
        if let Some(flow) = self.flow.take() {
            self.endpoint.close_flow(now, flow);
        }
        self.keep_calls(now);
        if self.leaving.is_some() {
            return;
        }
        let Some(sign_in) = &self.sign_in else { return };
        if sign_in.worked_once {
            self.retry_later(now);
        } else {
            let detail = "the server closed the connection".into();
            self.fail_sign_in(now, SignInProblem::Unreachable { detail });
        }
    }

    fn retry_later(&mut self, now: Instant) {
        self.line = Line::Waiting(now + self.backoff.next_wait());
        self.tell_countdown(now);
    }

    /// Counts the seconds down while waiting.
    pub(super) fn tell_countdown(&mut self, now: Instant) {
        if let Some(at) = self.line.retry_at() {
            let wait = at.saturating_duration_since(now).as_secs_f32().ceil();
            self.set_connection(Connection::Retrying { in_s: wait as u32 });
        }
    }

    fn set_connection(&mut self, connection: Connection) {
        if self.connection != connection {
            self.connection = connection;
            self.outlet.tell(Event::Connection(connection));
        }
    }

    /// Ends the sign-in for good: the user must do something.
    fn fail_sign_in(&mut self, now: Instant, problem: SignInProblem) {
        self.end_all_calls(now);
        self.disconnect(now);
        self.outlet.tell(Event::SignInFailed(problem));
    }

    /// Closes the line and forgets who was signed in.
    fn disconnect(&mut self, now: Instant) {
        self.sign_in = None;
        self.ice = IceServers::default();
        self.whereabouts = Whereabouts::default();
        self.registration = None;
        if let Some(flow) = self.flow.take() {
            self.endpoint.close_flow(now, flow);
        }
        if let Line::Up(link) = std::mem::replace(&mut self.line, Line::Idle) {
            // What is still in its queue (an ACK, the answer to a BYE) goes out behind our back.
            tokio::spawn(link.finish());
        }
        self.order_camera();
        self.set_connection(Connection::Offline);
    }

    pub(super) fn set_activity(&mut self, now: Instant, activity: Activity) {
        self.activity = activity;
        if let Some(sign_in) = &mut self.sign_in {
            sign_in.set_activity(activity);
            let headers = sign_in.register_headers();
            if let Some(registration) = self.registration {
                self.endpoint.update_headers(now, registration, headers);
            }
        }
    }

    /// Begins to sign out (or to end): hangs up, unregisters, and gives the server a moment to hear it.
    pub(super) fn leave(&mut self, now: Instant, quit: bool) {
        self.end_all_calls(now);
        if let Some(leaving) = &mut self.leaving {
            leaving.quit |= quit;
            return;
        }
        if let Some(registration) = self.registration {
            self.endpoint.unregister(now, registration);
        }
        if !matches!(self.line, Line::Up(_)) {
            self.line = Line::Idle;
        }
        self.leaving = Some(Leaving {
            until: now + LEAVE_WITHIN,
            quit,
        });
    }

    pub(super) fn finish_leaving_if_done(&mut self, now: Instant) {
        let Some(leaving) = &self.leaving else { return };
        let (calls, ..) = self.endpoint.counts();
        let said = self.registration.is_none() && calls == 0;
        if said || now >= leaving.until || self.flow.is_none() {
            self.finish_leaving();
        }
    }

    fn finish_leaving(&mut self) {
        let Some(leaving) = self.leaving.take() else {
            return;
        };
        if leaving.quit {
            self.done = true;
            return;
        }
        let was_signed_in = self.sign_in.is_some();
        self.disconnect(Instant::now());
        if was_signed_in {
            self.outlet.tell(Event::SignedOut);
        }
    }

    /// Sends what leaving produced before the line is given up.
    fn flush_endpoint_once(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                vrs_sip::Output::Transmit { flow, bytes } => self.transmit(now, flow, bytes),
                vrs_sip::Output::Event(event) => self.on_sip(now, event),
            }
        }
    }
}
