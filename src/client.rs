//! A connection to a Kafka cluster: brokers, topics, offsets.
