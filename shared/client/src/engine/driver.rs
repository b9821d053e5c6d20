//! The driver: one task on one thread owns the SIP endpoint, the connection, the call and its media.
//!
//! Everything that can happen is one [`Input`]; `handle` takes it, `flush` does what the machines
//! then want done. Nothing here blocks, and no lock is shared with the window.
//! Read on in `driver/line.rs` (connection and sign-in) and `driver/calls.rs` (calls).

mod again;
mod calls;
mod hold;
mod line;
mod media;
mod place;
mod prepare;
mod restart;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::sync::mpsc::{Receiver, channel};
use vrs_domain::Activity;
use vrs_media::picture::{Picture, Slot};
use vrs_sip::{Endpoint, EndpointConfig, FlowId, Output, RegistrationHandle};

use self::calls::{ActiveCall, Place};
use self::line::Line;
use self::place::Whereabouts;
use super::call::Switches;
use super::media::{MediaInput, MediaSession, next_of};
use super::outlet::Outlet;
use super::reconnect::Backoff;
use super::sign_in::SignIn;
use super::{Command, Connection, EngineConfig, EngineError, Event, Role};
use crate::capture::Look;
use crate::capture::camera::{Camera, CameraOrder, CameraOutlets};
use crate::transport::ice_servers::IceServers;
use crate::transport::tls;
use crate::transport::wss::{ConnectError, Link, LinkEvent};

/// Name and version in User-Agent.
/// Product, version and platform (RFC 9248 section 5.2.1).
fn user_agent() -> String {
    let (version, system) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    format!("Visavis/{version} ({system})")
}
/// Camera problems that may wait.
const PROBLEMS_MAX: usize = 16;
/// Statistics and the countdown of a retry.
const TICK: Duration = Duration::from_secs(1);
/// How long BYE and unregister may take before the connection is cut.
const LEAVE_WITHIN: Duration = Duration::from_millis(1500);

/// Everything that can happen to the driver.
enum Input {
    /// The user wants something; `None`: the engine is being dropped.
    Command(Option<Command>),
    /// The way to the server is open, or is not.
    Connected(Box<Result<Link, ConnectError>>),
    /// Something came from the server, or the connection ended.
    Link(LinkEvent),
    /// Media datagrams or a thread's report.
    Media(Place, MediaInput),
    /// The camera cannot be used.
    CameraProblem(String),
    /// A deadline.
    Timer,
}

/// On the way out: waiting for BYE and unregister to be answered.
struct Leaving {
    until: Instant,
    /// The engine is being dropped, not only signed out.
    quit: bool,
}

/// The owner of everything that is not the window.
pub(crate) struct Driver {
    config: EngineConfig,
    outlet: Outlet,
    remote: Slot<Picture>,
    tls: Arc<ClientConfig>,
    /// What the server told of STUN and TURN.
    ice: IceServers,
    /// No path but through the server's relay.
    relay_only: bool,
    endpoint: Endpoint,
    line: Line,
    /// The flow of the present connection.
    flow: Option<FlowId>,
    next_flow: u64,
    sign_in: Option<SignIn>,
    registration: Option<RegistrationHandle>,
    /// Where we are, as far as the provider is to be told.
    whereabouts: Whereabouts,
    backoff: Backoff,
    connection: Connection,
    leaving: Option<Leaving>,
    call: Option<ActiveCall>,
    /// On hold, beside the call.
    parked: Option<ActiveCall>,
    /// Ringing, beside the call.
    waiting: Option<ActiveCall>,
    camera: Camera,
    camera_problems: Receiver<String>,
    switches: Switches,
    activity: Activity,
    next_tick: Instant,
    /// Set when the engine was dropped and everything is said.
    done: bool,
}

/// The next input of a call's media; never, without any.
async fn next_media(call: &mut Option<ActiveCall>) -> MediaInput {
    let (media, preparing) = match call {
        Some(call) => (call.media.as_mut(), call.preparing.as_mut()),
        None => (None, None),
    };
    let media = async {
        match media {
            Some(media) => media.next().await,
            None => std::future::pending().await,
        }
    };
    let preparing = next_of(preparing.map(|preparing| &mut preparing.network));
    tokio::select! {
        input = media => input,
        input = preparing => MediaInput::Prepared(input),
    }
}

