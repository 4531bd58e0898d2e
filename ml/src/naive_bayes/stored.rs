//! Tables that are mostly nought, stored without the noughts.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::counts::MOST;

/// The length, and each number that is not 0 behind how many noughts stand before it.
type Stored = (u32, Vec<(u32, f64)>);

pub(super) fn serialize<S: Serializer>(table: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut next = 0;
    let numbers = table.iter().enumerate().filter(|(_, number)| **number != 0.0);
    let numbers = numbers.map(|(at, number)| {
        let gap = at - next;
        next = at + 1;
        (gap as u32, *number)
    });
    let stored: Stored = (table.len() as u32, numbers.collect());
    stored.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let (length, numbers) = Stored::deserialize(deserializer)?;
    if length as usize > MOST {
        return Err(D::Error::custom("a table that is too long"));
    }
    let mut table = vec![0.0; length as usize];
    let mut free = table.iter_mut();
    for (gap, number) in numbers {
        *free.nth(gap as usize).ok_or_else(|| D::Error::custom("a number beyond the end of its table"))? = number;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Table(#[serde(with = "super")] Vec<f64>);

    #[test]
    fn tables_come_back_and_noughts_take_no_room() {
        let mut table = vec![0.0; 10_000];
        for tables in [vec![], vec![0.0], vec![1.5], table.clone()] {
            let bytes = postcard::to_allocvec(&Table(tables.clone())).unwrap();
            assert_eq!(postcard::from_bytes::<Table>(&bytes).unwrap().0, tables);
        }
        (table[0], table[7], table[9_999]) = (1.0, -2.0, f64::INFINITY);
        let bytes = postcard::to_allocvec(&Table(table.clone())).unwrap();
        assert!(bytes.len() < 40, "{} bytes", bytes.len());
        assert_eq!(postcard::from_bytes::<Table>(&bytes).unwrap().0, table);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for wrong in
            [(3, vec![(0, 1.0), (2, 1.0)]), (0, vec![(0, 1.0)]), (u32::MAX, vec![]), (1, vec![(u32::MAX, 1.0)])]
        {
            let bytes = postcard::to_allocvec::<Stored>(&wrong).unwrap();
            assert!(postcard::from_bytes::<Table>(&bytes).is_err(), "{wrong:?}");
        }
    }
}
