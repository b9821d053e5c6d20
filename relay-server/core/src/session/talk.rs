//! The conversation clock: it runs while all who have to take part do (F33, F43), after a restart
//! of the server from when the last of them is connected again.
//!
//! What it is not: it decides nothing; the fold tells it after each event who is there.

use vrs_domain::{CaId, CallCenter};

use super::crew::Interpreter;

/// Most stretches kept of one session; further ones make the last one longer.
const STRETCHES_MAX: usize = 1_000;

/// A stretch of conversation with one interpreter: one call detail record (F31, F33, F38).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Who interpreted; nobody in a call between subscribers.
    pub ca: Option<CaId>,
    /// Where they work.
    pub center: Option<CallCenter>,
    /// From, on the session clock in milliseconds.
    pub from_ms: u64,
    /// Until; `None` while it lasts.
    pub until_ms: Option<u64>,
}

/// All stretches of a session, in order; only the last may be open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Talk {
    stretches: Vec<Stretch>,
}

impl Talk {
    /// The stretches, in order.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The whole conversation when the session clock shows `now_ms`, in milliseconds.
    #[must_use]
    pub fn total_ms(&self, now_ms: u64) -> u64 {
        let length = |one: &Stretch| one.until_ms.unwrap_or(now_ms).saturating_sub(one.from_ms);
        self.stretches.iter().map(length).sum()
    }

    /// Since when it has been going on without a break; `None` while it does not.
    #[must_use]
    pub fn running_since(&self) -> Option<u64> {
        let last = self.stretches.last()?;
        last.until_ms.is_none().then_some(last.from_ms)
    }

    /// For how long the present lead has been in conversation, their stretches with this session
    /// in a row taken together (F4), in milliseconds.
    #[must_use]
    pub fn with_lead_ms(&self, ca: &CaId, now_ms: u64) -> u64 {
        let theirs = |one: &&Stretch| one.ca.as_ref() == Some(ca);
        let length = |one: &Stretch| one.until_ms.unwrap_or(now_ms).saturating_sub(one.from_ms);
        self.stretches
            .iter()
            .rev()
            .take_while(theirs)
            .map(length)
            .sum()
    }

    /// From here on the conversation goes on with `lead` (`Some(None)`: without anybody), or not
    /// at all.
    pub(super) fn set(&mut self, with: Option<Option<&Interpreter>>, now_ms: u64) {
        let ca = |lead: Option<&Interpreter>| lead.map(|lead| lead.ca.clone());
        if let Some(last) = self.stretches.last_mut().filter(|l| l.until_ms.is_none()) {
            if with.is_some_and(|lead| ca(lead) == last.ca) {
                return;
            }
            last.until_ms = Some(now_ms);
        }
        let Some(lead) = with else { return };
        if self.stretches.len() >= STRETCHES_MAX
            && let Some(last) = self.stretches.last_mut()
        {
            last.until_ms = None;
            return;
        }
        self.stretches.push(Stretch {
            ca: ca(lead),
            center: lead.and_then(|lead| lead.center.clone()),
            from_ms: now_ms,
            until_ms: None,
        });
    }

    /// Closes what is open.
    pub(super) fn close(&mut self, now_ms: u64) {
        self.set(None, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrs_domain::Epoch;

    fn lead(ca: &str) -> Interpreter {
        Interpreter {
            ca: ca.parse().unwrap(),
            epoch: Epoch(1),
            center: None,
        }
    }

    #[test]
    fn f33_pauses_and_changes_of_interpreter_make_stretches_that_add_up() {
        let (ana, ben) = (lead("1"), lead("2"));
        let mut talk = Talk::default();
        talk.set(Some(Some(&ana)), 1_000);
        talk.set(Some(Some(&ana)), 2_000);
        talk.set(None, 11_000);
        talk.set(Some(Some(&ana)), 20_000);
        talk.set(Some(Some(&ben)), 30_000);
        assert_eq!(talk.total_ms(31_000), 21_000);
        assert_eq!(talk.with_lead_ms(&ben.ca, 31_000), 1_000);
        assert_eq!(talk.running_since(), Some(30_000));
        talk.close(40_000);
        assert_eq!(talk.total_ms(99_000), 30_000);
        let lengths: Vec<_> = talk
            .stretches()
            .iter()
            .map(|s| (s.from_ms, s.until_ms))
            .collect();
        assert_eq!(
            lengths,
            [
                (1_000, Some(11_000)),
                (20_000, Some(30_000)),
                (30_000, Some(40_000))
            ]
        );
    }
}
