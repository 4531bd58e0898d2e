//! `cargo bench -p streamgauge-benches --bench membership`

fn main() {}
