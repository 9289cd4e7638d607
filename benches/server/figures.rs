//! Arithmetic of figures: percentiles of times, and median and spread of runs.

/// A count as a number that can be divided.
#[expect(
    clippy::cast_precision_loss,
    reason = "no figure here needs more than 52 bits"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// The same of a length.
pub(crate) fn of_length(length: usize) -> f64 {
    real(u64::try_from(length).unwrap_or(u64::MAX))
}

/// Times in nanoseconds, in order.
pub(crate) struct Times(Vec<u64>);

impl Times {
    /// Of these, as they came.
    pub(crate) fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// How long after a beginning each was.
    pub(crate) fn since(times: &[u64], began: u64) -> Self {
        Self::of(times.iter().map(|it| it.saturating_sub(began)).collect())
    }

    /// The time that so many of a thousand do not exceed, in nanoseconds.
    pub(crate) fn per_mille(&self, part: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let place = (last * part).div_ceil(1000).min(last);
        self.0.get(place).copied().map_or(f64::NAN, real)
    }

    /// The same in microseconds.
    pub(crate) fn micros(&self, part: usize) -> f64 {
        self.per_mille(part) / 1e3
    }

    /// The same in milliseconds.
    pub(crate) fn millis(&self, part: usize) -> f64 {
        self.per_mille(part) / 1e6
    }

    /// The mean, in microseconds.
    pub(crate) fn mean_micros(&self) -> f64 {
        real(self.0.iter().sum()) / of_length(self.0.len()) / 1e3
    }
}

/// The middle of several runs, and how far they lie apart.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The lowest.
    pub(crate) min: f64,
    /// The highest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of these; nothing of none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|it| it.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }
}
