//! What it costs to hand a message to the user: out of a decoded block, through the channel, past
//! the check of its claim, to its mark and its drop.
//!
//! `cargo bench --bench handover [-- million messages]` prints first what each step costs on one
//! thread, beside a bare channel. Then, with reader and sender on threads of their own, for each
//! capacity of the channel and each reader's work: wall time per message, and CPU time per message
//! of both sides with the reader's work taken off. Best of many runs. The sender does what the
//! coordinator does: it refills the channel when it is low, and sleeps until a reader wakes it or a
//! growing tick has passed.

use std::{
    fs,
    hint::{black_box, spin_loop},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use sarama_cluster::{
    Messages,
    consumer::{claim::Claim, outlet::Outlet, user_side::UserSide, waker::Waker},
    core::{ChannelId, ClaimId, engine::Opened},
    crossbeam_channel,
    record::{
        Block, Decoded, Decompressor, Limits,
        build::{BatchBuilder, NewRecord},
        decode, split,
    },
};

fn main() {
    let millions = std::env::args().filter_map(|arg| arg.parse().ok()).next();
    let messages = (millions.unwrap_or(1.0) * 1e6) as usize;
    steps();
    let readers: [(&str, Reader); 4] = [
        ("for msg in messages(), mark", loop_and_mark),
        ("for msg in messages(), drop", loop_only),
        ("for msg in messages(), ack", loop_and_ack),
        ("select!, mark", select_and_mark),
    ];
    for (name, reader) in readers {
        println!("\n{name}: ns per message (wall | CPU beside the reader's work)");
        println!(
            "{:>9} {:>15} {:>15} {:>15}",
            "capacity", "0 ns", "100 ns", "1 µs"
        );
        for capacity in [256, 1024, 4096] {
            print!("{capacity:>9}");
            for work_ns in [0, 100, 1000] {
                // The slow readers get fewer messages, so that no row takes much longer.
                let count = messages / (1 + work_ns as usize / 100);
                let runs = (0..RUNS).map(|_| run(capacity, work_ns, count, reader));
                let best = runs
                    .min_by(|a, b| a.wall.total_cmp(&b.wall))
                    .expect("there are runs");
                print!(" {:>7.1} |{:>6.1}", best.wall, best.cpu - work_ns as f64);
            }
            println!();
        }
    }
}

/// Nothing contends here: this is what the instructions cost.
fn steps() {
    const COUNT: usize = 1024;
    let mut best = [
        ("bare send", f64::MAX),
        ("bare receive", f64::MAX),
        ("push", f64::MAX),
        ("take", f64::MAX),
        ("ack", f64::MAX),
        ("mark", f64::MAX),
        ("drop", f64::MAX),
    ];
    let (user_side, claim, _kicks) = user();
    let (mut outlet, messages) = Outlet::new(COUNT);
    let (bare, bare_out) = crossbeam_channel::bounded(COUNT);
    let mut taken = Vec::with_capacity(COUNT);
    for block in blocks(500 * COUNT, COUNT) {
        let mut block = Some(block);
        let mut step = 0;
        let mut time = |work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            let ns = start.elapsed().as_nanos() as f64 / COUNT as f64;
            best[step].1 = best[step].1.min(ns);
            step += 1;
        };
        time(&mut || (0..COUNT).for_each(|i| bare.try_send((i, i)).expect("there is room")));
        time(&mut || bare_out.try_iter().for_each(|i| _ = black_box(i)));
        time(&mut || outlet.push(&claim, block.take().expect("pushed once")));
        time(&mut || taken.extend(messages.try_iter()));
        time(&mut || taken.iter().for_each(|message| user_side.ack(message)));
        time(&mut || taken.iter().for_each(|message| user_side.mark(message, "")));
        time(&mut || taken.clear());
        outlet.poll_taken();
    }
    println!("one thread: ns per message");
    for (name, ns) in best {
        println!("{name:>13} {ns:>6.1}");
    }
}

/// The best of so many counts: the machine may have other work.
const RUNS: usize = 9;

/// Reads so many messages, and works so many nanoseconds on each.
type Reader = fn(&Messages, &UserSide, usize, u64);

fn loop_and_mark(messages: &Messages, user_side: &UserSide, count: usize, work_ns: u64) {
    for message in messages.iter().take(count) {
        work(black_box(message.value()), work_ns);
        user_side.mark(&message, "");
    }
}

fn loop_and_ack(messages: &Messages, user_side: &UserSide, count: usize, work_ns: u64) {
    for message in messages.iter().take(count) {
        work(black_box(message.value()), work_ns);
        user_side.ack(&message);
    }
}

