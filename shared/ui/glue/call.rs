//! The call as both apps follow it, and what the engine tells, sorted.

use std::time::Instant;

use vrs_client::{CallEnd, CallStats, CallView, Command, Direction, Event, Invitation};
use vrs_domain::{Activity, LineSignal, SessionState, TelephoneState};
use vrs_ui::automation::Scene;
use vrs_ui::desk::{Desk, DeskMessage};
use vrs_ui::host::Effect;
use vrs_ui::situation::CallFacts;
use vrs_ui::widgets::Note;

use super::engine::{command, facts, link, problem};

/// What the engine tells: what the desk takes, and what each app takes in its own way.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Connection, signing in, text, a broken device.
    Desk(DeskMessage),
    /// Somebody calls or asks.
    Incoming(Invitation),
    /// The call as it is now.
    Call(CallView),
    /// The call is over.
    Ended(CallEnd),
    /// The parked call as it is now.
    Parked(Option<CallView>),
    /// The parked call is over.
    ParkedEnded(CallEnd),
    /// The waiting call is over.
    WaitingEnded(CallEnd),
    /// Interpreters: the server made another choice.
    Activity(Activity),
    /// How loud it is, in dBFS.
    Levels {
        /// The user's microphone.
        me_dbfs: f32,
        /// What is heard.
        them_dbfs: f32,
    },
    /// Figures of the call.
    Stats(CallStats),
}

impl From<Event> for Told {
    fn from(event: Event) -> Self {
        match event {
            Event::Connection(connection) => Self::Desk(DeskMessage::Link(link(connection))),
            Event::SignedIn { account } => Self::Desk(DeskMessage::SignedIn(account)),
            Event::SignInFailed(why) => Self::Desk(DeskMessage::SignInFailed(problem(why))),
            Event::Location(report) => Self::Desk(DeskMessage::Located {
                registered: report.registered,
                answer: report.answer,
            }),
            Event::SignedOut => Self::Desk(DeskMessage::SignedOut),
            Event::TextReceived(text) => Self::Desk(DeskMessage::Received(text)),
            Event::KeyPressed(key) => Self::Desk(DeskMessage::KeyHeard(key)),
            Event::DeviceProblem(detail) => {
                let values = vec![("detail", detail.into())];
                Self::Desk(DeskMessage::Tell(Note {
                    key: "device-problem",
                    values,
                }))
            }
            Event::Incoming(invitation) => Self::Incoming(invitation),
            Event::Call(call) => Self::Call(call),
            Event::CallEnded(end) => Self::Ended(end),
            Event::Parked(view) => Self::Parked(view),
            Event::ParkedEnded(end) => Self::ParkedEnded(end),
            Event::WaitingEnded(end) => Self::WaitingEnded(end),
            Event::Activity(activity) => Self::Activity(activity),
            Event::Levels {
                microphone_dbfs,
                speaker_dbfs,
                ..
            } => Self::Levels {
                me_dbfs: microphone_dbfs,
                them_dbfs: speaker_dbfs,
            },
            Event::Stats(stats) => Self::Stats(stats),
        }
    }
}

/// Changes the desk; the effects in the engine's words.
pub fn update_desk(desk: &mut Desk, now: Instant, message: DeskMessage) -> Vec<Effect<Command>> {
    desk.update(now, message)
        .into_iter()
        .map(|effect| effect.map(command))
        .collect()
}

/// The call there is, if any, and figures of the last one.
#[derive(Debug, Default)]
pub struct Ongoing {
    view: Option<CallView>,
    ringing_since: Option<Instant>,
    /// The user took the call that came in; what comes before is only ringing.
    answered: bool,
    /// Figures of the last call.
    pub stats: CallStats,
    /// How the last call ended.
    pub last_end: Option<CallEnd>,
}

impl Ongoing {
    /// The engine's last word about the call.
    #[must_use]
    pub const fn view(&self) -> Option<&CallView> {
        self.view.as_ref()
    }

    /// The user took, or refused, the call that came in.
    pub const fn answer(&mut self, taken: bool) {
        self.answered = taken;
    }

    /// Takes over a new snapshot; says whether the call is one the user is in.
    pub fn take(&mut self, now: Instant, view: CallView) -> bool {
        if view.direction == Direction::Incoming && !view.connected && !self.answered {
            return false;
        }
        let heard = view.line.signal == Some(LineSignal::Ringback);
        if view.telephone == TelephoneState::Ringing || heard {
            self.ringing_since.get_or_insert(now);
        } else {
            self.ringing_since = None;
        }
        self.view = Some(view);
        true
    }

    /// The call is over; how far it had come, if the user was in it.
    pub fn end(&mut self, now: Instant, end: &CallEnd) -> Option<CallFacts> {
        let facts = self.view.is_some().then(|| self.facts(now));
        (self.view, self.ringing_since, self.answered) = (None, None, false);
        if facts.is_some() || !end.by_us {
            self.last_end = Some(end.clone());
        }
        facts
    }

    /// The call in the words of the kit.
    #[must_use]
    pub fn facts(&self, now: Instant) -> CallFacts {
        self.view.as_ref().map_or_else(CallFacts::default, |view| {
            facts(view, self.ringing_since, now)
        })
    }

    /// What the script sees; a refused sign-in is an end, too, when a script plays.
    #[must_use]
    pub fn scene(&self, desk: &Desk) -> Scene {
        let state = self.view.as_ref().and_then(|view| view.state);
        let refused = !desk.script.is_idle() && desk.problem.is_some();
        Scene {
            relay_active: state == Some(SessionState::RelayActive),
            ended: self.last_end.is_some() && self.view.is_none() || refused,
        }
    }
}
