//! `streamgauge`: looks at what a job has written down.

use std::process::ExitCode;
use std::{env, io};

use streamgauge::stream::recovery::{LocalFolder, inspect};

const USAGE: &str = "\
usage: streamgauge checkpoint inspect [--json] FOLDER

Prints what is in a folder of checkpoints: checkpoints with their operators and sources, the batch log, other files.
Checks every byte. Reads only; the job may run. Ends with 1 if a file is damaged, with 2 if the folder cannot be read.
";

fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, as_json) = match arguments[..] {
        ["checkpoint", "inspect", "--json", folder] | ["checkpoint", "inspect", folder, "--json"] => (folder, true),
        ["checkpoint", "inspect", folder] if !folder.starts_with('-') => (folder, false),
        ["-h" | "--help" | "help"] | ["checkpoint", "-h" | "--help"] | ["checkpoint", "inspect", "-h" | "--help"] => {
            print!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err(USAGE.to_owned()),
    };
    let found = inspect(&LocalFolder::new(folder)).map_err(|cause| format!("error: {folder}: {cause}\n"))?;
    let shown = if as_json {
        serde_json::to_string_pretty(&found).map_err(|cause| format!("error: {cause}\n"))? + "\n"
    } else {
        found.to_string()
    };
    // A reader that has seen enough is no error.
    let _ = io::Write::write_all(&mut io::stdout().lock(), shown.as_bytes());
    Ok(if found.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    run(&arguments).unwrap_or_else(|message| {
        eprint!("{message}");
        ExitCode::from(2)
    })
}
