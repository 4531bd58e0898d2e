//! Dates of log lines, by arithmetic on the proleptic Gregorian calendar.

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Seconds in a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// The months as logs write them.
pub(super) const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Days from the epoch to a date. After Howard Hinnant's `days_from_civil`: the year is taken to begin in March, so
/// that the leap day is its last.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since the epoch: the reverse of [`days_from_civil`].
pub(super) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based = (5 * day_of_year + 2) / 153;
    let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * march_based + 2) / 5 + 1)
}

fn month(name: [u8; 3]) -> Option<i64> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// Epoch seconds of a date and a time of day, if there are such. A leap second counts as the second that follows
/// it.
#[inline]
pub(crate) fn seconds(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => 31,
    };
    let valid = (1..=12).contains(&month) && (1..=last).contains(&day) && hour <= 23 && minute <= 59 && second <= 60;
    valid.then(|| days_from_civil(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second)
}

/// Milliseconds of a text that begins as every server writes it, `10/Oct/2000:13:55:36 -0700`: the fast way, by
/// position.
#[inline]
pub(super) fn clf_fixed(text: &[u8]) -> Option<i64> {
    let t: &[u8; 26] = text.get(..26)?.try_into().ok()?;
    let punctuation = [t[2], t[6], t[11], t[14], t[17], t[20]];
    let mut wrong = punctuation != *b"//::: ";
    let mut two = |at: usize| {
        let (tens, ones) = (t[at].wrapping_sub(b'0'), t[at + 1].wrapping_sub(b'0'));
        wrong |= tens > 9 || ones > 9;
        i64::from(tens) * 10 + i64::from(ones)
    };
    let (day, century, year) = (two(0), two(7), two(9));
    let (hour, minute, second) = (two(12), two(15), two(18));
    let (zone_hour, zone_minute) = (two(22), two(24));
    let zone = match t[21] {
        b'+' => zone_hour * HOUR + zone_minute * MINUTE,
        b'-' => -(zone_hour * HOUR + zone_minute * MINUTE),
        _ => return None,
    };
    if wrong || zone_hour > 23 || zone_minute > 59 {
        return None;
    }
    let at = seconds(century * 100 + year, month([t[3], t[4], t[5]])?, day, hour, minute, second)?;
    Some((at - zone) * 1_000)
}

/// Milliseconds of a whole text in any form logs use: ISO 8601, the Common Log Format's (with or without zone,
/// fraction, brackets or a leading zero) or a number as [`epoch`] takes it. A time without zone is UTC.
pub(super) fn any(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(text);
    if text.len() == 26
        && let Some(time) = clf_fixed(text)
    {
        return Some(time);
    }
    written(text).or_else(|| {
        // Without the check of the first byte "nan" and "infinity" would be numbers.
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        digits.first().filter(|byte| byte.is_ascii_digit())?;
        let text = std::str::from_utf8(text).ok()?;
        text.parse().map_or_else(|_| text.parse().ok().and_then(epoch_fraction), epoch)
    })
}

/// Milliseconds of a number of seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by
/// its size: seconds end in the year 5138, where milliseconds have begun in 1973.
pub(super) fn epoch(number: i64) -> Option<i64> {
    match number.unsigned_abs() {
        0..100_000_000_000 => number.checked_mul(1_000),
        100_000_000_000..100_000_000_000_000 => Some(number),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number.div_euclid(1_000)),
        _ => Some(number.div_euclid(1_000_000)),
    }
}

/// [`epoch`] of a number with a fraction.
pub(super) fn epoch_fraction(number: f64) -> Option<i64> {
    let size = number.abs();
    if size < 1e11 {
        // Rounded: the nearest double to 1.001 is below it.
        Some((number * 1e3).round() as i64)
    } else if size < 9e18 {
        epoch(number as i64)
    } else {
        None
    }
}

/// A date and time in words and digits, of which everything must be understood.
fn written(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let first = digits(&mut rest, 4)?;
    let (year, month, day) = if eat(&mut rest, b'/') {
        let (name, after) = rest.split_first_chunk::<3>()?;
        rest = after;
        (eat(&mut rest, b'/').then(|| digits(&mut rest, 4))??, month(*name)?, first)
    } else {
        let month = eat(&mut rest, b'-').then(|| digits(&mut rest, 2))??;
        (first, month, eat(&mut rest, b'-').then(|| digits(&mut rest, 2))??)
    };
    let (separator, after) = rest.split_first()?;
    rest = after;
    if !matches!(separator, b'T' | b't' | b' ' | b':') {
        return None;
    }
    let hour = digits(&mut rest, 2)?;
    let minute = eat(&mut rest, b':').then(|| digits(&mut rest, 2))??;
    let second = if eat(&mut rest, b':') { digits(&mut rest, 2)? } else { 0 };
    let mut millis = 0;
    if eat(&mut rest, b'.') || eat(&mut rest, b',') {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, after) = rest.split_at_checked(length).filter(|_| length > 0)?;
        rest = after;
        for place in 0..3 {
            millis = millis * 10 + fraction.get(place).map_or(0, |digit| i64::from(digit - b'0'));
        }
    }
    eat(&mut rest, b' ');
    let zone = zone(rest)?;
    Some((seconds(year, month, day, hour, minute, second)? - zone) * 1_000 + millis)
}

