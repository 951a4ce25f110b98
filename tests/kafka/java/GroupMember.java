import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of a consumer group that prints what happens to it, one line an event, words between tabs.
 * It leaves the group at SIGTERM.
 *
 * Arguments: bootstrap servers, group, assignor (range, roundrobin, or consumer for the group protocol of that name,
 * where the group coordinator assigns), topics.
 */
public class GroupMember {
    public static void main(String[] args) throws Exception {
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings(args[0], args[1], args[2]));
        List<String> topics = Arrays.asList(args).subList(3, args.length);

        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                main.join();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }));

        consumer.subscribe(topics, new Teller());
        try {
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) {
                    tell("record\t" + record.topic() + "\t" + record.partition() + "\t" + record.offset());
                }
            }
        } catch (WakeupException asked) {
            // The loop ends this way only.
        } finally {
            consumer.close();
        }
        tell("left");
    }

    /** Polls in the way of the release: by a Duration since 2.0, by milliseconds before 4.0. */
    @SuppressWarnings("unchecked")
    private static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer) throws Exception {
        try {
            return (ConsumerRecords<byte[], byte[]>) (BY_DURATION != null
                ? BY_DURATION.invoke(consumer, Duration.ofSeconds(1))
                : KafkaConsumer.class.getMethod("poll", long.class).invoke(consumer, 1000L));
        } catch (InvocationTargetException thrown) {
            throw (Exception) thrown.getCause();
        }
    }

    private static final Method BY_DURATION = findPollByDuration();

    private static Method findPollByDuration() {
        try {
            return KafkaConsumer.class.getMethod("poll", Duration.class);
        } catch (NoSuchMethodException older) {
            return null;
        }
    }

    private static Properties settings(String bootstrap, String group, String assignor) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", group);
        settings.put("client.id", "java");
        if (assignor.equals("consumer")) {
            // The brokers' settings say the rest.
            settings.put("group.protocol", assignor);
        } else {
            settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer."
                + (assignor.equals("range") ? "RangeAssignor" : "RoundRobinAssignor"));
            settings.put("session.timeout.ms", "6000");
            settings.put("heartbeat.interval.ms", "200");
        }
        settings.put("auto.offset.reset", "earliest");
        settings.put("metadata.max.age.ms", "500");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return settings;
    }

    private static void tell(String event) {
        System.out.println(event);
    }

    private static class Teller implements ConsumerRebalanceListener {
        /** What is assigned and revoked is all of it, or in the consumer protocol only what changes. */
        private final Set<TopicPartition> owned = new LinkedHashSet<>();

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            owned.addAll(partitions);
            tellOwned();
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            owned.removeAll(partitions);
            if (owned.isEmpty()) {
                tell("revoked");
            } else {
                tellOwned();
            }
        }

        private void tellOwned() {
            StringBuilder line = new StringBuilder("assigned");
            for (TopicPartition one : owned) {
                line.append('\t').append(one.topic()).append('\t').append(one.partition());
            }
            tell(line.toString());
        }
    }
}
