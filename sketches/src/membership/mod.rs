//! Whether an item was seen.
