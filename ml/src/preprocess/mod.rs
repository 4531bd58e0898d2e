//! What is done with rows before they are learned.
