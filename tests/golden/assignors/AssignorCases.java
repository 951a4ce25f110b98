import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * Writes cases.txt: groups, and what Kafka's own assignors give to their members.
 *
 * <pre>
 * mvn -q dependency:build-classpath -Dmdep.outputFile=/tmp/assignors.cp
 * java -cp "$(cat /tmp/assignors.cp)" AssignorCases.java > cases.txt
 * </pre>
 */
public class AssignorCases {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    public static void main(String[] args) {
        OUT.println("# Written by AssignorCases.java with the assignors of kafka-clients 3.4.1.");
        OUT.println("#");
        OUT.println("# case NAME");
        OUT.println("# topic NAME PARTITIONS               a topic of the cluster");
        OUT.println("# member ID INSTANCE_ID|- TOPIC...    in the order in which they joined");
        OUT.println("# STRATEGY ID TOPIC:PARTITION,... ... all that the member gets");
        small();
        differentSubscriptions();
        order();
        staticMembers();
        large();
        random(new Random(20230526));
    }

    private static void small() {
        new Group("one member, one partition").topic("a", 1).member("m1", "a").write();
        new Group("one member takes all").topic("a", 3).topic("b", 2).member("m1", "a", "b").write();
        new Group("two members, even").topic("a", 4).member("m1", "a").member("m2", "a").write();
        new Group("two members, odd").topic("a", 5).member("m1", "a").member("m2", "a").write();
        new Group("three members, ten partitions").topic("a", 10).members(3, "a").write();
        new Group("three members, eleven partitions").topic("a", 11).members(3, "a").write();
        new Group("more members than partitions").topic("a", 2).members(5, "a").write();
        new Group("more members than partitions in each of three topics")
            .topic("a", 1).topic("b", 2).topic("c", 1).members(4, "a", "b", "c").write();
        new Group("two topics alike").topic("a", 3).topic("b", 3).members(2, "a", "b").write();
        new Group("the circle goes on over topics")
            .topic("a", 2).topic("b", 2).topic("c", 2).members(4, "a", "b", "c").write();
        new Group("many topics of one partition").topics(20, 1).members(3, names(20)).write();
        new Group("topics that grow").topic("a", 1).topic("b", 2).topic("c", 3).topic("d", 4)
            .topic("e", 5).members(3, "a", "b", "c", "d", "e").write();
    }

    private static void differentSubscriptions() {
        new Group("disjoint").topic("a", 3).topic("b", 3).member("m1", "a").member("m2", "b").write();
        new Group("overlapping").topic("a", 5).topic("b", 4).topic("c", 3)
            .member("m1", "a").member("m2", "a", "b").member("m3", "b", "c").write();
        new Group("each one more than the last").topic("t0", 1).topic("t1", 2).topic("t2", 3)
            .member("c0", "t0").member("c1", "t0", "t1").member("c2", "t0", "t1", "t2").write();
        new Group("the odd one out is skipped").topic("a", 6).topic("b", 3).topic("c", 6)
            .member("m1", "a", "c").member("m2", "b").member("m3", "a", "c").write();
        new Group("one of five wants the long topic").topic("a", 2).topic("long", 9).topic("z", 5)
            .members(4, "a", "z").member("m5", "a", "long", "z").write();
        new Group("a topic that nobody wants").topic("a", 3).topic("b", 3).members(2, "a").write();
        new Group("a topic that does not exist").topic("a", 3).members(2, "a", "nowhere").write();
        new Group("a topic that does not exist stands between two").topic("a", 3).topic("c", 3)
            .members(2, "a", "b", "c").write();
        new Group("no topic exists").members(2, "a", "b").write();
        new Group("one member wants nothing").topic("a", 4).member("m1", "a").member("m2")
            .member("m3", "a").write();
        new Group("no member wants anything").topic("a", 4).members(2).write();
        new Group("only one member wants what exists").topic("a", 4).member("m1", "b")
            .member("m2", "a").member("m3", "c").write();
    }

    private static void order() {
        new Group("the order of joining is nothing").topic("a", 5)
            .member("m3", "a").member("m1", "a").member("m2", "a").write();
        new Group("the order of a subscription is nothing").topic("a", 2).topic("b", 3).topic("c", 2)
            .member("m1", "c", "a", "b").member("m2", "b", "c", "a").write();
        new Group("m10 is before m2").topic("a", 5)
            .member("m2", "a").member("m10", "a").member("m1", "a").write();
        new Group("upper case is before lower case").topic("b", 2).topic("B", 2).topic("a", 1)
            .member("z", "a", "b", "B").member("Z", "a", "b", "B").member("A", "a", "b", "B").write();
        new Group("signs in names").topic("a-b", 1).topic("a.b", 1).topic("a_b", 1).topic("a0b", 1)
            .topic("ab", 1).topic("aB", 1)
            .member("m-1", "a-b", "a.b", "a_b", "a0b", "ab", "aB")
            .member("m_1", "a-b", "a.b", "a_b", "a0b", "ab", "aB")
            .member("m.1", "a-b", "a.b", "a_b", "a0b", "ab", "aB").write();
        new Group("a prefix is before the longer name").topic("a", 1).topic("aa", 1).topic("aaa", 1)
            .member("mm", "aaa", "aa", "a").member("m", "aa", "a", "aaa").write();
        // U+FF5E is above the surrogates that begin U+1F980, though its code point is lower.
        new Group("member ids are compared by UTF-16 units").topic("a", 5)
            .member("\uFF5E-1", "a").member("\uD83E\uDD80-1", "a").member("\u00DF-1", "a").write();
    }

