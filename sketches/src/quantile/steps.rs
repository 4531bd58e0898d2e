//! A distribution of values that ascend, each with a weight.

/// What is known of a rank: the value at it and how far off it may be.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    /// Ascending.
    values: Vec<f64>,
    /// The weight of the values up to each one; empty if each weighs one.
    until: Vec<f64>,
    total: f64,
    /// The lowest and the highest value; they may be gone from `values`.
    min: f64,
    max: f64,
    /// The half-width of the 95 % interval of a rank, as a share of all; 0 if the values are exact.
    pub(super) error: f64,
}

impl Steps {
    /// All values, ascending.
    pub(super) fn exact(values: Vec<f64>) -> Self {
        let (min, max) = (values.first().copied(), values.last().copied());
        Self {
            total: values.len() as f64,
            until: Vec::new(),
            min: min.unwrap_or(f64::NAN),
            max: max.unwrap_or(f64::NAN),
            error: 0.0,
            values,
        }
    }

    /// Some of the values between the lowest and the highest, ascending, each with its weight.
    pub(super) fn weighted(values: impl Iterator<Item = (f64, f64)>, min: f64, max: f64, error: f64) -> Self {
        let mut total = 0.0;
        let cumulated = values.map(|(value, weight)| {
            total += weight;
            (value, total)
        });
        let (values, until): (Vec<_>, Vec<_>) = cumulated.unzip();
        Self { values, until, total, min, max, error }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn total(&self) -> f64 {
        self.total
    }

    pub(super) fn min(&self) -> f64 {
        self.min
    }

    pub(super) fn max(&self) -> f64 {
        self.max
    }

    fn until(&self, i: usize) -> f64 {
        self.until.get(i).copied().unwrap_or((i + 1) as f64)
    }

    /// The first value with at least this weight up to it.
    fn reaching(&self, weight: f64) -> usize {
        match self.until.is_empty() {
            true => (weight.ceil() as usize).saturating_sub(1),
            false => self.until.partition_point(|&until| until < weight),
        }
    }

    /// The smallest value that a share `q` of the values does not exceed; outside of 0..1 the lowest and the highest.
    pub(super) fn value_at(&self, q: f64) -> f64 {
        if q <= 0.0 {
            return self.min;
        }
        if q >= 1.0 {
            return self.max;
        }
        self.values.get(self.reaching(q * self.total)).copied().unwrap_or(self.max)
    }

    /// The share of the values up to `x`.
    pub(super) fn rank_of(&self, x: f64) -> f64 {
        match self.values.partition_point(|&value| value <= x) {
            0 => 0.0,
            upto => self.until(upto - 1) / self.total,
        }
    }

    /// The mean of the values between two quantiles; below 0 lies the lowest value, above 1 the highest.
    pub(super) fn mean_between(&self, low: f64, high: f64) -> f64 {
        let (from, to) = (low * self.total, high * self.total);
        let width = to - from;
        let outside = self.min * ((-from).max(0.0) / width) + self.max * ((to - self.total).max(0.0) / width);
        let mut below = from.max(0.0);
        let mut mean = outside;
        for i in self.reaching(below)..self.values.len() {
            let until = self.until(i).min(to);
            mean += self.values[i] * ((until - below).max(0.0) / width);
            below = below.max(until);
            if until >= to {
                break;
            }
        }
        mean.clamp(self.min, self.max)
    }
}
