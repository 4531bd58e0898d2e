//! The newest rows of a stream, for the tables of dashboards.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;
use streamgauge::stream::source::Record;

/// The newest rows, the newest first: a model that learns by forgetting.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Newest<T> {
    rows: VecDeque<T>,
    most: usize,
}

impl<T> Newest<T> {
    fn add(&mut self, row: T) {
        self.rows.push_front(row);
        self.rows.truncate(self.most);
    }
}

impl<T: Record + Serialize + DeserializeOwned> Summary for Newest<T> {
    type Reading = Vec<T>;

    const NAME: &'static str = "Newest";

    fn read(&self) -> Self::Reading {
        self.rows.iter().cloned().collect()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.rows.capacity() * size_of::<T>()
    }
}

/// So many of the newest rows of a stream, the newest first, in every batch.
pub(crate) fn newest<T: Record + Serialize + DeserializeOwned>(
    rows: &DStream<T>,
    name: &str,
    most: usize,
) -> DStream<T> {
    let none = Newest { rows: VecDeque::new(), most };
    let newest =
        rows.named(name).train_on(|on| on.feed(none, |newest: &mut Newest<T>, row: &T| newest.add(row.clone())));
    newest.each_batch(Summary::read).flat_map(|rows| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_in_every_batch() {
        let ctx = StreamingContext::builder("newest").trigger(Trigger::Available).build();
        let (queue, source) = Queue::<u64>::new();
        let rows = newest(&ctx.source(source.one_at_a_time()), "newest", 3).collect_to_memory();
        for batch in [vec![1, 2], vec![], vec![3, 4, 5]] {
            queue.push(batch);
        }
        queue.close();
        ctx.run().unwrap();
        let rows = rows.rows();
        assert_eq!(rows[..2], [2, 1]);
        assert_eq!(rows[rows.len() - 3..], [5, 4, 3]);
    }
}
