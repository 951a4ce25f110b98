//! Brokers that break the protocol: each way ends in an error of its own, which says where, in bounded time
//! and memory, while the healthy partitions and brokers go on; and when it is over, every record arrives.
//!
//! A case is an answer of the in-process Kafka that is changed on its way to a real consumer. What is
//! expected is part of the case. `records.rs` has what is wrong with records, `frames.rs` with what stands
//! around a message, `answers.rs` with what messages say, `start.rs` with brokers that fail at the first
//! word; `drips.rs` has those that answer too slowly.

mod alter;
mod answers;
mod case;
mod drips;
mod frames;
mod play;
mod records;
mod stage;
mod start;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most that all cases that are played at a time may take, beside what was there before.
const MEMORY_LIMIT: usize = 64 << 20;

/// One test, for it counts the memory of the whole process.
#[test]
fn bytes_that_hurt_end_in_errors_and_nothing_is_lost() {
    let mut cases = Vec::new();
    // Some of these take longest.
    cases.extend(drips::cases());
    cases.extend(frames::cases());
    cases.extend(answers::cases());
    cases.extend(records::cases());
    cases.extend(start::cases());
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    play::all(cases);
    let taken = MEMORY.peak_usage() - before;
    assert!(taken < MEMORY_LIMIT, "{} MiB were taken", taken >> 20);
}
