//! The laws of the algebra, as checks that any summary can be run through; yours too.
//!
//! Each check panics with the law that was broken. They are meant for tests, best for property tests that choose the
//! parts at random. `seen` says what must be equal: for a summary that merges to the bit its bytes, for the others what
//! they promise.
//!
//! ```
//! use streamgauge_sketches::{Codec, CountMin, HeavyHitters, HyperLogLog, laws};
//!
//! let parts = [vec![1_u32, 2, 3], vec![], vec![3, 4], vec![5; 100]];
//! laws::hold(&HyperLogLog::default(), &parts, Codec::to_bytes);
//! laws::hold(&HeavyHitters::<u32>::top(3), &parts, |top| top.total());
//! laws::image_holds(&CountMin::default());
//! laws::refuses(&HyperLogLog::with_precision(12)?, &HyperLogLog::with_precision(14)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Debug;

use crate::codec::Codec;
use crate::error::DecodeError;
use crate::summary::{Absorb, Merge, Panes, Summary, Weight, Weighted};

/// Holds a summary to all laws that concern items: [`merging`], [`bulk`], [`storing`] and [`sliding`].
#[track_caller]
pub fn hold<S, Q, R>(empty: &S, parts: &[Vec<Q>], seen: impl Fn(&S) -> R)
where
    S: Absorb<Q> + Merge,
    R: PartialEq + Debug,
{
    merging(empty, parts, &seen);
    bulk(empty, parts, &seen);
    let panes: Vec<S> = parts.iter().map(|part| absorbed(empty, part)).collect();
    panes.iter().for_each(storing);
    sliding(empty, &panes, &seen);
}

fn absorbed<S: Absorb<Q>, Q>(empty: &S, items: &[Q]) -> S {
    let mut summary = empty.clone();
    items.iter().for_each(|item| summary.absorb(item));
    summary
}

#[track_caller]
fn merged<S: Merge>(mut ours: S, theirs: &S) -> S {
    if let Err(error) = ours.merge(theirs) {
        panic!("summaries of the same parameters merge: {error}");
    }
    ours
}

/// Merging is associative and commutative, an empty summary changes nothing, and merging parts equals absorbing their
/// concatenation.
#[track_caller]
pub fn merging<S, Q, R>(empty: &S, parts: &[Vec<Q>], seen: impl Fn(&S) -> R)
where
    S: Absorb<Q> + Merge,
    R: PartialEq + Debug,
{
    let mut whole = empty.clone();
    parts.iter().flatten().for_each(|item| whole.absorb(item));
    let states: Vec<S> = parts.iter().map(|part| absorbed(empty, part)).collect();

    let forward = states.iter().fold(empty.clone(), merged);
    assert_eq!(seen(&forward), seen(&whole), "merging equals absorbing everything");
    let backward = states.iter().rev().fold(empty.clone(), merged);
    assert_eq!(seen(&backward), seen(&whole), "merging is commutative");
    let right = states.iter().rev().cloned().reduce(|sum, state| merged(state, &sum));
    assert_eq!(seen(&right.unwrap_or_else(|| empty.clone())), seen(&whole), "merging is associative");
    assert_eq!(seen(&merged(whole.clone(), empty)), seen(&whole), "an empty summary changes nothing");
    assert_eq!(seen(&merged(empty.clone(), &whole)), seen(&whole), "an empty summary takes on the other");
}

/// Absorbing in bulk equals absorbing one by one, and the same items give the same bytes.
#[track_caller]
pub fn bulk<S, Q, R>(empty: &S, parts: &[Vec<Q>], seen: impl Fn(&S) -> R)
where
    S: Absorb<Q>,
    R: PartialEq + Debug,
{
    let (mut single, mut again, mut bulk) = (empty.clone(), empty.clone(), empty.clone());
    for part in parts {
        part.iter().for_each(|item| single.absorb(item));
        part.iter().for_each(|item| again.absorb(item));
        bulk.absorb_all(part);
    }
    assert_eq!(seen(&bulk), seen(&single), "absorbing in bulk equals absorbing one by one");
    assert_eq!(stored(&again), stored(&single), "the same seed and items give the same bytes");
}

