//! One model for a stream.

use std::sync::Arc;

use streamgauge_ml::{Classifier, Learn, MajorityClass, RowError, Schema};
use streamgauge_sketches::Summary;
use streamgauge_stream::secs;
use streamgauge_stream::testing::{Script, TestJob, same_for_any_threads};

use crate::{Trail, batches, trail};

/// The model after each batch.
fn after_each() -> Vec<Trail> {
    let batches = batches();
    (1..=batches.len()).map(|n| Trail::of(batches[..n].iter().map(Vec::as_slice))).collect()
}

#[test]
fn records_are_learned_in_their_order_whatever_the_threads() {
    let readings = same_for_any_threads(|threads| {
        let mut job = TestJob::with(|it| it.threads(threads));
        let numbers = job.script(Script::new(batches()).in_partitions(3));
        let model = numbers.map(|n| (n, "x".repeat(3))).train_on(|on| trail(on, |(n, _)| *n));
        let readings = job.capture(&model.each_batch(Summary::read));
        job.ticks(batches().len()).unwrap();
        assert_eq!(model.read(), *readings.rows().last().unwrap());
        readings.rows()
    });
    assert_eq!(readings, after_each());
}

#[test]
fn a_model_that_nothing_reads_is_trained_all_the_same() {
    let mut job = TestJob::new();
    let numbers = job.script(Script::new(batches()).in_partitions(3));
    let model = numbers.train_on(|on| trail(on, |n| *n));
    for (n, expected) in after_each().into_iter().enumerate() {
        job.tick().unwrap();
        assert_eq!(model.read(), expected, "after batch {n}");
    }
    // Empty batches are batches.
    job.ticks(2).unwrap();
    assert_eq!(model.read().batches, batches().len() as u64 + 2);
}

#[test]
fn a_batch_is_predicted_by_the_model_that_it_finds() {
    // The same with readings: the model is then learned while the batch runs.
    for reads in [false, true] {
        let predicted = same_for_any_threads(|threads| {
            let mut job = TestJob::with(|it| it.threads(threads));
            let numbers = job.script(Script::new(batches()).in_partitions(3));
            let others = job.script(Script::new((0..9).map(|n| vec![("key", n)])));
            let model = numbers.train_on(|on| trail(on, |n| *n));
            let readings = reads.then(|| job.capture(&model.each_batch(Summary::read)));
            let own = job.capture(&model.predict_on(&numbers, |model, number| (*model, number)));
            // Behind an operator that computes when it is prepared.
            let counted = model.predict_on(&numbers, |model, _| model.batches);
            let counted = job.capture(&counted.key_by(|batches| batches).summarize(|on| on.count()));
            let of_others = job.capture(&model.predict_on_values(&others, |model, n: i32| (*model, n)));
            job.ticks(batches().len()).unwrap();
            if let Some(readings) = readings {
                assert_eq!(readings.rows(), after_each());
            }
            assert_eq!(counted.rows().iter().map(|(_, n)| n.count()).sum::<u64>(), own.rows().len() as u64);
            assert!(
                counted.batches().iter().enumerate().all(|(n, (_, rows))| rows.iter().all(|(b, _)| *b == n as u64))
            );
            (own.batches(), of_others.rows())
        });
        let before = [vec![Trail::default()], after_each()].concat();
        for (n, (_, rows)) in predicted.0.iter().enumerate() {
            assert!(rows.iter().all(|(model, _)| *model == before[n]), "batch {n}");
            assert_eq!(rows.iter().map(|(_, number)| *number).collect::<Vec<_>>(), batches()[n]);
        }
        for (n, (key, (model, value))) in predicted.1.into_iter().enumerate() {
            assert_eq!((key, model, value), ("key", before[n], n as i32));
        }
    }
}

