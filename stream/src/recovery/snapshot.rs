//! Everything a job needs to go on: positions of sources and states of operators, as bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::{Parts, is_shown};
use crate::state::{Bytes, Saved};
use crate::time::Time;

/// The state of a job between two batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The time of the last batch that is in it.
    pub(crate) time: Time,
    /// The positions of the sources, in the order in which the job names them.
    pub(crate) positions: Vec<Vec<u8>>,
    /// The states by the name of their operator: what each is, and its bytes.
    pub(crate) states: BTreeMap<String, (String, Vec<Vec<u8>>)>,
}

impl Snapshot {
    pub(crate) fn take(time: Time, parts: &Parts) -> Result<Self, Error> {
        let Parts { sources, states, .. } = parts;
        let whole = |name: &str, saved| match saved {
            Saved::Whole(all) => Ok(all),
            Saved::Same | Saved::Changes(_) => {
                Err(Error::State { operator: name.to_owned(), cause: "it was not saved as a whole".to_owned() })
            }
        };
        let states = states.iter().map(|(name, state)| {
            let pieces = state.save(name, &|_| true)?.pieces.into_iter().map(|saved| whole(name, saved));
            Ok((name.clone(), (state.schema.clone(), pieces.collect::<Result<_, Error>>()?)))
        });
        Ok(Self {
            time,
            positions: sources.iter().map(|source| source.save()).collect(),
            states: states.collect::<Result<_, Error>>()?,
        })
    }

    /// Puts positions and states back, if they are those of this very job.
    pub(crate) fn restore(mut self, parts: &mut Parts) -> Result<(), Error> {
        let wrong = |operator: &str, cause: String| Error::State { operator: operator.to_owned(), cause };
        if self.positions.len() != parts.sources.len() {
            let cause = format!("the snapshot has {} of them, the job {}", self.positions.len(), parts.sources.len());
            return Err(wrong("the sources", cause));
        }
        for (name, state) in &parts.states {
            let Some((schema, pieces)) = self.states.remove(name) else {
                if is_shown(&state.schema) {
                    continue;
                }
                return Err(wrong(name, "the snapshot has no operator of this name".to_owned()));
            };
            if schema != state.schema {
                if is_shown(&state.schema) {
                    continue;
                }
                return Err(wrong(name, format!("the snapshot holds a {schema}, the job a {}", state.schema)));
            }
            let pieces: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
            state.load(name, pieces.len(), &|piece| Ok(pieces.get(piece).cloned().into_iter().collect()))?();
        }
        if let Some((name, _)) = self.states.iter().find(|(_, (schema, _))| !is_shown(schema)) {
            return Err(wrong(name, "the job has no operator of this name any more".to_owned()));
        }
        for (source, position) in parts.sources.iter_mut().zip(&self.positions) {
            source.load(position)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{Limit, Next, Partition, Plan, Source, SourceError};
    use crate::{StreamingContext, Trigger, Window, millis, secs};

    /// The numbers below `end`, seven a batch; can replay.
    struct Numbers {
        end: u64,
        ends: bool,
    }

    impl Source for Numbers {
        type Item = u64;
        type Position = u64;

        fn name(&self) -> String {
            "numbers".to_owned()
        }

        fn start(&self) -> u64 {
            0
        }

        fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
            let to = (from + 7).min(self.end);
            let next = match (to == self.end, self.ends) {
                (false, _) => Next::Ready,
                (true, false) => Next::Idle,
                (true, true) => Next::Finished,
            };
            Ok(Plan { to, next })
        }

        fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<u64>>>, SourceError> {
            Ok(vec![Box::new(Range(*from, *to))])
        }
    }

    struct Range(u64, u64);

    impl Partition<u64> for Range {
        fn read(&self, out: &mut dyn FnMut(&mut Vec<u64>)) -> Result<(), SourceError> {
            out(&mut (self.0..self.1).collect());
            Ok(())
        }
    }

    type Rows = (Vec<Window<(u64, String)>>, Vec<String>);

    /// Runs until the source gives no more; gives the rows and the state that was reached.
    fn run(source: Numbers, from: Option<&[u8]>) -> (Rows, Vec<u8>) {
        let ctx = StreamingContext::builder("numbers").trigger(Trigger::Available).build();
        let numbers = ctx.source(source);
        let by_event = numbers
            .event_time(|n| *n as i64, millis(3))
            .key_each(|n, key| key(&(n % 4)))
            .window(millis(20), millis(5))
            .named("by event")
            .summarize(|on| (on.count(), on.distinct(|n| n), on.quantiles(|n| *n as f64), on.top(2, |n| n)))
            .map(|w| Window { start: w.start, end: w.end, value: (w.value.0, format!("{:?}", w.value.1)) })
            .collect_to_memory();
        let by_batch = numbers
            .window(secs(3), secs(1))
            .named("by batch")
            .summarize(|on| (on.sum(|n| *n), on.frequencies(|n| n)))
            .map(|(sum, counts)| format!("{sum:?} {:?}", counts.estimate(&50_u64)))
            .collect_to_memory();
        match from {
            Some(snapshot) => ctx.start_from(snapshot).unwrap(),
            None => ctx.start().unwrap(),
        }
        ctx.await_termination().unwrap();
        let snapshot = ctx.snapshot().unwrap();
        ((by_event.rows(), by_batch.rows()), snapshot)
    }

    #[test]
    fn a_job_goes_on_from_its_state_as_if_nothing_had_happened() {
        let ((mut events, mut batches), snapshot) = run(Numbers { end: 98, ends: false }, None);
        let ((more_events, more_batches), _) = run(Numbers { end: 200, ends: true }, Some(&snapshot));
        let ((all_events, all_batches), _) = run(Numbers { end: 200, ends: true }, None);
        assert!(!events.is_empty() && !more_events.is_empty());
        events.extend(more_events);
        batches.extend(more_batches);
        assert_eq!(events, all_events);
        assert_eq!(batches, all_batches);
    }

    #[test]
    fn a_snapshot_of_another_job_is_refused_by_name() {
        let job = |named: &str, sums: bool| {
            let ctx = StreamingContext::builder("numbers").trigger(Trigger::Available).build();
            let window = ctx.source(Numbers { end: 10, ends: false }).window(secs(3), secs(1)).named(named);
            match sums {
                true => window.summarize(|on| on.sum(|n| *n)).for_each_batch(|_, _| ()),
                false => window.summarize(|on| (on.count(), on.distinct(|n| n))).for_each_batch(|_, _| ()),
            }
            ctx
        };
        let ctx = job("numbers seen", false);
        assert!(ctx.snapshot().unwrap_err().to_string().contains("has not ended"));
        ctx.run().unwrap();
        let snapshot = ctx.snapshot().unwrap();
        let refused = |ctx: StreamingContext, bytes: &[u8]| ctx.start_from(bytes).unwrap_err().to_string();
        assert_eq!(
            refused(job("numbers seen", true), &snapshot),
            "the state of numbers seen cannot be restored: the snapshot holds a window of 3s every 1s by () of (Count, \
             HyperLogLog), the job a window of 3s every 1s by () of Sum"
        );
        assert!(refused(job("other", false), &snapshot).contains("other cannot be restored: the snapshot has no"));
        assert!(refused(job("numbers seen", false), &snapshot[..snapshot.len() - 1]).contains("cannot be restored"));
        job("numbers seen", false).start_from(&snapshot).unwrap();
    }
}
