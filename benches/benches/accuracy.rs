//! Each sketch and the exact batch answer on the same data. `cargo bench --bench accuracy`

fn main() {}
