//! A member of the group under test, from the inside: reads, marks or acknowledges, and keeps a journal.
//!
//! A message is taken while the journal is held, at a time that is written down before, so that no delivery
//! looks later than it was. A mark is written down, and handed to the system, before it is made, so that no
//! commit can be ahead of what is known even if this process is killed in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{self, AssertUnwindSafe},
    path::Path,
    str::FromStr,
    sync::Mutex,
    thread,
    time::Duration,
};

use checker::{Cause, Claim, Event, Member, Place};
use crossbeam_channel::{Receiver, Select, TryRecvError};
use sarama_cluster::{
    Config, Consumer, ConsumerMessage, ConsumerMode, Messages, PartitionConsumer,
    config::InitialOffset, consumer::desk::Ends,
};

use super::{
    clock,
    journal::{Book, Journal},
    load,
};

/// How the messages of a member are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One reader of all messages, which marks.
    Multiplex,
    /// Several readers of all messages, which acknowledge in any order.
    Pool,
    /// A reader for each partition, which marks.
    Partitions,
    /// The same, but readers drop their handles, or panic with them, and are offered others.
    Reoffered,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Multiplex,
        Self::Pool,
        Self::Partitions,
        Self::Reoffered,
    ];

    /// Its name, on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Multiplex => "multiplex",
            Self::Pool => "pool",
            Self::Partitions => "partitions",
            Self::Reoffered => "reoffered",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|mode| mode.name() == name);
        known.ok_or_else(|| format!("{name} is no mode"))
    }
}

/// Settings for a soak: more happens in a minute than with those for production.
pub(crate) fn config(name: &str, mode: Mode, rng: &mut fastrand::Rng) -> Config {
    let mut config = Config::default();
    config.client_id = name.to_owned();
    config.group.mode = match mode {
        Mode::Multiplex | Mode::Pool => ConsumerMode::Multiplex,
        Mode::Partitions | Mode::Reoffered => ConsumerMode::Partitions,
    };
    config.group.session.timeout = super::SESSION;
    config.group.heartbeat.interval = Duration::from_millis(500);
    config.group.rebalance.timeout = Duration::from_secs(4);
    config.group.returns.notifications = true;
    config.metadata.refresh_frequency = Duration::from_secs(5);
    config.net.dial_timeout = Duration::from_secs(5);
    config.net.read_timeout = Duration::from_secs(5);
    config.net.write_timeout = Duration::from_secs(5);
    config.consumer.returns.errors = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    let intervals = [50, 200, 1000];
    let interval = intervals[rng.usize(..intervals.len())];
    config.consumer.offsets.commit_interval = Duration::from_millis(interval);
    config
}

/// Writes down what the library does about trouble that no user hears of.
struct Quietly(String);

impl log::Log for Quietly {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("sarama_cluster::core")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let now = clock::now().as_secs_f64();
            eprintln!("{now} {}: {}", self.0, record.args());
        }
    }

    fn flush(&self) {}
}

/// Reads until `stop` disconnects, then closes and leaves the group.
pub fn run(
    bootstrap: &str,
    group: &str,
    topics: &[String],
    mode: Mode,
    name: &str,
    log: &Path,
    stop: &Receiver<()>,
) {
    log::set_boxed_logger(Box::new(Quietly(name.to_owned()))).expect("it is the only one");
    log::set_max_level(log::LevelFilter::Info);
    let mut rng = fastrand::Rng::new();
    let config = config(name, mode, &mut rng);
    let journal = Journal::create(log);
    let member = journal.open().names.member(name);
    journal.write(|_| Event::Started { member });
    let consumer = loop {
        // The brokers may all be out of reach just now.
        match Consumer::new(bootstrap.split(','), group, topics, config.clone()) {
            Ok(consumer) => break consumer,
            Err(error) => eprintln!("{name}: {error}"),
        }
        if stop.recv_timeout(Duration::from_millis(200)).is_ok() || is_over(stop) {
            return;
        }
    };
    let worker = Worker {
        consumer: &consumer,
        journal: &journal,
        member,
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for error in consumer.errors() {
                eprintln!("{} {name}: {error}", clock::now().as_secs_f64());
            }
        });
        scope.spawn(|| {
            for notification in consumer.notifications() {
                let now = clock::now().as_secs_f64();
                eprintln!("{now} {name}: {notification:?}");
            }
        });
        match mode {
            Mode::Multiplex => worker.read_all(&mut rng, stop),
            Mode::Pool => worker.share(&mut rng, stop),
            Mode::Partitions | Mode::Reoffered => worker.read_each(mode, stop),
        }
        if let Err(error) = consumer.close() {
            eprintln!("{} {name}: close: {error}", clock::now().as_secs_f64());
        }
    });
    journal.write(|_| Event::Died { member });
}

fn is_over(stop: &Receiver<()>) -> bool {
    stop.try_recv() == Err(TryRecvError::Disconnected)
}

struct Worker<'a> {
    consumer: &'a Consumer,
    journal: &'a Journal,
    member: Member,
}

/// What there is to do next.
enum Next {
    /// Perhaps a message can be taken.
    Messages,
    /// There was nothing for a while.
    Idle,
    /// No more messages.
    Over,
}

