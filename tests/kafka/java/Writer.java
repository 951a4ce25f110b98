import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes records to partition 0 of a topic, with each codec in turn, and ends when all are acknowledged.
 *
 * Arguments: bootstrap servers, topic, records for each codec, codecs.
 */
public class Writer {
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[2]);
        for (String codec : Arrays.asList(args).subList(3, args.length)) {
            write(args[0], args[1], codec, count);
        }
    }

    private static void write(String bootstrap, String topic, String codec, int count) throws Exception {
        KafkaProducer<String, String> producer = new KafkaProducer<>(settings(bootstrap, codec));
        try {
            List<Future<?>> acknowledged = new ArrayList<>();
            for (int n = 0; n < count; n++) {
                String value = codec + " " + n + " " + "again and ".repeat(50);
                acknowledged.add(producer.send(new ProducerRecord<>(topic, 0, null, value)));
            }
            for (Future<?> one : acknowledged) {
                one.get();
            }
        } finally {
            producer.close();
        }
    }

    private static Properties settings(String bootstrap, String codec) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("compression.type", codec);
        settings.put("acks", "all");
        // Time for more than one record to gather.
        settings.put("linger.ms", "20");
        settings.put("key.serializer", StringSerializer.class.getName());
        settings.put("value.serializer", StringSerializer.class.getName());
        return settings;
    }
}
