//! How old records are when they are delivered, and how soon a mark is a commit that others see.

use std::{
    fs, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use field_contract::Job;
use kafka_tests::{Cluster, unique};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, BaseRecord, Producer},
};
use sarama_cluster::{Config, Consumer, config::InitialOffset};

use crate::{
    Result,
    contestants::{Contestant, Kind, in_turn, of},
    flags::Flags,
    programs::{Program, Programs, target},
    results::{Latency, Results},
    run::{Running, job, new_group},
};

/// Those that are compared: all ask for at least 1 byte, and let the broker wait 500 ms for it.
pub(crate) const CONTESTANTS: &[Contestant] = &[
    of(
        "loop",
        Kind::Ours,
        Program::Ours,
        "loop",
        1,
        "defaults, which are: at least 1 byte, at most 500 ms",
    ),
    of(
        "franz-go",
        Kind::Peer,
        Program::FranzGo,
        "latency",
        1,
        "`FetchMaxWait` 500 ms",
    ),
    of(
        "librdkafka",
        Kind::Peer,
        Program::Librdkafka,
        "latency",
        1,
        "poll; defaults, which are: at least 1 byte, at most 500 ms",
    ),
];

const PARTITIONS: i32 = 4;
const VALUE: usize = 100;
const PER_SECOND: u64 = 10_000;
const SECONDS: u64 = 12;
/// Who reads is not in the group yet, or has just come, when these are written.
const WARM_UP: usize = 20_000;
/// How often records are written.
const BEAT: Duration = Duration::from_millis(1);

const PATIENCE: Duration = Duration::from_secs(30);

/// Lets each read what is written at a steady rate, and measures marks.
pub(crate) fn measure(
    cluster: &Cluster,
    programs: &Programs,
    flags: &Flags,
    results: &mut Results,
) -> Result<()> {
    results.latency.clear();
    // The first one would find a broker whose code is still being compiled.
    read(cluster, programs, &CONTESTANTS[0])?;
    for round in 1..=flags.rounds {
        for contestant in in_turn(round, CONTESTANTS.iter()) {
            match read(cluster, programs, contestant) {
                Ok(micros) => {
                    let latency = Latency::new(contestant.id, micros);
                    println!("latency, {round}: {latency:?}");
                    results.latency.push(latency);
                }
                Err(why) => eprintln!("latency, {}: {why}", contestant.id),
            }
        }
    }
    results.commits = commits(cluster, flags)?;
    println!(
        "a mark is committed after at most {:?} s",
        results.commits.last()
    );
    Ok(())
}

/// Microseconds from making to delivery of each record.
fn read(cluster: &Cluster, programs: &Programs, contestant: &Contestant) -> Result<Vec<f64>> {
    let topic = unique("latency");
    cluster.create_topic(&topic, PARTITIONS, 1);
    let file = target().join(unique("latencies"));
    let job = Job {
        latencies: Some(file.clone()),
        ..job(
            cluster.bootstrap().join(","),
            &topic,
            PARTITIONS as usize,
            PER_SECOND * SECONDS,
        )
    };
    let reader = Running::start(programs, contestant, &job)?;
    write(cluster, &topic)?;
    reader.finish()?;
    cluster.delete_topic(&topic);
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    let micros = text
        .lines()
        .skip(WARM_UP)
        .map(|nanos| Ok(nanos.parse::<f64>()? / 1e3));
    micros.collect()
}

/// Writes records that begin with the time of their making, some at every beat.
fn write(cluster: &Cluster, topic: &str) -> Result<()> {
    let producer: BaseProducer = cluster.client_config().set("linger.ms", "0").create()?;
    let beats = SECONDS * 1000 / BEAT.as_millis() as u64;
    let each = PER_SECOND * SECONDS / beats;
    let start = Instant::now();
    let mut value = [b'x'; VALUE];
    for beat in 0..beats {
        // Both the pace and the wait: there is nothing else that tells the time to write.
        thread::sleep((start + BEAT * beat as u32).saturating_duration_since(Instant::now()));
        for n in 0..each {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
            value[..8].copy_from_slice(&now.to_be_bytes());
            let partition = ((beat * each + n) % PARTITIONS as u64) as i32;
            let record: BaseRecord<'_, (), _> = BaseRecord::to(topic)
                .partition(partition)
                .payload(&value[..]);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        producer.poll(Duration::ZERO);
    }
    Ok(producer.flush(PATIENCE)?)
}

/// Seconds from a mark to the moment when another client sees it committed, in ascending order. The interval
/// of the commits is the default, and the marks come at any time within it.
fn commits(cluster: &Cluster, flags: &Flags) -> Result<Vec<f64>> {
    let topic = unique("marks");
    cluster.create_topic(&topic, 1, 1);
    let group = new_group();
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    let consumer = Consumer::new(cluster.bootstrap(), &group, [&topic], config)?;
    let producer: BaseProducer = cluster.client_config().create()?;
    let other: BaseConsumer = cluster.client_config().set("group.id", &group).create()?;
    let mut place = TopicPartitionList::new();
    place.add_partition(&topic, 0);
    let mut seconds = Vec::new();
    for number in 0..i64::from(flags.rounds) * 4 {
        let record: BaseRecord<'_, (), _> = BaseRecord::to(&topic).payload("value");
        producer.send(record).map_err(|(error, _)| error)?;
        producer.flush(PATIENCE)?;
        let message = consumer.messages().recv_timeout(PATIENCE)?;
        // So that a mark comes at any time of the interval.
        thread::sleep(Duration::from_millis(fastrand::u64(..1000)));
        let start = Instant::now();
        consumer.mark_offset(&message, "");
        loop {
            let committed = other.committed_offsets(place.clone(), PATIENCE)?;
            if committed.elements()[0].offset() == Offset::Offset(number + 1) {
                break;
            }
            thread::sleep(BEAT);
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    consumer.close()?;
    seconds.sort_by(f64::total_cmp);
    Ok(seconds)
}
