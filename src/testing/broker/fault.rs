//! Things that go wrong on purpose.

use std::{fmt, sync::Arc, time::Duration};

use super::topics::{TopicRef, Topics};
use crate::protocol::{ApiKey, ErrorCode};

/// Names a fault, so that it can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub(crate) u64);

/// Which requests a fault is for; its last methods say what happens to them.
///
/// ```
/// # use sarama_cluster::testing::{ApiKey, ErrorCode, Fault};
/// let once = Fault::on(ApiKey::OffsetCommit).group("g").times(1).error(ErrorCode::COORDINATOR_NOT_AVAILABLE);
/// let until_lifted = Fault::on(ApiKey::Fetch).broker(2).silence();
/// ```
#[derive(Debug, Clone, Default)]
pub struct On {
    api: Option<ApiKey>,
    broker: Option<i32>,
    client_id: Option<String>,
    group: Option<String>,
    topic: Option<String>,
    partition: Option<i32>,
    times: Option<u32>,
}

/// Something that goes wrong, and when.
#[derive(Debug, Clone)]
pub struct Fault {
    on: On,
    effect: Effect,
}

#[derive(Debug, Clone)]
enum Effect {
    Error { code: ErrorCode, is_top_level: bool },
    Delay(Duration),
    Throttle(Duration),
    Hold,
    Alter(Alter),
    Drip(Drip),
    Fate(Fate),
}

/// Changes an answer on its way: given the version spoken and the frame, its length in front.
#[derive(Clone)]
pub(crate) struct Alter(Arc<dyn Fn(i16, Vec<u8>) -> Vec<u8> + Send + Sync>);

impl Alter {
    pub(crate) fn apply(&self, version: i16, frame: Vec<u8>) -> Vec<u8> {
        (self.0)(version, frame)
    }
}

impl fmt::Debug for Alter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alter")
    }
}

/// An answer that comes slowly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drip {
    /// So many bytes come at once.
    pub(crate) from: usize,
    /// Before each of the others.
    pub(crate) pause: Duration,
}

/// What becomes of a request and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    #[default]
    Answered,
    /// The connection ends before the request has any effect.
    DroppedBefore,
    /// The connection ends in place of the answer.
    DroppedAfter,
    /// Nothing ever happens on the connection again.
    Silence,
    /// These bytes are sent in place of an answer.
    Garbage(Vec<u8>),
}

impl Fault {
    /// Requests of this API.
    pub fn on(api: ApiKey) -> On {
        On {
            api: Some(api),
            ..On::default()
        }
    }

    /// Requests of every API.
    pub fn on_any() -> On {
        On::default()
    }
}

impl On {
    /// Only at this broker.
    #[must_use]
    pub fn broker(mut self, id: i32) -> Self {
        self.broker = Some(id);
        self
    }

    /// Only if the request comes from clients of this id: one of several members, say.
    #[must_use]
    pub fn client_id(mut self, id: &str) -> Self {
        self.client_id = Some(id.to_owned());
        self
    }

    /// Only if the request is about this group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }

    /// Only if the request is about this topic. An error is then given to its partitions alone.
    #[must_use]
    pub fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    /// Only if the request is about this partition. An error is then given to it alone.
    #[must_use]
    pub fn partition(mut self, topic: &str, partition: i32) -> Self {
        self.topic = Some(topic.to_owned());
        self.partition = Some(partition);
        self
    }

    /// Only for so many requests; without this until it is lifted.
    #[must_use]
    pub fn times(mut self, requests: u32) -> Self {
        self.times = Some(requests);
        self
    }

    /// The request has no effect and is answered with this code, where the API has a place for it: with
    /// every partition where it answers by partition, else with the request.
    pub fn error(self, code: ErrorCode) -> Fault {
        Fault {
            on: self,
            effect: Effect::Error {
                code,
                is_top_level: false,
            },
        }
    }

    /// Like [`error`](Self::error), in the one place for the whole request also where partitions have
    /// their own (Fetch from version 7 on, Metadata from version 13 on).
    pub fn top_level_error(self, code: ErrorCode) -> Fault {
        Fault {
            on: self,
            effect: Effect::Error {
                code,
                is_top_level: true,
            },
        }
    }

