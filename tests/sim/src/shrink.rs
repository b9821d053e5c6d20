//! Makes a failing plan short: leaves out whatever is not needed for it to fail.

use crate::plan::Plan;

/// Runs that a search may take.
const TRIES_MAX: u32 = 400;

/// The shortest plan found that still `fails`.
#[must_use]
pub fn shrink(plan: &Plan, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    let mut tries = 0;
    loop {
        let before = size(&best);
        for part in [Part::Faults, Part::Words, Part::Calls, Part::Interpreters] {
            best = without(best, part, &mut |plan| {
                tries += 1;
                tries <= TRIES_MAX && fails(plan)
            });
        }
        if size(&best) == before || tries > TRIES_MAX {
            return best;
        }
    }
}

#[derive(Clone, Copy)]
enum Part {
    Faults,
    Words,
    Calls,
    Interpreters,
}

fn size(plan: &Plan) -> usize {
    plan.faults.len() + plan.words.len() + plan.calls.len() + plan.interpreters.len()
}

fn length(plan: &Plan, part: Part) -> usize {
    match part {
        Part::Faults => plan.faults.len(),
        Part::Words => plan.words.len(),
        Part::Calls => plan.calls.len(),
        Part::Interpreters => plan.interpreters.len(),
    }
}

/// Leaves out halves, then quarters, down to single ones.
fn without(mut plan: Plan, part: Part, fails: &mut dyn FnMut(&Plan) -> bool) -> Plan {
    let mut chunk = length(&plan, part).div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < length(&plan, part) {
            let end = (at + chunk).min(length(&plan, part));
            let mut shorter = plan.clone();
            match part {
                Part::Faults => drop(shorter.faults.drain(at..end)),
                Part::Words => drop(shorter.words.drain(at..end)),
                Part::Calls => drop(shorter.calls.drain(at..end)),
                Part::Interpreters => drop(shorter.interpreters.drain(at..end)),
            }
            if fails(&shorter) {
                plan = shorter;
            } else {
                at = end;
            }
        }
        if chunk == 1 {
            return plan;
        }
        chunk = chunk.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_kept_and_nothing_else() {
        let plan = Plan::draw(7, 40);
        let needs = |plan: &Plan| {
            let has = |index| plan.calls.iter().any(|call| call.index == index);
            has(3) && has(17) && plan.interpreters.iter().any(|i| i.index == 2)
        };
        let short = shrink(&plan, needs);
        let calls: Vec<_> = short.calls.iter().map(|call| call.index).collect();
        assert_eq!(calls, [3, 17]);
        assert_eq!(short.interpreters.len(), 1);
        assert!(short.faults.is_empty());
    }
}
