//! The newest alerts, for the dashboard.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;

/// How many are shown.
const SHOWN: usize = 10;

/// The newest alerts in words, each with its score, the newest first: a model that learns by forgetting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Newest(VecDeque<(String, f64)>);

impl Newest {
    pub(super) fn add(&mut self, alert: (String, f64)) {
        self.0.push_front(alert);
        self.0.truncate(SHOWN);
    }
}

impl Summary for Newest {
    type Reading = Vec<(String, Estimate)>;

    const NAME: &'static str = "Newest";

    fn read(&self) -> Self::Reading {
        self.0.iter().map(|(alert, score)| (alert.clone(), Estimate::exact(*score))).collect()
    }

    fn memory_bytes(&self) -> usize {
        let texts = self.0.iter().map(|(alert, _)| alert.capacity()).sum::<usize>();
        size_of::<Self>() + self.0.capacity() * size_of::<(String, f64)>() + texts
    }
}
