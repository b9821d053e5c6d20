//! Percentiles of delays in fixed memory.

/// Delays from here on count as this one, in milliseconds.
const DELAY_MS_MAX: usize = 5000;

/// One count per millisecond.
pub(super) struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            counts: vec![0; DELAY_MS_MAX + 1],
            total: 0,
        }
    }

    pub(super) fn add(&mut self, delay_ms: u32) {
        let index = usize::try_from(delay_ms).map_or(DELAY_MS_MAX, |ms| ms.min(DELAY_MS_MAX));
        self.counts[index] = self.counts[index].saturating_add(1);
        self.total += 1;
    }

    /// The delay that `percent` of all are not above, in milliseconds; `None` without any.
    pub(super) fn percentile(&self, percent: u64) -> Option<f32> {
        let wanted = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let index = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        Some(index as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(50), None);
        for delay in 1..=100 {
            histogram.add(delay);
        }
        assert_eq!(histogram.percentile(50), Some(50.0));
        assert_eq!(histogram.percentile(95), Some(95.0));
        histogram.add(u32::MAX);
        assert_eq!(histogram.percentile(100), Some(5000.0));
    }
}
