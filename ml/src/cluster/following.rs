//! The rule by which centres follow their points.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use crate::cluster::batch::{KMeansBatch, check_numbers};
use crate::cluster::centres::Centres;

/// Weights below this count as this, so that nothing is divided by next to nothing.
const LIGHTEST: f64 = 1e-16;

/// A cluster dies when it weighs less than this share of the heaviest.
const DYING: f64 = 1e-8;

/// A cluster has to weigh so much to be split: less says nothing about its shape.
const SPLITTABLE: f64 = 10.0;

/// Centres with what they weigh, and the mini-batch that is being gathered around them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Following {
    pub(crate) batch: KMeansBatch,
    pub(crate) weights: Vec<f64>,
    /// Of each centre and coordinate, the variance of the points that the weight stands for.
    pub(crate) variances: Vec<f64>,
}

impl Following {
    pub(crate) fn new(centres: Centres, weight: f64) -> Self {
        let (k, numbers) = (centres.len(), centres.coordinates.len());
        Self { batch: KMeansBatch::new(centres), weights: vec![weight; k], variances: vec![0.0; numbers] }
    }

    /// Closes the mini-batch: what is older is multiplied with `discount`, and each centre becomes the weighted mean of
    /// where it was and its new points. Then a dying cluster gets half of the heaviest.
    pub(crate) fn close(&mut self, discount: f64) {
        for (cluster, weight) in self.weights.iter_mut().enumerate() {
            let old = *weight * discount;
            let new = self.batch.weights[cluster];
            *weight = old + new;
            if new == 0.0 {
                continue;
            }
            let scale = 1.0 / weight.max(LIGHTEST);
            let row = self.batch.centres.row(cluster);
            let centre = &mut self.batch.centres.coordinates[row.clone()];
            let sums = self.batch.sums[row.clone()].iter().zip(&self.batch.squares[row.clone()]);
            for ((c, variance), (sum, square)) in centre.iter_mut().zip(&mut self.variances[row]).zip(sums) {
                let step = sum * scale;
                *c += step;
                *variance = ((old * *variance + square) * scale - step * step).max(0.0);
            }
        }
        self.batch.clear();
        self.revive();
    }

    /// Splits the heaviest cluster along the coordinate in which it is widest, if another one is dying. The two halves of
    /// a normal distribution have their means √(2/π) standard deviations from its middle.
    fn revive(&mut self) {
        let (mut dying, mut heaviest) = (0, 0);
        for (cluster, weight) in self.weights.iter().enumerate() {
            if *weight < self.weights[dying] {
                dying = cluster;
            }
            if *weight > self.weights[heaviest] {
                heaviest = cluster;
            }
        }
        let most = self.weights[heaviest];
        if most < SPLITTABLE || self.weights[dying] >= DYING * most {
            return;
        }
        let (from, to) = (self.batch.centres.row(heaviest), self.batch.centres.row(dying));
        let (mut widest, mut variance) = (0, 0.0);
        for (at, v) in self.variances[from.clone()].iter().enumerate() {
            if *v > variance {
                (widest, variance) = (at, *v);
            }
        }
        if variance == 0.0 {
            return;
        }
        let both = (most + self.weights[dying]) / 2.0;
        let centres = &mut self.batch.centres.coordinates;
        centres.copy_within(from.clone(), to.start);
        self.variances.copy_within(from.clone(), to.start);
        let apart = (variance * std::f64::consts::FRAC_2_PI).sqrt();
        centres[from.start + widest] -= apart;
        centres[to.start + widest] += apart;
        for (cluster, row) in [(heaviest, from), (dying, to)] {
            self.weights[cluster] = both;
            self.variances[row.start + widest] = variance * (1.0 - std::f64::consts::FRAC_2_PI);
        }
    }

    /// Everything so far weighs `factor` of what it did.
    pub(crate) fn fade(&mut self, factor: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        self.batch.fade(factor);
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        self.batch.check()?;
        let (k, numbers) = (self.batch.centres.len(), self.batch.centres.coordinates.len());
        DecodeError::unless(self.weights.len() == k, "weights", self.weights.len())?;
        DecodeError::unless(self.variances.len() == numbers, "variances", self.variances.len())?;
        check_numbers("a cluster of weight", &self.weights, 0.0)?;
        check_numbers("a variance of", &self.variances, 0.0)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.batch.heap_bytes() + (self.weights.capacity() + self.variances.capacity()) * size_of::<f64>()
    }
}
