//! Stories told on real Apache Kafka. They share one broker a release, which is why they share one program.

mod support;