#[test]
fn a_model_is_changed_where_it_stands_unless_somebody_holds_it() {
    let mut job = TestJob::new();
    let numbers = job.script(Script::new(batches()));
    let model = numbers.train_on(|on| trail(on, |n| *n));
    let _predicted = job.capture(&model.predict_on(&numbers, |model, number| model.seen + number));
    job.tick().unwrap();
    let at = Arc::as_ptr(&model.get());
    job.ticks(3).unwrap();
    assert_eq!(Arc::as_ptr(&model.get()), at, "no copy is made");
    let held = model.get();
    let seen = held.seen;
    job.ticks(5).unwrap();
    assert_eq!(held.seen, seen, "what is held stays as it is");
    assert_eq!(model.get().seen, batches().concat().len() as u64);
}

#[test]
fn each_record_is_scored_by_what_came_before_it_alone() {
    let scores = same_for_any_threads(|threads| {
        let mut job = TestJob::with(|it| it.threads(threads));
        let numbers = job.script(Script::new(batches()).in_partitions(3));
        let scored = numbers.train_and_score(|on| trail(on, |n| *n), |model, number| (*model, *number));
        let rows = job.capture(&scored);
        // A model that is scored predicts too.
        let predicted = job.capture(&scored.model().predict_on(&numbers, |model, _| model.batches));
        job.ticks(batches().len()).unwrap();
        assert_eq!(scored.model().read(), *after_each().last().unwrap());
        for (n, (_, rows)) in predicted.batches().into_iter().enumerate() {
            assert_eq!(rows, vec![n as u64; batches()[n].len()]);
        }
        rows.batches()
    });
    let mut model = Trail::default();
    for (batch, (_, rows)) in batches().iter().zip(scores) {
        assert_eq!(rows.len(), batch.len());
        for (number, row) in batch.iter().zip(rows) {
            assert_eq!(row, (model, *number));
            model.add(*number);
        }
        model.end_batch();
    }
}

#[test]
fn a_function_may_do_both_at_once() {
    let mut job = TestJob::new();
    let numbers = job.script(Script::new(batches()).in_partitions(2));
    let rows = numbers.named("both").train_with(Trail::default(), |model, number| {
        let before = model.chain;
        model.add(number);
        before
    });
    let both = job.capture(&rows);
    let apart = job.capture(&numbers.train_and_score(|on| trail(on, |n| *n), |model, _| model.chain));
    job.ticks(batches().len()).unwrap();
    assert_eq!(both.batches(), apart.batches());
    assert_eq!(rows.model().read(), *after_each().last().unwrap());
}

#[test]
fn a_stream_without_a_batch_is_no_batch_of_its_model() {
    let mut job = TestJob::new();
    let numbers = job.script(Script::new((0..6).map(|n| vec![n])));
    let model = numbers.window(secs(2), secs(2)).records().train_on(|on| trail(on, |n| *n));
    let readings = job.capture(&model.each_batch(Summary::read));
    job.ticks(6).unwrap();
    assert_eq!(readings.seconds(), [2, 4, 6]);
    assert_eq!(model.read(), Trail::of([&[0, 1][..], &[2, 3], &[4, 5]]));
}

#[test]
fn running_summaries_know_of_the_end_of_batches() {
    let mut job = TestJob::new();
    let numbers = job.script(Script::new([vec![1_u64, 2], vec![], vec![1]]));
    let all = job.capture(&numbers.running().complete().summarize(|on| on.feed(Ends::default(), |_, _| ())));
    let keyed = numbers.key_by(|n| n).running().complete().summarize(|on| on.feed(Ends::default(), |_, _| ()));
    let keyed = job.capture(&keyed);
    job.ticks(3).unwrap();
    assert_eq!(all.rows(), [1, 2, 3], "one of all records: also of empty batches");
    let mut last = keyed.last();
    last.sort_unstable();
    assert_eq!(last, [(1, 2), (2, 1)], "by key: of those in which the key has records");
}

/// Counts the ends of batches.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Ends(u64);

