//! Online learners.
