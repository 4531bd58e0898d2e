//! Everything a job needs to go on: positions of sources and states of operators, as bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::Parts;

/// The state of a job between two batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The positions of the sources, in the order in which the job names them.
    pub(crate) positions: Vec<Vec<u8>>,
    /// The states by the name of their operator.
    pub(crate) states: BTreeMap<String, Vec<u8>>,
}

impl Snapshot {
    pub(crate) fn take(parts: &Parts) -> Result<Self, Error> {
        let states = parts
            .states
            .iter()
            .map(|(name, state)| Ok((name.clone(), state.save(name)?)));
        Ok(Self {
            positions: parts.sources.iter().map(|source| source.save()).collect(),
            states: states.collect::<Result<_, Error>>()?,
        })
    }

    pub(crate) fn restore(&self, parts: &mut Parts) -> Result<(), Error> {
        for (source, position) in parts.sources.iter_mut().zip(&self.positions) {
            source.load(position)?;
        }
        for (name, state) in &parts.states {
            if let Some(bytes) = self.states.get(name) {
                state.load(name, bytes)?;
            }
        }
        Ok(())
    }
}
