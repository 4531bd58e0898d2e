//! `cargo bench -p streamgauge-benches --bench distinct`

fn main() {}
