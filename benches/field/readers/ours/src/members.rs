//! A whole group in one process: how long it takes until each member has its share.

use std::{
    thread,
    time::{Duration, Instant},
};

use field_contract::{Job, Result, cpu, peak_rss_kib};
use sarama_cluster::{Consumer, NotificationType};

use crate::groups;

/// How often the members are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Threads that start members.
const STARTERS: usize = 4;

/// Starts so many members as records are asked for, and waits until each has its share of the partitions.
pub(crate) fn assemble(job: &Job) -> Result<()> {
    let start = Instant::now();
    let count = job.records as usize;
    let members = start_members(job, count);
    let (least, most) = (job.partitions / count, job.partitions.div_ceil(count));
    let mut shares = vec![0; count];
    // A share is the right one in the last generation only.
    while shares.iter().any(|share| !(least..=most).contains(share))
        || shares.iter().sum::<usize>() != job.partitions
    {
        thread::sleep(LOOK);
        for (member, share) in members.iter().zip(&mut shares) {
            for notification in member.notifications().try_iter() {
                *share = match notification.kind {
                    NotificationType::RebalanceOk => {
                        notification.current.values().map(Vec::len).sum()
                    }
                    _ => 0,
                };
            }
        }
    }
    println!(
        r#"{{"records":{count},"bytes":0,"seconds":{},"cpu_seconds":{},"cpu_seconds_at_first":0,"peak_rss_kib":{},"first_unix_ns":0}}"#,
        start.elapsed().as_secs_f64(),
        cpu().as_secs_f64(),
        peak_rss_kib()?,
    );
    // To leave one by one would be a rebalance for each; the cluster ends with this run.
    std::process::exit(0)
}

fn start_members(job: &Job, count: usize) -> Vec<Consumer> {
    let start = |_| {
        let mut config = groups::config();
        config.group.returns.notifications = true;
        groups::consumer(job, config).expect("the cluster is there")
    };
    thread::scope(|scope| {
        let starters: Vec<_> = (0..STARTERS)
            .map(|starter| {
                let mine = (starter..count).step_by(STARTERS);
                scope.spawn(move || mine.map(start).collect::<Vec<_>>())
            })
            .collect();
        let members = starters.into_iter();
        let members = members.flat_map(|starter| starter.join().expect("members start"));
        members.collect()
    })
}