    /// The request has its effect, the answer comes later.
    pub fn delay(self, by: Duration) -> Fault {
        Fault {
            on: self,
            effect: Effect::Delay(by),
        }
    }

    /// As brokers since 2.0 treat a client that has used up its quota (KIP-219): a fetch is answered at once, with this
    /// time to wait and nothing about any partition. Other requests are answered as ever.
    pub fn throttle(self, by: Duration) -> Fault {
        Fault {
            on: self,
            effect: Effect::Throttle(by),
        }
    }

    /// The request has its effect, the answer comes when the fault is lifted.
    pub fn hold(self) -> Fault {
        Fault {
            on: self,
            effect: Effect::Hold,
        }
    }

    /// The connection ends before the request has any effect.
    pub fn drop_before(self) -> Fault {
        Fault {
            on: self,
            effect: Effect::Fate(Fate::DroppedBefore),
        }
    }

    /// The request has its effect, but the connection ends in place of the answer.
    pub fn drop_after(self) -> Fault {
        Fault {
            on: self,
            effect: Effect::Fate(Fate::DroppedAfter),
        }
    }

    /// The request has no effect and no answer, nor has any other on that connection.
    pub fn silence(self) -> Fault {
        Fault {
            on: self,
            effect: Effect::Fate(Fate::Silence),
        }
    }

    /// The request has no effect, and these bytes are sent in place of an answer.
    pub fn garbage(self, bytes: impl Into<Vec<u8>>) -> Fault {
        Fault {
            on: self,
            effect: Effect::Fate(Fate::Garbage(bytes.into())),
        }
    }

