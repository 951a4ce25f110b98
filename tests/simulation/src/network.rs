//! The members' connections: calls become frames, with delays, losses and resets.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use sarama_cluster::{
    Error, ErrorKind, KafkaVersion,
    call::{Answer, Call, Limits, Target, Token, Versions, fetch},
    core::fetch::Onward,
    protocol::api_versions::ApiVersion,
    record::Recycler,
    testing::broker::ConnectionId,
};

use crate::odds::{pick, pick_ms, strikes, up_to};

/// What the network does next for one member.
#[derive(Debug)]
pub(crate) enum Packet {
    /// A request arrives at a broker. It may do so although its connection is closed meanwhile: the
    /// broker serves what it has received.
    Arrive {
        broker: i32,
        connection: ConnectionId,
        frame: Vec<u8>,
        outlives_connection: bool,
    },
    /// An answer arrives at the member.
    Answer {
        connection: ConnectionId,
        frame: Vec<u8>,
    },
    /// The member learns that a connection is closed.
    Closed { connection: ConnectionId },
    /// A call has taken too long.
    Late {
        connection: ConnectionId,
        token: Token,
        after: Duration,
    },
    /// A connection could not be opened.
    Refused { connection: ConnectionId },
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// The usual way from one end to the other takes up to this.
    pub(crate) delay: Duration,
    /// One packet in so many takes up to a hundred times as long; 0: none.
    pub(crate) slow_one_in: u32,
    /// One request in so many is lost with its connection, before or after it was applied; 0: none.
    pub(crate) reset_one_in: u32,
    /// One request in so many is lost without a word; 0: none.
    pub(crate) silent_one_in: u32,
    /// One batch in so many is damaged on its way; 0: none.
    pub(crate) damage_one_in: u32,
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        delay: Duration::from_millis(2),
        slow_one_in: 0,
        reset_one_in: 0,
        silent_one_in: 0,
        damage_one_in: 0,
    };

    pub(crate) fn bad(rng: &mut fastrand::Rng) -> Self {
        Self {
            delay: pick_ms(rng, [2, 20, 300]),
            slow_one_in: pick(rng, [0, 5, 50]),
            reset_one_in: pick(rng, [0, 5, 50]),
            silent_one_in: pick(rng, [0, 20, 200]),
            damage_one_in: pick(rng, [0, 0, 3]),
        }
    }

    /// How long something is on its way.
    pub(crate) fn delay(&self, rng: &mut fastrand::Rng) -> Duration {
        let usual = up_to(rng, self.delay);
        if strikes(rng, self.slow_one_in) {
            usual * rng.u32(1..=100)
        } else {
            usual
        }
    }
}

/// All connections of one member.
#[derive(Debug)]
pub(crate) struct Connections {
    client_id: String,
    /// The newest versions that the client speaks.
    ceiling: KafkaVersion,
    open: BTreeMap<Target, Connection>,
    blocks: Blocks,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    broker: i32,
    /// Which versions both sides speak.
    versions: Versions,
    waiting: VecDeque<Job>,
    asked: Option<Asked>,
    /// The fetch that goes on where the last answer ends, if that can be.
    onward: Option<fetch::Ask>,
    /// Nothing that is sent on it arrives any more, and nobody is told.
    is_half_open: bool,
}

/// What is to be asked on a connection.
#[derive(Debug)]
enum Job {
    Call(Token, Call, Duration),
    Onward(Onward),
}

/// Until when nothing gets through between a member and some brokers. What is sent is sent again, so it
/// comes in the end, if its connection is still there.
#[derive(Debug, Default)]
struct Blocks {
    to_broker: BTreeMap<i32, Instant>,
    from_broker: BTreeMap<i32, Instant>,
}

/// In which direction nothing gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToBroker,
    FromBroker,
    Both,
}

#[derive(Debug)]
struct Asked {
    token: Token,
    call: Call,
    version: i16,
}

/// A call that is over.
pub(crate) type Completion = (Token, Result<Answer, Error>);

impl Connections {
    pub(crate) fn new(client_id: String, ceiling: KafkaVersion) -> Self {
        Self {
            client_id,
            ceiling,
            open: BTreeMap::new(),
            blocks: Blocks::default(),
        }
    }

