//! Ten seconds in the life of a group: a member reads, a second one comes and goes.

use std::{
    collections::BTreeMap,
    thread::{self, Scope, ScopedJoinHandle},
    time::Duration,
};

use sarama_cluster::{
    Result,
    crossbeam_channel::{self, Receiver, RecvTimeoutError, Sender},
    testing::FakeCluster,
};

use super::{Job, Screen, flags::Flags};

const PARTITIONS: i32 = 4;
const CUSTOMERS: [&str; 8] = ["ada", "bo", "cleo", "dan", "eve", "finn", "gil", "hana"];
const GOODS: [&str; 4] = ["coffee", "tea", "cake", "bread"];

type Member = fn(&Job) -> Result<()>;

pub(super) fn tell(flags: &Flags, interrupts: &Receiver<()>, member: Member) -> Result<()> {
    let topics = if flags.topics.is_empty() {
        vec!["orders".to_owned(), "refunds".to_owned()]
    } else {
        flags.topics.clone()
    };
    let kafka = FakeCluster::builder().brokers(3);
    let kafka = topics
        .iter()
        .fold(kafka, |kafka, topic| kafka.topic(topic, PARTITIONS))
        .start();
    println!(
        "No --brokers: this is a fake cluster in this process, at {}.\n\
         A shop writes to {}, with {PARTITIONS} partitions each. It takes ten seconds, or until ctrl-c.\n",
        kafka.bootstrap().join(","),
        topics.join(" and "),
    );
    let cast = Cast {
        member,
        brokers: kafka.bootstrap(),
        group: &flags.group,
        topics: &topics,
    };
    let (close_shop, closing) = crossbeam_channel::bounded(1);
    thread::scope(|scope| {
        scope.spawn(|| sell(&kafka, &topics, &closing));
        let result = cast.play(scope, interrupts, &close_shop);
        // It may be closed already.
        let _ = close_shop.try_send(());
        result
    })?;
    println!("\nThe group {:?} has committed:", flags.group);
    for topic in &topics {
        for partition in 0..PARTITIONS {
            let end = kafka.log_bounds(topic, partition).map_or(0, |(_, end)| end);
            match kafka.committed(&flags.group, topic, partition) {
                Some((offset, _)) => println!("  {topic}/{partition}  {offset} of {end}"),
                None => println!("  {topic}/{partition}  nothing of {end}"),
            }
        }
    }
    Ok(())
}

/// Writes about twenty records a second. Those of a customer are in one partition, in order.
fn sell(kafka: &FakeCluster, topics: &[String], closing: &Receiver<()>) {
    let mut sold: BTreeMap<&str, u32> = BTreeMap::new();
    while closing.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
        let topic = &topics[fastrand::usize(..topics.len())];
        let customer = fastrand::usize(..CUSTOMERS.len());
        let name = CUSTOMERS[customer];
        let number = sold.entry(name).or_default();
        *number += 1;
        let what = GOODS[fastrand::usize(..GOODS.len())];
        let record = (name, format!("{what} (no. {number} of {name})"));
        kafka.produce(topic, customer as i32 % PARTITIONS, [record]);
    }
}

struct Cast<'a> {
    member: Member,
    brokers: Vec<String>,
    group: &'a str,
    topics: &'a [String],
}

struct Playing<'scope> {
    interrupt: Sender<()>,
    thread: ScopedJoinHandle<'scope, Result<()>>,
}

impl Cast<'_> {
    fn play<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        interrupts: &Receiver<()>,
        close_shop: &Sender<()>,
    ) -> Result<()> {
        let wait = |seconds| {
            let time = Duration::from_millis((seconds * 1000.0) as u64);
            interrupts.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
        };
        let first = self.enter(scope, "first");
        let mut second = None;
        let go_on = wait(3.0) && {
            second = Some(self.enter(scope, "second"));
            wait(3.5)
        };
        let second = second.map_or(Ok(()), Playing::leave);
        let _ = go_on && wait(2.5) && {
            // Nobody waits for what the shop has to say.
            let _ = close_shop.try_send(());
            wait(0.5)
        };
        first.leave().and(second)
    }

    fn enter<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        name: &'static str,
    ) -> Playing<'scope> {
        let (interrupt, interrupts) = crossbeam_channel::bounded(1);
        let job = Job {
            brokers: self.brokers.clone(),
            group: self.group.to_owned(),
            topics: self.topics.to_owned(),
            interrupts,
            screen: Screen::new(name),
        };
        println!("{name:6} -- joins the group");
        let member = self.member;
        Playing {
            interrupt,
            thread: scope.spawn(move || member(&job)),
        }
    }
}

impl Playing<'_> {
    fn leave(self) -> Result<()> {
        // It may have ended by itself.
        let _ = self.interrupt.try_send(());
        self.thread.join().expect("examples do not panic")
    }
}
