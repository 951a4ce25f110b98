//! What the fuzzers have kept, on any compiler: every input to its target, in bounded time and memory.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use hostile_tests::{TARGETS, run};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most that one input may take beside what was there before.
const MEMORY_LIMIT: usize = 64 << 20;

/// The most time, on a machine that is busy, without optimisation.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// One test, for it counts the memory of the whole process.
#[test]
fn all_that_was_kept_is_harmless() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, _) in TARGETS {
        let inputs = fs::read_dir(corpus.join(target)).expect("each target has a corpus");
        let mut count = 0;
        for input in inputs {
            let path = input.expect("it can be listed").path();
            let data = fs::read(&path).expect("it can be read");
            // Said before, so that a crash names its input.
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let began = Instant::now();
            println!("{}", path.display());
            run(target, &data);
            let taken = MEMORY.peak_usage().saturating_sub(before);
            assert!(taken < MEMORY_LIMIT, "{}: {taken} bytes", path.display());
            assert!(
                began.elapsed() < TIME_LIMIT,
                "{}: {:?}",
                path.display(),
                began.elapsed()
            );
            count += 1;
        }
        assert!(count > 0, "{target} has inputs");
    }
}
