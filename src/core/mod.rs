//! The logic of a consumer group, without sockets, threads, channels, locks or clocks.
