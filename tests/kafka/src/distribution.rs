//! Kafka's own programs, fetched from Maven Central.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::release::Release;

/// Pinned, so that a machine that has run the tests once can run them without the network.
const BUILD_CLASSPATH: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:2.8:build-classpath";

/// A machine that is small and quick to start.
const SMALL: &[&str] = &["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// The machine that Kafka's own scripts start.
const PRODUCTION: &[&str] = &[
    "-Xms1G",
    "-Xmx1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

/// For every machine. The doors are those that releases before 3.x need opened to run on Java 17.
const JVM: &[&str] = &[
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
];

/// What Log4j 1 needs to say anything; logback, Log4j 2 and slf4j-simple write to standard error unasked.
const LOG4J: &str = "\
log4j.rootLogger=INFO, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=%d{ABSOLUTE} %p %m (%c{1})%n
";

/// A release on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    release: Release,
    classpath: String,
    machine: &'static [&'static str],
    classes: Classes,
    log4j: PathBuf,
}

/// How a Java machine comes by its classes.
#[derive(Debug, Clone)]
enum Classes {
    /// It loads them, which is most of what it does until a broker is up.
    Loaded,
    /// It loads them and leaves an archive of them here, if it ends in order.
    Archived(PathBuf),
    /// It finds them in this archive.
    Mapped(PathBuf),
}

impl Distribution {
    /// Fetches the release, unless an earlier run has.
    pub(crate) fn of(release: Release) -> Self {
        let folder = Path::new(env!("KAFKA_DIST"));
        fs::create_dir_all(folder).expect("the target folder can be written");
        let log4j = folder.join("log4j.properties");
        let cached = folder.join(format!("{}.cp", release.version()));

        let _lock = lock(folder, "lock");
        fs::write(&log4j, LOG4J).expect("the target folder can be written");
        let classpath = match fs::read_to_string(&cached) {
            Ok(classpath) if env::split_paths(&classpath).all(|jar| jar.exists()) => classpath,
            _ => fetch(release, folder, &cached),
        };
        Self {
            release,
            classpath,
            machine: SMALL,
            classes: Classes::Loaded,
            log4j,
        }
    }

    /// With an archive of the classes that a broker loads, which spares almost half of the work of a start. If there is
    /// none yet, `run` has to start a broker and to stop it.
    pub(crate) fn with_classes(mut self, run: impl FnOnce(Self)) -> Self {
        let folder = Path::new(env!("KAFKA_DIST"));
        let archive = folder.join(format!("{}.jsa", self.release.version()));
        let _lock = lock(folder, &format!("{}.lock", self.release.version()));
        if !archive.exists() {
            let fresh = archive.with_extension("jsa.new");
            self.classes = Classes::Archived(fresh.clone());
            run(self.clone());
            // Java before 13 leaves none, and need not be asked again.
            if !fresh.exists() {
                File::create(&fresh).expect("the target folder can be written");
            }
            fs::rename(&fresh, &archive).expect("both are in one folder");
        }
        let is_empty = fs::metadata(&archive).is_ok_and(|file| file.len() == 0);
        self.classes = if is_empty {
            Classes::Loaded
        } else {
            Classes::Mapped(archive)
        };
        self
    }

    /// With the Java machine that it has in production.
    pub(crate) fn in_production(mut self) -> Self {
        self.machine = PRODUCTION;
        self
    }

    /// Which one it is.
    pub(crate) fn release(&self) -> Release {
        self.release
    }

    /// The command line that runs `main`, a class of the release or a Java source file. What it unpacks and
    /// leaves behind when it is killed, as the libraries of codecs, lies in `temporary`.
    pub(crate) fn java(&self, main: impl Into<OsString>, temporary: &Path) -> Vec<OsString> {
        let mut command = vec![OsString::from("java")];
        command.extend(self.machine.iter().chain(JVM).map(OsString::from));
        command.extend(self.classes.options());
        command.push(format!("-Djava.io.tmpdir={}", temporary.display()).into());
        command.push(format!("-Dlog4j.configuration=file:{}", self.log4j.display()).into());
        command.extend(["-cp".into(), OsString::from(&self.classpath), main.into()]);
        command
    }
}

impl Classes {
    fn options(&self) -> Vec<OsString> {
        match self {
            Self::Loaded => vec![],
            Self::Archived(archive) => vec![
                "-XX:+IgnoreUnrecognizedVMOptions".into(),
                format!("-XX:ArchiveClassesAtExit={}", archive.display()).into(),
            ],
            Self::Mapped(archive) => {
                vec![format!("-XX:SharedArchiveFile={}", archive.display()).into()]
            }
        }
    }
}

/// Other processes wait until the file is dropped.
fn lock(folder: &Path, name: &str) -> File {
    let lock = File::create(folder.join(name)).expect("the target folder can be written");
    lock.lock().expect("locks work in the target folder");
    lock
}

fn fetch(release: Release, folder: &Path, classpath: &Path) -> String {
    let pom = folder.join(format!("{}.pom.xml", release.version()));
    fs::write(&pom, pom_of(release)).expect("the target folder can be written");
    // Moved into place when complete, for a run may be interrupted.
    let fresh = classpath.with_extension("new");
    let output = Command::new("mvn")
        .args(["-q", "-B", BUILD_CLASSPATH, "-f"])
        .arg(&pom)
        .arg(format!("-Dmdep.outputFile={}", fresh.display()))
        .output()
        .expect("the build script has found Maven");
    assert!(
        output.status.success(),
        "Maven could not fetch {release}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    fs::rename(&fresh, classpath).expect("both are in one folder");
    fs::read_to_string(classpath).expect("it was just written")
}

fn pom_of(release: Release) -> String {
    let mut dependencies = String::new();
    for artifact in release.artifacts() {
        let [group, name, version] = artifact.split(':').collect::<Vec<_>>()[..] else {
            panic!("{artifact} is not group:artifact:version");
        };
        dependencies += &format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
             <version>{version}</version></dependency>\n"
        );
    }
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n\
         <groupId>kafka-tests</groupId><artifactId>release</artifactId><version>0</version>\
         <packaging>pom</packaging>\n<dependencies>\n{dependencies}</dependencies></project>\n"
    )
}
