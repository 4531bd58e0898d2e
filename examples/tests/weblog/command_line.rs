//! The program as its user calls it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn weblog() -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/weblog");
    assert!(program.exists(), "build it first: cargo build -p streamgauge-examples --examples");
    Command::new(program)
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child =
        weblog().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end without reading all of it.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const ONCE: [&str; 5] = ["--once", "--no-dashboard", "--output", "jsonl", "--input"];

#[test]
fn what_cannot_run_is_told_in_one_line_before_anything_runs() {
    let folder = std::env::temp_dir().join(format!("streamgauge-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let no_gzip = folder.join("plain.gz");
    std::fs::write(&no_gzip, "this is no gzip file").unwrap();
    let file = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let cases: [(Vec<String>, &str); 8] = [
        (vec!["--input".into(), "no/such.log".into()], "no/such.log"),
        (vec!["--input".into(), file(&no_gzip)], "not a gzip file"),
        (vec!["--window".into(), "5 parsecs".into()], "--window"),
        (vec!["--speed".into(), "0".into()], "--speed"),
        (vec!["--format".into(), "xml".into()], "combined"),
        (vec!["--wat".into()], "--wat"),
        (vec!["--listen".into(), "localhost".into()], "--listen"),
        (vec!["--slide".into(), "0s".into(), "--once".into(), "--no-dashboard".into()], "the window's slide is 0ns"),
    ];
    for (args, named) in cases {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = run(&args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let told = stderr(&output);
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(named), "{told}");
        assert!(output.stdout.is_empty());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--listen", &address], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&format!("cannot listen on {address}")), "{}", stderr(&output));
}

#[test]
fn malformed_lines_are_counted_told_and_skipped_unless_strict() {
    let good = r#"::1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326"#;
    let input = format!("{good}\n\nrubbish\n{good}\n{good} \n\u{1}\u{2}\n{{\"json\": \"without time\"}}\n");
    let mut args = ONCE.to_vec();
    args.push("-");
    let output = run(&args, input.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains(r#""lines":7,"parsed":3,"malformed":3,"#), "{}", stdout(&output));
    let told = stderr(&output);
    assert!(told.contains("stdin:3: ") && told.contains("stdin:6: ") && told.contains("stdin:7: "), "{told}");

    args.push("--strict");
    let output = run(&args, input.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert!(stderr(&output).starts_with("error: stdin:3: "), "{}", stderr(&output));
}

#[test]
fn generated_lines_go_through_a_pipe() {
    let lines = run(&["--generate", "20000"], b"");
    assert_eq!(lines.status.code(), Some(0));
    assert_eq!(stdout(&lines).lines().count(), 20_000);
    assert_eq!(lines.stdout, run(&["--generate", "20000", "--seed", "1"], b"").stdout);
    assert_ne!(lines.stdout, run(&["--generate", "20000", "--seed", "2"], b"").stdout);
    assert!(run(&["--generate", "0"], b"").stdout.is_empty());

    let mut args = ONCE.to_vec();
    args.push("-");
    let piped = run(&args, &lines.stdout);
    assert_eq!(piped.status.code(), Some(0));
    let path = std::env::temp_dir().join(format!("streamgauge-pipe-{}.log", std::process::id()));
    std::fs::write(&path, &lines.stdout).unwrap();
    *args.last_mut().unwrap() = path.to_str().unwrap();
    let read = run(&args, b"");
    std::fs::remove_file(&path).unwrap();
    let counts = |output: &Output| {
        stdout(output).lines().map(|line| line.split(",\"bytes\"").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (piped, read) = (counts(&piped), counts(&read));
    assert_eq!(piped[..piped.len() - 1], read[..read.len() - 1]);
}

#[test]
fn empty_inputs_and_several_inputs_are_fine() {
    let mut args = ONCE.to_vec();
    args.push("-");
    let output = run(&args, b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with(r#"{"summary":true,"lines":0,"parsed":0,"malformed":0,"late":0,"windows":0,"#));

    let data = |name: &str| format!("{}/tests/weblog/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let (nginx, apache) = (data("nginx_combined.log"), data("apache_combined.log"));
    let output = run(&["--once", "--no-dashboard", "--output", "jsonl", "--input", &nginx, "--input", &apache], b"");
    assert!(stdout(&output).contains(r#""lines":156,"parsed":156,"malformed":0,"late":0,"#), "{}", stdout(&output));
    let folder = data("");
    let output = run(&["--once", "--no-dashboard", "--input", &folder], b"");
    assert_eq!(output.status.code(), Some(0), "a folder is read file by file: {}", stderr(&output));
    assert!(stdout(&output).contains("requests"));
}