/// How long a reader without messages keeps marks to itself.
const IDLE: Duration = Duration::from_millis(200);

/// How many readers a pool has.
const READERS: usize = 4;

fn next(messages: &Receiver<ConsumerMessage>, stop: &Receiver<()>) -> Next {
    let mut select = Select::new();
    let of_messages = select.recv(messages);
    let of_stop = select.recv(stop);
    match select.ready_timeout(IDLE) {
        Ok(index) if index == of_stop => Next::Over,
        Ok(index) => {
            assert_eq!(index, of_messages, "there are two");
            Next::Messages
        }
        Err(_) => Next::Idle,
    }
}

impl Worker<'_> {
    /// The loop of multiplex mode. Marks come late, together, and not for every message.
    fn read_all(&self, rng: &mut fastrand::Rng, stop: &Receiver<()>) {
        let mut claims = Claims::default();
        let mut unmarked: BTreeMap<Place, ConsumerMessage> = BTreeMap::new();
        loop {
            let next = next(self.consumer.messages(), stop);
            if let Next::Messages = next {
                let most = rng.usize(1..=1000);
                let Some(taken) = self.take(self.consumer.messages(), most, &mut claims) else {
                    return;
                };
                for message in taken {
                    unmarked.insert(self.place(&message), message);
                }
                dawdle(rng);
            }
            let marks_all = !matches!(next, Next::Messages);
            unmarked.retain(|_, message| {
                let waits = !marks_all && rng.u8(..3) == 0;
                if !waits {
                    let (claim, offset) = (self.claim_of(message), message.offset());
                    self.journal.write(|_| Event::Marked { claim, offset });
                    self.consumer.mark_offset(message, "");
                }
                waits
            });
            if let Next::Over = next {
                return;
            }
        }
    }

    /// The readers of a pool.
    fn share(&self, rng: &mut fastrand::Rng, stop: &Receiver<()>) {
        let claims = Mutex::new(Claims::default());
        thread::scope(|scope| {
            for _ in 0..READERS {
                let (mut rng, claims) = (rng.fork(), &claims);
                let messages = self.consumer.messages().clone();
                scope.spawn(move || {
                    loop {
                        match next(&messages, stop) {
                            Next::Over => return,
                            Next::Idle => continue,
                            Next::Messages => {}
                        }
                        let mut claims = claims.lock().expect("no reader panics");
                        let taken = self.take(&messages, rng.usize(1..=64), &mut claims);
                        drop(claims);
                        let Some(taken) = taken else { return };
                        self.acknowledge(taken, &mut rng);
                    }
                });
            }
        });
    }

    /// In any order, some at a time.
    fn acknowledge(&self, mut messages: Vec<ConsumerMessage>, rng: &mut fastrand::Rng) {
        rng.shuffle(&mut messages);
        while !messages.is_empty() {
            let rest = messages.split_off(rng.usize(1..=messages.len().min(16)));
            dawdle(rng);
            let mut offsets: BTreeMap<Claim, Vec<_>> = BTreeMap::new();
            for message in &messages {
                let offset = message.offset();
                let of_claim = offsets.entry(self.claim_of(message)).or_default();
                of_claim.push(offset..=offset);
            }
            let mut book = self.journal.open();
            let now = clock::now();
            for (claim, ranges) in offsets {
                let offsets = 0..=0;
                book.write_ranges(now, &Event::Acked { claim, offsets }, &ranges);
            }
            book.flush();
            drop(book);
            for message in &messages {
                self.consumer.ack(message);
            }
            messages = rest;
        }
    }

    /// The threads of partition mode.
    fn read_each(&self, mode: Mode, stop: &Receiver<()>) {
        let let_go = LetGo::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = stop.recv();
                self.consumer.closer().signal();
            });
            for (number, part) in (1..).zip(self.consumer.partitions()) {
                let let_go = &let_go;
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::new();
                    let drops = mode == Mode::Reoffered && rng.u8(..4) > 0;
                    self.read_one(number, &part, drops, let_go, &mut rng);
                    if drops && rng.bool() {
                        panic_with(part);
                    }
                });
            }
        });
    }

    /// The reader of one handle, to the end of its claim, or, if it `drops` it, for a while.
    fn read_one(
        &self,
        number: u64,
        part: &PartitionConsumer,
        drops: bool,
        let_go: &LetGo,
        rng: &mut fastrand::Rng,
    ) {
        let mut book = self.journal.open();
        let claim = Claim {
            member: self.member,
            place: book.names.place(part.topic(), part.partition()),
            number,
        };
        let start = part.initial_offset();
        let cause = match let_go
            .lock()
            .expect("no reader panics")
            .remove(&claim.place)
        {
            // Or it was released meanwhile.
            true => Cause::Given,
            // Also in the same generation: who has heard nothing from the group coordinator for too long gives all
            // up, and may then be told that nobody has missed it.
            false => Cause::Assigned,
        };
        book.claimed_at(clock::now(), claim, start, cause);
        book.flush();
        drop(book);
        let mut unmarked = None;
        let never = crossbeam_channel::never();
        loop {
            let next = next(part.messages(), &never);
            let mut taken = Vec::new();
            if let Next::Messages = next {
                let mut book = self.journal.open();
                let now = clock::now();
                let is_over = drain(part.messages(), rng.usize(1..=1000), &mut taken);
                book.delivered(now, &taken, |_, _| claim);
                if is_over && taken.is_empty() {
                    book.write(now, &Event::Ended { claim });
                    book.flush();
                    return;
                }
            }
            unmarked = taken.last().map(ConsumerMessage::offset).or(unmarked);
            dawdle(rng);
            let is_time = taken.is_empty() || rng.bool();
            if let Some(offset) = unmarked.take_if(|_| is_time) {
                self.journal.write(|_| Event::Marked { claim, offset });
                part.mark_offset(offset, "");
            }
            // What is not marked by now comes again.
            if drops && rng.u8(..40) == 0 && self.holds(part) {
                self.journal.write(|_| Event::Ended { claim });
                let_go.lock().expect("no reader panics").insert(claim.place);
                return;
            }
        }
    }

    fn holds(&self, part: &PartitionConsumer) -> bool {
        let held = self.consumer.subscriptions();
        held.get(part.topic())
            .is_some_and(|of| of.contains(&part.partition()))
    }

    /// Takes messages, as many as there are without waiting, and writes down which. None if there never will
    /// be another one.
    fn take(
        &self,
        messages: &Messages,
        most: usize,
        claims: &mut Claims,
    ) -> Option<Vec<ConsumerMessage>> {
        let mut book = self.journal.open();
        let now = clock::now();
        let mut taken = Vec::new();
        if drain(messages, most, &mut taken) && taken.is_empty() {
            return None;
        }
        for message in &taken {
            let place = book.names.place(message.topic(), message.partition());
            let claim = Claim {
                member: self.member,
                place,
                number: Ends::claim_of(message).0,
            };
            if claims.0.insert(place, claim.number) != Some(claim.number) {
                book.claimed_at(now, claim, message.offset(), Cause::Assigned);
            }
        }
        book.delivered(now, &taken, |names, message| Claim {
            member: self.member,
            place: names.place(message.topic(), message.partition()),
            number: Ends::claim_of(message).0,
        });
        Some(taken)
    }

    fn place(&self, message: &ConsumerMessage) -> Place {
        let names = &mut self.journal.open().names;
        names.place(message.topic(), message.partition())
    }

    fn claim_of(&self, message: &ConsumerMessage) -> Claim {
        Claim {
            member: self.member,
            place: self.place(message),
            number: Ends::claim_of(message).0,
        }
    }
}