    /// Nothing gets through to a broker, or from there, until that time.
    pub(crate) fn block(&mut self, broker: i32, way: Way, until: Instant) {
        let Blocks {
            to_broker,
            from_broker,
        } = &mut self.blocks;
        let ways = match way {
            Way::ToBroker => [Some(to_broker), None],
            Way::FromBroker => [None, Some(from_broker)],
            Way::Both => [Some(to_broker), Some(from_broker)],
        };
        for way in ways.into_iter().flatten() {
            way.insert(broker, until);
        }
    }

    /// Nothing is blocked any more.
    pub(crate) fn unblock(&mut self) {
        self.blocks = Blocks::default();
    }

    /// The connections that there are lead nowhere from here on.
    pub(crate) fn leave_half_open(&mut self) {
        for connection in self.open.values_mut() {
            connection.is_half_open = true;
        }
    }

    /// When something that a broker sends on a connection arrives; `None` if never.
    pub(crate) fn arrival(&self, id: ConnectionId, at: Instant) -> Option<Instant> {
        let connection = self.open.values().find(|c| c.id == id)?;
        let blocked_until = self.blocks.from_broker.get(&connection.broker);
        (!connection.is_half_open).then(|| blocked_until.map_or(at, |until| at.max(*until)))
    }

    /// A call goes out, behind those that wait for the same connection.
    pub(crate) fn send(
        &mut self,
        to: Target,
        (token, call, timeout): (Token, Call, Duration),
        link: &mut Link<'_>,
    ) -> Vec<Completion> {
        let connection = self.open.entry(to).or_insert_with_key(|to| {
            // Ports tell the brokers apart, also at the bootstrap addresses.
            let broker = i32::from(to.broker.port) - 9091;
            Connection {
                id: link.fresh_id(),
                broker,
                versions: Versions::negotiate(&(link.listed)(broker), self.ceiling),
                waiting: VecDeque::new(),
                asked: None,
                onward: None,
                is_half_open: false,
            }
        });
        let job = Job::Call(token, call, timeout);
        connection.waiting.push_back(job);
        connection.proceed(&self.client_id, &self.blocks, link)
    }

    /// A connection may go on by itself, if it is there.
    pub(crate) fn go_on(&mut self, onward: Onward, link: &mut Link<'_>) -> Vec<Completion> {
        let Some(connection) = self.open.get_mut(&onward.to) else {
            return vec![not_asked(onward.token)];
        };
        connection.waiting.push_back(Job::Onward(onward));
        connection.proceed(&self.client_id, &self.blocks, link)
    }

    /// The member closes a connection: what is pending fails.
    pub(crate) fn disconnect(&mut self, to: &Target) -> (Option<ConnectionId>, Vec<Completion>) {
        match self.open.remove(to) {
            Some(connection) => (
                Some(connection.id),
                connection.fail(&ErrorKind::Disconnected),
            ),
            None => (None, Vec::new()),
        }
    }

    /// All connections, when the member is gone.
    pub(crate) fn ids(&self) -> Vec<ConnectionId> {
        self.open.values().map(|c| c.id).collect()
    }

    /// Whether a connection is one of these.
    pub(crate) fn has(&self, id: ConnectionId) -> bool {
        self.open.values().any(|c| c.id == id)
    }

    /// What is being asked on a connection.
    pub(crate) fn asked(&self, id: ConnectionId) -> Option<&Call> {
        let connection = self.open.values().find(|c| c.id == id)?;
        Some(&connection.asked.as_ref()?.call)
    }

    /// An answer has come.
    pub(crate) fn answered(
        &mut self,
        id: ConnectionId,
        frame: &[u8],
        link: &mut Link<'_>,
    ) -> Vec<Completion> {
        let Some(connection) = self.open.values_mut().find(|c| c.id == id) else {
            return Vec::new();
        };
        let Some(asked) = connection.asked.take() else {
            panic!("an answer without a question");
        };
        let answer = asked.call.decode(
            asked.version,
            &frame[4..],
            &Limits::default(),
            &Recycler::new(),
        );
        connection.onward = asked.call.onward(&answer);
        let mut completions = vec![(asked.token, answer)];
        completions.extend(connection.proceed(&self.client_id, &self.blocks, link));
        completions
    }

    /// A connection is closed by the other side, or was never opened.
    pub(crate) fn broken(&mut self, id: ConnectionId, kind: &ErrorKind) -> Vec<Completion> {
        let target = self
            .open
            .iter()
            .find(|(_, c)| c.id == id)
            .map(|(to, _)| to.clone());
        match target.and_then(|to| self.open.remove(&to)) {
            Some(connection) => connection.fail(kind),
            None => Vec::new(),
        }
    }

