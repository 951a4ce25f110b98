//! All rows of an API, several at a time.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
};

use sarama_cluster::{core::reaction::Reaction, testing::ApiKey};

use crate::{
    place::{self, Place},
    scene,
    stage::Stage,
    table::Row,
};

/// So many scenes are played at a time: most of the time they wait.
const AT_A_TIME: usize = 8;

/// A row with a place for its code, and what is to be seen of it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    row: &'a Row,
    place: Place,
    name: &'static str,
    act: fn(&Stage, &Row, Place),
}

/// Plays all rows, each at all places where its code can stand.
///
/// # Panics
/// If one turns out otherwise than the table says.
pub(crate) fn all(rows: &[Row]) {
    let mut scenes: Vec<_> = rows.iter().flat_map(scenes).collect();
    // From the end; what is tried again slowly comes first.
    scenes.sort_by_key(|scene| scene.row.reaction == Reaction::Report);
    let (scenes, failures) = (Mutex::new(scenes), Mutex::new(Vec::new()));
    let next = || scenes.lock().unwrap().pop();
    let work = || {
        while let Some(scene) = next() {
            if let Err(failure) = scene.play() {
                failures.lock().unwrap().push(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    let count = failures.len();
    assert!(count == 0, "{count} scenes fail:\n{}", failures.join("\n"));
}

fn scenes(row: &Row) -> Vec<Scene<'_>> {
    let once: fn(&Stage, &Row, Place) = match row.reaction {
        _ if row.api == ApiKey::LeaveGroup => scene::leave,
        Reaction::Fatal => scene::end,
        _ => scene::go_on,
    };
    let mut scenes = Vec::new();
    for &place in place::places(row) {
        let scene = |name, act| Scene {
            row,
            place,
            name,
            act,
        };
        scenes.push(scene("once", once));
        if passes(row) {
            scenes.push(scene("lasting", scene::last));
        }
    }
    scenes
}

/// Whether one such answer is not worth a word to the user.
fn passes(row: &Row) -> bool {
    match row.reaction {
        Reaction::Retry | Reaction::RefreshMetadata | Reaction::FindCoordinator => true,
        // No claims are lost.
        Reaction::Rejoin => row.api == ApiKey::SyncGroup,
        _ => false,
    }
}

impl Scene<'_> {
    /// Tells what went otherwise than it should, with all that was asked.
    fn play(self) -> Result<(), String> {
        let Self {
            row,
            place,
            name,
            act,
        } = self;
        let stage = Stage::open();
        let played = catch_unwind(AssertUnwindSafe(|| act(&stage, row, place)));
        played.map_err(|panic| {
            let Row {
                api,
                code,
                reaction,
                ..
            } = row;
            let what = message(&*panic);
            format!("{api} {code:?} ({place:?}, {name}), {reaction:?}: {what}{stage}")
        })
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
