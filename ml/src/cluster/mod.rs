//! Clusters of points, followed as they move.
