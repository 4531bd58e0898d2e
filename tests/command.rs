//! The command `streamgauge`, as it is called.

#![cfg(feature = "command")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use streamgauge::prelude::*;

fn inspect(arguments: &[&str], folder: &Path) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_streamgauge")).args(arguments).arg(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

#[test]
fn a_folder_is_inspected_and_damage_ends_with_another_code() {
    let folder = tempfile::tempdir().unwrap();
    let ctx = StreamingContext::builder("users").trigger(Trigger::Available).checkpoint_dir(folder.path()).build();
    let users = ctx.source(Constant::new(vec![1_u64, 2]).batches(3)).key_by(|user| user).named("seen");
    users.running().summarize(|on| on.count()).for_each_batch(|_, _| ());
    ctx.run().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();

    let (output, out, _) = inspect(&["checkpoint", "inspect"], folder.path());
    assert!(output.status.success(), "{out}");
    for part in ["job \"users\"", "operator \"seen\": 2 keys", "source ", "notes.txt: 4 B"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    let (output, out, _) = inspect(&["checkpoint", "inspect", "--json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(output.status.success());
    assert_eq!(json["checkpoints"][0]["operators"][0]["keys"], 2);

    let manifest = folder.path().join(json["checkpoints"][0]["file"].as_str().unwrap());
    let mut content = fs::read(&manifest).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&manifest, content).unwrap();
    let (output, out, _) = inspect(&["checkpoint", "inspect"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(out.contains("damaged\n  manifest-"), "{out}");

    let (output, _, err) = inspect(&["checkpoint", "inspect"], &folder.path().join("elsewhere"));
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("elsewhere: "), "{err}");
    let (output, _, err) = inspect(&["checkpoint"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(err.starts_with("usage: streamgauge"), "{err}");
}