    /// The request has its effect, and the answer is changed on its way: `alter` is given the version
    /// that is spoken and the frame, its length in front, and says what is sent.
    pub fn alter(self, alter: impl Fn(i16, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Fault {
        Fault {
            on: self,
            effect: Effect::Alter(Alter(Arc::new(alter))),
        }
    }

    /// The request has its effect, and of the answer, its length in front, so many bytes come at once; the
    /// others come one at a time, with this pause before each.
    pub fn drip(self, from: usize, pause: Duration) -> Fault {
        Fault {
            on: self,
            effect: Effect::Drip(Drip { from, pause }),
        }
    }

    fn matches(&self, api: ApiKey, broker: i32, subject: &Subject<'_>, topics: &Topics) -> bool {
        let is_group = |group: &String| subject.groups.contains(&group.as_str());
        let is_partition = |&(topic, partition): &(TopicRef<'_>, Option<i32>)| {
            let name = match topic {
                TopicRef::Name(name) => Some(name),
                TopicRef::Id(_) => topics.name(topic),
            };
            name == self.topic.as_deref()
                && (self.partition.is_none() || partition.is_none() || partition == self.partition)
        };
        self.times != Some(0)
            && self.api.is_none_or(|wanted| wanted == api)
            && self.broker.is_none_or(|wanted| wanted == broker)
            && self
                .client_id
                .as_ref()
                .is_none_or(|id| id == subject.client_id)
            && self.group.as_ref().is_none_or(is_group)
            && (self.topic.is_none()
                || subject.is_all_topics
                || subject.partitions.iter().any(is_partition))
    }
}

/// What a request is about, and whose it is.
#[derive(Debug, Default)]
pub(crate) struct Subject<'a> {
    /// Who asks.
    pub(crate) client_id: &'a str,
    pub(crate) groups: Vec<&'a str>,
    /// Who asks, as the group knows it.
    pub(crate) member_id: &'a str,
    /// Topics, with their partitions where the request names them.
    pub(crate) partitions: Vec<(TopicRef<'a>, Option<i32>)>,
    /// It asks for all topics there are.
    pub(crate) is_all_topics: bool,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    /// The client's quota is used up, and full again after so long.
    pub(crate) throttle: Option<Duration>,
    pub(crate) held_by: Option<FaultId>,
    pub(crate) alter: Option<Alter>,
    pub(crate) drip: Option<Drip>,
    pub(crate) fate: Fate,
    error: Option<Injected>,
}

#[derive(Debug, Clone)]
struct Injected {
    code: ErrorCode,
    is_top_level: bool,
    topic: Option<String>,
    partition: Option<i32>,
}

impl Plan {
    /// The error of the whole request, where the API has a place for that and none by partition.
    pub(crate) fn request_error(&self) -> Option<ErrorCode> {
        self.error.as_ref().map(|error| error.code)
    }

    /// The error of the whole request, unless the fault is for some of its partitions.
    pub(crate) fn whole_error(&self) -> Option<ErrorCode> {
        let error = self.error.as_ref().filter(|error| error.topic.is_none());
        error.map(|error| error.code)
    }

    /// The error of the whole request, where partitions have their own.
    pub(crate) fn top_level_error(&self) -> Option<ErrorCode> {
        let error = self.error.as_ref().filter(|error| error.is_top_level);
        error.map(|error| error.code)
    }

    /// The error of that topic, unless the fault is for one of its partitions.
    pub(crate) fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        let is_meant = |error: &&Injected| {
            error.partition.is_none() && error.topic.as_deref().is_none_or(|name| name == topic)
        };
        self.error.as_ref().filter(is_meant).map(|error| error.code)
    }

    /// The error of that partition.
    pub(crate) fn partition_error(&self, topic: &str, partition: i32) -> Option<ErrorCode> {
        let is_meant = |error: &&Injected| {
            !error.is_top_level
                && error.topic.as_deref().is_none_or(|name| name == topic)
                && error.partition.is_none_or(|id| id == partition)
        };
        self.error.as_ref().filter(is_meant).map(|error| error.code)
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<(FaultId, Fault)>,
    last_id: u64,
}

impl Faults {
    /// A fault comes into force.
    pub(crate) fn inject(&mut self, fault: Fault) -> FaultId {
        self.last_id += 1;
        let id = FaultId(self.last_id);
        self.faults.push((id, fault));
        id
    }

    /// A fault is over.
    pub(crate) fn lift(&mut self, id: FaultId) {
        self.faults.retain(|(known, _)| *known != id);
    }

    /// All faults are over.
    pub(crate) fn lift_all(&mut self) {
        self.faults.clear();
    }

    /// Whether the fault is in force and has requests left.
    pub(crate) fn is_armed(&self, id: FaultId) -> bool {
        self.faults
            .iter()
            .any(|(known, fault)| *known == id && fault.on.times != Some(0))
    }

    /// What goes wrong with a request: all faults that match add up; of two errors, or two fates, the
    /// fault that came first decides.
    pub(crate) fn plan(
        &mut self,
        api: ApiKey,
        broker: i32,
        subject: &Subject<'_>,
        topics: &Topics,
    ) -> Plan {
        let mut plan = Plan::default();
        for (id, fault) in &mut self.faults {
            let has_room = match fault.effect {
                Effect::Error { .. } => plan.error.is_none(),
                Effect::Delay(_) => true,
                Effect::Throttle(_) => plan.throttle.is_none(),
                Effect::Hold => plan.held_by.is_none(),
                Effect::Alter(_) => plan.alter.is_none(),
                Effect::Drip(_) => plan.drip.is_none(),
                Effect::Fate(_) => plan.fate == Fate::Answered,
            };
            if !has_room || !fault.on.matches(api, broker, subject, topics) {
                continue;
            }
            if let Some(times) = &mut fault.on.times {
                *times -= 1;
            }
            match &fault.effect {
                Effect::Error { code, is_top_level } => {
                    plan.error = Some(Injected {
                        code: *code,
                        is_top_level: *is_top_level,
                        topic: fault.on.topic.clone(),
                        partition: fault.on.partition,
                    });
                }
                Effect::Delay(by) => plan.delay += *by,
                Effect::Throttle(by) => plan.throttle = Some(*by),
                Effect::Hold => plan.held_by = Some(*id),
                Effect::Alter(alter) => plan.alter = Some(alter.clone()),
                Effect::Drip(drip) => plan.drip = Some(*drip),
                Effect::Fate(fate) => plan.fate = fate.clone(),
            }
        }
        plan
    }
}
