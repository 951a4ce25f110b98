//! What goes wrong, and when it is over.

use std::time::Duration;

use crate::network::Weather;

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// A broker stops, and starts again after this.
    StopBroker(i32, Duration),
    /// A broker answers nothing for so long.
    CutOff(i32, Duration),
    /// A partition gets another leader.
    MoveLeader(String, i32, i32),
    /// A partition has no leader for so long.
    TakeLeader(String, i32, Duration),
    /// The group gets another coordinator.
    MoveCoordinator(i32),
    /// The coordinator throws a member out.
    Evict,
    /// The network turns bad for so long.
    Storm(Weather, Duration),
    /// A member starts.
    Start,
    /// A member closes in order.
    Close,
    /// A member is gone without a word.
    Kill,
    /// A member's user closes and forgets what it has in hand.
    CloseAndForget,
    /// A topic gets more partitions.
    AddPartitions(String, i32),
    /// Somebody asks for a commit, so many times.
    Commit(u32),
}

impl Fault {
    pub(crate) fn any(rng: &mut fastrand::Rng, brokers: i32, topics: &[(String, i32)]) -> Self {
        let broker = rng.i32(1..=brokers);
        let (topic, partitions) = topics[rng.usize(0..topics.len())].clone();
        let partition = rng.i32(0..partitions);
        let span =
            Duration::from_millis([50, 1_000, 8_000, 25_000][rng.usize(0..4)]).mul_f64(rng.f64());
        match rng.u32(0..16) {
            0 => Self::StopBroker(broker, span),
            1 => Self::CutOff(broker, span),
            2 | 3 => Self::MoveLeader(topic, partition, broker),
            4 => Self::TakeLeader(topic, partition, span),
            5 | 6 => Self::MoveCoordinator(broker),
            7 => Self::Evict,
            8 | 9 => {
                let one_in = |rng: &mut fastrand::Rng| [0, 5, 50][rng.usize(0..3)];
                let weather = Weather {
                    delay: Duration::from_millis([2, 20, 500][rng.usize(0..3)]),
                    slow_one_in: one_in(rng),
                    reset_one_in: one_in(rng),
                    silent_one_in: one_in(rng) * 4,
                };
                Self::Storm(weather, span)
            }
            10 | 11 => Self::Start,
            12 => Self::Close,
            13 => Self::Kill,
            14 => match rng.u32(0..3) {
                0 => Self::CloseAndForget,
                _ => Self::Commit(rng.u32(1..5)),
            },
            _ => Self::AddPartitions(topic, partitions + 1),
        }
    }
}
