//! The session, as promises: walks, refusals, clocks, and random histories.

use vrs_domain::{
    CaId, CallKind, EndReason, Epoch, LanguagePair, Leg, Seat, SessionId, SessionState,
    TelephoneState, Urgency, limit,
};

use std::time::Duration;

use super::specimens::Specimens;
use super::*;

mod bad_input;
mod kinds;
mod random;
mod seats;

fn ca(number: u32) -> CaId {
    number.to_string().parse().unwrap()
}

fn at(ms: u64) -> Now {
    Now {
        utc_ms: 1_800_000_000_000 + ms,
        mono_ms: 5_000 + ms,
    }
}

fn asked_for(kind: CallKind, urgency: Urgency) -> Placed {
    Placed {
        kind,
        urgency,
        caller: Some("+15550100001".parse().unwrap()),
        anonymous: false,
        number: "+15550100199".parse().unwrap(),
        languages: LanguagePair::default(),
        skill: None,
        gender: None,
        address: None,
        url: None,
    }
}

/// A session and its whole history.
struct Walk {
    session: Session,
    events: Vec<CallEvent>,
    /// How many inputs there were; that of an interpreter's media comes with their answer.
    inputs: u64,
}

impl Walk {
    fn begin() -> Self {
        Self::of(CallKind::RelayOutbound, Urgency::Standard)
    }

    fn of(kind: CallKind, urgency: Urgency) -> Self {
        let (session, step) = Session::place(SessionId(7), at(0), asked_for(kind, urgency));
        Self {
            session,
            events: vec![step.event],
            inputs: 1,
        }
    }

    fn feed(&mut self, now: Now, input: Input) -> Result<Vec<Action>, Why> {
        let step = self
            .session
            .handle(now, &input)
            .map_err(|refusal| refusal.why)?;
        self.events.push(step.event);
        self.inputs += 1;
        if let Input::InvitationAccepted { seat, .. } = input {
            let seen = Input::MediaConnected(seat.leg());
            let step = self.session.handle(now, &seen).unwrap();
            self.events.push(step.event);
        }
        Ok(step.actions)
    }

    /// Feeds what must be permitted, one input per second.
    fn through(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        for input in inputs {
            let now = at(self.inputs * 1_000);
            self.feed(now, input).unwrap();
        }
        self
    }

    fn ended(&self) -> (EndReason, u64, u64) {
        let State::CallEnded {
            reason,
            session_ms,
            conversation_ms,
            ..
        } = self.session.state()
        else {
            panic!("not over: {:?}", self.session.state());
        };
        (*reason, *session_ms, *conversation_ms)
    }
}

fn matched(number: u32, epoch: u32) -> Input {
    Input::Matched {
        seat: Seat::Lead,
        ca: ca(number),
        epoch: Epoch(epoch),
    }
}

fn accepted(number: u32, epoch: u32) -> Input {
    Input::InvitationAccepted {
        seat: Seat::Lead,
        ca: ca(number),
        epoch: Epoch(epoch),
        center: None,
    }
}

fn declined(number: u32, epoch: u32, how: Decline) -> Input {
    Input::InvitationDeclined {
        seat: Seat::Lead,
        ca: ca(number),
        epoch: Epoch(epoch),
        how,
    }
}

const DIALLED: Input = Input::DialStarted { address: None };
const ANSWERED: Input = Input::CalledAnswered { address: None };

fn assigned() -> Walk {
    Walk::begin().through([matched(1, 1), accepted(1, 1)])
}

fn dialing() -> Walk {
    assigned().through([DIALLED])
}

fn active() -> Walk {
    dialing().through([Input::CalledRang, ANSWERED])
}

#[test]
fn a_relayed_call_goes_through_all_five_states() {
    let mut walk = Walk::begin();
    let mut states = vec![walk.session.state().name()];
    let inputs = [
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
        Input::CalledRang,
        ANSWERED,
        Input::HungUp(Leg::Hearing),
    ];
    for input in inputs {
        let now = at(walk.events.len() as u64 * 1_000);
        walk.feed(now, input).unwrap();
        states.push(walk.session.state().name());
    }
    states.dedup();
    assert_eq!(states, SessionState::ALL);
    let words: Vec<_> = walk.events.iter().map(|event| event.kind.word()).collect();
    assert_eq!(
        words,
        [
            "call_placed",
            "interpreter_invited",
            "interpreter_assigned",
            "leg_connected",
            "dialing_started",
            "called_rang",
            "called_answered",
            "ended"
        ]
    );
}

