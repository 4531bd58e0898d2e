//! A server that sends made-up text to whoever connects.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::simulation::{BEGIN, draws};

/// The time between two lines, in milliseconds.
const TICK: i64 = 200;
/// How many words there are; the first ones are said most.
const WORDS: u64 = 2_000;
/// Lines in which there is at most one topic, and how many of them it lasts: twenty minutes of forty.
const BLOCK: u64 = 12_000;
const TOPIC: u64 = 6_000;
/// Of a hundred words of a line while there is a topic, so many are the topic.
const PERCENT: u64 = 4;
const SYLLABLES: [&str; 20] = [
    "ba", "cor", "del", "fi", "gan", "hol", "ji", "kem", "lu", "mor", "nes", "or", "pel", "qua", "ri", "sol", "tan",
    "ul", "ver", "zim",
];

/// Made-up text in which a topic comes up now and then: each line follows from the seed and its number.
#[derive(Clone, Copy, Debug)]
pub struct Generator {
    seed: u64,
}

impl Generator {
    /// The text of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The line of this number, with its time and a line end.
    ///
    /// ```
    /// use streamgauge_examples::trending::Generator;
    ///
    /// let line = Generator::new(7).line(5);
    /// assert!(line.starts_with("1767225601000\t") && line.ends_with('\n'));
    /// ```
    pub fn line(&self, number: u64) -> String {
        let mut draws = draws(self.seed, &[number]);
        let topic = self.topic(number);
        let mut line = format!("{}\t", BEGIN + number as i64 * TICK);
        for at in 0..8 {
            let usual = (WORDS as f64).powf(draws.unit()) as u64 - 1;
            let word = topic.filter(|_| draws.below(100) < PERCENT).unwrap_or(usual);
            // Writing to a string cannot fail.
            let _ = write!(line, "{}{}", if at > 0 { " " } else { "" }, word_of(word));
        }
        line.push('\n');
        line
    }

    /// The word of which all talk, if there is one now. None in the first block: there is no usual yet.
    fn topic(&self, number: u64) -> Option<u64> {
        let block = number / BLOCK;
        let mut draws = draws(self.seed, &[block, 1]);
        let word = 200 + draws.below(WORDS - 200);
        let first = draws.below(BLOCK - TOPIC);
        (block > 0 && (first..first + TOPIC).contains(&(number % BLOCK))).then_some(word)
    }

    /// Serves the text on a port of its own of this machine: so many lines, or without end; so many a second, or as fast
    /// as they are taken. Everyone who connects gets it from the beginning.
    ///
    /// # Errors
    /// If there is no port, or no thread.
    pub fn serve(self, lines: Option<u64>, per_second: Option<u64>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let send = move |to: &mut dyn Write| -> io::Result<()> {
            let begun = Instant::now();
            for number in 0..lines.unwrap_or(u64::MAX) {
                to.write_all(self.line(number).as_bytes())?;
                if let Some(rate) = per_second.filter(|rate| number.is_multiple_of((rate / 10).max(1))) {
                    to.flush()?;
                    let due = Duration::from_secs_f64(number as f64 / rate as f64);
                    thread::sleep(due.saturating_sub(begun.elapsed()));
                }
            }
            to.flush()
        };
        thread::Builder::new().name("text".to_owned()).spawn(move || {
            for connection in listener.incoming().flatten() {
                // Who does not listen any more gets no more.
                let _ = send(&mut BufWriter::new(connection));
            }
        })?;
        Ok(address)
    }
}

/// A word for a number: each another one.
fn word_of(number: u64) -> String {
    let base = SYLLABLES.len() as u64;
    let syllable = |n: u64| SYLLABLES[(n % base) as usize];
    format!("{}{}{}", syllable(number), syllable(number / base + 7), syllable(number / base / base + number + 3))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn few_words_are_frequent_and_a_topic_comes_up() {
        let text = Generator::new(1);
        assert_eq!((0..WORDS).map(word_of).collect::<std::collections::BTreeSet<_>>().len() as u64, WORDS);
        let mut counts = BTreeMap::new();
        let lines: Vec<_> = (0..2_000).map(|number| text.line(number)).collect();
        lines
            .iter()
            .flat_map(|line| line.split_whitespace().skip(1))
            .for_each(|word| *counts.entry(word).or_insert(0) += 1);
        let first = word_of(0);
        assert!(counts[first.as_str()] > 1_000 && counts.len() > 1_000, "{counts:?}");
        let number = (BLOCK..2 * BLOCK).find(|number| text.topic(*number).is_some()).unwrap();
        let topic = word_of(text.topic(number).unwrap());
        let said = |from: u64| (from..from + TOPIC).filter(|number| text.line(*number).contains(&topic)).count();
        assert!(said(number) > 20 * said(0).max(10), "{topic}: {} and {}", said(number), said(0));
    }

    #[test]
    fn everyone_gets_it_from_the_beginning() {
        let text = Generator::new(3);
        let address = text.serve(Some(50), None).unwrap();
        let expected: String = (0..50).map(|number| text.line(number)).collect();
        for _ in 0..2 {
            let mut got = String::new();
            TcpStream::connect(address).unwrap().read_to_string(&mut got).unwrap();
            assert_eq!(got, expected);
        }
    }
}
