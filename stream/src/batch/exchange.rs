//! Exchange by key: the only wide primitive.
//!
//! Keys belong to a fixed number of *shards* by a portable hash, and shards to *lanes*: a range of shards that one
//! thread works on at a time. Every partition sorts what it has by lane; then each lane works on what all partitions
//! have for it, in the order of the partitions. So results and their order depend on the data and on the number of
//! lanes, which is a setting, and never on the number of threads.

use std::fmt::Debug;
use std::hash::Hash;

use serde::{Serialize, de::DeserializeOwned};
pub(crate) use streamgauge_sketches::key_hash;

use crate::source::Record;
use crate::time::Time;

/// What keyed operators may send to another process: a record that serde knows.
pub trait Portable: Record + Serialize + DeserializeOwned {}

impl<T: Record + Serialize + DeserializeOwned> Portable for T {}

/// The shards that keyed state is divided into.
pub(crate) const SHARDS: usize = 256;

/// The lanes of an exchange unless set otherwise: enough for the threads of one machine, few enough that a small batch
/// is not torn to pieces.
pub(crate) const LANES: usize = 16;

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

/// The lane of a key: by the middle bits of its hash.
#[inline]
pub(crate) fn lane_of(hash: u64, lanes: usize) -> usize {
    let shard = (hash >> 32) as usize % SHARDS;
    shard * lanes / SHARDS
}

/// How many lanes a stream of these keys has: an ungrouped stream has but one.
pub(crate) const fn lanes_of<K>(lanes: usize) -> usize {
    if size_of::<K>() == 0 { 1 } else { lanes }
}

/// Sorts entries by the lane of their key.
pub(crate) fn by_lane<K: Hash, V>(entries: Vec<(K, V)>, lanes: usize) -> Vec<Vec<(K, V)>> {
    if size_of::<K>() == 0 {
        return vec![entries];
    }
    let expected = entries.len() / lanes + entries.len() / (4 * lanes);
    let mut sorted: Vec<_> = (0..lanes).map(|_| Vec::with_capacity(expected)).collect();
    for entry in entries {
        sorted[lane_of(key_hash(&entry.0), lanes)].push(entry);
    }
    sorted
}

/// Gathers for every lane of this process what the partitions of all processes have for it: by process, then by
/// partition. What stays in the process is never serialized. Lanes of other processes come out empty.
///
/// Every partition has something, be it empty, for each lane.
pub(crate) fn gather<E: Serialize + DeserializeOwned>(
    exchange: &dyn Exchange,
    time: Time,
    lanes: usize,
    partitions: Vec<Vec<E>>,
) -> Result<Vec<Vec<E>>, String> {
    let (peers, index) = (exchange.peers(), exchange.index());
    let mut by_peer: Vec<Vec<(usize, E)>> = (0..peers).map(|_| Vec::new()).collect();
    for partition in partitions {
        for (lane, entries) in partition.into_iter().enumerate() {
            by_peer[lane * peers / lanes].push((lane, entries));
        }
    }
    if peers > 1 {
        let own = std::mem::take(&mut by_peer[index]);
        let outgoing = by_peer.iter().map(postcard::to_allocvec).collect::<Result<_, _>>();
        let incoming = exchange.exchange(time, outgoing.map_err(|e| e.to_string())?)?;
        let decoded = incoming.iter().map(|bytes| postcard::from_bytes(bytes)).collect::<Result<_, _>>();
        by_peer = decoded.map_err(|e: postcard::Error| e.to_string())?;
        by_peer[index] = own;
    }
    let mut gathered: Vec<Vec<E>> = (0..lanes).map(|_| Vec::new()).collect();
    for (lane, entries) in by_peer.into_iter().flatten() {
        gathered.get_mut(lane).ok_or_else(|| format!("there is no lane {lane}"))?.push(entries);
    }
    Ok(gathered)
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

    fn partition(keys: std::ops::Range<u64>) -> Vec<Vec<(u64, u64)>> {
        by_lane(keys.map(|key| (key, 10 * key)).collect(), LANES)
    }

    #[test]
    fn two_processes_have_between_them_what_one_would_have() {
        let alone = gather(&Local, Time::default(), LANES, vec![partition(0..700), partition(300..1_000)]).unwrap();
        let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
        let a = Pair { index: 0, to: to_b.into(), from: from_b.into() };
        let b = Pair { index: 1, to: to_a.into(), from: from_a.into() };
        let run = |exchange: Pair, keys: std::ops::Range<u64>| {
            let exchange: Arc<dyn Exchange> = Arc::new(exchange);
            thread::spawn(move || gather(&*exchange, Time::default(), LANES, vec![partition(keys)]).unwrap())
        };
        let (a, b) = (run(a, 0..700), run(b, 300..1_000));
        let (a, b) = (a.join().unwrap(), b.join().unwrap());
        for lane in 0..LANES {
            let (here, elsewhere) = if lane < LANES / 2 { (&a, &b) } else { (&b, &a) };
            assert_eq!(here[lane], alone[lane]);
            assert!(elsewhere[lane].is_empty());
        }
    }

    /// A hash that leaves lanes empty or crowded makes threads wait. Of 64,000 keys a lane has 4,000 ± 61 by chance.
    #[test]
    fn keys_of_all_kinds_spread_over_the_lanes() {
        fn spread<K: Hash>(keys: impl Iterator<Item = K>) {
            let mut lanes = [0_u32; LANES];
            keys.for_each(|key| lanes[lane_of(key_hash(&key), LANES)] += 1);
            assert!(lanes.iter().all(|n| (3_700..4_300).contains(n)), "{lanes:?}");
        }
        spread(0..64_000_u32);
        spread((0..64_000_u64).map(|n| n << 40));
        spread((0..64_000_u32).map(|n| (n % 8, n / 8)));
        spread((0..64_000_u32).map(|n| format!("/page/{n}")));
        spread((0..64_000_u32).map(|n| format!("{n:x}")));
        spread((0..64_000_u32).map(|n| format!("https://example.org/page/{n}")));
    }
}