/// Whose handles were dropped while they were held, to be offered again.
type LetGo = Mutex<BTreeSet<Place>>;

/// The claims that were seen to begin: the last of each partition.
#[derive(Default)]
struct Claims(BTreeMap<Place, u64>);

impl Book {
    fn claimed_at(&mut self, at: Duration, claim: Claim, start: i64, cause: Cause) {
        let event = Event::Claimed {
            claim,
            generation: None,
            start,
            cause,
        };
        self.write(at, &event);
    }

    /// Writes down deliveries, one line a run of successive offsets.
    fn delivered(
        &mut self,
        at: Duration,
        messages: &[ConsumerMessage],
        claim_of: impl Fn(&mut checker::text::Names, &ConsumerMessage) -> Claim,
    ) {
        let is_run = |one: &ConsumerMessage, next: &ConsumerMessage| {
            Ends::claim_of(one) == Ends::claim_of(next)
                && one.topic() == next.topic()
                && one.partition() == next.partition()
                && one.offset() + 1 == next.offset()
        };
        for run in messages.chunk_by(is_run) {
            let claim = claim_of(&mut self.names, &run[0]);
            let offsets = run[0].offset()..=run[run.len() - 1].offset();
            self.write(at, &Event::Delivered { claim, offsets });
            for message in run.iter().filter(|message| !load::is_genuine(message)) {
                let offset = message.offset();
                self.write(at, &Event::Garbled { claim, offset });
            }
        }
        self.flush();
    }
}

/// Takes messages, as many as there are without waiting. True if there never will be another one.
fn drain(messages: &Messages, most: usize, taken: &mut Vec<ConsumerMessage>) -> bool {
    while taken.len() < most {
        match messages.try_recv() {
            Ok(message) => taken.push(message),
            Err(why) => return why == TryRecvError::Disconnected,
        }
    }
    false
}

/// A handler that panics.
fn panic_with(part: PartitionConsumer) {
    let handler = AssertUnwindSafe(move || {
        let _held = part;
        // Not `panic!`, which would print.
        panic::resume_unwind(Box::new(()));
    });
    let _ = panic::catch_unwind(handler);
}

/// Works for a while: mostly not at all, sometimes for longer than a rebalance may take.
fn dawdle(rng: &mut fastrand::Rng) {
    let millis = match rng.u32(..20_000) {
        0 => 5_000,
        1..=40 => rng.u64(..300),
        _ => return,
    };
    // The work of a user, which takes what it takes.
    thread::sleep(Duration::from_millis(millis));
}
