//! One model for each key.

use std::collections::BTreeMap;

use streamgauge_sketches::Summary;
use streamgauge_stream::secs;
use streamgauge_stream::testing::{Script, TestJob, same_for_any_threads};

use crate::{Trail, batches, trail};

/// The numbers with keys, of which some come in few batches only.
fn records() -> Vec<Vec<(u64, u64)>> {
    let keyed = |batch: Vec<u64>| batch.into_iter().map(|n| (n % 11 * (n % 3), n)).collect();
    batches().into_iter().map(keyed).collect()
}

/// What each record is scored by, and the models after each batch.
type Expected = (Vec<(u64, Trail)>, Vec<BTreeMap<u64, Trail>>);

fn expected() -> Expected {
    let (mut models, mut scores, mut after) = (BTreeMap::<u64, Trail>::new(), Vec::new(), Vec::new());
    for batch in records() {
        let mut touched: Vec<u64> = Vec::new();
        for (key, number) in batch {
            let model = models.entry(key).or_default();
            scores.push((number, *model));
            model.add(number);
            touched.push(key);
        }
        touched.sort_unstable();
        touched.dedup();
        touched.iter().for_each(|key| models.get_mut(key).unwrap().end_batch());
        after.push(models.clone());
    }
    (scores, after)
}

#[test]
fn each_key_has_a_model_of_its_own() {
    let (scores, after) = expected();
    let found = same_for_any_threads(|threads| {
        let mut job = TestJob::with(|it| it.threads(threads));
        let records = job.script(Script::new(records()).in_partitions(3));
        let scored =
            records.key_by(|(key, _)| key).train_and_score(|on| trail(on, |(_, n)| *n), |model, (_, n)| (*n, *model));
        let rows = job.capture(&scored);
        let models = records.key_by(|(key, _)| key).train_on(|on| trail(on, |(_, n)| *n));
        let snapshots = job.capture(&models.snapshots());
        let together = records.key_by(|(key, _)| key).train_with(Trail::default(), |model, (_, n)| {
            let before = (n, *model);
            model.add(n);
            before
        });
        let together = job.capture(&together);
        for after in &after {
            job.tick().unwrap();
            assert_eq!(models.keys(), after.len());
            assert!(after.iter().all(|(key, model)| models.get(key) == Some(*model)));
            assert!(after.iter().all(|(key, model)| scored.get(key) == Some(*model)));
        }
        assert_eq!(models.get(&1_000), None);
        assert_eq!(rows.batches(), together.batches());
        (rows.rows(), snapshots.batches())
    });
    let sorted = |mut rows: Vec<(u64, Trail)>| {
        rows.sort_by_key(|(number, model)| (*number, model.seen, model.chain));
        rows
    };
    assert_eq!(sorted(found.0), sorted(scores));
    for ((_, snapshot), after) in found.1.into_iter().zip(after) {
        assert_eq!(snapshot.into_iter().collect::<BTreeMap<_, _>>(), after);
    }
}

#[test]
fn a_model_goes_with_its_idle_key_and_may_be_there_at_the_beginning() {
    let mut job = TestJob::new();
    let records =
        job.script(Script::new([vec![(1_u64, 5_u64), (2, 6)], vec![(1, 7)], vec![], vec![(1, 8)], vec![(2, 9)]]));
    let known = Trail::of([&[1, 2, 3][..]]);
    let states = records.key_by(|(key, _)| key).state().initial([(2, known)]).idle_timeout(secs(2));
    let scored = states.train_and_score(|on| trail(on, |(_, n)| *n), |model, (key, _)| (*key, model.seen));
    let rows = job.capture(&scored);
    job.ticks(4).unwrap();
    assert_eq!(scored.keys(), 1, "nothing came for key 2 in batches 2 to 4");
    job.tick().unwrap();
    let mut scores = rows.rows();
    scores.sort_unstable();
    assert_eq!(scores, [(1, 0), (1, 1), (1, 2), (2, 0), (2, 3)]);
    assert_eq!(scored.get(&1).map(|model| model.batches), Some(3));
}

