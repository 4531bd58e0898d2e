//! `cargo bench -p streamgauge-benches --bench sample`

fn main() {}
