//! Spam or not? Naive Bayes over the words of text messages, tested and then trained message by message.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::Utf8Error;
use std::time::Instant;

use serde::Serialize;
use streamgauge::ml::evaluate::Prequential;
use streamgauge::ml::naive_bayes::{BernoulliNaiveBayes, ComplementNaiveBayes, MultinomialNaiveBayes};
use streamgauge::ml::preprocess::{BagOfWords, Transformer};
use streamgauge::ml::{Classifier, RowError};
use streamgauge::sketches::ParameterError;
use thiserror::Error;

/// The classes, by their numbers.
const LABELS: [&str; 2] = ["ham", "spam"];
const SPAM: usize = 1;

/// Which naive Bayes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learner {
    /// By how often words occur.
    Multinomial,
    /// By which words occur, and which do not.
    Bernoulli,
    /// By how often words occur in the other class.
    Complement,
}

/// What the job is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The messages, one a line: `ham` or `spam`, a tab, the text.
    pub data: PathBuf,
    /// Which naive Bayes.
    pub learner: Learner,
    /// To how many features words are hashed.
    pub buckets: usize,
    /// How often each word counts as having been seen before.
    pub smoothing: f64,
}

/// What came of it: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// How many messages there were.
    pub rows: u64,
    /// The share of messages whose class was predicted before they were learned.
    pub accuracy: f64,
    /// Cohen's κ; null where chance alone is always right.
    pub kappa: f64,
    /// The harmonic mean of precision and recall of spam.
    pub f1: f64,
    /// Messages a second: taken apart into words, predicted and learned.
    pub messages_per_s: f64,
    /// The bytes of the bag of words and the learner at the end.
    pub memory_bytes: usize,
    /// How long that took, without reading the file.
    pub seconds: f64,
}

/// Why there is nothing to print.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it cannot be.
        why: io::Error,
    },
    /// A line is no message.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: Malformed,
    },
    /// There are no messages.
    #[error("{} has no messages", .0.display())]
    Empty(PathBuf),
    /// A parameter is out of its range.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A message was refused.
    #[error("a message was refused: {0}")]
    Row(#[from] RowError),
}

impl From<Failure> for crate::Failure {
    fn from(failure: Failure) -> Self {
        Self::Usage(failure.to_string())
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It is no text.
    #[error("not UTF-8: {0}")]
    Encoding(#[from] Utf8Error),
    /// There is no tab.
    #[error("no tab between label and text")]
    Tab,
    /// The label is unknown.
    #[error("the label is '{0}', not ham or spam")]
    Label(String),
}

/// Label and text of a line.
fn parse(line: &[u8]) -> Result<(usize, &str), Malformed> {
    let line = str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line))?;
    let (label, text) = line.split_once('\t').ok_or(Malformed::Tab)?;
    let class = LABELS.iter().position(|known| *known == label);
    Ok((class.ok_or_else(|| Malformed::Label(label.chars().take(40).collect()))?, text))
}

/// All messages of a file. Its first line may be a header: two columns of which the first is no label.
fn messages<'a>(bytes: &'a [u8], path: &Path) -> Result<Vec<(usize, &'a str)>, Failure> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut messages = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match parse(line) {
            Ok(message) => messages.push(message),
            Err(Malformed::Label(_)) if at == 0 => {}
            Err(_) if bytes.is_empty() => {}
            Err(why) => return Err(Failure::Line { path: path.to_owned(), line: at + 1, why }),
        }
    }
    if messages.is_empty() { Err(Failure::Empty(path.to_owned())) } else { Ok(messages) }
}

/// Reads the messages; predicts and learns all of them, one after the other.
///
/// # Errors
/// [`Failure`], in one line that says what is wrong.
pub fn run(options: &Options) -> Result<Measured, Failure> {
    let path = &options.data;
    let bytes = fs::read(path).map_err(|why| Failure::Read { path: path.clone(), why })?;
    let messages = messages(&bytes, path)?;
    // Numbers differ from message to message; that there is a long one says more than which.
    let words = BagOfWords::new().with_same_digits().with_buckets(options.buckets)?;
    let (features, classes, alpha) = (words.buckets(), LABELS.len(), options.smoothing);
    match options.learner {
        Learner::Multinomial => {
            let learner = MultinomialNaiveBayes::new(features, classes)?.with_smoothing(alpha)?;
            measure(&messages, words.then(learner))
        }
        Learner::Bernoulli => {
            let learner = BernoulliNaiveBayes::new(features, classes)?.with_smoothing(alpha)?;
            measure(&messages, words.then(learner))
        }
        Learner::Complement => {
            let learner = ComplementNaiveBayes::new(features, classes)?.with_smoothing(alpha)?;
            measure(&messages, words.then(learner))
        }
    }
}

fn measure(messages: &[(usize, &str)], learner: impl Classifier<Row = str>) -> Result<Measured, Failure> {
    let mut evaluation = Prequential::new(learner)?;
    let started = Instant::now();
    for (class, text) in messages {
        evaluation.step(text, *class)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let outcomes = evaluation.outcomes();
    Ok(Measured {
        rows: outcomes.rows(),
        accuracy: outcomes.accuracy().value,
        kappa: outcomes.kappa(),
        f1: outcomes.confusion().f1(SPAM),
        messages_per_s: outcomes.rows() as f64 / seconds,
        memory_bytes: evaluation.learner().memory_bytes(),
        seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(usize, &str)>, String> {
        messages(bytes, Path::new("sms")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn messages_are_read_with_and_without_a_header() {
        let expected = Ok(vec![(0, "see you"), (1, "a\tprize")]);
        assert_eq!(read(b"ham\tsee you\nspam\ta\tprize\n"), expected);
        assert_eq!(read(b"Label\tSMS\r\nham\tsee you\r\nspam\ta\tprize"), expected);
    }

    #[test]
    fn a_bad_line_is_named() {
        let told = |bytes| read(bytes).unwrap_err();
        assert_eq!(told(b"ham\ta\nSpam\tb\n"), "sms, line 2: the label is 'Spam', not ham or spam");
        assert_eq!(told(b"Label\tSMS\nham a\n"), "sms, line 2: no tab between label and text");
        assert_eq!(told(b"ham\ta\n\nham\tb\n"), "sms, line 2: no tab between label and text");
        assert_eq!(told(b"an image\n"), "sms, line 1: no tab between label and text");
        assert!(told(b"ham\ta\nham\t\xff\n").starts_with("sms, line 2: not UTF-8: "));
        assert_eq!(told(b""), "sms has no messages");
        assert_eq!(told(b"Label\tSMS\n"), "sms has no messages");
    }
}
