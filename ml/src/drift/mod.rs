//! Has a stream changed?
