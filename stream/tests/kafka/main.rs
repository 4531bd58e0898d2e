//! Kafka, against the mock cluster of the client library: a broker in this process, with faults on request.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod broken;
mod conformance;
mod consume;
mod group;
mod lost;
mod real;
mod replay;
mod sink;
mod support;
