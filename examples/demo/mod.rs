//! What the examples have in common: flags, ctrl-c, lines on the screen, and a Kafka to play with
//! where the flags name none. How the library is used stands in the examples themselves.

mod flags;
mod logger;
mod screen;
mod story;

use std::{
    error::Error,
    process::{self, ExitCode},
    thread,
    time::Duration,
};

use sarama_cluster::{
    Result,
    crossbeam_channel::{self, Receiver, Sender},
};

use self::flags::Flags;
pub(crate) use self::screen::{Screen, text};

/// What a member of the group needs to know.
pub(crate) struct Job {
    pub(crate) brokers: Vec<String>,
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    /// Something comes when the member is to end.
    pub(crate) interrupts: Receiver<()>,
    pub(crate) screen: Screen,
}

/// Runs a member on the brokers that the flags name; else, on a fake cluster, a story of two.
pub(crate) fn run(member: fn(&Job) -> Result<()>) -> ExitCode {
    match start(member) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn start(member: fn(&Job) -> Result<()>) -> std::result::Result<(), Box<dyn Error>> {
    let Some(flags) = Flags::parse()? else {
        print!("{}", flags::USAGE);
        return Ok(());
    };
    logger::start();
    let (interrupt, interrupts) = crossbeam_channel::bounded(1);
    interrupt_at_ctrl_c(interrupt.clone())?;
    if flags.brokers.is_empty() {
        return Ok(story::tell(&flags, &interrupts, member)?);
    }
    if let Some(time) = flags.time {
        interrupt_after(time, interrupt);
    }
    Ok(member(&Job {
        brokers: flags.brokers,
        group: flags.group,
        topics: flags.topics,
        interrupts,
        screen: Screen::new("me"),
    })?)
}

/// The second ctrl-c ends the program at once.
fn interrupt_at_ctrl_c(interrupt: Sender<()>) -> std::result::Result<(), ctrlc::Error> {
    let mut is_second = false;
    ctrlc::set_handler(move || {
        if is_second {
            process::exit(130);
        }
        is_second = true;
        // If there is one already, one is enough.
        let _ = interrupt.try_send(());
    })
}

fn interrupt_after(time: Duration, interrupt: Sender<()>) {
    thread::spawn(move || {
        thread::sleep(time);
        let _ = interrupt.try_send(());
    });
}
