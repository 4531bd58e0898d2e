//! Summaries that are kept for ever, or fade.

use std::collections::BTreeMap;

use streamgauge_stream::{DStream, Queue, StreamingContext, Trigger, secs};

type Record = (u32, u64);

fn job(batches: &[Vec<Record>]) -> (StreamingContext, DStream<Record>) {
    let ctx = StreamingContext::builder("running").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    batches.iter().for_each(|batch| assert!(queue.push(batch.clone())));
    let stream = ctx.source(source.one_at_a_time());
    (ctx, stream)
}

/// Many keys, each of which is in few batches: records go as they are. Then few keys: summaries go.
fn batches() -> Vec<Vec<Record>> {
    let many = (0..10_u64).map(|batch| (0..2_000).map(|i| ((i * (batch + 3) % 1_777) as u32, i + batch)).collect());
    let few = (0..10_u64).map(|batch| (0..5_000).map(|i| ((i % (batch + 2)) as u32, i)).collect());
    many.chain(few).collect()
}

#[test]
fn changed_or_all_keys_are_given_with_everything_since_the_beginning() {
    let batches = batches();
    let (ctx, stream) = job(&batches);
    let running = || stream.key_by(|(key, _)| key).running();
    let changed = running().summarize(|on| (on.count(), on.sum(|(_, value)| *value))).collect_to_memory();
    let all = running().complete().summarize(|on| on.count()).collect_to_memory();
    let total = stream.running().summarize(|on| on.count()).collect_to_memory();
    ctx.run().unwrap();
    let (mut model, mut records) = (BTreeMap::<u32, (u64, u64)>::new(), 0);
    for (number, batch) in batches.iter().enumerate() {
        let mut of_batch = BTreeMap::new();
        for (key, value) in batch {
            let (count, sum) = model.entry(*key).or_default();
            (*count, *sum) = (*count + 1, *sum + value);
            of_batch.insert(*key, (*count, *sum as f64));
        }
        records += batch.len() as u64;
        let rows = changed.batches()[number].1.clone();
        let distinct: BTreeMap<_, _> = rows.iter().map(|(key, (n, sum))| (*key, (n.count(), sum.value))).collect();
        assert_eq!((rows.len(), distinct), (of_batch.len(), of_batch));
        let all: BTreeMap<_, _> = all.batches()[number].1.iter().map(|(key, n)| (*key, n.count())).collect();
        assert_eq!(all, model.iter().map(|(key, (count, _))| (*key, *count)).collect());
        let total: Vec<_> = total.batches()[number].1.iter().map(|n| n.count()).collect();
        assert_eq!(total, [records]);
    }
}

/// Against the sum over all records of two to the minus of their age in half-lives.
#[test]
fn what_is_as_old_as_the_half_life_weighs_half() {
    let mut batches = batches();
    // Silence in between: fading is caught up with.
    (0..7).for_each(|_| batches.insert(10, Vec::new()));
    let half_life = 3;
    let (ctx, stream) = job(&batches);
    let fading = || stream.key_by(|(key, _)| key).running().half_life(secs(half_life));
    let changed = fading().summarize(|on| on.count()).collect_to_memory();
    let all = fading().complete().summarize(|on| on.count()).collect_to_memory();
    ctx.run().unwrap();
    let mut model = BTreeMap::<u32, f64>::new();
    for (number, batch) in batches.iter().enumerate() {
        model.values_mut().for_each(|weight| *weight *= (-1.0 / half_life as f64).exp2());
        batch.iter().for_each(|(key, _)| *model.entry(*key).or_default() += 1.0);
        let all = &all.batches()[number].1;
        assert_eq!(all.len(), model.len());
        for (key, count) in all.iter().chain(&changed.batches()[number].1) {
            // A count is kept in units of 2⁻¹⁶; each fading rounds by half of one.
            assert!((count.value - model[key]).abs() < 1e-3, "{key}: {} and not {}", count.value, model[key]);
        }
        let in_batch: std::collections::BTreeSet<_> = batch.iter().map(|(key, _)| *key).collect();
        assert_eq!(changed.batches()[number].1.len(), in_batch.len());
    }
}
