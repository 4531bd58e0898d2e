//! Online learners on streamgauge's algebra of summaries.
//!
//! Empty so far: the learners come on the same traits as the summaries, so that one that merges runs in every window
//! and reduce, and one that does not is refused there by the compiler.