/// Items that stand for several: merging and sliding hold for them too, and items of weight one are absorbed to the bit
/// as if there were no weights.
#[track_caller]
pub fn weighing<S, Q, R>(empty: &S, parts: &[Vec<(Q, Weight)>], seen: impl Fn(&S) -> R)
where
    S: Weighted<Q> + Merge,
    R: PartialEq + Debug,
{
    let (mut whole, mut ones, mut unweighted) = (empty.clone(), empty.clone(), empty.clone());
    for (item, weight) in parts.iter().flatten() {
        whole.absorb_weighted(item, *weight);
        ones.absorb_weighted(item, Weight::ONE);
        unweighted.absorb(item);
    }
    assert_eq!(stored(&ones), stored(&unweighted), "a weight of one is no weight");
    let state = |part: &Vec<(Q, Weight)>| {
        let mut state = empty.clone();
        part.iter().for_each(|(item, weight)| state.absorb_weighted(item, *weight));
        state
    };
    let panes: Vec<S> = parts.iter().map(state).collect();
    assert_eq!(seen(&panes.iter().fold(empty.clone(), merged)), seen(&whole), "merging equals absorbing everything");
    panes.iter().for_each(storing);
    sliding(empty, &panes, seen);
}

#[track_caller]
fn stored<S: Summary>(summary: &S) -> Vec<u8> {
    postcard::to_allocvec(summary).expect("a summary can be stored")
}

/// A summary comes back from storage as it was.
#[track_caller]
pub fn storing<S: Summary>(summary: &S) {
    let bytes = stored(summary);
    let restored: S = postcard::from_bytes(&bytes).expect("what was stored can be restored");
    assert_eq!(stored(&restored), bytes, "restoring gives what was stored");
    assert!(summary.memory_bytes() >= size_of::<u8>(), "a summary takes memory");
}

/// A sliding window reads as its panes merged, at every slide, for several lengths and phases, with gaps, and stored
/// and restored on the way.
#[track_caller]
pub fn sliding<S: Merge, R: PartialEq + Debug>(empty: &S, panes: &[S], seen: impl Fn(&S) -> R) {
    for (length, phase) in [(1, 0), (2, 1), (3, 7), (panes.len().max(1) as u32, 2)] {
        let mut window = Panes::<S>::new(length, phase);
        // Every third pane is missing.
        let numbered: Vec<_> = panes.iter().enumerate().map(|(i, pane)| (i as i64 + i as i64 / 2 - 3, pane)).collect();
        for (at, &(number, pane)) in numbered.iter().enumerate() {
            window.push(number, pane.clone()).expect("panes of the same parameters are pushed");
            let first = number - i64::from(length) + 1;
            window.evict(first).expect("panes of the same parameters are evicted");
            let inside = numbered[..=at].iter().filter(|(number, _)| *number >= first);
            let expected = inside.fold(empty.clone(), |sum, (_, pane)| merged(sum, pane));
            let total = window.total().expect("panes of the same parameters merge").expect("a pane was pushed");
            assert_eq!(seen(&total), seen(&expected), "a window of {length} panes, phase {phase}, at pane {number}");
            let bytes = postcard::to_allocvec(&window).expect("a window can be stored");
            window = postcard::from_bytes(&bytes).expect("a window can be restored");
        }
        window.evict(i64::MAX).expect("all panes are evicted");
        assert!(window.is_empty() && matches!(window.total(), Ok(None)), "an emptied window is empty");
    }
}

/// The image of a summary decodes to the same image; cut short, flipped by a bit, lengthened or of another family it
/// is refused.
#[track_caller]
pub fn image_holds<S: Codec>(summary: &S) {
    let image = summary.to_bytes();
    match S::from_bytes(&image) {
        Ok(decoded) => assert_eq!(decoded.to_bytes(), image, "decoding gives what was encoded"),
        Err(error) => panic!("an image can be decoded: {error}"),
    }
    // All positions of a small image, some hundred of a large one.
    let stride = image.len() / 256 + 1;
    for at in (0..image.len()).step_by(stride) {
        assert!(S::from_bytes(&image[..at]).is_err(), "an image cut off after {at} bytes is refused");
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(S::from_bytes(&damaged).is_err(), "an image with a flipped bit at byte {at} is refused");
    }
    let surplus = [&image[..], &[0]].concat();
    assert!(S::from_bytes(&surplus).is_err(), "an image with a surplus byte is refused");
    let mut foreign = image.clone();
    foreign[4..6].copy_from_slice(&0x7777_u16.to_le_bytes());
    assert!(matches!(S::from_bytes(&foreign), Err(DecodeError::Family { .. })), "another family is refused by name");
}

/// Merging summaries of different parameters is an error that names both values and leaves the receiver as it was.
#[track_caller]
pub fn refuses<S: Merge>(ours: &S, theirs: &S) {
    let before = stored(ours);
    let mut merged = ours.clone();
    let Err(mismatch) = merged.merge(theirs) else {
        panic!("different parameters cannot be merged");
    };
    assert_eq!(ours.compatible(theirs), Err(mismatch.clone()), "compatible() tells what merge() does");
    assert_ne!(mismatch.ours, mismatch.theirs, "a mismatch names both values");
    assert_eq!(stored(&merged), before, "a refused merge changes nothing");
}
