//! What every learner is held to, as checks that any learner can be run through; yours too.
//!
//! Each check panics with the law that was broken. They are meant for tests.

use std::borrow::Borrow;

use streamgauge_sketches::{Codec, Merge, Summary, laws};

use crate::error::RowError;
use crate::learner::{Classifier, Clusterer, Detector};
use crate::preprocess::Transformer;

fn stored<S: Summary>(summary: &S) -> Vec<u8> {
    postcard::to_allocvec(summary).expect("a learner can be stored")
}

/// Two learners that were taught the same are the same, in storage too.
#[track_caller]
fn same<S: Summary>(ours: &S, theirs: &S, law: &str) {
    assert!(stored(ours) == stored(theirs), "{law}");
}

/// Holds a classifier of dense rows to all laws. The rows should be some hundreds, of all classes.
///
/// Batches are the fold of single rows, to the bit; the same rows give the same bytes; a classifier that was stored in
/// the middle goes on as if it had not been; predicting and learning in one step is the two steps; shares are
/// probabilities; rows that cannot be are refused and change nothing; missing and infinite values and unknown
/// categories poison nothing; its image holds.
#[track_caller]
pub fn classifies<L>(empty: &L, rows: &[(Vec<f64>, usize)])
where
    L: Classifier<Row = [f64]> + Codec,
{
    let mut learner = learning(empty, rows);
    refusing(&learner, rows);
    wrong_widths(&learner, rows);
    hostile(&mut learner, rows);
}

/// Holds a classifier of sparse rows to all laws: as [`classifies`] does for dense ones. The counts in the rows should be
/// whole numbers.
///
/// What is missing (features that the learner does not have; counts that are negative, NaN or infinite) is as if it were
/// not there, and a feature that comes twice is as if it came once with the sum.
#[track_caller]
pub fn classifies_sparse<L>(empty: &L, rows: &[(Vec<(u32, f64)>, usize)])
where
    L: Classifier<Row = [(u32, f64)]> + Codec,
{
    let learner = learning(empty, rows);
    refusing(&learner, rows);
    hostile_sparse(&learner, rows);
}

/// Holds a classifier that merges to what merging promises: parts that were learned apart, merged in any order and
/// association, give the shares that one learner of all rows gives, up to rounding; and an empty one changes nothing,
/// whichever of the two it is.
#[track_caller]
pub fn merges<L, R>(empty: &L, parts: &[Vec<(R, usize)>])
where
    L: Classifier + Merge,
    R: Borrow<L::Row>,
{
    let learned = |rows: &mut dyn Iterator<Item = &(R, usize)>| {
        let mut learner = empty.clone();
        rows.for_each(|(row, class)| learner.learn_one(row.borrow(), *class).expect("a good row is learned"));
        learner
    };
    let merged = |mut ours: L, theirs: &L| {
        ours.merge(theirs).expect("learners of the same parameters merge");
        ours
    };
    let shares = |learner: &L| {
        let (mut all, mut shares) = (Vec::new(), Vec::new());
        for (row, _) in parts.iter().flatten() {
            learner.probabilities_one(row.borrow(), &mut shares).expect("a good row is asked about");
            all.extend_from_slice(&shares);
        }
        all
    };
    let alike = |ours: &L, theirs: &L, law: &str| {
        for (ours, theirs) in shares(ours).into_iter().zip(shares(theirs)) {
            assert!((ours - theirs).abs() <= 1e-12 * theirs.max(1e-3), "{law}: {ours} is not {theirs}");
        }
    };
    let whole = learned(&mut parts.iter().flatten());
    let states: Vec<L> = parts.iter().map(|part| learned(&mut part.iter())).collect();
    alike(&states.iter().fold(empty.clone(), merged), &whole, "merging equals learning everything");
    alike(&states.iter().rev().fold(empty.clone(), merged), &whole, "merging is commutative");
    if let Some(right) = states.iter().rev().cloned().reduce(|sum, state| merged(state, &sum)) {
        alike(&right, &whole, "merging is associative");
    }
    same(&merged(whole.clone(), empty), &whole, "merging an empty learner changes nothing");
    same(&merged(empty.clone(), &whole), &whole, "an empty learner takes on the other");
}

