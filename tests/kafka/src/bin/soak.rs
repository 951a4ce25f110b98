//! Chaos on real Kafka, see `kafka_tests::soak`:
//! `soak [--duration SECONDS] [--seed N] [--kafka RELEASE] [--rate RECORDS] [--members N] [--gently true|false]
//! [--runs N] [--keep FOLDER]`.
//!
//! With several runs each has the next seed. Prints the figures of each, and fails at the first violation; the
//! journals are then kept, as they are anyway in a folder that is named.

use std::{env, process::ExitCode, str::FromStr, time::Duration};

use kafka_tests::soak::{self, Settings};

fn main() -> ExitCode {
    let (settings, runs) = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    for seed in settings.seed..settings.seed + runs {
        let settings = Settings {
            seed,
            ..settings.clone()
        };
        match soak::run(&settings) {
            Ok(report) => {
                println!("{report}\n");
                if !report.findings.is_empty() {
                    return ExitCode::FAILURE;
                }
            }
            Err(why) => {
                println!("seed {seed}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn arguments() -> Result<(Settings, u64), String> {
    let mut settings = Settings {
        verbose: true,
        ..Settings::default()
    };
    let mut runs = 1;
    let mut words = env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--duration" => settings.duration = Duration::from_secs(parse(&flag, &value)?),
            "--seed" => settings.seed = parse(&flag, &value)?,
            "--kafka" => settings.release = value.parse()?,
            "--rate" => settings.rate = parse(&flag, &value)?,
            "--members" => settings.members = parse(&flag, &value)?,
            "--gently" => settings.gently = Some(parse(&flag, &value)?),
            "--keep" => settings.keep = Some(value.into()),
            "--runs" => runs = parse(&flag, &value)?,
            _ => return Err(format!("{flag} is no flag")),
        }
    }
    Ok((settings, runs))
}

fn parse<T: FromStr>(flag: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{flag} takes no {value}"))
}
