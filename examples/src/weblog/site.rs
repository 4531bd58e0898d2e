//! A made-up web shop, and its log of any second.

mod pages;
mod random;
mod visitors;
mod write;

use std::io::{self, Write};
use std::ops::Range;

use self::{
    pages::{Kind, Pages},
    random::{Random, fraction, hash},
    visitors::Visitors,
    write::{decimal, stamp},
};
use super::time::DAY;

const SECONDS: u64 = 0x7365_636f;
const NOISE: u64 = 0x6e6f_6973;

/// The most requests a second that the site can have.
const MOST: f64 = 1e7;

/// The last second of the log: in the year 9923, so that years have four digits.
const LAST: u64 = 249_259_011_199;

/// Bytes that are collected before they are checked and appended.
const CHUNK: usize = 1 << 16;

/// A made-up web shop whose log, in the Combined format, can be had of any second.
///
/// What a second holds depends on nothing but the seed, the rate and the second's number: replays can begin
/// anywhere, and a log is the same on every machine. The site is alive:
///
/// - Traffic has its low at 02:00 UTC and its peak at 14:00, at 0.4 and 1.6 times the mean, with a little noise
///   from minute to minute and Poisson-distributed counts.
/// - Pages follow Zipf's law; there are the more of them, and the more visitors, the higher the rate. Visitors come
///   in sessions of half a minute to five minutes, a third of these by hosts that come again.
/// - In the minutes [`CRAWLER_MINUTES`](Self::CRAWLER_MINUTES) of every hour [`CRAWLER_HOST`](Self::CRAWLER_HOST)
///   comes by.
/// - In the minutes [`ERROR_MINUTES`](Self::ERROR_MINUTES) of every hour the application fails now and then.
/// - One line in a hundred is up to [`MAX_DISORDER`](Self::MAX_DISORDER) seconds older than its place in the log,
///   one in twenty thousand [`LATE_BY`](Self::LATE_BY) seconds.
/// - One line in fifty thousand is broken, unless the site is [`clean`](Self::clean).
#[derive(Clone, Debug)]
pub struct Site {
    seed: u64,
    rate: f64,
    is_clean: bool,
    visitors: Visitors,
    pages: Pages,
}

impl Site {
    /// The epoch second of index 0: Monday, 3 March 2025, 08:00 UTC.
    pub const START: i64 = 1_740_988_800;

    /// The host that reads the archive, a page never twice within an hour.
    pub const CRAWLER_HOST: &str = "203.0.113.77";

    /// The minutes of every hour in which it does.
    pub const CRAWLER_MINUTES: Range<u64> = 12..14;

    /// How many requests it makes for each of the others.
    pub const CRAWLER_FACTOR: f64 = 3.0;

    /// The minutes of every hour in which the application behind the site is in trouble.
    pub const ERROR_MINUTES: Range<u64> = 27..30;

    /// The share of its answers that are 502 or 503 then. Assets and downloads, a bit under a third of the
    /// requests, are not affected.
    pub const ERROR_SHARE: f64 = 0.3;

    /// By how many seconds lines are out of order.
    pub const MAX_DISORDER: u64 = 10;

    /// By how many seconds the late lines are older than their place.
    pub const LATE_BY: u64 = 120;

