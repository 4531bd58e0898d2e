//! Streams made by the recipes of the papers.
