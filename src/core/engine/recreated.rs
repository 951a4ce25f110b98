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
        let next = self.new_claim();
        let was_read = again.was_read;
        self.claims.insert(next, again);
        if was_read {
            self.begin_anew(now, next, stage);
        } else {
            // Somebody else may have begun to read the new topic before.
            self.starts.add(next, &topic, partition);
        }
        self.want_topics(now);
        self.observe_if_awaited();
    }

    /// The new topic is read from its start, also if this claim has read the former one to who knows where.
    ///
    /// What is in force under the name may have been meant for the former topic; where commits have only the name nobody
    /// can tell. So the start is committed at once, also for a claim that is being given up, or was: else the next
    /// one would begin in the midst. If it was meant for the new topic, which this member is late to see,
    /// that costs a second delivery.
    fn begin_anew(&mut self, now: Instant, id: ClaimId, former: Stage) {
        let delivers_no_more: Option<fn(i64) -> Stage> = match former {
            _ if self.release.is_some() => Some(Stage::Held),
            Stage::Closed(_) => Some(Stage::Closed),
            _ => None,
        };
        let claim = self.claims.get_mut(&id).expect("it was just made");
        let is_there = self.cluster.is_described(&claim.topic, claim.partition);
        // A look-up has only the name: it may be answered by a broker that has the former log still.
        claim.is_start_assumed = is_there;
        let commit_start = self.settings.commit.interval.is_some();
        match delivers_no_more {
            _ if is_there => self.open(now, id, 0, String::new(), commit_start),
            // The new topic does not have this partition, and the claim waits for it: the leader of the group need not have
            // seen this topic when it sees another with as many partitions as ever, and then nobody else is given it.
            None => self.look_up_start(id, At::Oldest, commit_start),
            Some(_) => return self.end(id),
        }
        if let Some(stage) = delivers_no_more {
            self.hold(id, stage);
        }
    }
}
