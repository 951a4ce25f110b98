//! What was said on the command line.

use kafka_tests::Codec;
use lexopt::{
    Parser,
    prelude::{Long, Short, ValueExt},
};

use crate::{
    Result,
    run::{Job, Reader},
};

pub(crate) const USAGE: &str = "\
Reads a topic of a real broker in several ways, and tells how fast and for how much CPU time.

  --records N           how many records to write and read      [20000000]
  --partitions N        over how many partitions                [8]
  --size N              bytes of a record's value               [100]
  --codec NAME          none, gzip, snappy, lz4 or zstd         [none]
  --rounds N            how often each reader reads it all      [3]
  --readers NAME,…      which ones: raw, loop, pool, partitions [all]
  --brokers HOST:PORT,… a cluster that exists                   [one broker, started and stopped here]
  --help
";

/// What this process is to do.
pub(crate) enum Task {
    Help,
    /// Let readers run in processes of their own.
    Compare(Flags),
    /// Be one of those.
    Run(Job),
}

pub(crate) struct Flags {
    pub(crate) records: u64,
    pub(crate) partitions: i32,
    pub(crate) size: usize,
    pub(crate) codec: Codec,
    pub(crate) rounds: u32,
    pub(crate) readers: Vec<Reader>,
    pub(crate) brokers: Vec<String>,
}

pub(crate) fn parse() -> Result<Task> {
    let mut flags = Flags {
        records: 20_000_000,
        partitions: 8,
        size: 100,
        codec: Codec::None,
        rounds: 3,
        readers: Reader::ALL.to_vec(),
        brokers: Vec::new(),
    };
    // Not for people: a reader's process is told so by its parent.
    let (mut run, mut topic) = (None, String::new());
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("records") => flags.records = parser.value()?.parse()?,
            Long("partitions") => flags.partitions = parser.value()?.parse()?,
            Long("size") => flags.size = parser.value()?.parse()?,
            Long("codec") => flags.codec = codec(&parser.value()?.string()?)?,
            Long("rounds") => flags.rounds = parser.value()?.parse()?,
            Long("readers") => {
                let names = parser.value()?.string()?;
                flags.readers = names.split(',').map(str::parse).collect::<Result<_>>()?;
            }
            Long("brokers") => flags.brokers = list(&parser.value()?.string()?),
            Long("run") => run = Some(parser.value()?.string()?.parse()?),
            Long("topic") => topic = parser.value()?.string()?,
            Short('h') | Long("help") => return Ok(Task::Help),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if flags.partitions < 1 || flags.records < flags.partitions as u64 || flags.size < 1 {
        return Err("each partition needs a record, and each record a byte".into());
    }
    Ok(match run {
        None => Task::Compare(flags),
        Some(reader) => Task::Run(Job {
            reader,
            brokers: flags.brokers,
            topic,
            records: flags.records,
            partitions: flags.partitions,
            size: flags.size,
        }),
    })
}

fn codec(name: &str) -> Result<Codec> {
    let known = Codec::ALL.into_iter().find(|codec| codec.name() == name);
    known.ok_or_else(|| format!("{name} is no codec").into())
}

fn list(names: &str) -> Vec<String> {
    names
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect()
}