/// Learns the rows one by one, in batches, stored and restored on the way, and with predictions: always the same.
#[track_caller]
fn learning<L, R>(empty: &L, rows: &[(R, usize)]) -> L
where
    L: Classifier + Codec,
    R: Borrow<L::Row>,
{
    let (mut single, mut again, mut batches, mut stepped) =
        (empty.clone(), empty.clone(), empty.clone(), empty.clone());
    let mut shares = Vec::new();
    for (at, (row, class)) in rows.iter().enumerate() {
        let row = row.borrow();
        let before = single.predict_one(row).expect("the row has the width that the learner knows");
        single.probabilities_one(row, &mut shares).expect("the row has the width that the learner knows");
        check_shares(&shares, single.classes());
        single.learn_one(row, *class).expect("a good row is learned");
        again.learn_one(row, *class).expect("a good row is learned");
        let step = stepped.predict_and_learn(row, *class).expect("a good row is learned");
        assert_eq!(step, before, "predicting and learning in one step predicts what two steps do, row {at}");
        if at == rows.len() / 2 {
            again = postcard::from_bytes(&stored(&again)).expect("what was stored can be restored");
        }
    }
    for batch in rows.chunks(7) {
        batches.learn_batch(batch.iter().map(|(row, class)| (row.borrow(), *class))).expect("good rows are learned");
    }
    same(&single, &again, "the same rows give the same bytes, also from a learner that was stored on the way");
    same(&single, &batches, "learning in batches is the fold of learning one by one");
    same(&single, &stepped, "predicting and learning in one step learns what two steps do");
    laws::storing(&single);
    laws::image_holds(&single);
    let restored = L::from_bytes(&single.to_bytes()).expect("an image can be decoded");
    same(&restored, &single, "the image gives back the learner");
    let mut theirs = Vec::new();
    for (row, _) in rows {
        single.probabilities_one(row.borrow(), &mut shares).expect("a good row is asked about");
        restored.probabilities_one(row.borrow(), &mut theirs).expect("a good row is asked about");
        assert_eq!(shares, theirs, "a restored learner says the same, to the bit");
    }
    single
}

#[track_caller]
fn check_shares(shares: &[f64], classes: usize) {
    assert_eq!(shares.len(), classes, "there is a share for every class");
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "shares are probabilities: {shares:?}");
    let sum: f64 = shares.iter().sum();
    assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-9, "shares add up to one or to nothing: {shares:?}");
}

/// Classes and weights that cannot be are refused and change nothing.
#[track_caller]
fn refusing<L, R>(learner: &L, rows: &[(R, usize)])
where
    L: Classifier,
    R: Borrow<L::Row>,
{
    let Some((row, class)) = rows.first() else { return };
    let (row, mut learning, classes) = (row.borrow(), learner.clone(), learner.classes());
    for wrong in [classes, classes + 1, usize::MAX] {
        let unknown = RowError::Class { class: wrong, classes };
        assert_eq!(learning.learn_one(row, wrong), Err(unknown), "an unknown class is refused");
        assert_eq!(learning.predict_and_learn(row, wrong), Err(unknown), "an unknown class is refused");
    }
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = learning.learn_weighted(row, *class, wrong);
        assert!(matches!(refused, Err(RowError::Weight(_))), "a weight of {wrong} is refused");
    }
    same(&learning, learner, "what is refused changes nothing");
}

/// Rows of another width are refused and change nothing.
#[track_caller]
fn wrong_widths<L: Classifier<Row = [f64]>>(learner: &L, rows: &[(Vec<f64>, usize)]) {
    let Some((row, class)) = rows.first() else { return };
    let mut learning = learner.clone();
    let (short, long) = (&row[..row.len() - 1], [row.as_slice(), &[0.0]].concat());
    for wrong in [short, &long, &[]] {
        let width = RowError::Width { expected: row.len(), found: wrong.len() };
        assert_eq!(learning.learn_one(wrong, *class), Err(width), "a row of another width is refused");
        assert_eq!(learning.predict_one(wrong), Err(width), "a row of another width is refused");
        assert_eq!(learning.predict_and_learn(wrong, *class), Err(width), "a row of another width is refused");
    }
    same(&learning, learner, "what is refused changes nothing");
}

/// Values that no schema has: none poisons a learner.
const HOSTILE: [f64; 9] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 5e-324, -7.5, 4_294_967_296.5];

