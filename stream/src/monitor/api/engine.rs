//! The answers that no other engine gives: operators, checkpoints, warnings.

use std::sync::Arc;

use serde::Serialize;

use super::stamp;
use super::streaming::millis;
use crate::monitor::journal::Pages;
use crate::monitor::{CheckpointInfo, OperatorInfo, OperatorNode};
use crate::time::Time;

/// What an operator did: in a batch, or in all of them. Times are milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operator {
    name: Arc<str>,
    kind: &'static str,
    inputs: Vec<String>,
    row_type: String,
    elapsed: f64,
    rows_in: u64,
    rows_out: u64,
    merges: u64,
    keys: Option<u64>,
    state_bytes: Option<u64>,
}

impl Operator {
    /// What each of these operators did, with its place in the job.
    pub(super) fn all(operators: &[OperatorInfo], pages: &Pages) -> Vec<Self> {
        let nodes = || pages.job.iter().flat_map(|job| &job.operators);
        let node = |operator: &OperatorInfo| nodes().find(|node| node.name == operator.name);
        operators.iter().map(|operator| Self::of(operator, node(operator))).collect()
    }

    fn of(operator: &OperatorInfo, node: Option<&OperatorNode>) -> Self {
        Self {
            name: operator.name.clone(),
            kind: operator.kind,
            inputs: node.map(|node| node.inputs.clone()).unwrap_or_default(),
            row_type: node.map(|node| node.rows.clone()).unwrap_or_default(),
            elapsed: millis(operator.elapsed),
            rows_in: operator.rows_in,
            rows_out: operator.rows_out,
            merges: operator.merges,
            keys: operator.keys,
            state_bytes: operator.state_bytes,
        }
    }
}

/// A checkpoint. Times are milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkpoint {
    batch_id: i64,
    batch_time: String,
    taking: f64,
    writing: f64,
    written_bytes: u64,
    state_bytes: u64,
}

impl Checkpoint {
    pub(super) fn of(checkpoint: &CheckpointInfo) -> Self {
        Self {
            batch_id: checkpoint.time.millis(),
            batch_time: stamp(checkpoint.time),
            taking: millis(checkpoint.taking),
            writing: millis(checkpoint.writing),
            written_bytes: checkpoint.written_bytes,
            state_bytes: checkpoint.state_bytes,
        }
    }
}

/// Something that was warned of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Warning {
    /// The latest batch then.
    batch_id: Option<i64>,
    warning: String,
}

impl Warning {
    pub(super) fn all(pages: &Pages) -> Vec<Self> {
        let warnings = pages.warnings.iter();
        warnings.map(|(at, it)| Self { batch_id: at.map(Time::millis), warning: it.clone() }).collect()
    }
}