/// Seconds east of Greenwich of `Z`, `+hh`, `+hhmm`, `+hh:mm` or nothing.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let digits = match *digits {
        [a, b] => [a, b, b'0', b'0'],
        [a, b, c, d] | [a, b, b':', c, d] => [a, b, c, d],
        _ => return None,
    };
    let [a, b, c, d] = digits.map(|digit| i64::from(digit.wrapping_sub(b'0')));
    let valid = digits.iter().all(u8::is_ascii_digit) && a * 10 + b <= 23 && c <= 5;
    valid.then_some(sign * ((a * 10 + b) * HOUR + (c * 10 + d) * MINUTE))
}

/// Takes a number of one to `most` digits.
fn digits(rest: &mut &[u8], most: usize) -> Option<i64> {
    let length = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at_checked(length).filter(|_| length > 0)?;
    *rest = after;
    Some(number.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

fn eat(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((first, after)) if *first == byte => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        for days in (-800_000..3_000_000).step_by(13) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }

    #[test]
    fn server_dates() {
        assert_eq!(clf_fixed(b"10/Oct/2000:13:55:36 -0700"), Some(971_211_336_000));
        assert_eq!(clf_fixed(b"10/Oct/2000:13:55:36 -0700] more"), Some(971_211_336_000));
        assert_eq!(clf_fixed(b"29/Feb/2024:00:00:00 +0530"), Some(1_709_145_000_000));
        for wrong in [
            "29/Feb/2023:00:00:00 +0000",
            "31/Apr/2023:00:00:00 +0000",
            "00/Apr/2023:00:00:00 +0000",
            "10/Okt/2000:13:55:36 -0700",
            "10/Oct/2000:24:55:36 -0700",
            "10/Oct/2000:13:60:36 -0700",
            "10/Oct/2000:13:55:61 -0700",
            "10/Oct/2000:13:55:36 *0700",
            "10/Oct/2000:13:55:36 -07x0",
            "10/Oct/2000:13:55:36 -070",
            "10-Oct-2000:13:55:36 -0700",
            "10/Oct/2000:13:55:36 -07:0",
            "10/Oct/2000:13:55:36 -0:700",
        ] {
            assert_eq!(clf_fixed(wrong.as_bytes()), None, "{wrong}");
            assert_eq!(any(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn other_forms_of_the_same_time() {
        for text in [
            "971211336",
            "971211336.0",
            "971211336000",
            "971211336000000",
            "971211336000000000",
            "2000-10-10T13:55:36-07:00",
            "2000-10-10T20:55:36Z",
            "2000-10-10 20:55:36.000Z",
            "2000-10-10t20:55:36,000999z",
            "2000-10-10T22:55:36+02",
            "20001010",
            "[10/Oct/2000:13:55:36 -0700]",
            " 10/Oct/2000:20:55:36 ",
            "10/Oct/2000:20:55:36.000 +0000",
        ] {
            let expected = if text == "20001010" { 20_001_010_000 } else { 971_211_336_000 };
            assert_eq!(any(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(any(b"1/Mar/2025:08:00:00 +0000"), any(b"2025-03-01T08:00Z"));
        assert_eq!(any(b"2025-03-01T08:00:00.1Z"), Some(1_740_816_000_100));
        assert_eq!(any(b"1969-12-31T23:59:59.25Z"), Some(-750));
        assert_eq!(any(b"-1.5"), Some(-1_500));
        assert_eq!(any(b"1.001"), Some(1_001));
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in [
            "",
            "[",
            "[]",
            "-",
            "nan",
            "inf",
            "-inf",
            "1e99",
            "2025",
            "2025-03",
            "2025-03-01",
            "2025-03-01T",
            "2025-03-01T08",
            "2025-03-01T08:00:00.Z",
            "2025-03-01T08:00:00+1",
            "2025-03-01T08:00:00+01:0x",
            "2025-03-01T08:00:00 junk",
            "2025-13-01T08:00:00Z",
            "yesterday",
            "é",
            "10/Oct",
        ] {
            let time = any(text.as_bytes());
            // A bare number is a count of seconds, whatever was meant.
            assert_eq!(time, (text == "2025").then_some(2_025_000), "{text}");
        }
    }

    #[test]
    fn extreme_numbers() {
        for number in [i64::MIN, i64::MAX, 0, -1] {
            assert!(epoch(number).is_some());
        }
        for number in [f64::NAN, f64::INFINITY, f64::MIN, 1e30] {
            assert_eq!(epoch_fraction(number), None);
        }
    }
}