#[track_caller]
fn hostile<L: Classifier<Row = [f64]>>(learner: &mut L, rows: &[(Vec<f64>, usize)]) {
    let mut shares = Vec::new();
    for (at, (row, class)) in rows.iter().enumerate() {
        for (i, value) in HOSTILE.iter().enumerate() {
            let mut wrong = row.clone();
            let width = wrong.len();
            wrong[(at + i) % width] = *value;
            if at % 11 == i {
                wrong.fill(*value);
            }
            learner.predict_one(&wrong).expect("a missing value is no error");
            learner.probabilities_one(&wrong, &mut shares).expect("a missing value is no error");
            check_shares(&shares, learner.classes());
            learner.learn_one(&wrong, *class).expect("a missing value is no error");
        }
        learner.probabilities_one(row, &mut shares).expect("a good row is good after bad ones");
        check_shares(&shares, learner.classes());
        assert!(shares.iter().sum::<f64>() > 0.5, "a learner still knows something after bad rows");
    }
    laws::storing(learner);
}

#[track_caller]
fn hostile_sparse<L: Classifier<Row = [(u32, f64)]>>(learner: &L, rows: &[(Vec<(u32, f64)>, usize)]) {
    let missing = [(u32::MAX, 1.0), (0, f64::NAN), (0, f64::INFINITY), (0, -1.0), (u32::MAX, f64::NAN), (0, 0.0)];
    let (mut clean, mut dirty) = (learner.clone(), learner.clone());
    let (mut shares, mut theirs) = (Vec::new(), Vec::new());
    for (row, class) in rows {
        let twice = row.iter().rev().flat_map(|&(feature, count)| [(feature, count), (feature, 3.0 * count)]);
        let once = row.iter().rev().map(|&(feature, count)| (feature, 4.0 * count)).collect();
        for (bad, good) in [([&missing, row.as_slice(), &missing].concat(), row.clone()), (twice.collect(), once)] {
            let asked = [clean.probabilities_one(&good, &mut shares), dirty.probabilities_one(&bad, &mut theirs)];
            assert_eq!(asked, [Ok(()), Ok(())], "what is missing is no error");
            check_shares(&theirs, learner.classes());
            let alike = shares.iter().zip(&theirs).all(|(ours, theirs)| (ours - theirs).abs() < 1e-9);
            assert!(alike, "{bad:?} says what {good:?} says: {theirs:?} is not {shares:?}");
            assert_eq!(clean.learn_one(&good, *class), Ok(()), "a good row is learned");
            assert_eq!(dirty.learn_one(&bad, *class), Ok(()), "what is missing is no error");
        }
    }
    same(&dirty, &clean, "what is missing changes nothing, and what comes twice adds up");
    for row in [&missing[..], &[], &[(0, f64::MAX)], &[(0, 5e-324), (u32::MAX - 1, f64::MAX)]] {
        for class in 0..learner.classes() {
            assert_eq!(dirty.learn_one(row, class), Ok(()), "what is missing is no error");
            dirty.probabilities_one(row, &mut shares).expect("what is missing is no error");
            check_shares(&shares, learner.classes());
            assert!(shares.iter().sum::<f64>() > 0.5, "a learner still knows something after bad rows");
        }
    }
    laws::storing(&dirty);
}

/// Holds a clusterer of dense points to all laws: as [`classifies`] does for classifiers.
#[track_caller]
pub fn clusters<L>(empty: &L, points: &[Vec<f64>])
where
    L: Clusterer<Point = [f64]> + Codec,
{
    let (mut single, mut again, mut batches) = (empty.clone(), empty.clone(), empty.clone());
    for (at, point) in points.iter().enumerate() {
        single.learn_one(point).expect("a good point is learned");
        again.learn_one(point).expect("a good point is learned");
        if at == points.len() / 2 {
            again = postcard::from_bytes(&stored(&again)).expect("what was stored can be restored");
        }
    }
    for batch in points.chunks(7) {
        batches.learn_batch(batch.iter().map(Vec::as_slice)).expect("good points are learned");
    }
    same(&single, &again, "the same points give the same bytes, also from a learner that was stored on the way");
    same(&single, &batches, "learning in batches is the fold of learning one by one");
    laws::storing(&single);
    laws::image_holds(&single);
    let Some(point) = points.first() else { return };
    let mut learning = single.clone();
    for wrong in [&point[..point.len() - 1], &[point.as_slice(), &[0.0]].concat()] {
        let width = RowError::Width { expected: point.len(), found: wrong.len() };
        assert_eq!(learning.learn_one(wrong), Err(width), "a point of another width is refused");
        assert_eq!(learning.predict_one(wrong), Err(width), "a point of another width is refused");
    }
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = learning.learn_weighted(point, wrong);
        assert!(matches!(refused, Err(RowError::Weight(_))), "a weight of {wrong} is refused");
    }
    same(&learning, &single, "what is refused changes nothing");
    for (at, point) in points.iter().enumerate() {
        let mut wrong = point.clone();
        let width = wrong.len();
        wrong[at % width] = HOSTILE[at % HOSTILE.len()];
        learning.learn_one(&wrong).expect("a missing value is no error");
        learning.predict_one(&wrong).expect("a missing value is no error");
    }
    assert!(learning.predict_one(point).is_ok_and(|cluster| cluster.is_some()), "there are clusters after bad points");
    laws::storing(&learning);
}

