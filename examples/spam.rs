//! Spam or not? Naive Bayes over the words of text messages.
//!
//! Prints one line of JSON. Try `--help`.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use streamgauge_examples::spam::{Learner, Options, run};
use streamgauge_examples::{Failure, main_of, print_json};

/// Predicts for each text message whether it is spam, then learns whether it was, and prints as one line of JSON how good
/// and how fast that was. All messages are read before the clock starts
#[derive(Debug, Parser)]
#[command(name = "spam", version)]
struct Flags {
    /// The messages, one a line: ham or spam, a tab, the text. A header is skipped. If not given, the file
    /// SMSSpamCollection in the folder that the environment variable STREAMGAUGE_DATA names
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// Which naive Bayes
    #[arg(long, value_enum, default_value_t = LearnerFlag::Multinomial)]
    learner: LearnerFlag,

    /// To how many features words are hashed; a power of two
    #[arg(long, default_value_t = 1 << 16)]
    buckets: usize,

    /// How often each word counts as having been seen in each class before
    #[arg(long, default_value_t = 0.1)]
    smoothing: f64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LearnerFlag {
    /// By how often words occur
    Multinomial,
    /// By which words occur, and which do not
    Bernoulli,
    /// By how often words occur in the other class
    Complement,
}

fn options(flags: Flags) -> Result<Options, Failure> {
    let standard = || env::var_os("STREAMGAUGE_DATA").map(|folder| PathBuf::from(folder).join("SMSSpamCollection"));
    let Some(data) = flags.data.or_else(standard) else {
        let what = "give --data FILE, or set STREAMGAUGE_DATA to the folder of SMSSpamCollection";
        return Err(Failure::Usage(what.to_owned()));
    };
    let learner = match flags.learner {
        LearnerFlag::Multinomial => Learner::Multinomial,
        LearnerFlag::Bernoulli => Learner::Bernoulli,
        LearnerFlag::Complement => Learner::Complement,
    };
    Ok(Options { data, learner, buckets: flags.buckets, smoothing: flags.smoothing })
}

fn main() -> ExitCode {
    main_of(|flags: Flags| print_json(&run(&options(flags)?)?))
}
