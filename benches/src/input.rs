//! The inputs of the five workloads: made once, kept in a folder, and always the same to the byte.

use std::fs;
use std::io;
use std::path::Path;

use clap::ValueEnum;
use streamgauge::stream::SourceError;
use streamgauge::stream::source::Partition;

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Word count per batch
    W1,
    /// Sliding count by key, with the inverse function
    W2,
    /// Different users per page over a window: HyperLogLog
    W3,
    /// Running count, mean and M2 of a million keys
    W4,
    /// The 99th percentile by key over a window: KLL
    W5,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::W1, Self::W2, Self::W3, Self::W4, Self::W5];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W2 => "w2",
            Self::W3 => "w3",
            Self::W4 => "w4",
            Self::W5 => "w5",
        }
    }

    /// What it computes.
    pub fn title(self) -> &'static str {
        match self {
            Self::W1 => "word count per batch (records are lines of ten words)",
            Self::W2 => "sliding count of 100,000 keys, 60 batches, with inverse",
            Self::W3 => "different users of 1,000 pages, 60 batches, HyperLogLog p=12",
            Self::W4 => "running count, mean and M2 of a million keys, an output per record",
            Self::W5 => "p99 of 1,000 keys, 60 batches, KLL k=200",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::W1 => "w1.txt",
            Self::W2 => "w2.bin",
            Self::W3 => "w3.bin",
            Self::W4 => "w4.bin",
            Self::W5 => "w5.bin",
        }
    }

    /// FNV-1a-64 of the file.
    fn fingerprint(self) -> u64 {
        match self {
            Self::W1 => 0x53da_42dc_622f_26a4,
            Self::W2 => 0xb746_ca6f_15ac_4317,
            Self::W3 => 0x2051_8aaf_75d7_5179,
            Self::W4 => 0xf6df_3bfb_1195_8584,
            Self::W5 => 0x2008_4247_bf7a_20f9,
        }
    }

    /// The records of a batch.
    pub fn batch(self) -> usize {
        if self == Self::W4 { 200_000 } else { 100_000 }
    }

    /// The batches in the file; jobs that run longer begin again with the first.
    fn batches(self) -> usize {
        match self {
            Self::W1 => 20,
            Self::W4 => 60,
            Self::W2 | Self::W3 | Self::W5 => 120,
        }
    }

    fn generate(self) -> Vec<u8> {
        let records = self.batches() * self.batch();
        match self {
            Self::W1 => words(records),
            Self::W2 => {
                let mut random = SplitMix(2);
                (0..records).flat_map(|_| random.below(100_000).to_le_bytes()).collect()
            }
            Self::W3 => {
                let (mut random, pages) = (SplitMix(3), Zipf::new(1.1, 1_000));
                let mut bytes = Vec::with_capacity(8 * records);
                for _ in 0..records {
                    bytes.extend((pages.draw(&mut random) as u32).to_le_bytes());
                    bytes.extend(random.below(1_000_000).to_le_bytes());
                }
                bytes
            }
            Self::W4 => {
                let mut random = SplitMix(4);
                pairs(records, || (random.below(1_000_000), 100.0 * random.unit()))
            }
            Self::W5 => {
                let mut random = SplitMix(5);
                pairs(records, || {
                    let key = random.below(1_000);
                    (key, -(1.0 - random.unit()).ln() * f64::from(1 + key % 10))
                })
            }
        }
    }

    /// Makes the file, unless it is there and is the right one.
    pub fn make(self, folder: &Path) -> io::Result<()> {
        let path = folder.join(self.file());
        if fs::read(&path).is_ok_and(|bytes| fingerprint(&bytes) == self.fingerprint()) {
            return Ok(());
        }
        let bytes = self.generate();
        let made = fingerprint(&bytes);
        if made != self.fingerprint() {
            let right = self.fingerprint();
            return Err(io::Error::other(format!("{}: made {made:016x}, not {right:016x}", self.file())));
        }
        // Under another name first: a run that is cut off must leave no half of it behind.
        let partial = path.with_extension("partial");
        fs::write(&partial, bytes)?;
        fs::rename(partial, path)
    }

    fn load(self, folder: &Path) -> io::Result<Vec<u8>> {
        let path = folder.join(self.file());
        fs::read(&path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
    }
}

/// Records that stay in memory to the end of the process, in batches of two partitions.
#[derive(Clone, Copy, Debug)]
pub struct Input<T: 'static> {
    records: &'static [T],
    batch: usize,
}

/// The partitions of a batch.
pub const PARTITIONS: usize = 2;

impl<T> Input<T> {
    /// Records that make up whole batches of this size.
    pub fn new(records: Vec<T>, batch: usize) -> Self {
        Self { records: records.leak(), batch }
    }

