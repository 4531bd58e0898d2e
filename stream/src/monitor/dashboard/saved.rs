//! The histories in the checkpoints of the job, so that a restart shows the past.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::board::Board;
use crate::graph::{Graph, Stateful, decode, encode};

/// The history of a panel as it is stored: JSON as text, for it describes itself and postcard does not.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SavedPanel<'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) title: Cow<'a, str>,
    pub(super) points: Vec<Cow<'a, str>>,
}

/// Makes the histories of a board state of its job.
///
/// They are written by outputs, in the batch: so a checkpoint has the points of just the batches that it has all state
/// of. It is state that no result depends on: a job goes on also if its checkpoint has other panels, or none.
pub(super) fn save_with_job(board: &Arc<Board>, graph: &Graph) {
    let (saved, restored) = (board.clone(), board.clone());
    let save = move || saved.save(|panel| encode(&panel)).into_iter().collect();
    let load = move |pieces: Vec<_>| {
        let panels = pieces.iter().map(|piece: &Vec<u8>| decode::<SavedPanel<'static>>(piece));
        let panels: Vec<_> = panels.collect::<Result<_, _>>()?;
        let board = restored.clone();
        Ok(Box::new(move || board.restore(panels)) as _)
    };
    graph.add_state(&graph.unique_name("dashboard: history"), Stateful::shown("panels, version 1", save, load));
}
