//! The members of the group, each in a process of its own, which come and go.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use checker::Event;
use crossbeam_channel::{Receiver, bounded};

use super::{Mode, journal::Journal};
use crate::{member::LEAVE, process::Process};

/// How long a process may take to begin.
const BEGIN: Duration = Duration::from_secs(30);

/// What all members have in common.
pub(crate) struct Orders {
    pub(crate) bootstrap: String,
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    pub(crate) folder: PathBuf,
}

/// So many places in the group, each with a member, or with none for the moment.
pub(crate) struct Crew<'a> {
    orders: Orders,
    journal: &'a Journal,
    slots: Vec<Mutex<Slot>>,
}

/// A place in the group.
pub(crate) struct Slot {
    number: usize,
    mode: Mode,
    lives: u32,
    alive: Option<Alive>,
}

struct Alive {
    name: String,
    process: Process,
    pid: u32,
}

impl<'a> Crew<'a> {
    /// So many places, still empty, with the way each of their members works.
    pub(crate) fn new(orders: Orders, modes: &[Mode], journal: &'a Journal) -> Self {
        let slot = |(number, &mode)| {
            Mutex::new(Slot {
                number,
                mode,
                lives: 0,
                alive: None,
            })
        };
        Self {
            slots: modes.iter().enumerate().map(slot).collect(),
            orders,
            journal,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.slots.len()
    }

    /// Starts a member where there is none.
    pub(crate) fn start(&self, slot: usize) {
        let mut slot = self.slot(slot);
        if slot.alive.is_none() {
            slot.lives += 1;
            let name = format!("m{}.{}", slot.number, slot.lives);
            slot.alive = Some(self.launch(&name, slot.mode));
        }
    }

    fn launch(&self, name: &str, mode: Mode) -> Alive {
        let mut command = vec![program().into_os_string()];
        let log = self.orders.folder.join(format!("{name}.events"));
        command.extend([
            OsString::from(&self.orders.bootstrap),
            OsString::from(&self.orders.group),
            OsString::from(mode.name()),
            OsString::from(name),
            log.into_os_string(),
        ]);
        command.extend(self.orders.topics.iter().map(OsString::from));
        let (tell, told) = bounded(1);
        let errors = self.orders.folder.join(format!("{name}.err"));
        let process = Process::spawn(&command, &errors, move |line| {
            let _ = tell.send(line.parse().expect("it says its number"));
        });
        let pid = first(&told, name);
        Alive {
            name: name.to_owned(),
            process,
            pid,
        }
    }

    /// Kills the member with SIGKILL. False if there is none.
    pub(crate) fn kill(&self, slot: usize) -> bool {
        let mut slot = self.slot(slot);
        let Some(mut alive) = slot.alive.take() else {
            return false;
        };
        alive.process.signal("KILL");
        alive.process.wait(LEAVE).expect("nothing survives SIGKILL");
        self.bury(&alive.name);
        true
    }

    /// Has the member leave in order.
    ///
    /// # Errors
    /// If it does not in time, or has ended by itself before.
    pub(crate) fn stop(&self, slot: usize) -> Result<(), String> {
        let mut slot = self.slot(slot);
        let Some(mut alive) = slot.alive.take() else {
            return Ok(());
        };
        if !alive.process.is_running() {
            return Err(format!("{} has ended by itself", alive.name));
        }
        alive.process.signal("TERM");
        let status = alive.process.wait(LEAVE);
        if status.is_some() {
            self.bury(&alive.name);
        }
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{} has ended with {status}", alive.name)),
            None => {
                self.keep_stacks(&alive);
                Err(format!("{} has not left in {LEAVE:?}", alive.name))
            }
        }
    }

    /// Writes down where the threads of a member that hangs are, if there is a debugger to ask.
    fn keep_stacks(&self, alive: &Alive) {
        let stacks = Command::new("gdb")
            .args(["-batch", "-ex", "thread apply all backtrace", "-p"])
            .arg(alive.pid.to_string())
            .stdin(Stdio::null())
            .output();
        if let Ok(output) = stacks {
            let file = self.orders.folder.join(format!("{}.stacks", alive.name));
            fs::write(file, output.stdout).expect("the folder is ours");
        }
    }

    /// Stops the clock of a member's process. False if there is none.
    pub(crate) fn suspend(&self, slot: usize) -> bool {
        let mut slot = self.slot(slot);
        let Some(alive) = &mut slot.alive else {
            return false;
        };
        self.journal.write(|names| {
            let member = names.member(&alive.name);
            Event::Suspended { member }
        });
        alive.process.signal("STOP");
        true
    }

    /// Lets it go on.
    pub(crate) fn resume(&self, slot: usize) {
        let mut slot = self.slot(slot);
        if let Some(alive) = &mut slot.alive {
            alive.process.signal("CONT");
            self.journal.write(|names| {
                let member = names.member(&alive.name);
                Event::Resumed { member }
            });
        }
    }

    /// The members that have ended by themselves.
    pub(crate) fn lost(&self) -> Vec<String> {
        let lost = (0..self.size()).filter_map(|slot| {
            let mut slot = self.slot(slot);
            let alive = slot.alive.as_mut()?;
            let is_lost = !alive.process.is_running();
            is_lost.then(|| alive.name.clone())
        });
        lost.collect()
    }

    /// The journals of all members that there ever were.
    pub(crate) fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.orders.folder).expect("the folder is ours");
        let paths = entries.flatten().map(|entry| entry.path());
        let mut paths: Vec<_> = paths.filter(|path| is_journal(path)).collect();
        paths.sort();
        paths
    }

    fn bury(&self, name: &str) {
        self.journal.write(|names| {
            let member = names.member(name);
            Event::Died { member }
        });
    }

    fn slot(&self, number: usize) -> MutexGuard<'_, Slot> {
        let slot = self.slots[number].lock();
        slot.expect("a slot whose handling failed is not used again")
    }
}

fn first(told: &Receiver<u32>, name: &str) -> u32 {
    let pid = told.recv_timeout(BEGIN);
    pid.unwrap_or_else(|why| panic!("{name} does not begin: {why}"))
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "events")
}

/// The program of a member lies beside this one, or, if this one is a test, a folder above.
fn program() -> PathBuf {
    let mut program = env::current_exe().expect("a program has a path");
    program.set_file_name("soak-member");
    if !program.exists() {
        program.pop();
        program.set_file_name("soak-member");
    }
    program
}
