#!/usr/bin/env bash
# Runs our learners and MOA's in turns over the same files, one thread each: a table of rows/s, accuracy, κ and memory.
# usage: run.sh [--learners NAME,…] [--rounds N] [--warm SECONDS] FILE…     files are OMLB (.bin), or CSV of numbers
# Needs cargo, python3 with pip, and a JDK. MOA (GPL-3) is fetched as a tool, from the wheel of CapyMOA, and kept in
# MOA_HOME (default: target/moa); none of it is part of the project. Figures are those of the fastest of the rounds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
home=${MOA_HOME:-$root/target/moa}
mkdir -p "$home"
if [ ! -f "$home/moa.jar" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download -q --no-deps -d "$work" capymoa==0.15.1
  (cd "$work" && python3 -m zipfile -e capymoa-*.whl wheel)
  mv "$(find "$work/wheel" -name moa.jar)" "$home/moa.jar"
fi
javac -nowarn -cp "$home/moa.jar" -d "$home/classes" "$here/Peer.java"
cargo build -q --release --manifest-path "$root/Cargo.toml" -p streamgauge-examples --example prequential
target=${CARGO_TARGET_DIR:-$root/target}
exec python3 "$here/race.py" --ours "$target/release/examples/prequential" --classpath "$home/moa.jar:$home/classes" "$@"
