use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A function that says how long to wait before a retry, in place of a fixed backoff.
///
/// Its argument is the number of retries made so far in this run of failures: 0 before the first
/// retry. It takes precedence over the fixed backoff beside it, and its answer is used as it is, so
/// growth, jitter and a ceiling are its own business; only an answer above [`BackoffFunc::LONGEST`]
/// is cut to that. Clones share the function.
///
/// It is asked beforehand, when a client or a consumer is made, for the first 32 retries; all later
/// ones wait as long as the last of them. So nobody's code can hold up a heartbeat.
///
/// ```
/// use std::time::Duration;
/// use sarama_cluster::config::{BackoffFunc, Config};
///
/// let mut config = Config::default();
/// // 100 ms, 200 ms, 400 ms, … and never more than 10 s.
/// config.consumer.retry.backoff_func = Some(BackoffFunc::new(|retries| {
///     Duration::from_millis(100 << retries.min(7)).min(Duration::from_secs(10))
/// }));
/// ```
#[derive(Clone)]
pub struct BackoffFunc(Arc<dyn Fn(u32) -> Duration + Send + Sync>);

impl BackoffFunc {
    /// The longest wait that a function can ask for: one hour.
    ///
    /// A bound must exist, because a clock plus `Duration::MAX` overflows.
    pub const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// Wraps `func`, which is called on the thread that makes the client or the consumer.
    pub fn new(func: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(func))
    }

    /// Asks the function. It is the user's code: it may block or panic.
    pub fn call(&self, retries: u32) -> Duration {
        (self.0)(retries).min(Self::LONGEST)
    }
}

impl fmt::Debug for BackoffFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("callback")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_decides_up_to_an_hour() {
        let func = BackoffFunc::new(|retries| Duration::from_secs(10).saturating_mul(retries));
        assert_eq!(func.call(0), Duration::ZERO);
        assert_eq!(func.clone().call(3), Duration::from_secs(30));
        assert_eq!(func.call(u32::MAX), BackoffFunc::LONGEST);
        assert_eq!(format!("{func:?}"), "callback");
    }
}
