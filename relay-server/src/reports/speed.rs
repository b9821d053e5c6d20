//! Speed of answer: 47 CFR 64.604(b)(2)(iii), domain list F1.
//!
//! The clock of a call starts when it arrives and stops when an interpreter answers, which is when
//! their media is up; queue and ringing do not stop it. Calls that were abandoned count. Calls that
//! were refused because the caller is not eligible do not.

use std::fmt;

use relay_core::session::{Session, State};
use serde::Serialize;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use vrs_domain::{CallKind, EndReason};

/// A call is answered in time within this, in milliseconds.
pub const WITHIN_MS: u64 = 120_000;
/// The share of calls that has to be answered in time, in percent.
pub const SHARE_PERCENT: u64 = 80;
/// What is to come is estimated from so many days before now.
const RECENT_DAYS: i64 = 7;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// A calendar month, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarMonth {
    first: Date,
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not a month; write it like 2026-11")]
pub struct WrongMonth;

impl std::str::FromStr for CalendarMonth {
    type Err = WrongMonth;

    fn from_str(text: &str) -> Result<Self, WrongMonth> {
        let (year, month) = text.split_once('-').ok_or(WrongMonth)?;
        let year = year.parse().map_err(|_| WrongMonth)?;
        let number: u8 = month.parse().map_err(|_| WrongMonth)?;
        let month = Month::try_from(number).map_err(|_| WrongMonth)?;
        let first = Date::from_calendar_date(year, month, 1).map_err(|_| WrongMonth)?;
        Ok(Self { first })
    }
}

impl fmt::Display for CalendarMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{:02}",
            self.first.year(),
            u8::from(self.first.month())
        )
    }
}

impl CalendarMonth {
    /// The month of a moment, in milliseconds UTC.
    #[must_use]
    pub fn of(utc_ms: u64) -> Self {
        let seconds = i64::try_from(utc_ms / 1_000).unwrap_or_default();
        let time = OffsetDateTime::from_unix_timestamp(seconds);
        let date = time.map_or(Date::MIN, OffsetDateTime::date);
        let first = date.replace_day(1).unwrap_or(date);
        Self { first }
    }

    /// From its first millisecond to the one after its last, UTC.
    fn bounds_ms(self) -> (u64, u64) {
        let length = self.first.month().length(self.first.year());
        let start = self
            .first
            .with_time(Time::MIDNIGHT)
            .assume_offset(UtcOffset::UTC);
        let start_ms = u64::try_from(start.unix_timestamp()).unwrap_or_default() * 1_000;
        (start_ms, start_ms + u64::from(length) * DAY_MS)
    }
}

/// Calls, and how many of them were answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Calls that count.
    pub calls: u64,
    /// Answered within [`WITHIN_MS`].
    pub in_time: u64,
    /// Answered later.
    pub late: u64,
    /// Never answered.
    pub abandoned: u64,
}

impl Tally {
    /// Share of calls answered in time, in percent; 100 when there is none.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.calls == 0 {
            100.0
        } else {
            self.in_time as f64 * 100.0 / self.calls as f64
        }
    }

    fn add(&mut self, answer_ms: Option<u64>) {
        self.calls += 1;
        match answer_ms {
            Some(ms) if ms <= WITHIN_MS => self.in_time += 1,
            Some(_) => self.late += 1,
            None => self.abandoned += 1,
        }
    }
}

/// The month as a whole, as far as one can say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Such as `2026-11`.
    pub month: String,
    /// From the first of the month until now.
    pub to_date: Tally,
    /// Share in time so far, in percent.
    pub percent: f64,
    /// Refused because the caller is not eligible; not counted.
    pub excluded: u64,
    /// Waiting now and not yet late; not counted yet.
    pub waiting: u64,
    /// The whole month if the rest goes like the last seven days, or like all days of a younger
    /// service; `None` when it is over.
    pub forecast: Option<Forecast>,
}

/// What is to come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Calls in the whole month.
    pub calls: u64,
    /// Share in time at its end, in percent.
    pub percent: f64,
    /// Calls of the rest that may be late or abandoned while the month still reaches its share.
    pub may_miss: u64,
}

/// Counts the calls of one month.
#[derive(Debug)]
pub struct Counter {
    month: CalendarMonth,
    now_ms: u64,
    to_date: Tally,
    recent: Tally,
    /// When the first call was placed that is known; now, while there is none.
    since_ms: u64,
    excluded: u64,
    waiting: u64,
}

