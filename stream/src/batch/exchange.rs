//! Exchange by key: the only wide primitive.
//!
//! Keys belong to a fixed number of *shards* by a portable hash. Every partition sorts what it has by shard; then each
//! shard is worked on with what all partitions have for it, in the order of the partitions. So results and their order
//! depend on the data alone, not on the number of threads.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::hash::hash_bytes;

use crate::time::Time;

/// The shards that keyed state is kept in.
pub(crate) const SHARDS: usize = 256;

/// The seam between the processes of a job: every process runs the same program on its own partitions.
///
/// The calls are collective: all processes make the same ones in the same order, and each waits for the others.
pub(crate) trait Exchange: Send + Sync + Debug {
    /// How many processes there are.
    fn peers(&self) -> usize;

    /// Which of them this is.
    fn index(&self) -> usize;

    /// Sends bytes to every process, by index, and gives what every process has sent to this one, by index.
    fn exchange(&self, time: Time, outgoing: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String>;
}

/// The only process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local;

impl Exchange for Local {
    fn peers(&self) -> usize {
        1
    }

    fn index(&self) -> usize {
        0
    }

    fn exchange(&self, _: Time, outgoing: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
        Ok(outgoing)
    }
}

/// The portable hash of a key: XXH3 over its serialized form, once per distinct key and batch.
pub(crate) fn key_hash<K: Serialize>(key: &K, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    // Writing to memory fails only for a key that refuses to be serialized; all such keys share a shard.
    let bytes = postcard::to_extend(key, std::mem::take(scratch)).unwrap_or_default();
    let hash = hash_bytes(&bytes, 0);
    *scratch = bytes;
    hash
}

/// The shard of a key: the middle bits of its hash. The top bits are the hash table's own.
pub(crate) fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

/// What one partition has for the shards, in the order of first appearance within each.
pub(crate) type Sharded<E> = Vec<(usize, Vec<E>)>;

/// Sorts entries by shard. An ungrouped stream has but one.
pub(crate) fn by_shard<K: Serialize, V>(entries: Vec<(K, V)>) -> Sharded<(K, V)> {
    if entries.is_empty() {
        return Vec::new();
    }
    if size_of::<K>() == 0 {
        return vec![(0, entries)];
    }
    let mut scratch = Vec::new();
    let mut shards: Vec<Vec<(K, V)>> = Vec::new();
    shards.resize_with(SHARDS, Vec::new);
    for entry in entries {
        shards[shard_of(key_hash(&entry.0, &mut scratch))].push(entry);
    }
    shards.into_iter().enumerate().filter(|(_, entries)| !entries.is_empty()).collect()
}

/// Gathers for every shard of this process what the partitions of all processes have for it: by process, then by
/// partition. What stays in the process is never serialized. Shards of other processes come out empty.
pub(crate) fn gather<E: Serialize + DeserializeOwned>(
    exchange: &dyn Exchange,
    time: Time,
    shards: usize,
    partitions: Vec<Sharded<E>>,
) -> Result<Vec<Vec<E>>, String> {
    let mut gathered: Vec<Vec<E>> = Vec::new();
    gathered.resize_with(shards, Vec::new);
    let (peers, index) = (exchange.peers(), exchange.index());
    let mut by_peer: Vec<Sharded<E>> = Vec::new();
    by_peer.resize_with(peers, Vec::new);
    for (shard, entries) in partitions.into_iter().flatten() {
        by_peer[shard * peers / shards].push((shard, entries));
    }
    if peers > 1 {
        let own = std::mem::take(&mut by_peer[index]);
        let outgoing = by_peer.iter().map(postcard::to_allocvec).collect::<Result<_, _>>();
        let incoming = exchange.exchange(time, outgoing.map_err(|e| e.to_string())?)?;
        let decoded = incoming.iter().map(|bytes| postcard::from_bytes(bytes)).collect::<Result<_, _>>();
        by_peer = decoded.map_err(|e: postcard::Error| e.to_string())?;
        by_peer[index] = own;
    }
    for (shard, entries) in by_peer.into_iter().flatten() {
        gathered[shard].extend(entries);
    }
    Ok(gathered)
}

/// How many shards a stream of these keys has.
pub(crate) const fn shards_of<K>() -> usize {
    if size_of::<K>() == 0 { 1 } else { SHARDS }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::*;

    /// Two processes in one: threads that hand each other bytes.
    #[derive(Debug)]
    struct Pair {
        index: usize,
        to: Mutex<Sender<Vec<u8>>>,
        from: Mutex<Receiver<Vec<u8>>>,
    }

    impl Exchange for Pair {
        fn peers(&self) -> usize {
            2
        }

        fn index(&self) -> usize {
            self.index
        }

        fn exchange(&self, _: Time, mut outgoing: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
            let other = 1 - self.index;
            self.to.lock().unwrap().send(std::mem::take(&mut outgoing[other])).unwrap();
            outgoing[other] = self.from.lock().unwrap().recv().unwrap();
            Ok(outgoing)
        }
    }

    fn partition(keys: std::ops::Range<u64>) -> Sharded<(u64, u64)> {
        by_shard(keys.map(|key| (key, 10 * key)).collect())
    }

    #[test]
    fn two_processes_have_between_them_what_one_would_have() {
        let alone = gather(&Local, Time::default(), SHARDS, vec![partition(0..700), partition(300..1_000)]).unwrap();
        let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
        let a = Pair { index: 0, to: to_b.into(), from: from_b.into() };
        let b = Pair { index: 1, to: to_a.into(), from: from_a.into() };
        let run = |exchange: Pair, keys: std::ops::Range<u64>| {
            let exchange: Arc<dyn Exchange> = Arc::new(exchange);
            thread::spawn(move || gather(&*exchange, Time::default(), SHARDS, vec![partition(keys)]).unwrap())
        };
        let (a, b) = (run(a, 0..700), run(b, 300..1_000));
        let (a, b) = (a.join().unwrap(), b.join().unwrap());
        for shard in 0..SHARDS {
            let (here, elsewhere) = if shard < SHARDS / 2 { (&a, &b) } else { (&b, &a) };
            assert_eq!(here[shard], alone[shard]);
            assert!(elsewhere[shard].is_empty());
        }
    }
}
