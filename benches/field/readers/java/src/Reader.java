import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The reader that is Kafka's own client: see benches/field/contract for what it is told and tells. */
public final class Reader {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    public static void main(String[] args) throws Exception {
        Map<String, String> job = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            job.put(args[i], args[i + 1]);
        }
        long wanted = Long.parseLong(job.get("--records"));
        Properties settings = new Properties();
        settings.put("bootstrap.servers", job.get("--brokers"));
        settings.put("group.id", job.get("--group"));
        settings.put("auto.offset.reset", "earliest");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        if (job.get("--mode").equals("tuned")) {
            settings.put("max.poll.records", "20000");
        }
        long records = 0;
        long bytes = 0;
        long sum = 0;
        long firstNanos = 0;
        double cpuAtFirst = 0;
        Instant first = null;
        String end;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of(job.get("--topic")));
            while (records < wanted) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (records == 0) {
                        firstNanos = System.nanoTime();
                        first = Instant.now();
                        cpuAtFirst = cpuSeconds();
                    }
                    byte[] value = record.value();
                    records++;
                    bytes += value.length;
                    sum += value[0];
                }
            }
            double seconds = (System.nanoTime() - firstNanos) / 1e9;
            end = "\"seconds\":" + seconds + ",\"cpu_seconds\":" + cpuSeconds()
                    + ",\"cpu_seconds_at_first\":" + cpuAtFirst + ",\"peak_rss_kib\":" + peakRss();
            consumer.commitSync();
        }
        if (sum == 0) {
            throw new IllegalStateException("the values are empty");
        }
        long firstUnix = first.getEpochSecond() * 1_000_000_000L + first.getNano();
        System.out.println("{\"records\":" + records + ",\"bytes\":" + bytes
                + ",\"first_unix_ns\":" + firstUnix + "," + end + "}");
    }

    private static double cpuSeconds() {
        return SYSTEM.getProcessCpuTime() / 1e9;
    }

    private static long peakRss() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IllegalStateException("no VmHWM");
    }
}
