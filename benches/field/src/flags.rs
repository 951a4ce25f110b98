//! What was said on the command line.

use lexopt::{
    Parser,
    prelude::{Long, Short, Value, ValueExt},
};

use kafka_tests::Codec;

use crate::{
    Result,
    contestants::{self, Contestant},
    throughput::LOADS,
    topics::Load,
};

pub(crate) const USAGE: &str = "\
Measures sarama-cluster beside the limit and beside other clients, and writes docs/benchmarks.md.

  cargo run --release -p bench-field -- [PART…] [FLAG…]

Parts: throughput, latency, slow, rebalance, growth; all if none is named. The word page alone only writes
the page again, from what was measured last.

  --rounds N         how often everything is done, in turn    [5]
  --only NAME;…      which contestants                        [all]
  --loads NAME;…     which topics of the throughput part      [all]
  --load C,B,R,P     another topic instead: codec, bytes of a value, records, partitions
  --divisor N        only one record in so many, to try things [1]
  --hold             fill the topics, tell where they are, and wait for the end of the input: for profilers
  --list             who can be named
  --help
";

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Flags {
    pub(crate) parts: Vec<String>,
    pub(crate) rounds: u32,
    pub(crate) divisor: u64,
    pub(crate) hold: bool,
    only: Vec<String>,
    loads: Vec<String>,
    load: Option<Load>,
}

/// What this process is to do.
pub(crate) enum Task {
    Help,
    List,
    Measure(Flags),
    /// Be a cluster for another process. Not for people.
    Fake(String),
}

pub(crate) fn parse() -> Result<Task> {
    let mut flags = Flags {
        parts: Vec::new(),
        rounds: 5,
        divisor: 1,
        hold: false,
        only: Vec::new(),
        loads: Vec::new(),
        load: None,
    };
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => flags.rounds = parser.value()?.parse()?,
            Long("divisor") => flags.divisor = parser.value()?.parse()?,
            Long("only") => flags.only = list(&parser.value()?.string()?, ';'),
            Long("loads") => flags.loads = list(&parser.value()?.string()?, ';'),
            Long("load") => flags.load = Some(load(&parser.value()?.string()?)?),
            Long("hold") => flags.hold = true,
            Long("list") => return Ok(Task::List),
            Long("fake") => return Ok(Task::Fake(parser.value()?.string()?)),
            Short('h') | Long("help") => return Ok(Task::Help),
            Value(part) => flags.parts.push(part.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if let Some(name) = flags
        .only
        .iter()
        .find(|name| contestants::find(name).is_none())
    {
        return Err(format!("{name} is nobody; see --list").into());
    }
    Ok(Task::Measure(flags))
}

impl Flags {
    /// Whether a part is to be measured.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    /// What is to be read in the throughput part.
    pub(crate) fn loads(&self) -> Vec<Load> {
        let is_wanted = |load: &&Load| {
            self.loads.is_empty() || self.loads.iter().any(|wanted| wanted == load.name)
        };
        match self.load {
            Some(load) => vec![load],
            None => LOADS.iter().filter(is_wanted).copied().collect(),
        }
    }

    /// Who takes part.
    pub(crate) fn contestants(&self) -> impl Iterator<Item = &'static Contestant> + '_ {
        let is_wanted = |one: &&Contestant| {
            self.only.is_empty() || self.only.iter().any(|wanted| wanted == one.id)
        };
        contestants::ALL.iter().filter(is_wanted)
    }
}

fn load(text: &str) -> Result<Load> {
    let fields: Vec<&str> = text.split(',').collect();
    let [codec, size, records, partitions] = fields[..] else {
        return Err("a load has four fields".into());
    };
    let known = Codec::ALL.into_iter().find(|one| one.name() == codec);
    Ok(Load {
        name: "another topic",
        codec: known.ok_or_else(|| format!("{codec} is no codec"))?,
        size: size.parse()?,
        records: records.parse()?,
        partitions: partitions.parse()?,
    })
}

fn list(names: &str, separator: char) -> Vec<String> {
    let names = names.split(separator);
    names.map(|name| name.trim().to_owned()).collect()
}
