//! The queue once more, slow and obvious: every decision by looking at everything.
//!
//! What it is not: bounded or fast. The tests hold the real queue to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vrs_domain::{
    Activity, Availability, CaId, Epoch, LanguagePair, Seat, SessionId, SpokenLanguage, Urgency,
};

use super::{
    DECLINE_MEMORY, EMERGENCY_DECLINE_MEMORY, InterpreterProfile, Match, QueueError, QueueRules,
    QueueSummary, Request,
};

#[derive(Debug, Clone)]
pub(super) struct ModelSeat {
    pub(super) request: Request,
    entered: Instant,
    pub(super) epoch: Epoch,
    /// With the invitation's deadline, none once accepted.
    pub(super) engaged: Option<(CaId, Option<Instant>)>,
}

#[derive(Debug, Clone)]
struct ModelInterpreter {
    profile: InterpreterProfile,
    activity: Activity,
    present: bool,
    idle_since: Instant,
    wrap_until: Option<Instant>,
    resting: bool,
    missed: u32,
    call_since: Option<Instant>,
    calls: Vec<(Instant, Instant)>,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    rules: QueueRules,
    pub(super) known: BTreeMap<SessionId, Epoch>,
    /// In order of arrival.
    pub(super) seats: Vec<ModelSeat>,
    interpreters: BTreeMap<CaId, ModelInterpreter>,
    declines: BTreeMap<(SessionId, CaId), Instant>,
    /// The calls of those who signed out.
    gone: BTreeMap<CaId, Vec<(Instant, Instant)>>,
}

impl Model {
    pub(super) fn new(rules: QueueRules) -> Self {
        Self {
            rules,
            known: BTreeMap::new(),
            seats: Vec::new(),
            interpreters: BTreeMap::new(),
            declines: BTreeMap::new(),
            gone: BTreeMap::new(),
        }
    }

    // ---- interpreters ----

    pub(super) fn sign_in(&mut self, ca: &CaId, profile: InterpreterProfile, now: Instant) {
        let rules = self.rules;
        let one = self.interpreter(ca, now);
        if !one.present {
            one.present = true;
            one.activity = Activity::Available;
            one.resting = one.is_too_busy(rules, now);
        }
        one.profile = profile;
    }

    fn interpreter(&mut self, ca: &CaId, now: Instant) -> &mut ModelInterpreter {
        let gone = &mut self.gone;
        self.interpreters
            .entry(ca.clone())
            .or_insert_with(|| ModelInterpreter {
                profile: InterpreterProfile::default(),
                activity: Activity::Available,
                present: false,
                idle_since: now,
                wrap_until: None,
                resting: false,
                missed: 0,
                call_since: None,
                calls: gone.remove(ca).unwrap_or_default(),
            })
    }

    pub(super) fn set_activity(
        &mut self,
        ca: &CaId,
        activity: Activity,
        now: Instant,
    ) -> Result<(), QueueError> {
        let one = self.interpreters.get_mut(ca).filter(|one| one.present);
        let one = one.ok_or(QueueError::UnknownInterpreter)?;
        if one.activity == activity && one.wrap_until.is_none() {
            return Ok(());
        }
        if one.activity != activity {
            one.idle_since = now;
        }
        one.activity = activity;
        one.wrap_until = None;
        if activity == Activity::Available {
            one.missed = 0;
            self.declines.retain(|(_, who), _| who != ca);
        }
        Ok(())
    }

    pub(super) fn sign_out(&mut self, ca: &CaId) -> Option<Match> {
        let one = self.interpreters.get_mut(ca).filter(|one| one.present)?;
        self.declines.retain(|(_, who), _| who != ca);
        if one.call_since.is_some() {
            one.present = false;
            return None;
        }
        self.dismiss(ca);
        let seat = self.engaged(ca)?;
        let given_back = self.seats[seat].to_match();
        self.seats[seat].engaged = None;
        given_back
    }

    fn dismiss(&mut self, ca: &CaId) {
        if let Some(one) = self.interpreters.remove(ca) {
            self.gone.insert(ca.clone(), one.calls);
        }
    }

    /// The seat for which somebody is asked or which they have.
    fn engaged(&self, ca: &CaId) -> Option<usize> {
        let with = |s: &ModelSeat| s.engaged.as_ref().is_some_and(|(one, _)| one == ca);
        self.seats.iter().position(with)
    }

