//! What works with which release: the table in `docs/compatibility.md`, and what it is made of.
//!
//! A row is a feature, which some stories of the test program `real` tell. A cell is what has become of
//! those stories on one release.

use std::fmt::Write;

use crate::release::Release;

/// A row of the table. Stories are named by their modules, without that of the release.
struct Feature {
    title: &'static str,
    /// The feature works if these pass. Where none of them is told, the release does not have it.
    stories: &'static [&'static str],
}

/// The rows, and in what the release must agree.
const FEATURES: &[Feature] = &[
    Feature {
        title: "two members, one channel each",
        stories: &["sharing::two_members_share_one_channel_each"],
    },
    Feature {
        title: "two members, a handle for each partition",
        stories: &["sharing::two_members_share_by_partitions"],
    },
    Feature {
        title: "a group shared with librdkafka and the Java client of the release",
        stories: &[
            "mixed::three_makes_share_by_range",
            "mixed::three_makes_share_by_round_robin",
        ],
    },
    Feature {
        title: "a group that a member of the protocol of KIP-848 joins and leaves",
        stories: &[
            "new_protocol::a_member_of_the_new_protocol_joins_and_is_left_alone",
            "new_protocol::a_member_of_the_new_protocol_joins_and_leaves_again",
        ],
    },
    Feature {
        title: "members join and leave under load",
        stories: &[
            "rebalances::a_member_joins_and_leaves_under_load",
            "rebalances::a_member_joins_and_leaves_under_load_by_partitions",
        ],
    },
    Feature {
        title: "a member is killed (SIGKILL), another resumes",
        stories: &[
            "rebalances::a_killed_member_is_replaced",
            "rebalances::a_killed_member_is_replaced_by_partitions",
        ],
    },
    Feature {
        title: "static members: back without a rebalance, unless something has changed",
        stories: &[
            "statics::a_static_member_comes_back_without_a_rebalance",
            "statics::static_members_that_come_back_miss_neither_partitions_nor_topics",
            "statics::partitions_of_topics_that_a_leader_does_not_read_are_seen_also_when_it_was_away",
        ],
    },
    Feature {
        title: "marks, acks and resets are committed; the next member resumes",
        stories: &[
            "commits::the_next_member_resumes_behind_the_mark",
            "commits::a_reset_goes_back",
            "commits::an_unmarked_record_comes_again",
            "commits::acknowledged_in_any_order_committed_in_order",
            "commits::commit_offsets_commits_now",
            "commits::a_commit_of_more_than_fits_a_message_is_made_in_parts",
        ],
    },
    Feature {
        title: "commits carry metadata",
        stories: &["commits::a_mark_carries_metadata"],
    },
    Feature {
        title: "start at the oldest or the newest offset",
        stories: &[
            "offsets::the_oldest_and_the_newest_offset_are_found",
            "starts::a_group_at_the_newest_that_reads_nothing_misses_nothing",
        ],
    },
    Feature {
        title: "offset by time",
        stories: &["times::since::an_offset_is_found_by_time"],
    },
    Feature {
        title: "offset by time: refused with the reason",
        stories: &["times::before::a_time_is_refused_and_the_reason_told"],
    },
    Feature {
        title: "offset out of range: reported, then oldest or newest",
        stories: &[
            "starts::out_of_range_goes_on_at_the_oldest_and_says_so",
            "starts::out_of_range_goes_on_at_the_newest_and_says_so",
        ],
    },
    Feature {
        title: "topics and partitions that come and go; topics by pattern",
        stories: &[
            "topics::a_topic_created_later_is_read_if_the_lists_say_so",
            "topics::new_partitions_are_read_from_their_start",
            "topics::new_partitions_are_read_from_their_start_also_by_a_group_at_the_newest",
            "topics::a_topic_that_does_not_exist_is_reported_and_read_when_it_appears",
            "topics::a_deleted_topic_does_not_stop_the_others",
        ],
    },
    Feature {
        title: "every codec of the release, written by its Java client",
        stories: &["codecs::every_codec_of_the_client_of_the_release_is_read"],
    },
    Feature {
        title: "every codec of the release, written by librdkafka",
        stories: &["codecs::every_codec_of_librdkafka_is_read"],
    },
    Feature {
        title: "stored in format 0 (as before 0.10), every codec",
        stories: &["formats::format_0::message_sets_of_format_0_are_read"],
    },
    Feature {
        title: "stored in format 1 (as before 0.11), every codec",
        stories: &["formats::format_1::message_sets_of_format_1_are_read"],
    },
    Feature {
        title: "keys, values, nulls, timestamps",
        stories: &["records::keys_values_and_nulls_arrive"],
    },
    Feature {
        title: "timestamps of the broker (LogAppendTime)",
        stories: &["append_time::the_time_of_the_broker_replaces_that_of_the_producer"],
    },
    Feature {
        title: "headers of records",
        stories: &["headers::headers_arrive"],
    },
    Feature {
        title: "transactions: read committed",
        stories: &["transactions::what_was_aborted_is_left_out_if_wished"],
    },
    Feature {
        title: "a record larger than the fetch size",
        stories: &["sizes::a_record_larger_than_the_fetch_size_arrives"],
    },
    Feature {
        title: "a quota of bytes a second",
        stories: &["quotas::a_quota_that_is_used_up_slows_the_reading_down_and_nothing_else"],
    },
    Feature {
        title: "an older protocol, by `config.version`",
        stories: &["ceiling::an_older_release_in_the_settings_is_spoken"],
    },
];

