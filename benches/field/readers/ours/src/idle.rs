//! What a consumer uses when nothing comes.

use std::{thread, time::Duration};

use field_contract::{Job, Result, cpu, peak_rss_kib};
use sarama_cluster::NotificationType;

use crate::groups;

/// What a start takes is over by then.
const SETTLING: Duration = Duration::from_secs(3);
const SPAN: Duration = Duration::from_secs(10);

/// Claims all partitions of a topic without records, and tells what the next ten seconds take.
pub(crate) fn rest(job: &Job) -> Result<()> {
    let mut config = groups::config();
    config.group.returns.notifications = true;
    let consumer = groups::consumer(job, config)?;
    loop {
        let notification = consumer.notifications().recv()?;
        let claimed = notification.current.values().map(Vec::len).sum::<usize>();
        if notification.kind == NotificationType::RebalanceOk && claimed == job.partitions {
            break;
        }
    }
    thread::sleep(SETTLING);
    let before = cpu();
    thread::sleep(SPAN);
    let used = cpu() - before;
    println!(
        r#"{{"records":0,"bytes":0,"seconds":{},"cpu_seconds":{},"cpu_seconds_at_first":0,"peak_rss_kib":{},"first_unix_ns":0}}"#,
        SPAN.as_secs_f64(),
        used.as_secs_f64(),
        peak_rss_kib()?,
    );
    Ok(consumer.close()?)
}