    pub(super) fn availability(&self, ca: &CaId) -> Availability {
        let Some(one) = self.interpreters.get(ca).filter(|one| one.present) else {
            return Availability::Offline;
        };
        match self.engaged(ca) {
            Some(seat) if self.seats[seat].is_assigned() => Availability::InCall,
            Some(_) => Availability::Invited,
            None if one.wrap_until.is_some() => Availability::WrapUp,
            None => one.activity.into(),
        }
    }

    pub(super) fn is_resting(&self, ca: &CaId) -> bool {
        let one = self.interpreters.get(ca).filter(|one| one.present);
        one.is_some_and(|one| one.resting)
    }

    pub(super) fn profile(&self, ca: &CaId) -> Option<&InterpreterProfile> {
        let one = self.interpreters.get(ca).filter(|one| one.present);
        one.map(|one| &one.profile)
    }

    pub(super) fn has_any(&self, languages: LanguagePair) -> bool {
        let mut present = self.interpreters.values().filter(|one| one.present);
        present.any(|one| one.profile.languages.contains(&languages))
    }

    // ---- sessions ----

    pub(super) fn enter(&mut self, request: Request, now: Instant) -> Result<(), QueueError> {
        if self.seat(request.session, request.seat).is_some() {
            return Err(QueueError::AlreadyWaiting);
        }
        self.known.entry(request.session).or_default();
        self.seats.push(ModelSeat {
            request,
            entered: now,
            epoch: Epoch(0),
            engaged: None,
        });
        Ok(())
    }

    pub(super) fn seat(&self, session: SessionId, seat: Seat) -> Option<usize> {
        let this = |s: &ModelSeat| s.request.session == session && s.request.seat == seat;
        self.seats.iter().position(this)
    }

    pub(super) fn vacate(&mut self, id: SessionId, seat: Seat, now: Instant) -> Option<Match> {
        let place = self.seat(id, seat)?;
        let gone = self.seats.remove(place);
        let (ca, _) = gone.engaged.as_ref()?;
        self.free(ca, now);
        gone.to_match()
    }

    pub(super) fn relieve(&mut self, id: SessionId, now: Instant) -> Option<Match> {
        let relief = self.seat(id, Seat::Relief)?;
        if !self.seats[relief].is_assigned() {
            return None;
        }
        let lead = self.seat(id, Seat::Lead);
        let had_it = lead.is_some_and(|lead| self.seats[lead].is_assigned());
        let former = self.vacate(id, Seat::Lead, now);
        if had_it && let Some(former) = &former {
            self.declines
                .insert((id, former.ca.clone()), now + DECLINE_MEMORY);
        }
        let relief = self.seat(id, Seat::Relief)?;
        self.seats[relief].request.seat = Seat::Lead;
        former
    }

    pub(super) fn leave(&mut self, id: SessionId, now: Instant) -> Vec<Match> {
        self.known.remove(&id);
        self.declines.retain(|(session, _), _| *session != id);
        let seats = Seat::ALL.iter();
        seats.filter_map(|s| self.vacate(id, *s, now)).collect()
    }

    pub(super) fn resume(
        &mut self,
        request: Request,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        let Request { session, seat, .. } = request;
        if self.seat(session, seat).is_some() {
            return Err(QueueError::AlreadyWaiting);
        }
        if self.engaged(ca).is_some() {
            return Err(QueueError::Engaged);
        }
        self.interpreter(ca, now).begin_call(now);
        self.seats.push(ModelSeat {
            request,
            entered: now,
            epoch,
            engaged: Some((ca.clone(), None)),
        });
        let latest = self.known.entry(session).or_default();
        *latest = epoch.max(*latest);
        Ok(())
    }

    pub(super) fn position(&self, id: SessionId) -> Option<u32> {
        let place = self.seat(id, Seat::Lead)?;
        let one = &self.seats[place];
        let mine = (one.request.urgency, place);
        let ahead = self.seats.iter().enumerate().filter(|(other, s)| {
            !s.is_assigned()
                && s.request.seat != Seat::Supervisor
                && s.request.languages == one.request.languages
                && (s.request.urgency, *other) < mine
        });
        (!one.is_assigned()).then(|| ahead.count() as u32 + 1)
    }

    pub(super) fn waited(&self, id: SessionId, now: Instant) -> Option<Duration> {
        let place = self.seat(id, Seat::Lead)?;
        Some(now - self.seats[place].entered)
    }

    // ---- decisions ----