/// Upgrades of a running cluster, each told by one test.
const UPGRADES: &[(&str, &str)] = &[
    (
        "1.1.1 to 2.4.1, 2.8.2 and 3.9.1, with ZooKeeper; beside it records stored in format 1",
        "upgrades::own_brokers::a_cluster_with_zookeeper_is_upgraded_under_load",
    ),
    (
        "3.9.1 to 4.0.0 and 4.4.0, with KRaft",
        "upgrades::own_brokers::a_cluster_of_controllers_is_upgraded_under_load",
    ),
];

/// Tests of the tests' own tools.
const NO_FEATURE: &str = "support::";

/// What has become of tests.
#[derive(Debug, Default)]
pub struct Results(Vec<(String, bool)>);

impl Results {
    /// Notes how a test has ended, by the name that the test program gives it.
    pub fn add(&mut self, test: &str, passed: bool) {
        self.0.push((test.to_owned(), passed));
    }

    /// The text of `docs/compatibility.md`.
    pub fn table(&self) -> String {
        let mut text = TITLE.to_owned();
        let versions = Release::ALL.iter().map(|release| release.version());
        let _ = writeln!(text, "| |{}|", versions.collect::<Vec<_>>().join("|"));
        let _ = writeln!(text, "|---|{}", ":-:|".repeat(Release::ALL.len()));
        for feature in FEATURES {
            let cells = Release::ALL
                .iter()
                .map(|release| self.cell(feature, *release));
            let cells: Vec<_> = cells.collect();
            let _ = writeln!(text, "| {} |{}|", feature.title, cells.join("|"));
        }
        text += UPGRADED;
        for (title, test) in UPGRADES {
            let outcomes = self.0.iter().filter(|(name, _)| name == test);
            let _ = writeln!(
                text,
                "| {title} | {} |",
                cell(outcomes.map(|(_, passed)| *passed))
            );
        }
        text
    }

    fn cell(&self, feature: &Feature, release: Release) -> &'static str {
        let module = format!("::{}::", module(release));
        let outcomes = self.0.iter().filter(|(test, _)| {
            let story = test.replacen(&module, "::", 1);
            test.contains(&module) && feature.stories.contains(&story.as_str())
        });
        cell(outcomes.map(|(_, passed)| *passed))
    }

    /// The stories on single releases that belong to no row, and those of rows that are not told.
    pub fn strangers(&self) -> (Vec<String>, Vec<&'static str>) {
        let told: Vec<_> = self.0.iter().filter_map(|(test, _)| story(test)).collect();
        let listed: Vec<_> = FEATURES
            .iter()
            .flat_map(|one| one.stories)
            .copied()
            .collect();
        let is_listed = |story: &str| listed.contains(&story) || story.starts_with(NO_FEATURE);
        let unlisted = told.iter().filter(|story| !is_listed(story));
        let untold = listed
            .iter()
            .filter(|story| !told.iter().any(|one| one == *story));
        (unlisted.cloned().collect(), untold.copied().collect())
    }
}

/// The module of the tests on a release.
pub fn module(release: Release) -> String {
    format!("kafka_{}", release.version().replace('.', "_"))
}

/// The story that a test on one release tells.
fn story(test: &str) -> Option<String> {
    let module = Release::ALL
        .iter()
        .map(|release| format!("::{}::", module(*release)))
        .find(|module| test.contains(module))?;
    Some(test.replacen(&module, "::", 1))
}

fn cell(mut outcomes: impl Iterator<Item = bool>) -> &'static str {
    match outcomes.next() {
        None => "–",
        Some(first) if first && outcomes.all(|passed| passed) => "yes",
        Some(_) => "**fails**",
    }
}

const TITLE: &str = "\
# Compatibility

What has been measured on real Apache Kafka, release by release. This file is written by

```sh
cargo run -p kafka-tests --bin compatibility
```

which runs the stories of `tests/kafka/tests/real` on each release (it takes a while); nine of the releases are
part of every run of the tests. Nothing is configured for a release: the library finds out what a broker speaks.

*yes*: all stories of the row pass. –: the release does not have it.

";

const UPGRADED: &str = "
Upgraded broker by broker, while a member of a group reads under load: no record is lost, repeated or out of
order, and no rebalance happens.

| | |
|---|:-:|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_what_all_stories_of_its_row_say() {
        let mut results = Results::default();
        results.add("mixed::kafka_2_4_1::three_makes_share_by_range", true);
        results.add("mixed::kafka_2_4_1::three_makes_share_by_round_robin", true);
        results.add("mixed::kafka_4_0_0::three_makes_share_by_range", true);
        results.add(
            "mixed::kafka_4_0_0::three_makes_share_by_round_robin",
            false,
        );
        let mixed = FEATURES.iter().find(|one| one.title.contains("librdkafka"));
        let cell = |release| results.cell(mixed.unwrap(), release);
        assert_eq!(cell(Release::V2_4_1), "yes");
        assert_eq!(cell(Release::V4_0_0), "**fails**");
        assert_eq!(cell(Release::V4_1_0), "–");
    }
}