#[test]
fn models_of_keys_that_nothing_comes_for_are_not_touched() {
    let mut job = TestJob::new();
    let records = job.script(Script::new([vec![(1_u64, 5_u64), (2, 6)], vec![(1, 7), (1, 8)], vec![]]));
    let models = records.key_by(|(key, _)| key).train_on(|on| trail(on, |(_, n)| *n));
    job.ticks(3).unwrap();
    assert_eq!(models.get(&1), Some(Trail::of([&[5][..], &[7, 8]])));
    assert_eq!(models.get(&2), Some(Trail::of([&[6][..]])));
    assert_eq!(Trail::of([&[6][..]]).read().batches, 1);
}

#[test]
fn records_are_predicted_by_the_models_of_their_keys_that_the_batch_finds() {
    let (_, after) = expected();
    // With snapshots the models are learned while the batch runs, without at its end.
    for reads in [false, true] {
        let found = same_for_any_threads(|threads| {
            let mut job = TestJob::with(|it| it.threads(threads));
            let records = job.script(Script::new(records()).in_partitions(3));
            let others = job.script(Script::new((0..9).map(|n| vec![(0_u64, n), (5, n), (999, n)])).in_partitions(2));
            let models = records.key_by(|(key, _)| key).train_on(|on| trail(on, |(_, n)| *n));
            let snapshots = reads.then(|| job.capture(&models.snapshots()));
            let own = models.predict_on(&records, |(key, _)| key, |model, record| (record, model.copied()));
            let own = job.capture(&own);
            let others = job.capture(&models.predict_on_values(&others, |model, n: u32| (n, model.copied())));
            job.run().unwrap();
            if let Some(snapshots) = snapshots {
                assert_eq!(snapshots.last().len(), after.last().unwrap().len());
            }
            (own.batches(), others.batches())
        });
        for (n, batch) in records().into_iter().enumerate() {
            let before = |key| n.checked_sub(1).and_then(|n| after[n].get(&key).copied());
            let mut own = found.0[n].1.clone();
            own.sort_by_key(|(record, _)| *record);
            let mut expected: Vec<_> = batch.into_iter().map(|record| (record, before(record.0))).collect();
            expected.sort_by_key(|(record, _)| *record);
            assert_eq!(own, expected, "batch {n}");
            let mut others = found.1[n].1.clone();
            others.sort_by_key(|(key, _)| *key);
            let expected = [0, 5, 999].map(|key| (key, (n as u32, before(key))));
            assert_eq!(others, expected, "batch {n}");
        }
    }
}

#[test]
fn what_the_models_give_cannot_be_predicted_before_it_is_there() {
    let mut job = TestJob::new();
    let records = job.script(Script::new(records()));
    let models = records.key_by(|(key, _)| key).named("models").train_on(|on| trail(on, |(_, n)| *n));
    let snapshots = models.snapshots().map(|(key, model)| (key, model.seen));
    let _rows = job.capture(&models.predict_on_values(&snapshots, |_, seen| seen));
    let error = job.start().unwrap_err().to_string();
    assert!(error.contains("the stream is made of what models gives after each batch"), "{error}");
}

#[test]
fn by_event_time_a_model_goes_when_its_key_has_been_silent_for_long_enough() {
    let mut job = TestJob::new();
    // Milliseconds, key; no batch falls into the pauses.
    let records = job.script(Script::new([
        vec![(0_i64, 'a'), (500, 'b')],
        vec![(4_000, 'b')],
        vec![(4_500, 'a'), (5_000, 'b')],
        vec![(20_000, 'b')],
    ]));
    let by_key = records.event_time(|(at, _): &(i64, char)| *at, secs(1)).key_by(|(_, key)| key);
    let scored = by_key
        .state()
        .idle_timeout(secs(3))
        .train_and_score(|on| trail(on, |(at, _)| *at as u64), |model, (at, key)| (*key, *at, model.seen));
    let rows = job.capture(&scored);
    job.ticks(4).unwrap();
    assert_eq!(rows.batches().into_iter().map(|(_, rows)| rows.len()).collect::<Vec<_>>(), [2, 1, 2, 1]);
    let mut scores = rows.rows();
    scores.sort_unstable();
    let of_a = [('a', 0, 0), ('a', 4_500, 0)];
    let of_b = [('b', 500, 0), ('b', 4_000, 1), ('b', 5_000, 2), ('b', 20_000, 0)];
    assert_eq!(scores, [&of_a[..], &of_b].concat());
    assert_eq!((scored.keys(), scored.get(&'a')), (1, None));
}