    /// Writes the first lines of the log.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_log(&self, lines: u64, out: &mut impl Write) -> io::Result<()> {
        let (mut left, mut text) = (lines, String::new());
        for index in 0.. {
            text.clear();
            let written = self.second(index, &mut text) as u64;
            if written >= left {
                let whole = text.split_inclusive('\n').take(left as usize);
                return whole.map(str::as_bytes).try_for_each(|line| out.write_all(line));
            }
            out.write_all(text.as_bytes())?;
            left -= written;
        }
        Ok(())
    }

    /// A site with `rate` requests a second as the mean over a day, the crawler's not counted. Rates above ten
    /// million or below 0 are taken as the nearest that is possible.
    pub fn new(seed: u64, rate: f64) -> Self {
        // Written so that it makes 0 of what is not a number.
        let rate = if rate > 0.0 { rate.min(MOST) } else { 0.0 };
        let seed = random::mix(seed);
        Self { seed, rate, is_clean: false, visitors: Visitors::new(seed, rate), pages: Pages::new(seed, rate) }
    }

    /// The same site without broken lines: a sound line is in the place of each.
    #[must_use]
    pub fn clean(mut self) -> Self {
        self.is_clean = true;
        self
    }

    /// The mean number of requests in the `index`-th second after [`START`](Self::START), the crawler's not
    /// counted.
    pub fn expected(&self, index: u64) -> f64 {
        let index = index.min(LAST);
        // The way from 02:00 to 14:00, from 0 to 1, and back; smoothed, so that it has no kinks.
        let since_low = (index + Self::START.unsigned_abs() - 2 * 3_600) % DAY.unsigned_abs();
        let way = 1.0 - (since_low as f64 / 43_200.0 - 1.0).abs();
        let rhythm = 0.4 + 1.2 * way * way * (3.0 - 2.0 * way);
        let noise = |minute: u64| 0.92 + 0.16 * fraction(hash(self.seed ^ NOISE, minute));
        let (minute, part) = (index / 60, (index % 60) as f64 / 60.0);
        self.rate * rhythm * (noise(minute) * (1.0 - part) + noise(minute + 1) * part)
    }

    /// Appends the lines of the `index`-th second after [`START`](Self::START), each with its line break, and
    /// returns their number.
    pub fn second(&self, index: u64, out: &mut String) -> usize {
        let index = index.min(LAST);
        let minute = index / 60 % 60;
        let mut random = Random::new(hash(self.seed ^ SECONDS ^ self.rate.to_bits(), index));
        let expected = self.expected(index);
        let mut visits = random.poisson(expected);
        let crawling = Self::CRAWLER_MINUTES.contains(&minute);
        let mut crawled = if crawling { random.poisson(expected * Self::CRAWLER_FACTOR) } else { 0 };
        let lines = visits + crawled;

        let now = Self::START + index as i64;
        let mut lines_stamp = Vec::with_capacity(40);
        stamp(&mut lines_stamp, now);
        let mut other_stamp = Vec::with_capacity(40);
        let mut chunk = Vec::with_capacity(CHUNK.min(1_024 + lines as usize * 256));
        // Numbers for the crawler's pages that no other second of the hour uses: more than it can make requests in
        // one.
        let mut deep = (index % 3_600) * (64 + (3.0 * Self::CRAWLER_FACTOR * self.rate) as u64);
        while visits + crawled > 0 {
            let line = chunk.len();
            let older = match random.below(200_000) {
                0..10 => Self::LATE_BY,
                10..2_010 => 1 + random.below(Self::MAX_DISORDER),
                _ => 0,
            };
            let time = if older == 0 {
                &lines_stamp
            } else {
                other_stamp.clear();
                // The site was not there before its first second.
                stamp(&mut other_stamp, (now - older as i64).max(Self::START));
                &other_stamp
            };
            if crawled > 0 && random.below(visits + crawled) < crawled {
                crawled -= 1;
                deep += 1;
                self.crawl(deep, time, &mut random, &mut chunk);
            } else {
                visits -= 1;
                self.visit(index, time, &mut random, &mut chunk);
            }
            // Drawn also for a clean site, whose other lines are to be the same.
            let damage = random.next();
            if !self.is_clean && damage.is_multiple_of(50_000) {
                break_line(&mut chunk, line, damage >> 32);
            }
            chunk.push(b'\n');
            if chunk.len() >= CHUNK {
                flush(&mut chunk, out);
            }
        }
        flush(&mut chunk, out);
        lines as usize
    }

    /// Writes a visitor's request, and the answer.
    #[inline]
    fn visit(&self, index: u64, time: &[u8], random: &mut Random, out: &mut Vec<u8>) {
        let visitor = self.visitors.pick(index, random);
        let kind = Kind::draw(random);
        visitor.host(out);
        out.extend_from_slice(time);
        let method: &[u8] = match kind {
            Kind::Form => b"\"POST ",
            _ if random.below(200) == 0 => b"\"HEAD ",
            _ => b"\"GET ",
        };
        out.extend_from_slice(method);
        let size = self.pages.target(kind, random, out);
        out.extend_from_slice(if random.below(4) == 0 { b" HTTP/1.1\" " } else { b" HTTP/2.0\" " });
        let status = self.status(index, kind, random);
        answer(status, size, out);
        self.referer(kind, random, out);
        out.extend_from_slice(visitor.agent().as_bytes());
        out.push(b'"');
    }

    /// Writes a request of the crawler, and the answer.
    #[inline]
    fn crawl(&self, number: u64, time: &[u8], random: &mut Random, out: &mut Vec<u8>) {
        out.extend_from_slice(Self::CRAWLER_HOST.as_bytes());
        out.extend_from_slice(time);
        out.extend_from_slice(b"\"GET ");
        let size = self.pages.deep(number, out);
        out.extend_from_slice(b" HTTP/1.1\" ");
        answer(if random.below(50) == 0 { 404 } else { 200 }, size, out);
        out.extend_from_slice(b" \"-\" \"DeepCrawler/2.1 (+https://crawler.example/about)\"");
    }

    #[inline]
    fn status(&self, index: u64, kind: Kind, random: &mut Random) -> u64 {
        let share = fraction(random.next());
        if Self::ERROR_MINUTES.contains(&(index / 60 % 60)) && kind.is_dynamic() && share < Self::ERROR_SHARE {
            return if share < 0.6 * Self::ERROR_SHARE { 502 } else { 503 };
        }
        let thousandth = random.below(1_000);
        match kind {
            Kind::Missing => {
                if thousandth < 60 {
                    403
                } else {
                    404
                }
            }
            Kind::Asset if thousandth < 240 => 304,
            Kind::Download if thousandth < 300 => 206,
            Kind::Form if thousandth < 700 => 302,
            Kind::Form if thousandth < 730 => 400,
            Kind::Page if thousandth < 40 => 304,
            Kind::Page if thousandth < 55 => 301,
            Kind::Api if thousandth < 30 => 401,
            _ if kind.is_dynamic() && thousandth == 999 => 500,
            _ => 200,
        }
    }

    /// Writes from the size on to the quote that opens the agent.
    #[inline]
    fn referer(&self, kind: Kind, random: &mut Random, out: &mut Vec<u8>) {
        let own = match kind {
            Kind::Missing => 20,
            Kind::Page => 65,
            _ => 95,
        };
        let share = random.below(100);
        if share < own {
            out.extend_from_slice(b" \"https://shop.example");
            self.pages.popular(random, out);
            out.extend_from_slice(b"\" \"");
        } else {
            let others: [&[u8]; 4] = [
                b" \"-\" \"",
                b" \"https://www.search.example/\" \"",
                b" \"-\" \"",
                b" \"https://news.example/item?id=43210987\" \"",
            ];
            out.extend_from_slice(others.get(random.below(4) as usize).copied().unwrap_or(b" \"-\" \""));
        }
    }
}

