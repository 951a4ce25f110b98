//! Connections against brokers that follow a script.

mod apart;
mod broker;
mod client;
mod closing;
mod dialing;
mod exchanging;
mod framing;
mod greeting;
mod onward;
mod schedule;