fn loop_only(messages: &Messages, _: &UserSide, count: usize, work_ns: u64) {
    for message in messages.iter().take(count) {
        work(black_box(message.value()), work_ns);
    }
}

fn select_and_mark(messages: &Messages, user_side: &UserSide, count: usize, work_ns: u64) {
    let (errors, notifications) = (
        crossbeam_channel::never::<()>(),
        crossbeam_channel::never::<()>(),
    );
    for _ in 0..count {
        crossbeam_channel::select! {
            recv(messages) -> message => {
                let message = message.expect("the sender waits for the reader");
                if message.is_current() {
                    work(black_box(message.value()), work_ns);
                    user_side.mark(&message, "");
                }
            }
            recv(errors) -> _ => {}
            recv(notifications) -> _ => {}
        }
    }
}

fn work(_: Option<&[u8]>, ns: u64) {
    if ns > 0 {
        let end = Instant::now() + Duration::from_nanos(ns);
        while Instant::now() < end {
            spin_loop();
        }
    }
}

struct Cost {
    wall: f64,
    cpu: f64,
}

fn run(capacity: usize, work_ns: u64, count: usize, reader: Reader) -> Cost {
    let blocks = blocks(count, capacity / 4);
    let (user_side, claim, kicks) = user();
    let (outlet, messages) = Outlet::new(capacity);
    let start = Instant::now();
    let cpu = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            reader(&messages, &user_side, count, work_ns);
            thread_cpu()
        });
        let before = thread_cpu();
        send(outlet, blocks, &claim, &user_side, &kicks);
        let sending = thread_cpu() - before;
        sending + reading.join().expect("the reader does not panic")
    });
    Cost {
        wall: start.elapsed().as_nanos() as f64 / count as f64,
        cpu: cpu.as_nanos() as f64 / count as f64,
    }
}

/// A claim, and what wakes its coordinator.
fn user() -> (Arc<UserSide>, Arc<Claim>, Receiver<()>) {
    let (kick, kicks) = crossbeam_channel::unbounded();
    let user_side = UserSide::new(Waker::new(move || _ = kick.send(())));
    let opened = Opened {
        claim: ClaimId(1),
        channel: ChannelId::Shared,
        capacity: 0,
        topic: "topic".into(),
        topic_id: None,
        partition: 0,
        start: 0,
        metadata: String::new(),
        commit_start: false,
    };
    let claim = Claim::new(&opened, Arc::clone(&user_side));
    (user_side, claim, kicks)
}

fn send(
    mut outlet: Outlet,
    blocks: Vec<Block>,
    claim: &Arc<Claim>,
    user_side: &UserSide,
    kicks: &Receiver<()>,
) {
    let mut blocks = blocks.into_iter().peekable();
    let mut tick = Duration::from_millis(1);
    while blocks.peek().is_some() || !outlet.is_empty() {
        user_side.waker().arm();
        if outlet.poll_taken().is_some() {
            tick = Duration::from_millis(1);
        }
        let mut pushed = false;
        if outlet.len() <= outlet.capacity() / 2 {
            while let Some(block) = blocks.next_if(|block| block.len() <= outlet.free()) {
                outlet.push(claim, block);
                pushed = true;
            }
        }
        if !pushed {
            match kicks.recv_timeout(tick) {
                Ok(()) => tick = Duration::from_millis(1),
                Err(RecvTimeoutError::Timeout) => tick = (tick * 2).min(Duration::from_millis(100)),
                Err(RecvTimeoutError::Disconnected) => unreachable!("the waker holds a sender"),
            }
        }
    }
}

/// What this thread has computed so far.
fn thread_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

/// So many records of 100 bytes, decoded, in blocks of this size.
fn blocks(count: usize, block_records: usize) -> Vec<Block> {
    let limits = Limits {
        block_records,
        ..Limits::default()
    };
    let mut decompressor = Decompressor::new();
    let mut blocks = Vec::new();
    for base in (0..count).step_by(block_records) {
        let mut batch = BatchBuilder::new(base as i64);
        for _ in base..(base + block_records).min(count) {
            batch.push(&NewRecord {
                timestamp_ms: 1_700_000_000_000,
                value: Some(&[b'x'; 100]),
                ..NewRecord::default()
            });
        }
        let batches = split(&batch.build(), &limits).batches;
        match decode(&batches[0], 0, &limits, &mut decompressor) {
            Ok(Decoded::Records(decoded)) => blocks.extend(decoded),
            other => panic!("{other:?}"),
        }
    }
    blocks
}
