//! How wrong the summaries are, beside the exact answers and their peers:
//! `cargo run --release -p streamgauge-benches --bin accuracy`.

mod distinct;
mod frequency;
mod membership;
mod quantile;
mod sample;
mod tdigest;

use streamgauge_benches::report::Scale;

fn main() {
    let scale = Scale(1);
    for report in
        [distinct::report, frequency::report, membership::report, quantile::report, sample::report, tdigest::report]
    {
        println!("{:#?}", report(scale));
    }
}
