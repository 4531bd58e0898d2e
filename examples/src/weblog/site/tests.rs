//! Tests of the synthetic site.

use std::collections::{HashMap, HashSet};

use super::{
    super::{Format, Visit, parse},
    *,
};

fn log(site: &Site, seconds: Range<u64>) -> String {
    let mut out = String::new();
    let lines: usize = seconds.map(|index| site.second(index, &mut out)).sum();
    assert_eq!(out.lines().count(), lines);
    out
}

fn visits(log: &str) -> impl Iterator<Item = Visit> {
    log.lines().map(|line| parse(line, Some(Format::Combined)).expect(line).expect(line))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let one = log(&Site::new(1, 40.0), 0..120);
    assert_eq!(one, log(&Site::new(1, 40.0), 0..120));
    assert!(one.ends_with(&log(&Site::new(1, 40.0), 119..120)));
    assert_ne!(one, log(&Site::new(2, 40.0), 0..120));
    assert_ne!(one, log(&Site::new(1, 41.0), 0..120));
}

#[test]
fn the_bytes_are_those_of_every_machine() {
    // FNV-1a of an hour: changes whenever the log does, which should not happen by accident.
    let hash = log(&Site::new(42, 5.0), 0..3_600)
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(hash, 0xb3f5_8516_16cb_7590, "{hash:#x}");
}

#[test]
fn any_argument_will_do() {
    for rate in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 0.01] {
        for index in [0, 1, 3_600, u64::MAX] {
            log(&Site::new(u64::MAX, rate).clean(), index..index.saturating_add(1));
        }
    }
    let last = log(&Site::new(1, 20.0).clean(), LAST - 1..LAST + 1);
    assert!(visits(&last).count() > 0 && last.contains("/9923:"));
    for rate in [MOST, f64::MAX, f64::INFINITY] {
        assert!(Site::new(1, rate).expected(0) < 2.0 * MOST);
    }
}

#[test]
fn lines_of_clean_sites_parse() {
    let clean = log(&Site::new(3, 2_000.0).clean(), 1_600..1_660);
    assert!(visits(&clean).count() > 100_000);
    // The broken lines are in place of sound ones, and no format takes them for records.
    let log = log(&Site::new(3, 2_000.0), 1_600..1_660);
    let mut broken = 0;
    for (clean, line) in clean.lines().zip(log.lines()) {
        if clean != line {
            assert!(parse(line, None).is_err() && parse(line, Some(Format::Common)).is_err(), "{line}");
            broken += 1;
        }
    }
    assert!((1..=8).contains(&broken), "{broken}");
}

#[test]
fn every_kind_of_damage_is_damage() {
    let sound = log(&Site::new(3, 50.0).clean(), 0..1);
    for line in sound.lines() {
        for bits in 0..500 {
            let mut chunk = line.as_bytes().to_vec();
            break_line(&mut chunk, 0, bits);
            let broken = String::from_utf8(chunk).unwrap();
            assert!(parse(&broken, None).is_err(), "{broken}");
        }
    }
}

#[test]
fn lateness() {
    let site = Site::new(4, 2_000.0).clean();
    let (mut lines, mut disorder, mut late) = (0, 0, 0);
    for index in 900..1_000 {
        for visit in visits(&log(&site, index..index + 1)) {
            let age = (Site::START + index as i64) * 1_000 - visit.time_ms;
            lines += 1;
            match age {
                0 => {}
                1_000..=10_000 => disorder += 1,
                120_000 => late += 1,
                _ => panic!("{age}"),
            }
        }
    }
    let (disorder, late) = (f64::from(disorder) / f64::from(lines), f64::from(late) / f64::from(lines));
    assert!((0.009..0.011).contains(&disorder) && (0.00002..0.0001).contains(&late), "{disorder} {late}");
}

#[test]
fn the_crawler_comes_and_goes() {
    let site = Site::new(5, 100.0).clean();
    for minute in 0..20 {
        let log = log(&site, minute * 60..minute * 60 + 60);
        let crawled: Vec<Visit> = visits(&log).filter(|visit| visit.host == Site::CRAWLER_HOST).collect();
        let paths: HashSet<_> = crawled.iter().map(|visit| &visit.path).collect();
        let others = log.lines().count() - crawled.len();
        if Site::CRAWLER_MINUTES.contains(&minute) {
            let factor = crawled.len() as f64 / others as f64;
            assert!((2.8..3.2).contains(&factor), "{factor}");
            assert_eq!(paths.len(), crawled.len());
        } else {
            assert_eq!(crawled.len(), 0);
        }
    }
}

