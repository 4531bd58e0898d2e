//! Spam or not? Naive Bayes over the words of text messages.
//!
//! Prints one line of JSON. Try `--help`.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use streamgauge_examples::spam::{Learner, Options, run};

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

fn options(flags: Flags) -> Result<Options, String> {
    let standard = || env::var_os("STREAMGAUGE_DATA").map(|folder| PathBuf::from(folder).join("SMSSpamCollection"));
    let Some(data) = flags.data.or_else(standard) else {
        return Err("give --data FILE, or set STREAMGAUGE_DATA to the folder of SMSSpamCollection".to_owned());
    };
    let learner = match flags.learner {
        LearnerFlag::Multinomial => Learner::Multinomial,
        LearnerFlag::Bernoulli => Learner::Bernoulli,
        LearnerFlag::Complement => Learner::Complement,
    };
    Ok(Options { data, learner, buckets: flags.buckets, smoothing: flags.smoothing })
}

/// 0 when all went well, 2 for what is wrong with the flags or the data, 1 for a failure on the way.
fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) if error.use_stderr() => {
            eprint!("{error}");
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let measured = options(flags).and_then(|options| run(&options).map_err(|failure| failure.to_string()));
    let line = match measured {
        Ok(measured) => serde_json::to_string(&measured).map_err(|error| error.to_string()),
        Err(failure) => {
            eprintln!("error: {failure}");
            return ExitCode::from(2);
        }
    };
    match line.and_then(|line| writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write to the output: {error}");
            ExitCode::FAILURE
        }
    }
}
