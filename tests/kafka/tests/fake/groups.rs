//! How groups go.

use sarama_cluster::{
    protocol::leave_group,
    testing::{ErrorCode, KafkaRelease},
};

use crate::scene::{Join, Scene};

/// A time that is waited for to its end, and that a busy machine needs for some other requests.
const SHORT_MS: i32 = 3_000;

pub(crate) fn members_come_rebalance_and_go(scene: &mut Scene) {
    let join = Join::default();
    scene.join("a", &join);
    scene.sync("a", 1, &[("a", "all")]);
    scene.beat("a", 1);
    scene.describe();

    scene.send_join("b", &join);
    scene.waits_among(2, "b");
    scene.describe();
    scene.beat("a", 1);
    scene.commit("a", 1);
    scene.commit("a", 0);
    scene.sync("a", 1, &[]);
    scene.join("a", &join);
    scene.joined("b", &join);

    scene.describe();
    scene.beat("a", 2);
    scene.beat("a", 1);
    scene.commit("b", 2);
    scene.commit("b", 1);
    scene.join("a", &join);
    scene.join("b", &join);
    scene.send_sync("b", 2, None, &[]);
    scene.waits("b");
    scene.sync("a", 1, &[]);
    scene.sync("a", 2, &[("a", "left"), ("b", "right")]);
    scene.synced("b");
    scene.describe();

    scene.join("b", &join);
    scene.sync("b", 2, &[]);
    scene.commit("b", 2);
    let changed = Join {
        protocols: vec![("range", "other")],
        ..join.clone()
    };
    scene.send_join("b", &changed);
    scene.waits_among(2, "b");
    scene.join("a", &join);
    scene.joined("b", &changed);

    // Somebody new, while the assignment is awaited.
    scene.send_sync("b", 3, None, &[]);
    scene.waits("b");
    scene.send_join("c", &join);
    scene.waits_among(3, "c");
    scene.synced("b");
    scene.waits("c");
    scene.leave("b", None);
    scene.beat("b", 3);
    scene.join("a", &join);
    scene.joined("c", &join);
    scene.sync("a", 4, &[("a", "all")]);
    scene.sync("c", 4, &[]);

    // The leader goes, and then the last one.
    scene.leave("a", None);
    scene.beat("a", 4);
    scene.beat("c", 4);
    scene.join("c", &join);
    scene.leave("c", None);
    scene.beat("c", 5);
    scene.describe();
    scene.commit("nobody", -1);
    scene.join("d", &join);
    scene.commit("nobody", -1);
}

pub(crate) fn strangers_are_refused(scene: &mut Scene) {
    scene.describe();
    scene.beat("a", 1);
    scene.sync("a", 1, &[]);
    scene.leave("a", None);
    let single = leave_group::SingleRequest {
        group_id: scene.group.clone(),
        member_id: "stranger".to_owned(),
    };
    let left = scene.call("a", 2, &single);
    scene.say(format!("{:?}", left.error_code));
    scene.commit("a", 1);
    if scene.release() >= KafkaRelease::V4_0 {
        scene.commit_as("a", 9, 1, None, "");
    }
    scene.take_id("a", "stranger");
    scene.join("a", &Join::default());
    scene.take_id("a", "");
    scene.join(
        "a",
        &Join {
            session_ms: 499,
            ..Join::default()
        },
    );
    scene.join(
        "a",
        &Join {
            session_ms: i32::MAX,
            ..Join::default()
        },
    );
    scene.join(
        "a",
        &Join {
            protocols: Vec::new(),
            ..Join::default()
        },
    );

    scene.join("a", &Join::default());
    scene.take_id("b", "stranger");
    scene.join("b", &Join::default());
    scene.sync("b", 1, &[]);
    scene.beat("b", 1);
    scene.commit("b", 1);
    scene.commit("b", -1);
    scene.leave("b", None);
    scene.beat("a", 5);
    scene.beat("a", -1);
    scene.sync("a", 5, &[]);
    scene.commit("a", 5);

    scene.group = String::new();
    scene.join("b", &Join::default());
    scene.beat("b", 1);
    scene.sync("b", 1, &[]);
    scene.leave("b", None);
}

pub(crate) fn a_member_id_is_required(scene: &mut Scene) {
    let join = Join {
        version: 5,
        ..Join::default()
    };
    scene.join("a", &join);
    scene.join("a", &join);
    scene.sync("a", 1, &[("a", "all")]);

    // Who was told to come back holds up the others.
    scene.join("b", &join);
    scene.describe();
    scene.beat("a", 1);
    scene.send_join("a", &join);
    scene.waits_among(1, "a");
    scene.join("b", &join);
    scene.joined("a", &join);
    scene.sync("a", 2, &[]);
    scene.sync("b", 2, &[]);

    // Until it goes, or its session is over.
    scene.join("c", &join);
    scene.send_join("a", &join);
    scene.waits_among(2, "a");
    scene.send_join("b", &join);
    scene.waits_among(2, "b");
    scene.leave("c", None);
    scene.joined("a", &join);
    scene.joined("b", &join);
    scene.join("c", &join);
    scene.sync("a", 3, &[]);
    scene.sync("b", 3, &[]);
    let short = Join {
        session_ms: SHORT_MS,
        ..join.clone()
    };
    scene.join("d", &short);
    scene.send_join("a", &join);
    scene.waits_among(2, "a");
    scene.send_join("b", &join);
    scene.waits_among(2, "b");
    scene.joined("a", &join);
    scene.joined("b", &join);
    scene.join("d", &short);
}