impl Driver {
    pub(crate) fn new(
        config: EngineConfig,
        outlet: Outlet,
        remote: Slot<Picture>,
        local: Slot<Picture>,
    ) -> Result<Self, EngineError> {
        let tls = tls::client_config(config.extra_ca_pem.as_deref())
            .map_err(|e| EngineError::Certificates(e.to_string()))?;
        let mut seed = [0; 40];
        getrandom::fill(&mut seed).map_err(|e| EngineError::Random(e.to_string()))?;
        let (mut sip_seed, mut wait_seed) = ([0; 32], [0; 8]);
        sip_seed.copy_from_slice(&seed[..32]);
        wait_seed.copy_from_slice(&seed[32..]);
        let (problem, camera_problems) = channel(PROBLEMS_MAX);
        let outlets = CameraOutlets {
            local,
            wake: outlet.wake(),
            // A queue full of problems says enough.
            problem: Box::new(move |text| drop(problem.try_send(text))),
        };
        let look = match config.role {
            Role::Caller => Look::CALLER,
            Role::Interpreter => Look::INTERPRETER,
        };
        let camera = Camera::start(config.camera.clone(), look, config.video, outlets)?;
        let now = Instant::now();
        let sip = EndpointConfig {
            user_agent: user_agent(),
            seed: sip_seed,
            role: vrs_sip::Role::Client,
            info_packages: vec![super::status::PACKAGE.to_owned()],
        };
        Ok(Self {
            switches: Switches::of_role(config.role),
            relay_only: config.relay_only,
            ice: IceServers::default(),
            config,
            outlet,
            remote,
            tls,
            endpoint: Endpoint::new(sip, now),
            line: Line::Idle,
            flow: None,
            next_flow: 1,
            sign_in: None,
            registration: None,
            whereabouts: Whereabouts::default(),
            backoff: Backoff::new(u64::from_be_bytes(wait_seed)),
            connection: Connection::Offline,
            leaving: None,
            call: None,
            parked: None,
            waiting: None,
            camera,
            camera_problems,
            activity: Activity::Available,
            next_tick: now + TICK,
            done: false,
        })
    }

    /// Runs until the command queue's sender is gone and everything is said.
    pub(crate) async fn run(mut self, mut commands: Receiver<Command>) {
        while !self.done {
            let input = self.next_input(&mut commands).await;
            let now = Instant::now();
            self.handle(now, input);
            self.flush(now);
        }
        if let Line::Up(link) = std::mem::replace(&mut self.line, Line::Idle) {
            link.finish().await;
        }
    }

    /// Waits for the next thing to happen. Each branch may be dropped halfway without loss.
    async fn next_input(&mut self, commands: &mut Receiver<Command>) -> Input {
        let deadline = self.deadline();
        let leaving_for_good = self.leaving.as_ref().is_some_and(|leaving| leaving.quit);
        let Self {
            line,
            call,
            parked,
            camera_problems,
            ..
        } = self;
        let (current, beside) = (next_media(call), next_media(parked));
        tokio::select! {
            // A closed queue is always ready: once noticed it is not asked again.
            command = commands.recv(), if !leaving_for_good => Input::Command(command),
            input = line.next() => input,
            input = current => Input::Media(Place::Current, input),
            input = beside => Input::Media(Place::Parked, input),
            Some(problem) = camera_problems.recv() => Input::CameraProblem(problem),
            () = tokio::time::sleep_until(deadline.into()) => Input::Timer,
        }
    }

