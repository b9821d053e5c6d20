//! Positions: how many arrived earlier and are still there, in O(log n).
//!
//! What it is not: it knows numbers of arrival, not sessions.

/// Numbers of arrival in growing order, with a Fenwick tree over those that are still there.
#[derive(Debug, Default)]
pub(super) struct Lane {
    arrivals: Vec<u64>,
    here: Vec<bool>,
    /// 1-based Fenwick tree, stored from index 0.
    tree: Vec<u32>,
    live: u32,
}

/// Below this length gone arrivals are not worth sweeping out.
const SWEEP_LENGTH_MIN: usize = 64;

impl Lane {
    /// A newcomer; `arrival` must be greater than all before.
    pub(super) fn push(&mut self, arrival: u64) {
        if self.arrivals.last().is_some_and(|last| *last >= arrival) {
            return;
        }
        let node = self.arrivals.len() + 1;
        let start = node - lowest_bit(node);
        let inside = self.count(node - 1) - self.count(start);
        self.arrivals.push(arrival);
        self.here.push(true);
        self.tree.push(inside + 1);
        self.live += 1;
    }

    /// Somebody left; strangers do nothing.
    pub(super) fn remove(&mut self, arrival: u64) {
        let Some(index) = self.index(arrival) else {
            return;
        };
        self.here[index] = false;
        self.live -= 1;
        let mut node = index + 1;
        while let Some(count) = self.tree.get_mut(node - 1) {
            *count -= 1;
            node += lowest_bit(node);
        }
        let length = self.arrivals.len();
        if length >= SWEEP_LENGTH_MIN && self.len() as usize * 2 <= length {
            self.sweep();
        }
    }

    /// How many are here.
    pub(super) const fn len(&self) -> u32 {
        self.live
    }

    /// The place of `arrival` among those here, 1 for the first.
    pub(super) fn rank(&self, arrival: u64) -> Option<u32> {
        self.index(arrival).map(|index| self.count(index + 1))
    }

    fn index(&self, arrival: u64) -> Option<usize> {
        let index = self.arrivals.binary_search(&arrival).ok()?;
        self.here[index].then_some(index)
    }

    /// How many of the first `length` are here.
    fn count(&self, length: usize) -> u32 {
        let mut node = length;
        let mut sum = 0;
        while node > 0 {
            sum += self.tree[node - 1];
            node -= lowest_bit(node);
        }
        sum
    }

    /// Forgets those who left: O(n), at most once in n/2 departures. Where everybody is here, a
    /// node of the tree counts as many as it spans.
    fn sweep(&mut self) {
        let mut here = std::mem::take(&mut self.here).into_iter();
        self.arrivals.retain(|_| here.next().unwrap_or(false));
        self.here = vec![true; self.arrivals.len()];
        let spans = (1..=self.live).map(|node| node & node.wrapping_neg());
        self.tree = spans.collect();
    }
}

const fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rank_counts_those_who_came_earlier_and_are_still_here(
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..400)
        ) {
            let mut lane = Lane::default();
            let mut model: Vec<u64> = Vec::new();
            for (arrival, (come, who)) in steps.into_iter().enumerate() {
                if come || model.is_empty() {
                    lane.push(arrival as u64 * 3);
                    model.push(arrival as u64 * 3);
                } else {
                    lane.remove(model.remove(who.index(model.len())));
                }
                prop_assert_eq!(lane.len() as usize, model.len());
                for (place, here) in model.iter().enumerate() {
                    prop_assert_eq!(lane.rank(*here), Some(place as u32 + 1));
                }
            }
            prop_assert_eq!(lane.rank(1), None);
        }
    }

    #[test]
    fn the_gone_are_swept_out() {
        let mut lane = Lane::default();
        for arrival in 0..10_000 {
            lane.push(arrival);
            lane.remove(arrival);
        }
        assert_eq!(lane.len(), 0);
        assert!(lane.arrivals.len() < SWEEP_LENGTH_MIN);
    }
}