/// Holds a detector to its contract: scores in `[0, 1]`, none of them a NaN; scoring changes nothing; batches are the
/// fold of single items, to the bit; one that was stored in the middle goes on as if it had not been; its image holds.
/// `hostile` are items that are missing or cannot be: they are passed over, and the detector still scores after them.
#[track_caller]
pub fn detects<L>(empty: &L, items: &[&L::Item], hostile: &[&L::Item])
where
    L: Detector + Codec,
{
    let (mut single, mut again, mut batches, mut stepped) =
        (empty.clone(), empty.clone(), empty.clone(), empty.clone());
    for (at, item) in items.iter().enumerate() {
        let before = stored(&single);
        let score = single.score_one(item).expect("a good item is scored");
        assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)), "a score lies in [0, 1]: {score:?}");
        assert_eq!(stored(&single), before, "scoring never learns");
        single.learn_one(item).expect("a good item is learned");
        again.learn_one(item).expect("a good item is learned");
        let step = stepped.score_and_learn(item).expect("a good item is learned");
        assert_eq!(step, score, "scoring and learning in one step scores what two steps do, item {at}");
        if at == items.len() / 2 {
            again = postcard::from_bytes(&stored(&again)).expect("what was stored can be restored");
        }
    }
    for batch in items.chunks(7) {
        batches.learn_batch(batch.iter().copied()).expect("good items are learned");
    }
    same(&single, &again, "the same items give the same bytes, also from a detector that was stored on the way");
    same(&single, &batches, "learning in batches is the fold of learning one by one");
    same(&single, &stepped, "scoring and learning in one step learns what two steps do");
    laws::storing(&single);
    laws::image_holds(&single);
    for item in hostile {
        let score = single.score_and_learn(item).expect("a missing value is no error");
        assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)), "a score lies in [0, 1]: {score:?}");
    }
    if let Some(last) = items.last() {
        let score = single.score_one(last).expect("a good item is scored");
        assert!(score.is_some_and(|score| (0.0..=1.0).contains(&score)), "a detector still scores after bad items");
    }
    laws::storing(&single);
}

/// Holds a transformer of dense rows to all laws: transforming never learns, nor sees what was in its room before; one
/// that was stored in the middle goes on as if it had not been; rows that cannot be are refused and change nothing; its
/// image holds.
#[track_caller]
pub fn transforms<T>(empty: &T, rows: &[Vec<f64>])
where
    T: Transformer<From = [f64], To = [f64]> + Codec,
{
    let (mut transformer, mut again) = (empty.clone(), empty.clone());
    let mut room = T::Room::default();
    for (at, row) in rows.iter().enumerate() {
        let before = stored(&transformer);
        let fresh = to_bits(transformer.transform_one(row, &mut T::Room::default()));
        let used = to_bits(transformer.transform_one(row, &mut room));
        assert_eq!(fresh, used, "a row is transformed the same in a used room, row {at}");
        assert_eq!(stored(&transformer), before, "transforming never learns");
        transformer.learn_one(row).expect("a good row is learned");
        again.learn_one(row).expect("a good row is learned");
        if at == rows.len() / 2 {
            again = postcard::from_bytes(&stored(&again)).expect("what was stored can be restored");
        }
    }
    same(&transformer, &again, "the same rows give the same bytes, also from one that was stored on the way");
    laws::storing(&transformer);
    laws::image_holds(&transformer);
    let Some(row) = rows.first() else { return };
    let mut learning = transformer.clone();
    for wrong in [&row[..row.len() - 1], &[row.as_slice(), &[0.0]].concat()] {
        let width = RowError::Width { expected: row.len(), found: wrong.len() };
        assert_eq!(learning.learn_one(wrong), Err(width), "a row of another width is refused");
        assert_eq!(learning.transform_one(wrong, &mut room), Err(width), "a row of another width is refused");
    }
    same(&learning, &transformer, "what is refused changes nothing");
}

fn to_bits(row: Result<&[f64], RowError>) -> Vec<u64> {
    row.expect("a good row is transformed").iter().map(|value| value.to_bits()).collect()
}