impl Counter {
    /// A month as it stands at `now_ms`, in milliseconds UTC.
    #[must_use]
    pub fn new(month: CalendarMonth, now_ms: u64) -> Self {
        Self {
            month,
            now_ms,
            to_date: Tally::default(),
            recent: Tally::default(),
            since_ms: now_ms,
            excluded: 0,
            waiting: 0,
        }
    }

    /// Counts a session, ended or not.
    pub fn add(&mut self, session: &Session) {
        let placed_ms = session.placed_at_ms();
        match session.placed().kind {
            CallKind::RelayOutbound | CallKind::RelayInbound => {}
            CallKind::PointToPoint => return,
        }
        let (first, end) = self.month.bounds_ms();
        let now_ms = self.now_ms.min(end);
        if placed_ms >= now_ms {
            return;
        }
        self.since_ms = self.since_ms.min(placed_ms);
        let answer_ms = session.milestones().interpreter_answered_ms;
        let in_month = placed_ms >= first;
        match session.state() {
            State::CallEnded {
                reason: EndReason::NotAllowed,
                ..
            } => {
                self.excluded += u64::from(in_month);
                return;
            }
            State::CallEnded { .. } => {}
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::HearingPartyDialing { .. }
            | State::RelayActive { .. } => {
                if answer_ms.is_none() && now_ms - placed_ms <= WITHIN_MS {
                    self.waiting += u64::from(in_month);
                    return;
                }
            }
        }
        if in_month {
            self.to_date.add(answer_ms);
        }
        let recent_ms = u64::try_from(RECENT_DAYS).unwrap_or_default() * DAY_MS;
        if placed_ms >= now_ms.saturating_sub(recent_ms) {
            self.recent.add(answer_ms);
        }
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            month: self.month.to_string(),
            to_date: self.to_date,
            percent: self.to_date.percent(),
            excluded: self.excluded,
            waiting: self.waiting,
            forecast: self.forecast(),
        }
    }

    fn forecast(&self) -> Option<Forecast> {
        let (first, end) = self.month.bounds_ms();
        if self.now_ms >= end || self.now_ms <= first {
            return None;
        }
        let left_days = (end - self.now_ms) as f64 / DAY_MS as f64;
        let age_ms = self.now_ms - self.since_ms;
        let days = (age_ms as f64 / DAY_MS as f64).clamp(1.0, RECENT_DAYS as f64);
        let a_day = self.recent.calls as f64 / days;
        let rest = (a_day * left_days).round();
        let rest_in_time = rest * self.recent.percent() / 100.0;
        let calls = self.to_date.calls as f64 + rest;
        let in_time = self.to_date.in_time as f64 + rest_in_time;
        let needed = (calls * SHARE_PERCENT as f64 / 100.0).ceil();
        let may_miss = (self.to_date.in_time as f64 + rest - needed)
            .max(0.0)
            .min(rest);
        Some(Forecast {
            calls: calls as u64,
            percent: if calls > 0.0 {
                in_time * 100.0 / calls
            } else {
                100.0
            },
            may_miss: may_miss as u64,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            calls,
            in_time,
            late,
            abandoned,
        } = self.to_date;
        let seconds = WITHIN_MS / 1_000;
        let verdict = if self.percent >= SHARE_PERCENT as f64 {
            "met"
        } else {
            "MISSED"
        };
        writeln!(
            f,
            "{} to date: {:.2} % of {calls} calls answered within {seconds} s ({SHARE_PERCENT} % needed: {verdict})",
            self.month, self.percent
        )?;
        write!(
            f,
            "{in_time} in time, {late} late, {abandoned} abandoned; {} excluded, {} waiting",
            self.excluded, self.waiting
        )?;
        if let Some(forecast) = &self.forecast {
            write!(
                f,
                "\nforecast: {:.2} % of {} calls; {} of the rest may be late or abandoned",
                forecast.percent, forecast.calls, forecast.may_miss
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use relay_core::clock::Now;
    use relay_core::session::{Input, Placed};
    use vrs_domain::{Epoch, LanguagePair, Leg, Seat, SessionId, Urgency};

    use super::*;

    /// 2026-11-11, noon.
    const NOW_MS: u64 = 1_794_398_400_000;

    /// A call that came so long before now, and was answered after so long, if at all.
    fn call(before_ms: u64, answer_ms: Option<u64>, end: Option<EndReason>) -> Session {
        let at = |ms: u64| Now {
            utc_ms: NOW_MS - before_ms + ms,
            mono_ms: ms,
        };
        let placed = Placed {
            kind: CallKind::RelayOutbound,
            urgency: Urgency::Standard,
            caller: None,
            anonymous: true,
            number: "+15550100199".parse().unwrap(),
            languages: LanguagePair::default(),
            skill: None,
            gender: None,
            address: None,
            url: None,
        };
        let (mut session, _) = Session::place(SessionId(1), at(0), placed);
        let (seat, epoch) = (Seat::Lead, Epoch(1));
        let ca: vrs_domain::CaId = "1".parse().unwrap();
        let mut tell = |ms, input| drop(session.handle(at(ms), &input).unwrap());
        if let Some(ms) = answer_ms {
            let matched = Input::Matched {
                seat,
                ca: ca.clone(),
                epoch,
            };
            tell(0, matched);
            let accepted = Input::InvitationAccepted {
                seat,
                ca,
                epoch,
                center: None,
            };
            // Pressing "answer" is not answering: the picture has to be there.
            tell(ms - 1, accepted);
            tell(ms, Input::MediaConnected(Leg::Interpreter));
        }
        match end {
            Some(EndReason::CallerCancelled) => {
                tell(answer_ms.unwrap_or(9), Input::HungUp(Leg::Caller))
            }
            Some(reason) => tell(9, Input::Refused { reason }),
            None => {}
        }
        session
    }

    const OVER: Option<EndReason> = Some(EndReason::CallerCancelled);

    fn report(calls: &[Session]) -> Report {
        let mut counter = Counter::new("2026-11".parse().unwrap(), NOW_MS);
        calls.iter().for_each(|call| counter.add(call));
        counter.report()
    }

    #[test]
    fn f1_two_minutes_to_the_millisecond_and_abandoned_calls_count() {
        let report = report(&[
            call(DAY_MS, Some(120_000), OVER),
            call(DAY_MS, Some(120_001), OVER),
            call(DAY_MS, None, OVER),
            call(DAY_MS, Some(1_000), None),
        ]);
        let expected = Tally {
            calls: 4,
            in_time: 2,
            late: 1,
            abandoned: 1,
        };
        assert_eq!(report.to_date, expected);
        assert!((report.percent - 50.0).abs() < 1e-9);
        assert!(
            report.to_string().contains("50.00 % of 4 calls"),
            "{report}"
        );
        assert!(report.to_string().contains("MISSED"), "{report}");
    }

    #[test]
    fn f1_the_ineligible_do_not_count_and_who_still_waits_counts_once_late() {
        let report = report(&[
            call(DAY_MS, None, Some(EndReason::NotAllowed)),
            call(119_000, None, None),
            call(121_000, None, None),
            call(40 * DAY_MS, None, OVER),
        ]);
        assert_eq!((report.excluded, report.waiting), (1, 1));
        assert_eq!((report.to_date.calls, report.to_date.abandoned), (1, 1));
    }

    #[test]
    fn f1_the_month_is_forecast_from_the_last_seven_days() {
        let mut calls = Vec::new();
        for day in 1..=10 {
            for n in 0..10 {
                // Earlier days went badly, the last seven well.
                let good = day <= 7 || n < 2;
                calls.push(call(day * DAY_MS - 1, good.then_some(1_000), OVER));
            }
        }
        let report = report(&calls);
        assert_eq!(report.to_date.calls, 100);
        assert!((report.percent - 76.0).abs() < 1e-9);
        // 19.5 days are left at ten calls a day, all in time.
        let forecast = report.forecast.unwrap();
        assert_eq!(forecast.calls, 295);
        assert!((forecast.percent - 271.0 * 100.0 / 295.0).abs() < 1e-9);
        assert_eq!(forecast.may_miss, 271 - 236);
    }

    #[test]
    fn f1_a_young_service_is_forecast_from_the_days_that_it_has() {
        for (days, expected) in [(1, 10 + 195), (2, 20 + 195)] {
            let day = |day| (0..10).map(move |_| call(day * DAY_MS - 1, Some(1_000), OVER));
            let calls: Vec<_> = (1..=days).flat_map(day).collect();
            let forecast = report(&calls).forecast.unwrap();
            assert_eq!(forecast.calls, expected, "{days} days");
        }
    }

    #[test]
    fn a_month_is_a_calendar_month_in_utc() {
        let month: CalendarMonth = "2028-02".parse().unwrap();
        assert_eq!(month.to_string(), "2028-02");
        let (first, end) = month.bounds_ms();
        assert_eq!((end - first) / DAY_MS, 29);
        assert_eq!(CalendarMonth::of(end - 1), month);
        assert_eq!(CalendarMonth::of(end).to_string(), "2028-03");
        for wrong in ["", "2026", "2026-13", "11-2026-1", "november"] {
            assert!(wrong.parse::<CalendarMonth>().is_err(), "{wrong}");
        }
        assert_eq!(
            report(&[]).percent as u64,
            100,
            "nobody called, nobody waited"
        );
    }
}