/// Writes status and size; answers without a body have none.
#[inline]
fn answer(status: u64, size: u64, out: &mut Vec<u8>) {
    decimal(out, status);
    out.push(b' ');
    match status {
        304 => out.push(b'-'),
        301 | 302 => decimal(out, 154),
        400.. => decimal(out, 150 + size % 512),
        _ => decimal(out, size),
    }
}

/// Turns the line that begins at `start` into one that is none: cut off within the request at the latest, or
/// replaced.
#[cold]
fn break_line(chunk: &mut Vec<u8>, start: usize, bits: u64) {
    let request = chunk.iter().skip(start).position(|byte| *byte == b'"').unwrap_or(1);
    let junk: &[u8] = match bits % 4 {
        0 => b"-- log rotated --",
        1 => br"\x00\x00\x00\x00 \x7f\x13 #",
        _ => {
            chunk.truncate(start + 1 + (bits >> 2) as usize % (request + 8));
            return;
        }
    };
    chunk.truncate(start);
    chunk.extend_from_slice(junk);
}

/// Appends what has been written, in one piece: a check of 64 kB costs less than one of each word.
fn flush(chunk: &mut Vec<u8>, out: &mut String) {
    match std::str::from_utf8(chunk) {
        Ok(text) => out.push_str(text),
        // Cannot be, as every byte is ASCII.
        Err(_) => out.push_str(&String::from_utf8_lossy(chunk)),
    }
    chunk.clear();
}

#[cfg(test)]
mod tests;
