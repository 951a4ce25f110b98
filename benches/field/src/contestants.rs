//! Who reads, and how.

use kafka_tests::Codec;

use crate::programs::Program;

/// What a contestant hands over, and so what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No client: what the machine allows.
    Limit,
    /// This library.
    Ours,
    /// Another client.
    Peer,
}

/// A program in one of its modes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contestant {
    /// What it is called in results.
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    pub(crate) program: Program,
    pub(crate) mode: &'static str,
    /// The slow ones read only one record in so many, lest they take most of the time.
    pub(crate) slowness: u64,
    /// How it reads and what was set.
    pub(crate) what: &'static str,
}

/// A contestant of a part.
pub(crate) const fn of(
    id: &'static str,
    kind: Kind,
    program: Program,
    mode: &'static str,
    slowness: u64,
    what: &'static str,
) -> Contestant {
    Contestant {
        id,
        kind,
        program,
        mode,
        slowness,
        what,
    }
}

impl Contestant {
    /// Whether it can be told from another one by this codec.
    pub(crate) fn is_of_interest(&self, codec: Codec) -> bool {
        self.program != Program::OursZstdC || codec == Codec::Zstd
    }
}

/// The order of a round: each begins with another one, so that nobody has always the same before it.
pub(crate) fn in_turn<'a>(
    round: u32,
    contestants: impl Iterator<Item = &'a Contestant>,
) -> Vec<&'a Contestant> {
    let mut contestants: Vec<_> = contestants.collect();
    let first = round as usize % contestants.len().max(1);
    contestants.rotate_left(first);
    contestants
}

/// All of them, in the order of the tables.
pub(crate) const ALL: &[Contestant] = &[
    of(
        "limit: fetch",
        Kind::Limit,
        Program::Ours,
        "walk",
        1,
        "one thread, one connection, no group: headers of batches walked, records thrown away",
    ),
    of(
        "limit: decode",
        Kind::Limit,
        Program::Ours,
        "decode",
        1,
        "the same, with checksum, decompression (lz4_flex, zstd in C) and a look at each record",
    ),
    of(
        "loop",
        Kind::Ours,
        Program::Ours,
        "loop",
        1,
        "`for message in consumer.messages()`, `mark_offset` of each",
    ),
    of(
        "loop, zstd-c",
        Kind::Ours,
        Program::OursZstdC,
        "loop",
        1,
        "the same, with the feature `zstd-c`",
    ),
    of(
        "batches",
        Kind::Ours,
        Program::Ours,
        "batches",
        1,
        "`for batch in consumer.batches()`, a look at each message, `mark_offset` of each batch",
    ),
    of(
        "batches, zstd-c",
        Kind::Ours,
        Program::OursZstdC,
        "batches",
        1,
        "the same, with the feature `zstd-c`",
    ),
    of(
        "select!",
        Kind::Ours,
        Program::Ours,
        "select",
        2,
        "`select!` over messages, errors and notifications, `mark_offset` of each",
    ),
    of(
        "partitions",
        Kind::Ours,
        Program::Ours,
        "partitions",
        1,
        "partition mode, a thread for each partition, `mark_offset` of each message",
    ),
    of(
        "pool",
        Kind::Ours,
        Program::Ours,
        "pool",
        1,
        "two threads share `messages()`, `ack` of each message",
    ),
    of(
        "franz-go",
        Kind::Peer,
        Program::FranzGo,
        "poll",
        1,
        "`PollFetches`, a loop over each partition's records, auto-commit",
    ),
    of(
        "franz-go, pooled",
        Kind::Peer,
        Program::FranzGo,
        "pooled",
        1,
        "the same, with `WithPools` and `Recycle` of each record",
    ),
    of(
        "Java",
        Kind::Peer,
        Program::Java,
        "default",
        1,
        "`poll`, a loop over its records, auto-commit",
    ),
    of(
        "Java, tuned",
        Kind::Peer,
        Program::Java,
        "tuned",
        1,
        "the same with `max.poll.records` 20000",
    ),
    of(
        "librdkafka, batch",
        Kind::Peer,
        Program::Librdkafka,
        "batch",
        1,
        "`rd_kafka_consume_batch_queue` for 10,000 messages, auto-commit; it checks no checksums",
    ),
    of(
        "librdkafka, poll",
        Kind::Peer,
        Program::Librdkafka,
        "poll",
        16,
        "`BaseConsumer::poll` of the crate rdkafka, auto-commit; it checks no checksums",
    ),
    of(
        "sarama",
        Kind::Peer,
        Program::Sarama,
        "default",
        1,
        "consumer group, newest `Version`: a channel for each claim, `MarkMessage` of each",
    ),
    of(
        "bsm/sarama-cluster",
        Kind::Peer,
        Program::SaramaCluster,
        "default",
        8,
        "the original: `Version` 2.1, commits each second, `Messages()`, `MarkOffset` of each",
    ),
    of(
        "krafka",
        Kind::Peer,
        Program::Krafka,
        "default",
        40,
        "`poll`, a loop over its records, auto-commit",
    ),
    of(
        "krafka, tuned",
        Kind::Peer,
        Program::Krafka,
        "tuned",
        1,
        "the same with what its documentation recommends: 100 MiB a fetch, 10 MiB a partition, 10,000 records a poll; 200,000 buffered",
    ),
];

/// The one of this name.
pub(crate) fn find(id: &str) -> Option<&'static Contestant> {
    ALL.iter().find(|contestant| contestant.id == id)
}
