//! Writing numbers and times as bytes, without the formatting machinery.

use super::super::time::{DAY, MONTHS, civil_from_days};

/// Appends a number.
#[inline]
pub(super) fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; 20];
    let mut rest = number;
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - length..).unwrap_or(&[]));
}

/// Appends a number of two digits, with its leading zero.
#[inline]
pub(super) fn two(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}

/// Appends the lowest 16 bits in hexadecimal, without leading zeros.
#[inline]
pub(super) fn hexadecimal(out: &mut Vec<u8>, number: u64) {
    let mut started = false;
    for shift in [12, 8, 4, 0] {
        let digit = (number >> shift & 15) as u8;
        started |= digit != 0 || shift == 0;
        if started {
            out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }
}

/// Appends an epoch second as ` - - [03/Mar/2025:08:00:00 +0000] `: what is between host and request.
pub(super) fn stamp(out: &mut Vec<u8>, second: i64) {
    let (year, month, day) = civil_from_days(second.div_euclid(DAY));
    let clock = second.rem_euclid(DAY).unsigned_abs();
    out.extend_from_slice(b" - - [");
    two(out, day.unsigned_abs());
    out.push(b'/');
    out.extend_from_slice(MONTHS.get(month.unsigned_abs() as usize - 1).copied().unwrap_or(b"Jan"));
    out.push(b'/');
    two(out, year.unsigned_abs() / 100);
    two(out, year.unsigned_abs());
    for part in [clock / 3_600, clock / 60 % 60, clock % 60] {
        out.push(b':');
        two(out, part);
    }
    out.extend_from_slice(b" +0000] ");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 99, 100, 65_535, 1_234_567, u64::MAX] {
            assert_eq!(written(|out| decimal(out, number)), number.to_string());
            assert_eq!(written(|out| hexadecimal(out, number)), format!("{:x}", number & 0xffff));
            assert_eq!(written(|out| two(out, number)), format!("{:02}", number % 100));
        }
    }

    #[test]
    fn times() {
        assert_eq!(written(|out| stamp(out, 971_211_336)), " - - [10/Oct/2000:20:55:36 +0000] ");
        assert_eq!(written(|out| stamp(out, -1)), " - - [31/Dec/1969:23:59:59 +0000] ");
    }
}
