//! What each request is about, for the faults that are only for some.

use super::{fault::Subject, topics::TopicRef};
use crate::protocol::{
    Request, api_versions, create_partitions, create_topics, delete_records, delete_topics,
    describe_groups, fetch, find_coordinator, heartbeat, join_group, leave_group, list_groups,
    list_offsets, metadata, offset_commit, offset_fetch, offset_for_leader_epoch, produce,
    sync_group,
};

/// A request that can say which groups and partitions it is about.
pub(crate) trait About: Request {
    /// What it is about, in the version that was spoken.
    fn subject(&self, version: i16) -> Subject<'_>;
}

macro_rules! about_nothing {
    ($($request:path),+ $(,)?) => {$(
        impl About for $request {
            fn subject(&self, _: i16) -> Subject<'_> {
                Subject::default()
            }
        }
    )+};
}

macro_rules! about_a_member {
    ($($request:path),+ $(,)?) => {$(
        impl About for $request {
            fn subject(&self, _: i16) -> Subject<'_> {
                Subject {
                    member_id: &self.member_id,
                    ..group(&self.group_id)
                }
            }
        }
    )+};
}

about_nothing!(api_versions::Request, list_groups::Request);
about_a_member!(
    join_group::Request,
    sync_group::Request,
    heartbeat::Request,
    leave_group::SingleRequest
);

fn group(group: &str) -> Subject<'_> {
    Subject {
        groups: vec![group],
        ..Subject::default()
    }
}

fn groups<'a>(groups: impl IntoIterator<Item = &'a String>) -> Subject<'a> {
    Subject {
        groups: groups.into_iter().map(String::as_str).collect(),
        ..Subject::default()
    }
}

/// Every partition of every topic; the closures say how the request names them.
fn each<'a, T: 'a, P: 'a>(
    topics: impl IntoIterator<Item = &'a T>,
    topic: impl Fn(&'a T) -> TopicRef<'a>,
    partitions: impl Fn(&'a T) -> &'a [P],
    number: impl Fn(&P) -> i32,
) -> Subject<'a> {
    let mut all = Vec::new();
    for each in topics {
        all.extend(
            partitions(each)
                .iter()
                .map(|partition| (topic(each), Some(number(partition)))),
        );
    }
    Subject {
        partitions: all,
        ..Subject::default()
    }
}

fn names<'a>(topics: impl IntoIterator<Item = &'a String>) -> Subject<'a> {
    let partitions = topics.into_iter().map(|name| (TopicRef::Name(name), None));
    Subject {
        partitions: partitions.collect(),
        ..Subject::default()
    }
}

impl About for find_coordinator::SingleRequest {
    fn subject(&self, _: i16) -> Subject<'_> {
        group(&self.key)
    }
}

impl About for find_coordinator::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        groups(&self.coordinator_keys)
    }
}

impl About for leave_group::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        // Who leaves for itself names one member.
        let member_id = self.members.first().map(|member| member.member_id.as_str());
        Subject {
            member_id: member_id.unwrap_or_default(),
            ..group(&self.group_id)
        }
    }
}

impl About for describe_groups::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        groups(&self.groups)
    }
}

impl About for metadata::Request {
    fn subject(&self, version: i16) -> Subject<'_> {
        let Some(topics) = self
            .topics
            .as_ref()
            .filter(|topics| version > 0 || !topics.is_empty())
        else {
            return Subject {
                is_all_topics: true,
                ..Subject::default()
            };
        };
        let partitions = topics.iter().map(|topic| match &topic.name {
            Some(name) => (TopicRef::Name(name), None),
            None => (TopicRef::Id(topic.topic_id), None),
        });
        Subject {
            partitions: partitions.collect(),
            ..Subject::default()
        }
    }
}

impl About for produce::Request {
    fn subject(&self, version: i16) -> Subject<'_> {
        each(
            &self.topic_data,
            |t| TopicRef::of(version, 12, &t.name, t.topic_id),
            |t| &t.partition_data,
            |p| p.index,
        )
    }
}

impl About for fetch::Request {
    fn subject(&self, version: i16) -> Subject<'_> {
        each(
            &self.topics,
            |t| TopicRef::of(version, 12, &t.topic, t.topic_id),
            |t| &t.partitions,
            |p| p.partition,
        )
    }
}

impl About for list_offsets::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        each(
            &self.topics,
            |t| TopicRef::Name(&t.name),
            |t| &t.partitions,
            |p| p.partition_index,
        )
    }
}

impl About for offset_for_leader_epoch::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        each(
            &self.topics,
            |t| TopicRef::Name(&t.topic),
            |t| &t.partitions,
            |p| p.partition,
        )
    }
}

impl About for offset_commit::Request {
    fn subject(&self, version: i16) -> Subject<'_> {
        let partitions = each(
            &self.topics,
            |t| TopicRef::of(version, 9, &t.name, t.topic_id),
            |t| &t.partitions,
            |p| p.partition_index,
        );
        Subject {
            groups: vec![&self.group_id],
            member_id: &self.member_id,
            ..partitions
        }
    }
}

impl About for offset_fetch::SingleRequest {
    fn subject(&self, _: i16) -> Subject<'_> {
        let partitions = each(
            self.topics.iter().flatten(),
            |t| TopicRef::Name(&t.name),
            |t| &t.partition_indexes,
            |p| *p,
        );
        Subject {
            groups: vec![&self.group_id],
            ..partitions
        }
    }
}

impl About for offset_fetch::Request {
    fn subject(&self, version: i16) -> Subject<'_> {
        let topics = self
            .groups
            .iter()
            .flat_map(|group| group.topics.iter().flatten());
        let partitions = each(
            topics,
            |t| TopicRef::of(version, 9, &t.name, t.topic_id),
            |t| &t.partition_indexes,
            |p| *p,
        );
        Subject {
            groups: self
                .groups
                .iter()
                .map(|group| group.group_id.as_str())
                .collect(),
            ..partitions
        }
    }
}

impl About for create_topics::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        names(self.topics.iter().map(|topic| &topic.name))
    }
}

impl About for delete_topics::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        let mut subject = names(&self.topic_names);
        subject
            .partitions
            .extend(self.topics.iter().map(|topic| match &topic.name {
                Some(name) => (TopicRef::Name(name), None),
                None => (TopicRef::Id(topic.topic_id), None),
            }));
        subject
    }
}

impl About for create_partitions::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        names(self.topics.iter().map(|topic| &topic.name))
    }
}

impl About for delete_records::Request {
    fn subject(&self, _: i16) -> Subject<'_> {
        each(
            &self.topics,
            |t| TopicRef::Name(&t.name),
            |t| &t.partitions,
            |p| p.partition_index,
        )
    }
}
