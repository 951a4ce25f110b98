//! An in-process Kafka for tests.

pub mod broker;
