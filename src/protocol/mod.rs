//! The messages of the Kafka protocol, each declared once.
