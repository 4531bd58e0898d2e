//! Records put together by the place where they go.

/// Fewer records a place than this, and putting them together costs more than it saves.
const WORTHWHILE: usize = 4;

/// Whether so many records are worth putting together for so many places.
pub(super) fn is_worthwhile(records: usize, places: usize) -> bool {
    records >= WORTHWHILE * places
}

/// Puts the records of each place together and calls `absorb` with them, in their order: a partial result is worked on
/// once and by many.
///
/// `places` says for each record, none left out, which of the `count` places it goes to.
pub(super) fn for_each_run<T>(
    records: &mut [T],
    places: &mut [u32],
    count: usize,
    mut absorb: impl FnMut(usize, &[T]),
) {
    // A counting sort: where each place ends, then where each record goes.
    let mut ends = vec![0_u32; count];
    places.iter().for_each(|place| ends[*place as usize] += 1);
    let mut begin = 0;
    for end in &mut ends {
        (begin, *end) = (begin + *end, begin);
    }
    for place in &mut *places {
        let next = &mut ends[*place as usize];
        *place = *next;
        *next += 1;
    }
    for i in 0..records.len() {
        while places[i] as usize != i {
            let to = places[i] as usize;
            records.swap(i, to);
            places.swap(i, to);
        }
    }
    let mut begin = 0;
    for (place, end) in ends.into_iter().map(|end| end as usize).enumerate() {
        if begin < end {
            absorb(place, &records[begin..end]);
        }
        begin = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_together_and_stay_in_order() {
        for (records, count) in [(0, 0), (5, 3), (40, 3), (1_000, 7)] {
            let mut all: Vec<(usize, usize)> = (0..records).map(|i| (i * i * 7_919 % count, i)).collect();
            let expected: Vec<Vec<_>> =
                (0..count).map(|place| all.iter().filter(|r| r.0 == place).copied().collect()).collect();
            let mut places: Vec<u32> = all.iter().map(|(place, _)| *place as u32).collect();
            let mut found = vec![Vec::new(); count];
            for_each_run(&mut all, &mut places, count, |place, run| found[place].extend_from_slice(run));
            assert_eq!(found, expected);
        }
    }
}