impl Summary for Ends {
    type Reading = u64;

    const NAME: &'static str = "Ends";

    fn read(&self) -> u64 {
        self.0
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn end_batch(&mut self) {
        self.0 += 1;
    }
}

impl streamgauge_sketches::Merge for Ends {
    type Window = streamgauge_sketches::summary::TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), streamgauge_sketches::Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), streamgauge_sketches::Mismatch> {
        self.0 = self.0.max(other.0);
        Ok(())
    }
}

#[test]
fn a_learner_tells_the_rows_that_it_refused() {
    let mut job = TestJob::new();
    let rows = job.script(Script::new([
        vec![(vec![1.0, 2.0], 1), (vec![1.0], 1), (vec![3.0, 4.0], 7)],
        vec![(vec![0.0, 1.0], 0), (vec![0.0, 1.0], 1)],
    ]));
    let empty = MajorityClass::new(Schema::numeric(2, 3).unwrap());
    let model = rows.train_on(|on| on.learn(empty, |(row, class): &(Vec<f64>, usize)| (&row[..], *class)));
    let predicted = model.predict_on(&rows, |model, (row, _)| model.predict_one(&row).ok().flatten());
    let predicted = job.capture(&predicted);
    job.ticks(2).unwrap();
    assert_eq!(model.get().refused(), 2);
    assert!(matches!(model.get().why_refused(), Some(RowError::Width { .. })), "{:?}", model.get().why_refused());
    assert_eq!(model.get().predict_one(&[0.0, 0.0]), Ok(Some(1)));
    assert_eq!(predicted.rows(), [None, None, None, Some(1), Some(1)]);
}

#[test]
fn a_panic_while_learning_ends_the_job_and_names_the_model() {
    let mut job = TestJob::new();
    let numbers = job.script(Script::new([vec![1_u64], vec![2, 3]]));
    let _model = numbers.named("fragile").train_on(|on| {
        trail(on, |n| {
            assert!(*n < 3, "three is too many");
            *n
        })
    });
    job.tick().unwrap();
    let error = job.tick().unwrap_err().to_string();
    assert!(error.contains("fragile") && error.contains("three is too many"), "{error}");
}

#[test]
fn streams_of_another_context_are_a_mistake_that_is_told() {
    let (mut job, mut other) = (TestJob::new(), TestJob::new());
    let numbers = job.script(Script::new([vec![1_u64]]));
    let foreign = other.script(Script::new([vec![1_u64]]));
    let model = numbers.train_on(|on| trail(on, |n| *n));
    let _rows = other.capture(&model.predict_on(&foreign, |model, _| model.seen));
    for job in [&mut job, &mut other] {
        let error = job.start().unwrap_err().to_string();
        assert!(error.contains("predict_on: the stream and model 1 belong to different contexts"), "{error}");
    }
}

#[test]
fn the_memory_of_models_is_told() {
    let mut job = TestJob::new();
    let rows = job.script(Script::new([vec![(1_u64, vec![1.0], 1), (2, vec![2.0], 0)]]));
    let empty = || MajorityClass::new(Schema::numeric(1, 100).unwrap());
    type Row = (u64, Vec<f64>, usize);
    let _one = rows.named("one").train_on(|on| on.learn(empty(), move |row: &Row| (&row.1[..], row.2)));
    let keyed = rows.key_by(|(key, ..)| key).named("keyed");
    let _keyed = keyed.train_on(|on| on.learn(empty(), |row: &Row| (&row.1[..], row.2)));
    let recorder = job.record();
    job.tick().unwrap();
    let batch = recorder.batches().remove(0);
    let bytes = |name: &str| batch.operators.iter().find(|it| *it.name == *name).and_then(|it| it.state_bytes).unwrap();
    assert!((800..2_000).contains(&bytes("one")), "{}", bytes("one"));
    assert!((1_600..6_000).contains(&bytes("keyed")), "{}", bytes("keyed"));
}
