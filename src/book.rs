//! The chapters of the book in `docs/`: here so that their code is compiled and run by `cargo test --doc`.

#[doc = include_str!("../docs/src/introduction.md")]
mod introduction {}

#[doc = include_str!("../docs/src/first-dashboard.md")]
mod first_dashboard {}

#[doc = include_str!("../docs/src/gallery.md")]
mod gallery {}

#[doc = include_str!("../docs/src/algebra.md")]
mod algebra {}

#[doc = include_str!("../docs/src/summaries.md")]
mod summaries {
    #[doc = include_str!("../docs/src/summaries/distinct.md")]
    mod distinct {}

    #[doc = include_str!("../docs/src/summaries/exaloglog.md")]
    mod exaloglog {}

    #[doc = include_str!("../docs/src/summaries/frequency.md")]
    mod frequency {}

    #[doc = include_str!("../docs/src/summaries/membership.md")]
    mod membership {}

    #[doc = include_str!("../docs/src/summaries/quantile.md")]
    mod quantile {}

    #[doc = include_str!("../docs/src/summaries/sample.md")]
    mod sample {}

    #[doc = include_str!("../docs/src/summaries/exact.md")]
    mod exact {}
}

#[doc = include_str!("../docs/src/batches.md")]
mod batches {}

#[doc = include_str!("../docs/src/operators.md")]
mod operators {}

#[doc = include_str!("../docs/src/windows.md")]
mod windows {}

#[doc = include_str!("../docs/src/state.md")]
mod state {}

#[doc = include_str!("../docs/src/event-time.md")]
mod event_time {}

#[doc = include_str!("../docs/src/learners.md")]
mod learners {
    #[doc = include_str!("../docs/src/learners/naive-bayes.md")]
    mod naive_bayes {}

    #[doc = include_str!("../docs/src/learners/trees.md")]
    mod trees {}

    #[doc = include_str!("../docs/src/learners/adaptive-trees.md")]
    mod adaptive_trees {}

    #[doc = include_str!("../docs/src/learners/clusters.md")]
    mod clusters {}

    #[doc = include_str!("../docs/src/learners/anomalies.md")]
    mod anomalies {}

    #[doc = include_str!("../docs/src/learners/anomalies-rows.md")]
    mod anomalies_rows {}

    #[doc = include_str!("../docs/src/learners/drift.md")]
    mod drift {}

    #[doc = include_str!("../docs/src/learners/preprocessing.md")]
    mod preprocessing {}

    #[doc = include_str!("../docs/src/learners/evaluation.md")]
    mod evaluation {}

    #[doc = include_str!("../docs/src/learners/generators.md")]
    mod generators {}
}

#[doc = include_str!("../docs/src/sources.md")]
mod sources {}

#[doc = include_str!("../docs/src/sinks.md")]
mod sinks {}

#[doc = include_str!("../docs/src/running.md")]
mod running {}

#[doc = include_str!("../docs/src/recovery.md")]
mod recovery {}

#[doc = include_str!("../docs/src/overload.md")]
mod overload {}

#[doc = include_str!("../docs/src/shedding.md")]
mod shedding {}

#[doc = include_str!("../docs/src/testing.md")]
mod testing {}

#[doc = include_str!("../docs/src/dashboard.md")]
mod dashboard {}

#[doc = include_str!("../docs/src/monitoring.md")]
mod monitoring {}

#[doc = include_str!("../docs/src/spark.md")]
mod spark {}

#[doc = include_str!("../docs/src/architecture.md")]
mod architecture {}

#[doc = include_str!("../docs/src/benchmarks.md")]
mod benchmarks {}