    pub(super) fn accepted(
        &mut self,
        id: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        let place = self.invited(id, seat, ca, epoch)?;
        self.seats[place].engaged = Some((ca.clone(), None));
        self.declines.retain(|(session, _), _| *session != id);
        self.interpreter(ca, now).begin_call(now);
        Ok(())
    }

    pub(super) fn declined(
        &mut self,
        id: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        let place = self.invited(id, seat, ca, epoch)?;
        self.interpreter(ca, now).missed = 0;
        self.decline(place, now);
        Ok(())
    }

    /// The seat for which exactly this invitation is out.
    fn invited(
        &self,
        id: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
    ) -> Result<usize, QueueError> {
        if !self.known.contains_key(&id) {
            return Err(QueueError::UnknownSession);
        }
        if self.availability(ca) == Availability::Offline {
            return Err(QueueError::UnknownInterpreter);
        }
        let place = self.seat(id, seat).ok_or(QueueError::Stale)?;
        let one = &self.seats[place];
        let mut asked = one.engaged.iter();
        let right = asked.any(|(who, deadline)| who == ca && deadline.is_some());
        if right && one.epoch == epoch {
            Ok(place)
        } else {
            Err(QueueError::Stale)
        }
    }

    fn decline(&mut self, place: usize, now: Instant) {
        let id = self.seats[place].request.session;
        if let Some((ca, _)) = self.seats[place].engaged.take() {
            let memory = match self.seats[place].request.urgency {
                Urgency::Emergency => EMERGENCY_DECLINE_MEMORY,
                Urgency::Urgent | Urgency::Standard => DECLINE_MEMORY,
            };
            self.declines.insert((id, ca.clone()), now + memory);
            self.free(&ca, now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Match> {
        self.advance(now);
        let deadline = |s: &ModelSeat| s.engaged.as_ref().and_then(|(_, deadline)| *deadline);
        let late = self.seats.iter().enumerate().filter_map(|(place, s)| {
            let deadline = deadline(s).filter(|deadline| *deadline <= now)?;
            Some(((deadline, s.request.session, s.request.seat), place))
        });
        let (_, place) = late.min()?;
        let lapsed = self.seats[place].to_match()?;
        let most = self.rules.missed_max;
        let one = self.interpreter(&lapsed.ca, now);
        one.missed += 1;
        if most > 0 && one.missed >= most && one.activity == Activity::Available {
            one.activity = Activity::Away;
            one.wrap_until = None;
        }
        self.decline(place, now);
        Some(lapsed)
    }

    /// Wrap-ups, rests and declines that are over.
    fn advance(&mut self, now: Instant) {
        let rules = self.rules;
        for one in self.interpreters.values_mut() {
            one.wrap_until = one.wrap_until.filter(|until| *until > now);
            one.resting = one.resting && one.is_too_busy(rules, now);
        }
        self.declines.retain(|_, until| *until > now);
    }

    fn free(&mut self, ca: &CaId, now: Instant) {
        let rules = self.rules;
        let Some(one) = self.interpreters.get_mut(ca) else {
            return;
        };
        one.idle_since = now;
        if let Some(since) = one.call_since.take() {
            one.calls.push((since, now));
            one.resting = one.is_too_busy(rules, now);
            if one.activity == Activity::Available && !rules.wrap_up.is_zero() {
                one.wrap_until = Some(now + rules.wrap_up);
            }
            if !one.present {
                self.dismiss(ca);
            }
        }
    }

    /// Q5, Q6, Q8, wishes and the tie-break, spelled out.
    pub(super) fn next(&mut self, now: Instant) -> Option<Match> {
        self.advance(now);
        let mut waiting: Vec<usize> = (0..self.seats.len())
            .filter(|place| self.seats[*place].engaged.is_none())
            .collect();
        waiting.sort_by_key(|place| self.seats[*place].request.urgency); // stable: then arrival
        let (place, ca) = waiting.into_iter().find_map(|place| {
            let fitting = self.interpreters.iter().filter_map(|(ca, one)| {
                let rank = self.rank(&self.seats[place], ca, one, now)?;
                Some((rank, one.idle_since, ca))
            });
            let (_, _, ca) = fitting.min()?;
            Some((place, ca.clone()))
        })?;
        let one = &mut self.seats[place];
        let latest = self.known.get_mut(&one.request.session)?;
        *latest = latest.next();
        one.epoch = *latest;
        one.engaged = Some((ca, Some(now + self.rules.invitation_timeout)));
        one.to_match()
    }

    /// How well a free interpreter fits, 0 best; none when they must not be asked.
    fn rank(
        &self,
        seat: &ModelSeat,
        ca: &CaId,
        one: &ModelInterpreter,
        now: Instant,
    ) -> Option<u8> {
        let request = &seat.request;
        let declined = self.declines.contains_key(&(request.session, ca.clone()));
        let free = one.present && one.activity == Activity::Available;
        if !free || self.engaged(ca).is_some() || declined {
            return None;
        }
        let left_alone = one.wrap_until.is_some() || one.resting;
        if request.urgency == Urgency::Emergency {
            let place = one.languages_for(request)?;
            return Some(2 * place + u8::from(left_alone));
        }
        if !one.can(request) {
            return None;
        }
        let patient = now < seat.entered + self.rules.wish_patience;
        let mut on_shift = self.interpreters.values().filter(|other| {
            other.present && other.activity != Activity::Away && other.can(request)
        });
        let skill_binds = patient && on_shift.clone().any(|other| other.is_skilled(request));
        let gender_binds = patient
            && on_shift.any(|other| {
                other.is_of_gender(request) && (!skill_binds || other.is_skilled(request))
            });
        let skilled = one.is_skilled(request);
        let gender = one.is_of_gender(request);
        let bound = (skill_binds && !skilled) || (gender_binds && !gender);
        if left_alone || bound {
            return None;
        }
        Some(match (skilled, gender) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        })
    }

    pub(super) fn summary(&self) -> QueueSummary {
        let mut summary = QueueSummary {
            waiting: self.seats.iter().filter(|s| !s.is_assigned()).count(),
            ..QueueSummary::default()
        };
        for ca in self.interpreters.keys() {
            match self.availability(ca) {
                Availability::Available => summary.available += 1,
                Availability::Invited => summary.invited += 1,
                Availability::InCall => summary.in_call += 1,
                Availability::WrapUp => summary.wrap_up += 1,
                Availability::Break | Availability::Meal | Availability::Training => {
                    summary.on_break += 1;
                }
                Availability::Away => summary.away += 1,
                Availability::Offline => {}
            }
        }
        summary
    }
}

impl ModelSeat {
    pub(super) fn is_assigned(&self) -> bool {
        self.engaged.as_ref().is_some_and(|(_, d)| d.is_none())
    }

    fn to_match(&self) -> Option<Match> {
        let (ca, _) = self.engaged.clone()?;
        Some(Match {
            session: self.request.session,
            seat: self.request.seat,
            ca,
            epoch: self.epoch,
        })
    }
}

impl ModelInterpreter {
    fn begin_call(&mut self, now: Instant) {
        self.call_since = Some(now);
        self.missed = 0;
        self.wrap_until = None;
        self.resting = false;
    }

    /// Languages and, for a supervisor's seat, being one.
    fn can(&self, request: &Request) -> bool {
        let supervises = request.seat != Seat::Supervisor || self.profile.supervisor;
        supervises && self.profile.languages.contains(&request.languages)
    }

    /// For help: 0 with the right languages, more with another spoken one.
    fn languages_for(&self, request: &Request) -> Option<u8> {
        let spoken = SpokenLanguage::ALL.iter();
        let places = (1..).zip(spoken).filter_map(|(place, &spoken)| {
            let right = spoken == request.languages.spoken;
            let languages = LanguagePair {
                spoken,
                ..request.languages
            };
            let other = Request {
                languages,
                ..*request
            };
            self.can(&other).then_some(if right { 0 } else { place })
        });
        places.min()
    }

    fn is_skilled(&self, request: &Request) -> bool {
        let has = |skill| self.profile.skills.contains(&skill);
        request.skill.is_none_or(has)
    }

    fn is_of_gender(&self, request: &Request) -> bool {
        request.gender.is_none() || request.gender == self.profile.gender
    }

    fn is_too_busy(&self, rules: QueueRules, now: Instant) -> bool {
        let Some(rule) = rules.occupancy else {
            return false;
        };
        let age = |at: Instant| (now - at).min(rule.window);
        let calls = self.calls.iter();
        let busy: Duration = calls.map(|(since, until)| age(*since) - age(*until)).sum();
        let share = rule.window.as_nanos() * u128::from(rule.share_percent);
        share > 0 && busy.as_nanos() * 100 >= share
    }
}