    /// The records of a partition of a batch; after the last batch the first comes again.
    pub fn partition(&self, batch: usize, partition: usize) -> &'static [T] {
        let begin = batch % (self.records.len() / self.batch) * self.batch;
        let end_of = |partitions| begin + self.batch * partitions / PARTITIONS;
        &self.records[end_of(partition)..end_of(partition + 1)]
    }
}

/// Records handed over at once.
const CHUNK: usize = 1_024;

impl<T: Copy + Send + Sync> Input<T> {
    /// The partitions of a batch, as a source gives them.
    pub fn read(&self, batch: usize) -> Vec<Box<dyn Partition<T>>> {
        (0..PARTITIONS).map(|at| Box::new(Slice(self.partition(batch, at))) as Box<dyn Partition<T>>).collect()
    }
}

struct Slice<T: 'static>(&'static [T]);

impl<T: Copy + Send + Sync> Partition<T> for Slice<T> {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError> {
        let mut rows = Vec::with_capacity(CHUNK);
        for records in self.0.chunks(CHUNK) {
            rows.extend_from_slice(records);
            out(&mut rows);
            rows.clear();
        }
        Ok(())
    }
}

/// The lines of W1, as they stand in the file.
pub fn lines(folder: &Path) -> io::Result<Input<&'static str>> {
    let text = String::from_utf8(Workload::W1.load(folder)?).map_err(io::Error::other)?;
    let text: &'static str = text.leak();
    Ok(Input::new(text.lines().collect(), Workload::W1.batch()))
}

/// The keys of W2.
pub fn keys(folder: &Path) -> io::Result<Input<u32>> {
    let bytes = Workload::W2.load(folder)?;
    Ok(Input::new(fours(&bytes).map(u32::from_le_bytes).collect(), Workload::W2.batch()))
}

/// The visits of W3: page and user.
pub fn visits(folder: &Path) -> io::Result<Input<(u32, u32)>> {
    let bytes = Workload::W3.load(folder)?;
    let mut fields = fours(&bytes).map(u32::from_le_bytes);
    let visits = std::iter::from_fn(|| Some((fields.next()?, fields.next()?)));
    Ok(Input::new(visits.collect(), Workload::W3.batch()))
}

/// The keys and values of W4 or W5.
pub fn values(workload: Workload, folder: &Path) -> io::Result<Input<(u32, f32)>> {
    let bytes = workload.load(folder)?;
    let mut fields = fours(&bytes);
    let pair = || Some((u32::from_le_bytes(fields.next()?), f32::from_le_bytes(fields.next()?)));
    Ok(Input::new(std::iter::from_fn(pair).collect(), workload.batch()))
}

fn fours(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]])
}

fn pairs(records: usize, mut pair: impl FnMut() -> (u32, f64)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * records);
    for _ in 0..records {
        let (key, value) = pair();
        bytes.extend(key.to_le_bytes());
        bytes.extend((value as f32).to_le_bytes());
    }
    bytes
}

fn words(lines: usize) -> Vec<u8> {
    const WORDS: usize = 100_000;
    let vocabulary: Vec<String> = (0..WORDS as u64).map(word).collect();
    let (mut random, ranks) = (SplitMix(1), Zipf::new(1.1, WORDS));
    let mut text = Vec::with_capacity(64 * lines);
    for _ in 0..lines {
        for i in 0..5 + random.below(11) {
            if i > 0 {
                text.push(b' ');
            }
            text.extend(vocabulary[ranks.draw(&mut random)].as_bytes());
        }
        text.push(b'\n');
    }
    text
}

/// The word of a rank: letters that tell it, and up to three zeros.
fn word(rank: u64) -> String {
    let (mut rest, mut letters) = (rank + 676, Vec::new());
    while rest > 0 {
        letters.push((b'a' + (rest % 26) as u8) as char);
        rest /= 26;
    }
    let zeros = "0".repeat((mix(rank) % 4) as usize);
    letters.into_iter().rev().collect::<String>() + &zeros
}

fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The generator of random numbers that the inputs are defined by.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Ranks of which the k-th comes in proportion to k⁻ˢ.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(s: f64, ranks: usize) -> Self {
        let mut sum = 0.0;
        let mut sums: Vec<f64> = (1..=ranks)
            .map(|rank| {
                sum += (rank as f64).powf(-s);
                sum
            })
            .collect();
        sums.iter_mut().for_each(|below| *below /= sum);
        Self(sums)
    }

    fn draw(&self, random: &mut SplitMix) -> usize {
        let unit = random.unit();
        self.0.partition_point(|&below| below < unit)
    }
}
