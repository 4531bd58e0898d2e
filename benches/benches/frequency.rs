//! `cargo bench -p streamgauge-benches --bench frequency`

fn main() {}
