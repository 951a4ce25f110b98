//! Kafka without sockets, threads or clocks.

mod group;
