//! What was said on the command line.

use std::{error::Error, time::Duration};

use lexopt::{
    Parser,
    prelude::{Long, Short, ValueExt},
};

pub(super) const USAGE: &str = "\
Reads topics as a member of a consumer group.

Without --brokers it starts a fake cluster in this process, which it fills and reads for ten seconds.

  --brokers HOST:PORT,…   some brokers of a Kafka cluster
  --topics NAME,…         the topics to read
  --group NAME            the consumer group           [my-consumer-group]
  --for SECONDS           ends by itself after so long [at ctrl-c]; with --brokers
  --help
";

pub(super) struct Flags {
    pub(super) brokers: Vec<String>,
    pub(super) topics: Vec<String>,
    pub(super) group: String,
    pub(super) time: Option<Duration>,
}

impl Flags {
    /// Nothing where help is asked for.
    pub(super) fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        let mut flags = Self {
            brokers: Vec::new(),
            topics: Vec::new(),
            group: "my-consumer-group".to_owned(),
            time: None,
        };
        let mut parser = Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("brokers") => flags.brokers = list(&parser.value()?.string()?),
                Long("topics") => flags.topics = list(&parser.value()?.string()?),
                Long("group") => flags.group = parser.value()?.string()?,
                Long("for") => {
                    flags.time = Some(Duration::from_secs(parser.value()?.parse()?));
                }
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(format!("{}; see --help", argument.unexpected()).into()),
            }
        }
        match (flags.brokers.is_empty(), flags.topics.is_empty()) {
            (false, true) => Err("--brokers needs --topics".into()),
            (true, _) if flags.time.is_some() => Err("--for needs --brokers".into()),
            _ => Ok(Some(flags)),
        }
    }
}

fn list(names: &str) -> Vec<String> {
    let names = names.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
