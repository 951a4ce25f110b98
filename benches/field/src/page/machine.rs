//! What was measured on.

use std::{fs, process::Command};

/// Processor, cores, memory, system, and the tools that built the programs.
pub(crate) fn describe() -> Vec<(&'static str, String)> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpus, "model name");
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = field(
        &fs::read_to_string("/proc/meminfo").unwrap_or_default(),
        "MemTotal",
    );
    let kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        (
            "Processor",
            format!("{model}, {cores} cores (the brokers share them)"),
        ),
        ("Memory", format!("{:.0} GiB", kib / f64::from(1 << 20))),
        ("Kernel", format!("Linux {}", kernel.trim())),
        ("Rust", first_line("rustc", "--version")),
        ("Go", first_line("go", "version")),
        ("Java", first_line("java", "--version")),
    ]
}

fn field(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or("?", |(_, value)| value.trim()).to_owned()
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or("not there").to_owned()
}
