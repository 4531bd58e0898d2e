//! `cargo bench -p streamgauge-benches --bench quantile`

fn main() {}