pub(crate) fn static_members_keep_their_seats(scene: &mut Scene) {
    let one = Join {
        version: 5,
        instance: Some("one"),
        ..Join::default()
    };
    let two = Join {
        instance: Some("two"),
        ..one.clone()
    };
    let back = |join: &Join| Join {
        is_forgetful: true,
        ..join.clone()
    };
    scene.join("a", &one);
    scene.sync("a", 1, &[("a", "all")]);
    scene.send_join("b", &two);
    scene.waits_among(2, "b");
    scene.join("a", &one);
    scene.joined("b", &two);
    scene.send_sync("b", 2, Some("two"), &[]);
    scene.waits("b");
    scene.sync("a", 2, &[("a", "left"), ("b", "right")]);
    scene.synced("b");

    let old = scene.id("b");
    scene.join("b", &back(&two));
    scene.sync("b", 2, &[]);
    let old_leader = scene.id("a");
    scene.join("a", &back(&one));
    if scene.release() >= KafkaRelease::V3_9 {
        scene.join(
            "a",
            &Join {
                version: 9,
                ..back(&one)
            },
        );
    }
    scene.describe();
    for (name, id) in [("the old b", old), ("the old a", old_leader)] {
        scene.take_id(name, &id);
        let instance = if name == "the old b" { "two" } else { "one" };
        let code = scene.heartbeat(name, 2, Some(instance));
        scene.say(format!("{name} beats: {}", code.name()));
        scene.commit_as(name, 7, 2, Some(instance), "");
        scene.commit(name, 2);
        scene.send_sync(name, 2, Some(instance), &[]);
        scene.synced(name);
        scene.join(
            name,
            &Join {
                instance: Some(instance),
                ..one.clone()
            },
        );
        scene.leave(name, Some(instance));
        scene.take_id(name, "");
    }
    if scene.release() >= KafkaRelease::V3_0 {
        // Older ones look only whether the name is that of another member.
        let code = scene.heartbeat("a", 2, Some("three"));
        scene.say(format!("an unknown instance: {}", code.name()));
    }

    // Replaced while it waits for a rebalance.
    scene.send_join("c", &Join::default());
    scene.waits_among(3, "c");
    scene.send_join("b", &two);
    scene.waits_among(3, "b");
    scene.send_join("new b", &two);
    scene.waits_among(3, "new b");
    let fenced = scene.joined("b", &two);
    assert_eq!(fenced.error_code, ErrorCode::FENCED_INSTANCE_ID);
    scene.waits("c");
    scene.join("a", &one);
    scene.joined("new b", &two);
    scene.joined("c", &Join::default());
    // An administrator knows it only by its name.
    scene.take_id("nobody", "");
    scene.leave("nobody", Some("two"));
    scene.leave("nobody", Some("two"));
    scene.describe();
}

pub(crate) fn who_is_late_loses_its_seat(scene: &mut Scene) {
    let patient = Join::default();
    // Without heartbeats.
    scene.join("a", &patient);
    scene.sync("a", 1, &[]);
    let short = Join {
        session_ms: SHORT_MS,
        ..patient.clone()
    };
    scene.send_join("b", &short);
    scene.waits_among(2, "b");
    scene.join("a", &patient);
    scene.joined("b", &short);
    scene.sync("a", 2, &[]);
    scene.sync("b", 2, &[]);
    scene.send_join("a", &patient);
    scene.waits_among(2, "a");
    scene.joined("a", &patient);
    scene.beat("b", 2);

    // With heartbeats, but without joining.
    scene.next_group();
    let hasty = Join {
        rebalance_ms: SHORT_MS,
        ..patient.clone()
    };
    scene.join("a", &hasty);
    scene.sync("a", 1, &[]);
    scene.send_join("b", &hasty);
    scene.waits_among(2, "b");
    scene.join("a", &hasty);
    scene.joined("b", &hasty);
    scene.sync("a", 2, &[]);
    scene.sync("b", 2, &[]);
    // The follower has something new to say; the leader is busy and loses the lead.
    let changed = Join {
        protocols: vec![("range", "other")],
        ..hasty.clone()
    };
    scene.send_join("b", &changed);
    scene.waits_among(2, "b");
    scene.beat("a", 2);
    scene.joined("b", &changed);
    scene.beat("a", 2);
    scene.sync("b", 3, &[("b", "all")]);

    // Without sending SyncGroup.
    scene.send_join("c", &hasty);
    scene.waits_among(2, "c");
    scene.join("b", &changed);
    scene.joined("c", &hasty);
    scene.sync("b", 4, &[]);
    if scene.release() >= KafkaRelease::V3_0 {
        scene.beat_until_refused("b", 4);
        scene.beat("c", 4);
    }
}

pub(crate) fn protocols_are_voted_for(scene: &mut Scene) {
    let of = |protocols: &[&'static str]| Join {
        protocols: protocols.iter().map(|name| (*name, "topic")).collect(),
        ..Join::default()
    };
    let (many, two) = (
        of(&["sticky", "range", "roundrobin"]),
        of(&["roundrobin", "range"]),
    );
    scene.join("a", &many);
    scene.join("b", &of(&["other"]));
    scene.send_join("b", &two);
    scene.waits_among(2, "b");
    scene.send_join("c", &two);
    scene.waits_among(3, "c");
    scene.join("a", &many);
    scene.joined("b", &two);
    scene.joined("c", &two);
    scene.join("d", &of(&["sticky"]));
    scene.sync("a", 2, &[]);
    scene.describe();
}
