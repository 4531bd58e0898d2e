//! Windows of the records themselves, and their number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Grid, check, schema};
use crate::batch::{BatchRun, CHUNK, Input, Partitions, each_partition};
use crate::dstream::{All, DStream, Grouped, Node, Shared, Value, Windows};
use crate::error::Error;
use crate::graph::{StateSize, Stateful};
use crate::source::Record;

struct Operator<T> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grid: Grid,
    batches: Arc<Mutex<Batches<T>>>,
}

/// The batches that are in the window, oldest first.
#[derive(Serialize, Deserialize)]
struct Batches<T>(VecDeque<Kept<T>>);

/// The partitions of a batch.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    time: i64,
    partitions: Vec<Arc<Vec<T>>>,
}

impl<T> Batches<T> {
    /// Without what the records hold on the heap; they have no keys.
    fn size(&self) -> StateSize {
        let rows = self.0.iter().flat_map(|batch| &batch.partitions).map(|rows| rows.capacity() * size_of::<T>());
        StateSize { keys: 0, bytes: rows.sum::<usize>() as u64 }
    }
}

impl<T> Operator<T> {
    fn batches(&self) -> MutexGuard<'_, Batches<T>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Record> Node<T> for Operator<T> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.parent.prepare(run)?.map_or(0, |partitions| partitions.len());
        let partitions = each_partition(run, &self.name, partitions, |partition| {
            let mut rows = Vec::new();
            self.parent.run(run, partition, &mut |chunk| rows.append(chunk))?;
            Ok(Arc::new(rows))
        })?;
        let now = run.time.millis();
        let Batches(batches) = &mut *self.batches();
        batches.push_back(Kept { time: now, partitions });
        // The batch at t holds what came before t: the window (t - length, t].
        let begin = now.saturating_sub(self.grid.length);
        while batches.front().is_some_and(|batch| batch.time <= begin) {
            batches.pop_front();
        }
        if batches.iter().any(|batch| batch.partitions.iter().any(|rows| !rows.is_empty())) {
            run.holds_back(self.input);
        }
        let partitions = batches.iter().map(|batch| batch.partitions.len()).sum();
        Ok(self.grid.ends_window(now).then(|| vec![self.input; partitions].into()))
    }

    fn run(&self, _: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let rows = self.batches().0.iter().flat_map(|batch| &batch.partitions).nth(partition).cloned();
        let mut chunk = Vec::new();
        for rows in rows.iter().flat_map(|rows| rows.chunks(CHUNK)) {
            chunk.extend_from_slice(rows);
            out(&mut chunk);
            chunk.clear();
        }
        Ok(())
    }
}

impl<T: Value> Grouped<T, All, Windows> {
    /// The records of the window themselves, at every slide: those of its batches, oldest first.
    ///
    /// Memory and time grow with the records in the window. A window that is summarized, reduced or counted keeps none
    /// of them.
    pub fn records(self) -> DStream<T> {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name, "window of records");
        check(&graph, &name, self.cut, true);
        let parent = self.stream.read_by_one_more();
        let batches = Arc::new(Mutex::new(Batches(VecDeque::new())));
        let what = format!("records {}", std::any::type_name::<T>());
        let (state, measured) = (Stateful::of(schema::<()>("window", self.cut, &what), &batches), batches.clone());
        graph.add_state(&name, state.sized(move || measured.lock().unwrap_or_else(PoisonError::into_inner).size()));
        let input = graph.derived_input(parent.inputs());
        let id = graph.named_operator(&name, "window of records", [parent.operator()]);
        DStream::new(graph, id, Operator { name, parent, input, grid: Grid::ending(self.cut), batches })
    }
}

/// A number for every window, also for an empty one.
struct OrZero(Arc<Shared<u64>>);

impl Node<u64> for OrZero {
    fn inputs(&self) -> Vec<Input> {
        self.0.inputs()
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.0.prepare(run)
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<u64>)) -> Result<(), Error> {
        let mut is_empty = true;
        self.0.run(run, partition, &mut |rows| {
            is_empty &= rows.is_empty();
            out(rows);
        })?;
        if is_empty {
            out(&mut vec![0]);
        }
        Ok(())
    }
}

impl<T: Record> DStream<T> {
    /// How many rows there were in the last `length`, at every multiple of `slide`: one row, 0 for an empty window.
    pub fn count_by_window(&self, length: Duration, slide: Duration) -> DStream<u64> {
        let counts = self.window(length, slide).reduce_with_inverse(|_| 1_u64, |a, b| a + b, |a, b| a - b);
        let operator = self.graph.operator("or zero", [counts.operator()]);
        DStream::new(self.graph.clone(), operator, OrZero(counts.read_by_one_more()))
    }
}
