//! Connections to brokers.
//!
//! Each connection has a thread, which resolves the broker's name, connects, finds out the versions
//! that the broker speaks, and then asks one call after the other. What it hands out are completions.

mod connection;
mod dial;
mod exchange;
pub mod frame;
mod handshake;
mod job;
mod pool;
mod resolve;
mod stream;
#[cfg(test)]
mod tests;

pub use job::{Completion, OnCompletion};
pub use pool::Pool;
pub use resolve::canonical;
