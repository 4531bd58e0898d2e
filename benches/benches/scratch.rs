use streamgauge::prelude::*;
fn main() {
    let numbers: Vec<u64> = (0..1_000_000).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    for _ in 0..300 {
        let v: Vec<_> = numbers
            .chunks_exact(100)
            .map(|c| {
                let mut s = HyperLogLog::default();
                s.absorb_all(c);
                s
            })
            .collect();
        std::hint::black_box(&v);
    }
}
