//! All cases, several at a time.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
    time::Instant,
};

use crate::{
    case::{Case, Setting},
    stage::Stage,
};

/// So many cases are played at a time: most of the time they wait.
const AT_A_TIME: usize = 8;

/// # Panics
/// If one turns out otherwise than it says.
pub(crate) fn all(cases: Vec<Case>) {
    let (cases, failures) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
    let next = || cases.lock().expect("a panic is caught").next();
    let work = || {
        while let Some(case) = next() {
            if let Err(failure) = play(case) {
                failures.lock().expect("a panic is caught").push(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("a panic is caught");
    let count = failures.len();
    assert!(count == 0, "{count} cases fail:\n{}", failures.join("\n"));
}

fn play(mut case: Case) -> Result<(), String> {
    let setting = case.setting;
    let began = Instant::now();
    let played = catch_unwind(AssertUnwindSafe(|| {
        let stage = Stage::open(&mut case);
        match setting {
            Setting::Start => stage.play_start(&case.expected),
            _ => stage.play(&case),
        }
    }));
    println!("{}: {:?}", case.name, began.elapsed());
    played.map_err(|panic| format!("{} ({setting:?}): {}", case.name, message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
