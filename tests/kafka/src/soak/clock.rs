//! The one clock of a soak: the machine's monotonic one, which all its processes share.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

/// Now, by the monotonic clock.
pub(crate) fn now() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Unix has this clock");
    now.into()
}

/// What has to be taken from the time of day to get the time of the monotonic clock.
pub(crate) fn since_1970() -> Duration {
    let time_of_day = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is after 1970");
    time_of_day.saturating_sub(now())
}
