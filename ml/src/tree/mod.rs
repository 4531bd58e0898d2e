//! Decision trees that grow on a stream.
