//! Groups, their members and commits.

use std::{collections::BTreeMap, time::Instant};

use crate::{
    protocol::{ErrorCode, consumer_protocol::Assignment},
    testing::broker::{
        Cluster, GroupState, SeenCommit,
        group::{Committed, Group},
        topics::{OFFSETS_TOPIC, TopicRef, java_hash},
    },
};

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// The id that it was given.
    pub member_id: String,
    /// Its name, if it is a static member.
    pub instance_id: Option<String>,
    /// As whom it came.
    pub client_id: String,
    /// What the leader gave it: topics and their partitions. Empty before the group is stable.
    pub assignment: BTreeMap<String, Vec<i32>>,
}

impl Cluster {
    /// Who coordinates a group: the leader of its partition of `__consumer_offsets`.
    pub fn coordinator(&self, group: &str) -> Option<i32> {
        self.leader(OFFSETS_TOPIC, self.offsets_partition(group))
    }

    /// Has another broker coordinate a group, and those that share its partition of
    /// `__consumer_offsets`. Who waits for a rebalance is answered NOT_COORDINATOR; the new coordinator
    /// knows the last stable generation and all commits.
    pub fn move_coordinator(&mut self, now: Instant, group: &str, to: i32) {
        self.ensure_offsets_topic();
        self.move_leader(now, OFFSETS_TOPIC, self.offsets_partition(group), to);
    }

    /// What a group has committed: the next offset to be read, and what the next owner is to know.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<(i64, String)> {
        let committed = self
            .groups
            .get(group)?
            .offsets()
            .get(&(topic.to_owned(), partition))?;
        Some((committed.offset, committed.metadata.clone()))
    }

    /// Commits an offset past the group's rules, as an administrator would reset it.
    pub fn commit(
        &mut self,
        now: Instant,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
        metadata: &str,
    ) {
        self.ensure_offsets_topic();
        self.group_mut(group, true);
        let committed = Committed {
            offset,
            leader_epoch: -1,
            metadata: metadata.to_owned(),
        };
        self.keep_commit(now, "", group, (topic.to_owned(), partition), committed);
    }

    /// A commit comes into force.
    pub(in crate::testing::broker) fn keep_commit(
        &mut self,
        now: Instant,
        client_id: &str,
        group_id: &str,
        place: (String, i32),
        committed: Committed,
    ) {
        let Some(group) = self.group_mut(group_id, false) else {
            return;
        };
        let seen = SeenCommit {
            at: now,
            client_id: client_id.to_owned(),
            group: group_id.to_owned(),
            topic: place.0.clone(),
            partition: place.1,
            offset: committed.offset,
            metadata: committed.metadata.clone(),
        };
        group.offsets_mut().insert(place, committed);
        self.commits.push(seen);
    }

    /// The latest commits that were accepted, of all groups, the oldest first.
    pub fn commits(&self) -> impl Iterator<Item = &SeenCommit> {
        self.commits.latest()
    }

    /// The members of a group, in the order of joining.
    pub fn members(&self, group: &str) -> Vec<MemberInfo> {
        let members = self
            .groups
            .get(group)
            .map(Group::members)
            .unwrap_or_default();
        let members = members.iter().map(|member| {
            let assignment = Assignment::from_bytes(&member.assignment).unwrap_or_default();
            let assigned = assignment.assigned_partitions.into_iter();
            MemberInfo {
                member_id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                assignment: assigned
                    .map(|topic| (topic.topic, topic.partitions))
                    .collect(),
            }
        });
        members.collect()
    }

    /// The generation of a group; 0 before the first.
    pub fn generation(&self, group: &str) -> i32 {
        self.groups.get(group).map_or(0, Group::generation)
    }

    /// The state of a group.
    pub fn group_state(&self, group: &str) -> GroupState {
        self.groups
            .get(group)
            .map_or(GroupState::Dead, Group::state)
    }

    /// The member id of a group's leader.
    pub fn group_leader(&self, group: &str) -> Option<&str> {
        self.groups.get(group)?.leader()
    }

    /// Removes a member, as an expired session would.
    pub fn evict(&mut self, now: Instant, group: &str, member_id: &str) {
        if let Some(group) = self.groups.get_mut(group) {
            group.leave(now, member_id, None);
        }
        self.settle(now);
    }

    fn offsets_partition(&self, group: &str) -> i32 {
        (java_hash(group) & i32::MAX) % self.settings.offsets_partitions
    }

    /// Kafka creates it when somebody first looks for a group coordinator.
    pub(crate) fn ensure_offsets_topic(&mut self) {
        if self.topics.get(OFFSETS_TOPIC).is_none() {
            let brokers = self.brokers.keys().copied().collect::<Vec<_>>();
            let (partitions, replication) = (
                self.settings.offsets_partitions,
                self.settings.replication_factor,
            );
            self.topics
                .create(OFFSETS_TOPIC, partitions, replication, &brokers);
            let in_touch = self.in_touch();
            self.topics.elect(&in_touch);
        }
    }

    pub(crate) fn check_coordinator(&self, broker: i32, group: &str) -> Result<(), ErrorCode> {
        match self.coordinator(group) {
            Some(id) if id == broker => Ok(()),
            _ => Err(ErrorCode::NOT_COORDINATOR),
        }
    }

    pub(crate) fn group_mut(&mut self, id: &str, create: bool) -> Option<&mut Group> {
        if create && !self.groups.contains_key(id) {
            // Each group makes its member ids from another seed.
            let seed = self
                .settings
                .seed
                .wrapping_add(self.groups.len() as u64 + 1);
            self.groups
                .insert(id.to_owned(), Group::new(self.settings.group_rules(), seed));
        }
        self.groups.get_mut(id)
    }

    pub(super) fn move_groups(&mut self, now: Instant, partition: i32) {
        let moved = self
            .groups
            .keys()
            .filter(|id| self.offsets_partition(id) == partition)
            .cloned();
        for id in moved.collect::<Vec<_>>() {
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            group.unload();
            if self
                .topics
                .partition(TopicRef::Name(OFFSETS_TOPIC), partition)
                .is_ok_and(|p| p.leader.is_some())
            {
                group.load(now);
            }
        }
    }
}
