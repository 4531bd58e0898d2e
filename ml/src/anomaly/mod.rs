//! Detectors of what is strange, with one contract for their scores.
