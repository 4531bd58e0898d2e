//! Some of the items, chosen at random.
