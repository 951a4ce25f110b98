//! Processes that never outlive the test that started them.

use std::{
    ffi::OsString,
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, bounded};

/// Runs the program given as its arguments, and hears from the test through its own standard input.
///
/// A line there is a signal for the program. The end of it kills the program: the pipe closes when the
/// test is done with it, but also when the test process panics, aborts or is killed itself. A group of
/// its own keeps a ctrl-c at the terminal from ending the watch before the watched.
/// Standard output stays open in the program alone, so that its end tells that the program is gone.
/// The program is waited for behind the last signal only: until then nobody else can be given its number.
const WATCHDOG: &str = r#"
trap '' HUP INT
"$@" </dev/null &
program=$!
exec >&-
while read -r signal; do kill -s "$signal" "$program"; done
kill -s KILL "$program"
wait "$program"
"#;

/// How long a killed process may take to be gone.
const REAP: Duration = Duration::from_secs(10);

/// A program under a watchdog. Dropping it kills the program and waits for its end.
pub(crate) struct Process {
    watchdog: Arc<Mutex<Option<ChildStdin>>>,
    exit: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; its standard error goes to the end of the file `log`, each line of its standard
    /// output to `on_line`, which is dropped when the program is gone.
    pub(crate) fn spawn(
        command: &[OsString],
        log: &Path,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Self {
        let log = File::options().create(true).append(true).open(log);
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(WATCHDOG)
            .arg("watchdog")
            .args(command)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("the log can be written"))
            .spawn()
            .expect("every Unix has sh");
        let watchdog = Arc::new(Mutex::new(child.stdin.take()));
        let (sender, exit) = bounded(1);
        let ended = Arc::clone(&watchdog);
        thread::spawn(move || {
            read_to_the_end(&mut child, on_line);
            // Now the watchdog may wait for it.
            *lock(&ended) = None;
            let status = child.wait().expect("nobody else waits for it");
            // Nobody may be waiting for it any more.
            let _ = sender.send(status);
        });
        Self {
            watchdog,
            exit,
            status: None,
        }
    }

    /// Sends a signal, named as `kill` names it: `TERM`, `STOP`, `CONT`, `KILL`.
    pub(crate) fn signal(&mut self, name: &str) {
        // What is gone needs no signal.
        if let Some(watchdog) = &mut *lock(&self.watchdog) {
            let _ = writeln!(watchdog, "{name}");
        }
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.exit.recv_timeout(timeout).ok();
        }
        self.status
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.wait(Duration::ZERO).is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        *lock(&self.watchdog) = None;
        if self.wait(REAP).is_none() {
            eprintln!("a process of the test did not end within {REAP:?} of being killed");
        }
    }
}

fn lock(watchdog: &Mutex<Option<ChildStdin>>) -> MutexGuard<'_, Option<ChildStdin>> {
    watchdog.lock().expect("nobody panics while he holds it")
}

fn read_to_the_end(child: &mut Child, mut on_line: impl FnMut(&str)) {
    let output = BufReader::new(child.stdout.take().expect("it was asked for"));
    for line in output.lines() {
        match line {
            Ok(line) => on_line(&line),
            Err(error) => eprintln!("a line that is no text: {error}"),
        }
    }
}