    /// A call has taken too long: its connection is of no more use.
    pub(crate) fn late(
        &mut self,
        id: ConnectionId,
        token: Token,
        after: Duration,
    ) -> Vec<Completion> {
        let waits =
            |c: &Connection| c.id == id && c.asked.as_ref().is_some_and(|a| a.token == token);
        if self.open.values().any(waits) {
            self.broken(id, &ErrorKind::Timeout(after))
        } else {
            Vec::new()
        }
    }
}

impl Connection {
    fn proceed(
        &mut self,
        client_id: &str,
        blocks: &Blocks,
        link: &mut Link<'_>,
    ) -> Vec<Completion> {
        let mut completions = Vec::new();
        let (token, call, timeout) = loop {
            if self.asked.is_some() {
                return completions;
            }
            match self.waiting.pop_front() {
                None => return completions,
                Some(Job::Call(token, call, timeout)) => break (token, call, timeout),
                Some(Job::Onward(onward)) => match self.onward.take() {
                    None => completions.push(not_asked(onward.token)),
                    Some(ask) => {
                        let ask = ask.at_most(onward.max_bytes);
                        break (onward.token, Call::Fetch(ask), onward.timeout);
                    }
                },
            }
        };
        let request = call
            .encode(&self.versions, 0, client_id)
            .expect("a simulated cluster speaks all versions");
        self.asked = Some(Asked {
            token,
            call,
            version: request.version,
        });
        let blocked_until = blocks.to_broker.get(&self.broker).copied();
        let opens = (!self.is_half_open).then(|| blocked_until.unwrap_or(link.now));
        link.request(
            (self.id, self.broker),
            request.frame[4..].to_vec(),
            (token, timeout),
            opens,
        );
        completions
    }

    fn fail(self, kind: &ErrorKind) -> Vec<Completion> {
        let pending = self
            .asked
            .map(|a| a.token)
            .into_iter()
            .chain(self.waiting.iter().map(Job::token));
        pending
            .map(|token| (token, Err(Error::new(kind.clone(), "simulated"))))
            .collect()
    }
}

impl Job {
    fn token(&self) -> Token {
        match self {
            Self::Call(token, ..) => *token,
            Self::Onward(onward) => onward.token,
        }
    }
}

/// There was nothing to go on from.
fn not_asked(token: Token) -> Completion {
    (token, Err(Error::new(ErrorKind::Disconnected, "simulated")))
}

/// The way between one member and the brokers, at this moment.
pub(crate) struct Link<'a> {
    pub(crate) now: Instant,
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) weather: Weather,
    pub(crate) ids: &'a mut u64,
    pub(crate) is_running: &'a dyn Fn(i32) -> bool,
    /// The versions that a broker lists.
    pub(crate) listed: &'a dyn Fn(i32) -> Vec<ApiVersion>,
    pub(crate) out: Vec<(Instant, Packet)>,
}

impl Link<'_> {
    fn fresh_id(&mut self) -> ConnectionId {
        *self.ids += 1;
        ConnectionId(*self.ids)
    }

    /// A request goes out. The way is open from `opens` on, or never.
    fn request(
        &mut self,
        (connection, broker): (ConnectionId, i32),
        frame: Vec<u8>,
        (token, after): (Token, Duration),
        opens: Option<Instant>,
    ) {
        self.out.push((
            self.now + after,
            Packet::Late {
                connection,
                token,
                after,
            },
        ));
        let delay = self.weather.delay(self.rng);
        let Some(opens) = opens else {
            return;
        };
        let arrives = opens.max(self.now + delay);
        if !(self.is_running)(broker) {
            return self.out.push((arrives, Packet::Refused { connection }));
        }
        if strikes(self.rng, self.weather.silent_one_in) {
            return;
        }
        let is_reset = strikes(self.rng, self.weather.reset_one_in);
        // Before or after the broker has seen it; if after, the answer is lost.
        if !is_reset || self.rng.bool() {
            let outlives_connection = self.rng.bool();
            self.out.push((
                arrives,
                Packet::Arrive {
                    broker,
                    connection,
                    frame,
                    outlives_connection,
                },
            ));
        }
        if is_reset {
            let learns = arrives + self.weather.delay(self.rng);
            self.out.push((learns, Packet::Closed { connection }));
        }
    }
}