    private static void staticMembers() {
        new Group("static members are before the others").topic("a", 5)
            .member("m1", "a").member("m2", "a").fixed("m3", "i3", "a").write();
        new Group("static members are in the order of their instance ids").topic("a", 5)
            .fixed("m1", "i3", "a").fixed("m2", "i1", "a").fixed("m3", "i2", "a").write();
        new Group("static and dynamic members").topic("a", 7).topic("b", 3)
            .member("m1", "a", "b").fixed("m4", "i1", "a", "b").member("m0", "a", "b")
            .fixed("m3", "i2", "a", "b").write();
        new Group("static members of different subscriptions").topic("a", 4).topic("b", 4).topic("c", 4)
            .member("m1", "a", "b", "c").fixed("m2", "z", "b").fixed("m3", "y", "a", "c").write();
        new Group("an instance id keeps its share under a new member id").topic("a", 5)
            .fixed("zz-new", "i1", "a").fixed("m2", "i2", "a").fixed("m3", "i3", "a").write();
    }

    private static void large() {
        new Group("13 members, 64 partitions").topic("a", 64).members(13, "a").write();
        new Group("7 members, 100 and 50 partitions").topic("a", 100).topic("b", 50)
            .members(7, "a", "b").write();
        new Group("30 members, 20 topics of 3").topics(20, 3).members(30, names(20)).write();
    }

    private static void random(Random random) {
        for (int i = 1; i <= 40; i++) {
            Group group = new Group("random " + i);
            String[] names = names(1 + random.nextInt(6));
            for (String name : names)
                if (random.nextInt(8) > 0)
                    group.topic(name, 1 + random.nextInt(12));
            List<Integer> ids = new ArrayList<>();
            for (int id = 0, n = 1 + random.nextInt(8); id < n; id++)
                ids.add(id);
            Collections.shuffle(ids, random);
            for (int id : ids) {
                String[] wanted = Arrays.stream(names).filter(n -> random.nextInt(3) > 0).toArray(String[]::new);
                Collections.shuffle(Arrays.asList(wanted), random);
                if (random.nextInt(4) == 0)
                    group.fixed("m" + id, "i" + (10 - id), wanted);
                else
                    group.member("m" + id, wanted);
            }
            group.write();
        }
    }

    private static String[] names(int count) {
        String[] names = new String[count];
        for (int i = 0; i < count; i++)
            names[i] = String.format("t%02d", i);
        return names;
    }

    /** A cluster and the members of a group on it. */
    private static class Group {
        private final String name;
        private final Map<String, Integer> topics = new LinkedHashMap<>();
        private final Map<String, Subscription> members = new LinkedHashMap<>();

        Group(String name) {
            this.name = name;
        }

        Group topic(String topic, int partitions) {
            topics.put(topic, partitions);
            return this;
        }

        Group topics(int count, int partitions) {
            for (String topic : names(count))
                topic(topic, partitions);
            return this;
        }

        Group member(String id, String... wanted) {
            members.put(id, new Subscription(Arrays.asList(wanted)));
            return this;
        }

        Group fixed(String id, String instanceId, String... wanted) {
            member(id, wanted);
            members.get(id).setGroupInstanceId(Optional.of(instanceId));
            return this;
        }

        Group members(int count, String... wanted) {
            for (int i = 1; i <= count; i++)
                member("m" + i, wanted);
            return this;
        }

        void write() {
            OUT.println();
            OUT.println("case " + name);
            topics.forEach((topic, partitions) -> OUT.println("topic " + topic + " " + partitions));
            members.forEach((id, subscription) -> OUT.println(("member " + id + " "
                + subscription.groupInstanceId().orElse("-") + " "
                + String.join(" ", subscription.topics())).trim()));
            write(new RangeAssignor());
            write(new RoundRobinAssignor());
        }

        private void write(ConsumerPartitionAssignor assignor) {
            assignor.assign(cluster(), new GroupSubscription(members)).groupAssignment().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(entry -> OUT.println((assignor.name() + " " + entry.getKey() + " "
                    + describe(entry.getValue().partitions())).trim()));
        }

        private static String describe(List<TopicPartition> partitions) {
            Map<String, Set<Integer>> byTopic = new TreeMap<>();
            for (TopicPartition partition : partitions)
                byTopic.computeIfAbsent(partition.topic(), t -> new TreeSet<>()).add(partition.partition());
            return byTopic.entrySet().stream()
                .map(entry -> entry.getKey() + ":"
                    + entry.getValue().stream().map(String::valueOf).collect(Collectors.joining(",")))
                .collect(Collectors.joining(" "));
        }

        private Cluster cluster() {
            Node node = new Node(0, "localhost", 9092);
            Node[] replicas = {node};
            List<PartitionInfo> partitions = new ArrayList<>();
            topics.forEach((topic, count) -> {
                for (int i = 0; i < count; i++)
                    partitions.add(new PartitionInfo(topic, i, node, replicas, replicas));
            });
            return new Cluster("golden", List.of(node), partitions, Set.of(), Set.of());
        }
    }
}
