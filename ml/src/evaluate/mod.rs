//! How good is a learner? Asked as the stream goes by.

pub mod nab;
