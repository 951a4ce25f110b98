//! Users: what they do with the messages that they get.

use std::time::{Duration, Instant};

use sarama_cluster::{ConsumerMessage, consumer::desk::Ends};

/// How a user works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// How many messages it takes at once.
    pub(crate) takes: usize,
    /// How many it has in hand at most.
    pub(crate) holds: usize,
    /// How long between two actions, at the most.
    pub(crate) pause: Duration,
    /// One action in so many is a long sleep; 0: none.
    pub(crate) sleeps_one_in: u32,
    /// How long that is.
    pub(crate) sleep: Duration,
    /// Acknowledges one by one, in any order, instead of marking.
    pub(crate) acks: bool,
    /// Receives past the library's own methods, and asks each message itself.
    pub(crate) raw: bool,
    /// One message in so many is dropped without a mark, to be marked by a later one; 0: none.
    pub(crate) forgets_one_in: u32,
}

impl Habits {
    pub(crate) fn any(rng: &mut fastrand::Rng) -> Self {
        let millis =
            |rng: &mut fastrand::Rng, of: &[u64]| Duration::from_millis(of[rng.usize(0..of.len())]);
        let acks = rng.u32(0..3) == 0;
        Self {
            takes: [1, 3, 50, 1000][rng.usize(0..4)],
            holds: [1, 5, 100, 2000][rng.usize(0..4)],
            pause: millis(rng, &[3, 20, 300]),
            sleeps_one_in: [0, 200, 1000][rng.usize(0..3)],
            sleep: millis(rng, &[500, 5_000, 40_000]),
            acks,
            raw: rng.bool(),
            forgets_one_in: if acks { 0 } else { [0, 0, 10][rng.usize(0..3)] },
        }
    }

    /// One that gets everything done.
    pub(crate) fn diligent(self) -> Self {
        Self {
            pause: self.pause.min(Duration::from_millis(20)),
            takes: self.takes.max(50),
            holds: self.holds.max(50),
            sleeps_one_in: 0,
            forgets_one_in: 0,
            ..self
        }
    }
}

/// A user of one consumer in multiplex mode.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) habits: Habits,
    pub(crate) acts_at: Instant,
    hand: Vec<ConsumerMessage>,
}

/// What a user has done, for the oracle.
#[derive(Debug)]
pub(crate) enum Deed {
    /// Took a message that was current.
    Took(Seen),
    /// Marked a message, or acknowledged it.
    Marked(Seen),
}

/// A message as it was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) claim: u64,
    pub(crate) offset: i64,
    pub(crate) content: Vec<u8>,
}

impl User {
    pub(crate) fn new(now: Instant, habits: Habits) -> Self {
        Self {
            habits,
            acts_at: now,
            hand: Vec::new(),
        }
    }

    /// Does something with what is in hand, then takes more.
    pub(crate) fn act(&mut self, now: Instant, ends: &Ends, rng: &mut fastrand::Rng) -> Vec<Deed> {
        let mut deeds = Vec::new();
        self.work(ends, rng, &mut deeds);
        let room = self
            .habits
            .holds
            .saturating_sub(self.hand.len())
            .min(self.habits.takes);
        for _ in 0..room {
            let got = if self.habits.raw {
                let receiver: &crossbeam_channel::Receiver<ConsumerMessage> = &ends.messages;
                receiver.try_recv()
            } else {
                ends.messages.try_recv()
            };
            let Ok(message) = got else { break };
            if self.habits.raw && !message.is_current() {
                continue;
            }
            deeds.push(Deed::Took(seen(&message)));
            self.hand.push(message);
        }
        let pause = self
            .habits
            .pause
            .mul_f64(rng.f64())
            .max(Duration::from_millis(1));
        let sleeps = super::network::strikes(self.habits.sleeps_one_in, rng);
        self.acts_at = now + if sleeps { self.habits.sleep } else { pause };
        deeds
    }

    fn work(&mut self, ends: &Ends, rng: &mut fastrand::Rng, deeds: &mut Vec<Deed>) {
        let count = if self.hand.is_empty() {
            0
        } else {
            rng.usize(0..=self.hand.len())
        };
        for _ in 0..count {
            let at = if self.habits.acks {
                rng.usize(0..self.hand.len())
            } else {
                0
            };
            let message = self.hand.remove(at);
            if self.habits.acks {
                ends.user_side.ack(&message);
            } else if super::network::strikes(self.habits.forgets_one_in, rng) {
                continue;
            } else {
                ends.user_side.mark(&message, "");
            }
            deeds.push(Deed::Marked(seen(&message)));
        }
    }

    /// Works off what is in hand, at once.
    pub(crate) fn forget_all(&mut self) {
        self.hand.clear();
    }
}

fn seen(message: &ConsumerMessage) -> Seen {
    Seen {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        claim: Ends::claim_of(message).0,
        offset: message.offset(),
        content: message.value().unwrap_or_default().to_vec(),
    }
}
