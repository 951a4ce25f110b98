//! Topics that are deleted and created again: the name is the old one, the topic another.

use std::time::Instant;

use super::{Engine, claims::Stage};
use crate::{
    call::list_offsets::At,
    core::{ClaimId, cluster::Topic},
    error::Error,
    protocol::{ApiKey, ErrorCode},
    wire::Uuid,
};

impl Engine {
    /// The cluster was described anew. A topic with another id than before is another topic: what was
    /// read and marked in the former one says nothing of it.
    pub(super) fn tell_topics_apart(&mut self, now: Instant) {
        let cluster = &self.cluster;
        let is_the_same = |name: &String, first: &mut super::FirstSeen| {
            let present = cluster.topic_id(name);
            first.id = first.id.or(present);
            // Not every broker of a cluster that is being upgraded tells ids.
            cluster.topic(name).is_some_and(Topic::exists)
                && (present.is_none() || present == first.id)
        };
        self.first_seen.retain(is_the_same);
        let mut of_former_topics = Vec::new();
        for (id, claim) in &mut self.claims {
            let Some(present) = cluster.topic_id(&claim.topic) else {
                continue;
            };
            if *claim.topic_id.get_or_insert(present) != present {
                of_former_topics.push((*id, present));
            }
        }
        for (id, present) in of_former_topics {
            self.topic_recreated(now, id, present);
        }
    }

    /// The topic of a claim is gone, and there is another one in its place.
    fn topic_recreated(&mut self, now: Instant, id: ClaimId, present: Uuid) {
        let claim = &self.claims[&id];
        let (stage, topic, partition) = (claim.stage, claim.topic.clone(), claim.partition);
        let mut again = claim.again();
        again.topic_id = Some(present);
        let error = Error::broker_code(ErrorCode::UNKNOWN_TOPIC_ID, "topics");
        let error = error.at_api(ApiKey::Metadata);
        self.report(Some(id), error.at_partition(&topic, partition));
        self.starts.remove(id);
        self.end(id);
        // A claim that is being given up, or was, has nothing to begin anew. One of a partition that the new topic does not
        // have waits for it: the leader of the group need not have seen this topic when it sees another with as many
        // partitions as ever, and then nobody else is given them.
        if self.release.is_some() || matches!(stage, Stage::Closed(_)) {
            return self.observe_if_awaited();
        }
        let next = self.new_claim();
        self.claims.insert(next, again);
        match stage {
            // Somebody else may have begun to read the new topic before.
            Stage::Starting { .. } => self.starts.add(next, &topic, partition),
            // Only this member can have committed anything here, and that was meant for the former topic.
            _ => self.look_up_start(next, At::Oldest, self.settings.commit.interval.is_some()),
        }
        self.want_topics(now);
    }
}
