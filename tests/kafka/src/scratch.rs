//! The folder that a cluster keeps its data and logs in.

use std::{
    env,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

/// Removes a folder when its standard input ends, that is when the test process is gone in whatever way.
/// It tries until it succeeds, for the processes that write there may still be dying.
const JANITOR: &str = r#"
trap '' HUP INT
read -r _
until rm -rf "$1"; do sleep 0.1; done
"#;

/// A temporary folder, removed when dropped and also when the test process dies.
pub(crate) struct Scratch {
    path: PathBuf,
    janitor: Child,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let name = format!("kafka-tests-{}-{:08x}", process::id(), fastrand::u32(..));
        let path = env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the name is new");
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "janitor"])
            .arg(&path)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("every Unix has sh");
        Self { path, janitor }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Waiting closes the janitor's input first.
        let _ = self.janitor.wait();
    }
}
