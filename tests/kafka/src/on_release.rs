//! Tests by release: which stories are told on which brokers.

/// Makes tests of functions `fn(&Cluster)`: each runs on the shared broker of each release, or of those
/// from one release to another.
///
/// The module of a test names its release, so that `cargo test -p kafka-tests kafka_4_0_0` runs all
/// stories on one. Some of the releases are run only if asked for, so that a run of all tests does not take
/// too long: `--include-ignored` does, and `cargo run -p kafka-tests --bin compatibility`.
#[macro_export]
macro_rules! on_each_release {
    (before V0_10_2_2 $stories:tt) => {
        $crate::on_release!(always kafka_0_9_0_1 V0_9_0_1 $stories);
        $crate::on_release!(asked kafka_0_10_0_1 V0_10_0_1 $stories);
    };
    (before V3_0_2 $stories:tt) => {
        $crate::on_release!(always kafka_0_9_0_1 V0_9_0_1 $stories);
        $crate::on_each_release!(from V0_10_0_1 before V3_0_2 $stories);
    };
    (from V0_10_0_1 before V3_0_2 $stories:tt) => {
        $crate::on_release!(asked kafka_0_10_0_1 V0_10_0_1 $stories);
        $crate::on_release!(always kafka_0_10_2_2 V0_10_2_2 $stories);
        $crate::on_release!(asked kafka_0_11_0_3 V0_11_0_3 $stories);
        $crate::on_release!(always kafka_1_1_1 V1_1_1 $stories);
        $crate::on_release!(asked kafka_2_0_1 V2_0_1 $stories);
        $crate::on_release!(always kafka_2_4_1 V2_4_1 $stories);
        $crate::on_release!(always kafka_2_8_2 V2_8_2 $stories);
    };
    (from V0_9_0_1 $stories:tt) => {
        $crate::on_release!(always kafka_0_9_0_1 V0_9_0_1 $stories);
        $crate::on_each_release!(from V0_10_0_1 $stories);
    };
    (from V0_10_0_1 $stories:tt) => {
        $crate::on_release!(asked kafka_0_10_0_1 V0_10_0_1 $stories);
        $crate::on_each_release!(from V0_10_2_2 $stories);
    };
    (from V0_10_2_2 $stories:tt) => {
        $crate::on_release!(always kafka_0_10_2_2 V0_10_2_2 $stories);
        $crate::on_each_release!(from V0_11_0_3 $stories);
    };
    (from V0_11_0_3 $stories:tt) => {
        $crate::on_release!(asked kafka_0_11_0_3 V0_11_0_3 $stories);
        $crate::on_each_release!(from V1_1_1 $stories);
    };
    (from V1_1_1 $stories:tt) => {
        $crate::on_release!(always kafka_1_1_1 V1_1_1 $stories);
        $crate::on_each_release!(from V2_0_1 $stories);
    };
    (from V2_0_1 $stories:tt) => {
        $crate::on_release!(asked kafka_2_0_1 V2_0_1 $stories);
        $crate::on_each_release!(from V2_4_1 $stories);
    };
    (from V2_4_1 $stories:tt) => {
        $crate::on_release!(always kafka_2_4_1 V2_4_1 $stories);
        $crate::on_each_release!(from V2_8_2 $stories);
    };
    (from V2_8_2 $stories:tt) => {
        $crate::on_release!(always kafka_2_8_2 V2_8_2 $stories);
        $crate::on_each_release!(from V3_0_2 $stories);
    };
    (from V3_0_2 $stories:tt) => {
        $crate::on_release!(always kafka_3_0_2 V3_0_2 $stories);
        $crate::on_each_release!(from V3_9_1 $stories);
    };
    (from V3_9_1 $stories:tt) => {
        $crate::on_release!(always kafka_3_9_1 V3_9_1 $stories);
        $crate::on_each_release!(from V4_0_0 $stories);
    };
    (from V4_0_0 $stories:tt) => {
        $crate::on_release!(always kafka_4_0_0 V4_0_0 $stories);
        $crate::on_each_release!(from V4_1_0 $stories);
    };
    (from V4_1_0 $stories:tt) => {
        $crate::on_release!(asked kafka_4_1_0 V4_1_0 $stories);
        $crate::on_each_release!(from V4_3_0 $stories);
    };
    (from V4_3_0 $stories:tt) => {
        $crate::on_release!(asked kafka_4_3_0 V4_3_0 $stories);
        $crate::on_each_release!(from V4_4_0 $stories);
    };
    (from V4_4_0 $stories:tt) => {
        $crate::on_release!(newest kafka_4_4_0 V4_4_0 $stories);
    };
    ($($story:ident),* $(,)?) => {
        $crate::on_each_release!(from V0_9_0_1 { $($story),* });
    };
}

/// The tests of [`on_each_release!`] on one release, and when they run.
#[macro_export]
macro_rules! on_release {
    (always $module:ident $release:ident $stories:tt) => {
        $crate::on_release!(@ $module $release external_kafka "KAFKA_BROKERS is one release only" $stories);
    };
    (asked $module:ident $release:ident $stories:tt) => {
        $crate::on_release!(@ $module $release all() "run if asked for, by --include-ignored" $stories);
    };
    // The brokers of `KAFKA_BROKERS` stand in for the newest.
    (newest $module:ident $release:ident $stories:tt) => {
        $crate::on_release!(@ $module $release any() "" $stories);
    };
    (@ $module:ident $release:ident $unless:meta $reason:literal { $($story:ident),* $(,)? }) => {
        mod $module {
            $(
                #[test]
                #[cfg_attr(no_kafka, ignore = "needs Java and Maven, to run Kafka")]
                #[cfg_attr(all($unless, not(no_kafka)), ignore = $reason)]
                fn $story() {
                    super::$story(&$crate::Cluster::shared($crate::Release::$release));
                }
            )*
        }
    };
}

/// Makes tests of functions `fn()` that start, stop and kill brokers of their own.
#[macro_export]
macro_rules! with_own_brokers {
    ($($story:ident),* $(,)?) => {
        mod own_brokers {
            $(
                #[test]
                #[cfg_attr(no_kafka, ignore = "needs Java and Maven, to run Kafka")]
                #[cfg_attr(external_kafka, ignore = "KAFKA_BROKERS are not to be stopped")]
                fn $story() {
                    super::$story();
                }
            )*
        }
    };
}
