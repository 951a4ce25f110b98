//! Real Apache Kafka for tests: any release as a [`Cluster`] of its own, records written by a [`Producer`]
//! that shares no code with the library, and group [`Member`]s of other makes.
//!
//! Releases come from Maven Central, and run on Java (17 runs them all). A test that needs them is marked
//! by [`on_each_release!`] or [`with_own_brokers!`], so that it shows as ignored, with the reason, where Java
//! or Maven is missing. `KAFKA_BROKERS=host:port,…` at compile and run time puts a cluster that exists in
//! the place of those started here.

mod admin;
mod broker;
mod cluster;
mod distribution;
pub mod ledger;
mod member;
mod metadata;
pub mod oracle;
mod own;
mod ports;
mod process;
mod producer;
mod release;
mod scratch;
pub mod soak;

pub use admin::{Admin, Committed};
pub use cluster::{Builder, Cluster, Shared};
pub use member::{Assignor, Event, Member, TopicPartition, library};
pub use metadata::{Metadata, Partition};
pub use producer::{Acknowledged, Codec, NewRecord, Producer};
pub use release::Release;

/// A name for a topic or group that no other test and no other run uses.
pub fn unique(name: &str) -> String {
    format!("{name}-{:012x}", fastrand::u64(..1 << 48))
}

/// Makes tests of functions `fn(&Cluster)`: each runs on the shared broker of each release.
///
/// The module of a test names its release, so that `cargo test -p kafka-tests kafka_4_0_0` runs all
/// stories on one.
#[macro_export]
macro_rules! on_each_release {
    ($($story:ident),* $(,)?) => {
        $crate::on_release!(kafka_2_4_1 V2_4_1 external_kafka { $($story),* });
        $crate::on_release!(kafka_2_8_2 V2_8_2 external_kafka { $($story),* });
        $crate::on_release!(kafka_3_0_2 V3_0_2 external_kafka { $($story),* });
        $crate::on_release!(kafka_3_9_1 V3_9_1 external_kafka { $($story),* });
        $crate::on_release!(kafka_4_0_0 V4_0_0 external_kafka { $($story),* });
        // The brokers of `KAFKA_BROKERS` stand in for the newest.
        $crate::on_release!(kafka_4_4_0 V4_4_0 no_kafka { $($story),* });
    };
}

/// The tests of [`on_each_release!`] on one release, ignored also where the named `cfg` is set.
#[doc(hidden)]
#[macro_export]
macro_rules! on_release {
    ($module:ident $release:ident $unless:ident { $($story:ident),* }) => {
        mod $module {
            $(
                #[test]
                #[cfg_attr(no_kafka, ignore = "needs Java and Maven, to run Kafka")]
                #[cfg_attr(all($unless, not(no_kafka)), ignore = "KAFKA_BROKERS is one release only")]
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