#[test]
fn the_application_fails_and_recovers() {
    let site = Site::new(6, 100.0).clean();
    for hour in 0..2 {
        for minute in 24..33 {
            let start = hour * 3_600 + minute * 60;
            let log = log(&site, start..start + 60);
            let failed = visits(&log).filter(|visit| matches!(visit.status, 502 | 503)).count();
            let share = failed as f64 / log.lines().count() as f64;
            if Site::ERROR_MINUTES.contains(&minute) {
                assert!((0.18..0.24).contains(&share), "{share}");
            } else {
                assert_eq!(failed, 0);
            }
        }
    }
}

#[test]
fn traffic_follows_the_day() {
    let site = Site::new(7, 100.0);
    // From 08:00 on: 02:00 and 14:00 are 18 and 6 hours later.
    let at = |hour: u64| log(&site, hour * 3_600..hour * 3_600 + 60).lines().count() as f64 / 60.0;
    for (hour, expected) in [(0, 100.0), (6, 160.0), (12, 100.0), (18, 40.0), (24, 100.0), (30, 160.0)] {
        let rate = at(hour);
        assert!((rate / expected - 1.0).abs() < 0.1, "{hour}: {rate}");
    }
    let mean = (0..DAY.unsigned_abs()).map(|index| site.expected(index)).sum::<f64>() / DAY as f64;
    assert!((mean - 100.0).abs() < 1.0, "{mean}");
}

#[test]
fn many_hosts_and_paths() {
    let site = Site::new(8, 1_000.0).clean();
    // In the morning, and at the low of the night.
    for start in [0, 18 * 3_600 + 1_860] {
        let log = log(&site, start..start + 300);
        let (mut hosts, mut paths) = (HashMap::<_, u32>::new(), HashMap::<_, u32>::new());
        for visit in visits(&log) {
            *hosts.entry(visit.host).or_default() += 1;
            *paths.entry(visit.path).or_default() += 1;
        }
        let lines = log.lines().count() as f64;
        println!("{lines} lines, {} hosts, {} paths", hosts.len(), paths.len());
        assert!(hosts.len() >= 50_000 && paths.len() >= 20_000, "{} {}", hosts.len(), paths.len());
        let top = |counts: &HashMap<compact_str::CompactString, u32>| {
            counts
                .iter()
                .max_by_key(|(_, count)| **count)
                .map(|(key, count)| (key.to_string(), f64::from(*count) / lines))
        };
        let (path, share) = top(&paths).unwrap();
        assert!((0.01..0.1).contains(&share), "{path} {share}");
        let (host, share) = top(&hosts).unwrap();
        println!("{path}, {host} {share}");
        assert!((0.0005..0.02).contains(&share), "{host} {share}");
        let version_6 = hosts.keys().filter(|host| host.contains(':')).count() as f64 / hosts.len() as f64;
        assert!((0.05..0.08).contains(&version_6), "{version_6}");
    }
}

#[test]
fn answers_look_alive() {
    let log = log(&Site::new(9, 500.0).clean(), 0..120);
    let visits: Vec<Visit> = visits(&log).collect();
    let share = |status: u16| visits.iter().filter(|visit| visit.status == status).count() as f64 / visits.len() as f64;
    assert!((0.75..0.9).contains(&share(200)), "{}", share(200));
    assert!((0.05..0.15).contains(&share(304)), "{}", share(304));
    assert!((0.02..0.05).contains(&share(404)), "{}", share(404));
    assert!(visits.iter().all(|visit| (visit.bytes == 0) == (visit.status == 304)));
    let mut sizes: Vec<u64> = visits.iter().filter(|visit| visit.status == 200).map(|visit| visit.bytes).collect();
    sizes.sort_unstable();
    let (middle, high) = (sizes[sizes.len() / 2], sizes[sizes.len() * 999 / 1_000]);
    assert!((4_000..40_000).contains(&middle) && high > 20 * middle, "{middle} {high}");
}
