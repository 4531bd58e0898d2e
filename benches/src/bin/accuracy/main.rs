//! How wrong the summaries are, beside the exact answers and their peers:
//! `cargo run --release -p streamgauge-benches --bin accuracy`.

mod distinct;
mod frequency;
mod kll;
mod membership;
mod sample;

use streamgauge_benches::report::Scale;

fn main() {
    let scale = Scale(1);
    for report in [distinct::report, frequency::report, membership::report, kll::report, sample::report] {
        println!("{:#?}", report(scale));
    }
}
