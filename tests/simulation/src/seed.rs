//! What determines a run.

use std::{fmt, str::FromStr};

use sarama_cluster::KafkaVersion;

use crate::fault::Fault;

/// It determines everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// What all chances come from.
    pub number: u64,
    /// What there is more of than by chance.
    pub emphasis: Emphasis,
}

/// What a seed has more of than by chance: what is found once in a million where it is rare is found soon where it is
/// frequent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// Nothing.
    None,
    /// Topics that come, go and grow.
    Topics,
    /// Static members that come back, of brokers that do not tell them who the others are.
    Statics,
    /// All that goes wrong.
    Faults,
    /// What members can differ in, and what brokers seldom answer.
    Variety,
}

impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        Self {
            number,
            emphasis: Emphasis::None,
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)?;
        match self.emphasis {
            Emphasis::None => Ok(()),
            emphasis => write!(f, " --emphasis {}", emphasis.name()),
        }
    }
}

impl Emphasis {
    const ALL: [Self; 5] = [
        Self::None,
        Self::Topics,
        Self::Statics,
        Self::Faults,
        Self::Variety,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Topics => "topics",
            Self::Statics => "statics",
            Self::Faults => "faults",
            Self::Variety => "variety",
        }
    }

    /// Whether it can be shown by clients of this age.
    pub(crate) fn suits(self, version: KafkaVersion) -> bool {
        match self {
            Self::None | Self::Faults | Self::Variety => true,
            // Without ids topics of one name cannot be told apart.
            Self::Topics => version >= KafkaVersion::V3_1_0,
            Self::Statics => version >= KafkaVersion::V2_4_0 && version < KafkaVersion::V3_2_0,
        }
    }

    /// Whether it is about this fault.
    pub(crate) fn is_on(self, fault: &Fault) -> bool {
        match self {
            Self::None | Self::Faults | Self::Variety => true,
            Self::Topics => matches!(
                fault,
                Fault::Recreate(..) | Fault::Delete(_) | Fault::AddPartition(_)
            ),
            Self::Statics => matches!(
                fault,
                Fault::AddPartition(_) | Fault::CloseAndForget(_) | Fault::Close(_) | Fault::Start
            ),
        }
    }
}

impl FromStr for Emphasis {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there are {names}, and no {name}")
        })
    }
}
