//! The releases of Apache Kafka that the tests run on, and what Maven Central needs to be asked for.

use std::{fmt, str::FromStr};

/// Where the brokers of a cluster keep their metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quorum {
    /// One ZooKeeper beside the brokers.
    ZooKeeper,
    /// Every broker is a controller, too.
    KRaft,
}

macro_rules! releases {
    ($($name:ident $version:literal: scala $scala:literal, $quorum:ident $(, beside [$($beside:ident),*])?;)*) => {
        /// A release of Apache Kafka.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Release {
            $(#[doc = concat!("Kafka ", $version, ".")] $name,)*
        }

        impl Release {
            /// Every release that can be started, oldest first.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The newest of them.
            pub const NEWEST: Self = Self::ALL[Self::ALL.len() - 1];

            /// Its version, as Maven Central writes it.
            pub fn version(self) -> &'static str {
                match self { $(Self::$name => $version),* }
            }

            pub(crate) fn quorum(self) -> Quorum {
                match self { $(Self::$name => Quorum::$quorum),* }
            }

            /// Maven coordinates (`group:artifact:version`) of the broker and of what must lie beside it.
            pub(crate) fn artifacts(self) -> Vec<&'static str> {
                match self {
                    $(Self::$name => vec![
                        concat!("org.apache.kafka:kafka_", $scala, ":", $version),
                        $($($beside),*)?
                    ]),*
                }
            }
        }
    };
}

/// The oldest brokers do not run on Java 17 with the ZooKeeper they were published with.
const ZOOKEEPER_3_4: &str = "org.apache.zookeeper:zookeeper:3.4.6";
const ZOOKEEPER_3_5: &str = "org.apache.zookeeper:zookeeper:3.5.9";
/// A part of Java until 11.
const XML_BINDING: &str = "javax.xml.bind:jaxb-api:2.3.1";
/// What writes the log, for those that leave the choice to whoever runs them.
const LOG: &str = "org.slf4j:slf4j-simple:1.7.36";

releases! {
    V0_9_0_1 "0.9.0.1": scala "2.11", ZooKeeper, beside [ZOOKEEPER_3_4];
    V0_10_0_1 "0.10.0.1": scala "2.11", ZooKeeper;
    V0_10_2_2 "0.10.2.2": scala "2.11", ZooKeeper, beside [ZOOKEEPER_3_4, XML_BINDING];
    V0_11_0_3 "0.11.0.3": scala "2.12", ZooKeeper, beside [ZOOKEEPER_3_4, XML_BINDING];
    V1_1_1 "1.1.1": scala "2.12", ZooKeeper, beside [ZOOKEEPER_3_5];
    V2_0_1 "2.0.1": scala "2.12", ZooKeeper, beside [ZOOKEEPER_3_5];
    V2_4_1 "2.4.1": scala "2.12", ZooKeeper, beside [LOG];
    V2_8_2 "2.8.2": scala "2.13", ZooKeeper, beside [LOG];
    V3_0_2 "3.0.2": scala "2.13", ZooKeeper, beside [LOG];
    V3_9_1 "3.9.1": scala "2.13", KRaft, beside [LOG];
    V4_0_0 "4.0.0": scala "2.13", KRaft, beside [LOG];
    V4_1_0 "4.1.0": scala "2.13", KRaft, beside [LOG];
    V4_3_0 "4.3.0": scala "2.13", KRaft, beside [LOG];
    V4_4_0 "4.4.0": scala "2.13", KRaft, beside [LOG];
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kafka {}", self.version())
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(version: &str) -> Result<Self, String> {
        let known = Self::ALL
            .iter()
            .find(|release| release.version() == version);
        known.copied().ok_or_else(|| {
            let versions: Vec<_> = Self::ALL.iter().map(|release| release.version()).collect();
            format!("{version} is none of {}", versions.join(", "))
        })
    }
}