#[test]
fn f32_f33_the_conversation_begins_when_the_telephone_is_answered_and_not_when_it_rings() {
    let mut walk = active();
    let rang = walk.session.view(at(5_000));
    assert_eq!((rang.session_ms, rang.conversation_ms), (5_000, 0));
    let talking = walk.session.view(at(65_000));
    assert_eq!(
        (talking.session_ms, talking.conversation_ms),
        (65_000, 60_000)
    );
    walk.feed(at(70_500), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(walk.ended(), (EndReason::CallerHungUp, 70_500, 65_500));
    let later = walk.session.view(at(900_000));
    assert_eq!((later.session_ms, later.conversation_ms), (70_500, 65_500));
}

#[test]
fn f33_nobody_pays_for_an_interpreter_whom_the_caller_does_not_see() {
    let mut walk = Walk::begin().through([matched(1, 1)]);
    // Without the media that comes with every other answer here.
    let step = walk.session.handle(at(2_000), &accepted(1, 1)).unwrap();
    walk.events.push(step.event);
    for input in [DIALLED, ANSWERED] {
        walk.feed(at(3_000), input).unwrap();
    }
    assert_eq!(walk.session.view(at(20_000)).conversation_ms, 0);
    let seen = Input::MediaConnected(Leg::Interpreter);
    walk.feed(at(20_000), seen).unwrap();
    walk.feed(at(50_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(walk.ended(), (EndReason::CallerHungUp, 50_000, 30_000));
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
}

#[test]
fn r07_a_step_of_the_wall_clock_changes_no_duration() {
    let mut walk = active();
    let stepped_back = Now {
        utc_ms: 1_000,
        mono_ms: at(65_000).mono_ms,
    };
    walk.feed(stepped_back, Input::HungUp(Leg::Hearing))
        .unwrap();
    assert_eq!(walk.ended(), (EndReason::HearingHungUp, 65_000, 60_000));
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
}

#[test]
fn f43_a_telephone_that_only_rang_has_no_conversation() {
    let mut walk = dialing().through([Input::CalledRang]);
    let reason = EndReason::HearingBusy;
    walk.feed(at(90_000), Input::CalledFailed { reason })
        .unwrap();
    assert_eq!(walk.ended(), (EndReason::HearingBusy, 90_000, 0));
    assert_eq!(walk.session.view(at(0)).telephone, TelephoneState::Busy);
}

#[test]
fn f18_an_emergency_call_enters_the_queue_first() {
    let placed = asked_for(CallKind::RelayOutbound, Urgency::Emergency);
    let (_, step) = Session::place(SessionId(1), at(0), placed);
    let [Action::EnterQueue { seat, urgency, .. }] = &step.actions[..] else {
        panic!("{:?}", step.actions);
    };
    assert_eq!((*seat, *urgency), (Seat::Lead, Urgency::Emergency));
}

#[test]
fn a_declined_invitation_leaves_the_session_waiting_for_the_next_match() {
    let mut walk = Walk::begin();
    for (epoch, how) in (1..).zip(Decline::ALL) {
        walk.feed(at(1), matched(1, epoch)).unwrap();
        let actions = walk.feed(at(2), declined(1, epoch, *how)).unwrap();
        let cancelled = actions
            .iter()
            .any(|a| matches!(a, Action::CancelInvitation { .. }));
        assert_eq!(cancelled, *how != Decline::Declined, "{how}");
        assert_eq!(walk.session.state().name(), SessionState::RequestReceived);
    }
    let crew = &walk.session.state().parties().unwrap().crew;
    assert_eq!((crew.latest, crew.declines), (Epoch(3), 3));
    assert_eq!(crew.asked(Seat::Lead), None);
    walk.through([matched(2, 4), accepted(2, 4)]);
}

#[test]
fn q1_a_second_interpreter_is_refused_at_every_step() {
    let mut inviting = Walk::begin().through([matched(1, 1)]);
    assert_eq!(
        inviting.feed(at(1), matched(2, 2)),
        Err(Why::AlreadyInvited)
    );
    assert_eq!(inviting.feed(at(1), accepted(2, 1)), Err(Why::NotInvited));
    for mut walk in [assigned(), dialing(), active()] {
        assert_eq!(
            walk.feed(at(9_000), matched(2, 2)),
            Err(Why::AlreadyAssigned)
        );
        assert_eq!(
            walk.feed(at(9_000), accepted(2, 2)),
            Err(Why::AlreadyAssigned)
        );
        assert_eq!(
            walk.feed(at(9_000), accepted(1, 1)),
            Err(Why::AlreadyAssigned)
        );
        assert_eq!(walk.feed(at(9_000), matched(2, 1)), Err(Why::StaleEpoch));
    }
}

#[test]
fn q4_a_late_word_from_an_earlier_asking_is_refused() {
    let inputs = [
        matched(1, 1),
        declined(1, 1, Decline::TimedOut),
        matched(1, 2),
    ];
    let mut walk = Walk::begin().through(inputs);
    assert_eq!(walk.feed(at(9_000), accepted(1, 1)), Err(Why::StaleEpoch));
    assert_eq!(
        walk.feed(at(9_000), declined(1, 1, Decline::Declined)),
        Err(Why::StaleEpoch)
    );
    walk.feed(at(9_000), accepted(1, 2)).unwrap();
    assert_eq!(walk.feed(at(9_500), accepted(1, 1)), Err(Why::StaleEpoch));
    let mut waiting = Walk::begin().through([matched(1, 1), declined(1, 1, Decline::Lost)]);
    assert_eq!(
        waiting.feed(at(9_000), accepted(1, 1)),
        Err(Why::StaleEpoch)
    );
    assert_eq!(waiting.feed(at(9_000), matched(1, 1)), Err(Why::StaleEpoch));
}

#[test]
fn a_caller_who_gives_up_while_queued_leaves_nobody_ringing() {
    let mut walk = Walk::begin().through([matched(1, 1)]);
    let actions = walk.feed(at(3_000), Input::HungUp(Leg::Caller)).unwrap();
    let cancel = Action::CancelInvitation {
        seat: Seat::Lead,
        ca: ca(1),
        epoch: Epoch(1),
        reason: EndReason::CallerCancelled,
    };
    assert_eq!(actions, [cancel, Action::CloseMedia, Action::LeaveQueue]);
    assert_eq!(walk.ended().0, EndReason::CallerCancelled);
}

#[test]
fn whoever_hangs_up_or_is_lost_ends_the_call_under_their_name() {
    let cases = [
        (Input::HungUp(Leg::Caller), EndReason::CallerHungUp),
        (
            Input::HungUp(Leg::Interpreter),
            EndReason::InterpreterHungUp,
        ),
        (Input::HungUp(Leg::Hearing), EndReason::HearingHungUp),
        (Input::Lost(Leg::Caller), EndReason::CallerLost),
        (Input::Lost(Leg::Hearing), EndReason::HearingLost),
        (Input::Stop, EndReason::ServiceStopping),
        (Input::Restarted, EndReason::ServerRestarted),
    ];
    for (input, reason) in cases {
        let mut walk = active();
        walk.feed(at(10_000), input).unwrap();
        assert_eq!(walk.ended().0, reason);
        assert_eq!(walk.session.view(at(0)).telephone, TelephoneState::Ended);
    }
}

#[test]
fn a_telephone_that_rings_too_long_is_not_answered() {
    let mut walk = dialing().through([Input::CalledRang]);
    let rules = Rules::default();
    let deadline = walk.session.poll_timeout(&rules).unwrap();
    assert_eq!(deadline, at(3_000 + 180_000).mono_ms);
    assert_eq!(walk.session.due(at(182_999), &rules), None);
    let input = walk.session.due(at(183_000), &rules).unwrap();
    walk.feed(at(183_000), input).unwrap();
    assert_eq!(walk.ended(), (EndReason::HearingNoAnswer, 183_000, 0));
    assert_eq!(walk.session.poll_timeout(&rules), None);
    assert_eq!(active().session.poll_timeout(&rules), None);
}

#[test]
fn nothing_is_changed_by_a_proposal_or_a_refusal() {
    let mut walk = assigned();
    let before = walk.session.clone();
    let step = walk.session.propose(at(4_000), &DIALLED).unwrap();
    assert_eq!(walk.session, before);
    assert_eq!(walk.feed(at(4_000), ANSWERED), Err(Why::TooEarly));
    assert_eq!(walk.session, before);
    walk.session.apply(&step.event).unwrap();
    assert_eq!(
        walk.session.state().name(),
        SessionState::HearingPartyDialing
    );
}

#[test]
fn a_refusal_names_state_input_and_why_and_no_number() {
    let refusal = active().session.propose(at(9_000), &DIALLED).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "dial_started refused in relay_active: too late"
    );
}

#[test]
fn a_damaged_history_is_named_and_not_believed() {
    let events = active().through([Input::HungUp(Leg::Caller)]).events;
    assert_eq!(replay(&[]), Err(ReplayError::Empty));
    assert_eq!(replay(&events[1..]), Err(ReplayError::NotPlaced));
    let mut missing = events.clone();
    missing.remove(3);
    assert_eq!(
        replay(&missing),
        Err(ReplayError::Gap {
            expected: 3,
            found: 4
        })
    );
    let mut swapped = events.clone();
    swapped[2].session = SessionId(8);
    assert_eq!(
        replay(&swapped),
        Err(ReplayError::OtherSession { sequence: 2 })
    );
    let mut earlier = events.clone();
    earlier[4].session_ms = 1;
    assert_eq!(
        replay(&earlier),
        Err(ReplayError::ClockBackwards { sequence: 4 })
    );
    let mut other = events.clone();
    other[3].kind = EventKind::CalledRang;
    let misfit = ReplayError::Misfit {
        sequence: 3,
        kind: "called_rang",
    };
    assert_eq!(replay(&other), Err(misfit));
    let mut longer = events;
    if let EventKind::Ended {
        conversation_ms, ..
    } = &mut longer[7].kind
    {
        *conversation_ms += 60_000;
    }
    assert_eq!(
        replay(&longer),
        Err(ReplayError::Misfit {
            sequence: 7,
            kind: "ended"
        })
    );
}

#[test]
fn r33_every_state_answers_every_input_and_no_step_goes_back() {
    for (kind, urgency) in [
        (CallKind::RelayOutbound, Urgency::Standard),
        (CallKind::RelayInbound, Urgency::Standard),
        (CallKind::RelayOutbound, Urgency::Emergency),
        (CallKind::PointToPoint, Urgency::Standard),
    ] {
        let specimens = Specimens::new(kind, urgency).unwrap();
        let words = specimens.inputs.iter().map(|(_, input)| input.word());
        let words: std::collections::BTreeSet<_> = words.collect();
        assert_eq!(words.len(), 20, "a specimen for each input: {words:?}");
        for (label, state) in &specimens.states {
            for (input_label, input) in &specimens.inputs {
                match table::transition(state, input, 1_000) {
                    Ok(step) => {
                        assert!(step.next.name() >= state.name(), "{label}, {input_label}");
                    }
                    Err(refusal) => {
                        assert_ne!(refusal.why, Why::EventDoesNotFit, "{label}, {input_label}");
                    }
                }
            }
        }
        let known = |name: &&SessionState| specimens.states.iter().any(|(_, s)| s.name() == **name);
        let all = SessionState::ALL.iter().filter(known).count();
        assert_eq!(all, if kind.is_relayed() { 5 } else { 4 });
    }
}

#[test]
fn docs_flows_session_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/flows/session.md");
    let page = describe();
    if std::env::var_os("UPDATE_FLOWS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/flows/session.md is out of date: UPDATE_FLOWS=1 cargo test -p relay-core"
    );
}
