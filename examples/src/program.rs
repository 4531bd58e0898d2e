//! What the programs have in common: their flags, their end.

use std::process::ExitCode;

use clap::Parser;

use crate::Failure;

/// Reads the flags, runs the program, tells a failure in one line on the standard error, and gives back its
/// [status](Failure::status).
pub fn main_of<F: Parser>(run: impl FnOnce(F) -> Result<(), Failure>) -> ExitCode {
    let flags = match F::try_parse() {
        Ok(flags) => flags,
        Err(error) if error.use_stderr() => {
            // The first lines say what is wrong; the rest, behind an empty one, is how to ask for help.
            let text = error.to_string();
            let wrong: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            eprintln!("{}", wrong.join(" "));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.status() != 0 {
                eprintln!("error: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}