    fn deadline(&mut self) -> Instant {
        let mut due = |place| self.media_at(place).and_then(MediaSession::poll_timeout);
        let (current, beside) = (due(Place::Current), due(Place::Parked));
        let calls = [&self.call, &self.parked].into_iter().flatten();
        let preparing = calls.filter_map(|call| call.preparing.as_ref()?.network.poll_timeout());
        let preparing = preparing.min();
        let deadlines = [
            self.endpoint.poll_timeout(),
            current,
            beside,
            preparing,
            self.line.retry_at(),
            self.leaving.as_ref().map(|leaving| leaving.until),
            Some(self.next_tick),
        ];
        deadlines
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.next_tick)
    }

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Command(Some(command)) => self.on_command(now, command),
            Input::Command(None) => self.leave(now, true),
            Input::Connected(result) => self.on_connected(now, *result),
            Input::Link(LinkEvent::Message(bytes)) => {
                if let Some(flow) = self.flow {
                    self.endpoint.receive(now, flow, &bytes);
                }
            }
            Input::Link(LinkEvent::Closed(detail)) => self.on_line_lost(now, &detail),
            Input::Media(place, input) => self.on_media(now, place, input),
            Input::CameraProblem(text) => self.outlet.tell(Event::DeviceProblem(text)),
            Input::Timer => self.on_timer(now),
        }
    }

    fn on_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::SignIn {
                server,
                account,
                password,
            } => self.on_sign_in(now, &server, &account, &password),
            Command::SetLocation(place) => self.set_location(now, place),
            Command::SignOut => self.leave(now, false),
            Command::Call { number } => self.place_call(now, number),
            Command::Answer => self.answer_call(now),
            Command::Decline => self.decline_call(now),
            Command::HangUp => self.hang_up(now),
            Command::Hold(held) => self.hold(now, held),
            Command::Swap => self.swap(now),
            Command::SetMicrophoneMuted(muted) => self.set_switches(Switches {
                microphone_muted: muted,
                ..self.switches
            }),
            Command::SetSpeakerMuted(muted) => self.set_switches(Switches {
                speaker_muted: muted,
                ..self.switches
            }),
            Command::SetCameraOff(off) => self.set_switches(Switches {
                camera_off: off,
                ..self.switches
            }),
            // Calls that stand stay as they are.
            Command::SetRelayOnly(relay_only) => self.relay_only = relay_only,
            Command::SetActivity(activity) => self.set_activity(now, activity),
            Command::AskSeat { seat, reason } => self.ask_seat(now, seat, reason),
            Command::WithdrawSeat(seat) => self.withdraw_seat(now, seat),
            Command::SendText(text) => self.send_text(now, &text),
            Command::SendKey(key) => self.send_key(now, key),
        }
    }

    fn set_switches(&mut self, switches: Switches) {
        let camera_changed = self.switches.camera_off != switches.camera_off;
        self.switches = switches;
        if let Some(media) = self.call.as_ref().and_then(|call| call.media.as_ref()) {
            media.set_switches(switches);
        }
        if camera_changed {
            self.order_camera();
        }
        self.tell_call();
    }

    /// Says what the camera is wanted for: the call's encoder, the self-view, or nothing.
    fn order_camera(&self) {
        let mailbox = self.call.as_ref().and_then(|call| call.mailbox.clone());
        self.camera.order(match mailbox {
            _ if self.switches.camera_off || self.sign_in.is_none() => CameraOrder::Off,
            Some(mailbox) => CameraOrder::Call(mailbox),
            None => CameraOrder::Preview,
        });
    }

    fn on_timer(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        for place in [Place::Current, Place::Parked] {
            if let Some(media) = self.media_at(place) {
                media.handle_timeout(now);
            }
        }
        self.on_preparing_timer(now);
        if self.line.retry_at().is_some_and(|at| at <= now) {
            self.connect();
        }
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.tell_stats();
            self.end_what_did_not_come_back(now);
            self.ask_hold_again(now);
            self.look_for_paths(now);
            self.call_again(now);
            self.tell_countdown(now);
            self.tell_location(now);
        }
    }

    /// Does what the machines want done, until they want nothing more.
    fn flush(&mut self, now: Instant) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.endpoint.poll_output() {
                quiet = false;
                match output {
                    Output::Transmit { flow, bytes } => self.transmit(now, flow, bytes),
                    Output::Event(event) => self.on_sip(now, event),
                }
            }
            quiet &= !self.flush_media(now);
            if quiet {
                break;
            }
        }
        self.outlet.retry();
        self.finish_leaving_if_done(now);
    }

    fn transmit(&mut self, now: Instant, flow: FlowId, bytes: Vec<u8>) {
        if self.flow != Some(flow) {
            return;
        }
        if let Line::Up(link) = &self.line
            && link.send(bytes).is_err()
        {
            self.on_line_lost(now, "the connection takes no more");
        }
    }

    /// One place for every SIP event: registrations to `line`, calls to `calls`.
    fn on_sip(&mut self, now: Instant, event: vrs_sip::Event) {
        use vrs_sip::Event as Sip;
        match event {
            Sip::Registered {
                registration,
                expires_s,
                enclosed,
                response,
            } => {
                self.learn_ice_servers(registration, &response);
                self.on_registered(now, registration, expires_s);
                self.on_location_answered(now, registration, enclosed, &response);
            }
            Sip::EnclosureRefused { registration, .. } => {
                self.on_location_refused(registration);
            }
            Sip::RegistrationFailed {
                registration,
                status,
                response,
            } => {
                self.on_registration_failed(now, registration, status, response.as_ref());
            }
            Sip::IncomingInvite { call, request, .. } => self.on_invite(now, call, &request),
            Sip::IncomingRequest { txn, request, .. } => self.on_request(now, txn, &request),
            Sip::Reinvite { call, request } => self.on_reinvite(now, call, &request),
            Sip::Info { call, request } => self.on_info(now, call, &request),
            Sip::Progress { call, response } => self.on_progress(now, call, &response),
            Sip::Answered { call, response } => self.on_answered(now, call, &response),
            Sip::Acked { call, body } => self.on_acked(now, call, body),
            Sip::Failed {
                call,
                status,
                response,
            } => self.on_failed(now, call, status, response.as_ref()),
            Sip::Cancelled { call, headers } => self.on_cancelled(now, call, &headers),
            Sip::Ended {
                call,
                reason,
                headers,
            } => self.on_ended(now, call, reason.as_ref(), headers),
            Sip::FlowLost { .. } => {
                tracing::info!("the call's connection is lost; picture and sound go on")
            }
            Sip::Malformed { error, .. } => {
                tracing::warn!(%error, "the server sent something that is no SIP")
            }
            Sip::ReinviteResult {
                call,
                status,
                response,
            } => self.on_reinvite_result(now, call, status, response.as_ref()),
            Sip::HungUp { .. } | Sip::InfoFailed { .. } | Sip::Response { .. } => {}
        }
    }
}
