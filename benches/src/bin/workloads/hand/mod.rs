//! The loops written by hand: two threads, each with a partition of every batch and half of the keys.
//!
//! A batch has two steps. Each thread sorts the records of its partition by the thread that has their key; then each
//! takes in what both have for it, and folds its rows. Boxes, tables and windows are kept from batch to batch.

mod counts;
mod distinct;
mod percentiles;
mod running;
mod slots;
mod stacks;
mod words;

use std::hint::spin_loop;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::mark::{Batch, Mark};
use crate::tally::Tally;
use streamgauge_benches::input::{self, Input, Workload};

const THREADS: usize = 2;

/// Runs the loop of a workload.
pub(crate) fn run(workload: Workload, folder: &Path, batches: usize) -> io::Result<Vec<Batch>> {
    Ok(match workload {
        Workload::W1 => run_lanes(input::lines(folder)?, batches, words::Words::new),
        Workload::W2 => run_lanes(input::keys(folder)?, batches, |_| counts::Counts::new()),
        Workload::W3 => run_lanes(input::visits(folder)?, batches, |_| distinct::Distinct::new()),
        Workload::W4 => run_lanes(input::values(workload, folder)?, batches, |_| running::Running::new()),
        Workload::W5 => run_lanes(input::values(workload, folder)?, batches, |_| percentiles::Percentiles::new()),
    })
}

/// What a thread does.
trait Lane: Send {
    type Record: Send + Sync;
    /// What is handed over.
    type Sent: Send;

    /// Sorts the records of a partition into the boxes, one for each thread.
    fn send(&mut self, records: &'static [Self::Record], boxes: [&mut Vec<Self::Sent>; THREADS]);

    /// Takes in what the partitions have for this thread, in their order.
    fn take(&mut self, boxes: [&mut Vec<Self::Sent>; THREADS]) -> Tally;
}

fn run_lanes<L: Lane>(input: Input<L::Record>, batches: usize, lane: impl Fn(usize) -> L + Sync) -> Vec<Batch> {
    // By the thread that fills it, then by the one that empties it. Nobody ever waits for a lock.
    let boxes: [[Mutex<Vec<L::Sent>>; THREADS]; THREADS] = Default::default();
    let tallies: [Mutex<Tally>; THREADS] = Default::default();
    let meeting = Meeting::default();
    let run = |this: usize| {
        let mut lane = lane(this);
        let mut done = Vec::with_capacity(batches);
        let mut last = Mark::now();
        for batch in 0..batches {
            {
                let [mut a, mut b] = [lock(&boxes[this][0]), lock(&boxes[this][1])];
                a.clear();
                b.clear();
                lane.send(input.partition(batch, this), [&mut a, &mut b]);
            }
            meeting.wait();
            *lock(&tallies[this]) = lane.take([&mut lock(&boxes[0][this]), &mut lock(&boxes[1][this])]);
            meeting.wait();
            if this == 0 {
                let mut tally = Tally::default();
                tallies.iter().for_each(|part| tally.add(*lock(part)));
                let now = Mark::now();
                done.push(now.batch_since(&last, tally));
                last = now;
            }
        }
        done
    };
    thread::scope(|scope| {
        scope.spawn(|| run(1));
        run(0)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the threads wait for each other.
#[derive(Default)]
struct Meeting {
    arrived: AtomicUsize,
}

impl Meeting {
    fn wait(&self) {
        /// How often the other is looked for before the processor is offered to it: it may be waiting for one.
        const LOOKS: usize = 200;
        let number = self.arrived.fetch_add(1, Ordering::AcqRel);
        let complete = (number / THREADS + 1) * THREADS;
        let mut looks = 0;
        while self.arrived.load(Ordering::Acquire) < complete {
            looks += 1;
            if looks < LOOKS { spin_loop() } else { thread::yield_now() }
        }
    }
}
