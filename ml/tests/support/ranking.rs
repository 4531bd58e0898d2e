//! How well scores rank what is strange above what is usual, computed exactly.

/// The area under the ROC curve and the average precision of scores with whether each is of something strange. Scores that are
/// equal are one step: half of their pairs count as right in the first, none of them before the others in the second.
pub(crate) fn ranking(scored: &[(f64, bool)]) -> (f64, f64) {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let strange = sorted.iter().filter(|(_, strange)| *strange).count() as f64;
    let usual = sorted.len() as f64 - strange;
    let (mut hits, mut alarms, mut area, mut precision) = (0.0, 0.0, 0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let more = equal.iter().filter(|(_, strange)| *strange).count() as f64;
        let others = equal.len() as f64 - more;
        area += others * (hits + more / 2.0);
        hits += more;
        alarms += others;
        precision += more * hits / (hits + alarms);
    }
    (area / (strange * usual), precision / strange)
}
