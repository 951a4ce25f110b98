//! Cursors over the bytes of the Kafka protocol.
