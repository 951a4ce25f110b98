//! The programs that read, each built by the tools of its language.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Result;

/// A program that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Program {
    Ours,
    OursZstdC,
    FranzGo,
    Sarama,
    SaramaCluster,
    Java,
    Librdkafka,
    Krafka,
}

/// How to start each program that could be built.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    built: BTreeMap<Program, Vec<OsString>>,
}

impl Programs {
    /// Builds what is not built yet. One that cannot be built is left out, with a word on it.
    pub(crate) fn build(wanted: impl IntoIterator<Item = Program>) -> Self {
        let mut programs = Self::default();
        for program in wanted {
            if programs.built.contains_key(&program) {
                continue;
            }
            match program.build() {
                Ok(command) => _ = programs.built.insert(program, command),
                Err(why) => eprintln!("{program:?} is left out: {why}"),
            }
        }
        programs
    }

    /// The command that starts a program.
    pub(crate) fn command(&self, program: Program) -> Option<&[OsString]> {
        self.built.get(&program).map(Vec::as_slice)
    }
}

impl Program {
    fn build(self) -> Result<Vec<OsString>> {
        let target = target();
        fs::create_dir_all(&target)?;
        match self {
            Self::Ours => cargo("ours", "field-ours", &[]),
            Self::OursZstdC => cargo("ours", "field-ours", &["--features", "zstd-c"]),
            Self::Krafka => cargo("krafka", "field-krafka", &[]),
            Self::Librdkafka => cargo("librdkafka", "field-librdkafka", &[]),
            Self::FranzGo => go("go", "franz"),
            Self::Sarama => go("go", "sarama"),
            Self::SaramaCluster => go("sarama-cluster", "sarama-cluster"),
            Self::Java => java(),
        }
    }
}

/// The folder of the benchmark in this repository.
fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where what is built goes, and what was measured.
pub(crate) fn target() -> PathBuf {
    home().join("../../target/field")
}

/// Each in a target folder of its own: features of one are none of the others' business.
fn cargo(folder: &str, package: &str, features: &[&str]) -> Result<Vec<OsString>> {
    let target = target().join(format!("{package}{}", features.join("")));
    let manifest = home().join("readers").join(folder).join("Cargo.toml");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--quiet"]);
    command.arg("--manifest-path").arg(manifest);
    command.arg("--target-dir").arg(&target).args(features);
    run(&mut command)?;
    Ok(vec![target.join("release").join(package).into()])
}

fn go(folder: &str, package: &str) -> Result<Vec<OsString>> {
    let program = target().join(package);
    let mut command = Command::new("go");
    command.current_dir(home().join("readers").join(folder));
    command.arg("build").arg("-o").arg(&program);
    command.arg(format!("./{package}"));
    run(&mut command)?;
    Ok(vec![program.into()])
}

fn java() -> Result<Vec<OsString>> {
    let target = target().join("java");
    let classpath = target.join("classpath");
    let mut command = Command::new("mvn");
    command.args(["-q", "-B", "compile", "dependency:build-classpath", "-f"]);
    command.arg(home().join("readers/java/pom.xml"));
    command.arg(format!("-Dfield.target={}", target.display()));
    command.arg(format!("-Dmdep.outputFile={}", classpath.display()));
    run(&mut command)?;
    let classes = target.join("classes");
    let classpath = format!("{}:{}", classes.display(), fs::read_to_string(classpath)?);
    Ok(["java", "-cp", &classpath, "Reader"]
        .map(OsString::from)
        .to_vec())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let tail: Vec<&str> = text.lines().rev().take(5).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("{}: {}", command.get_program().display(), tail.join(" / ")).into())
}
