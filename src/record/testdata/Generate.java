import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/** Prints record sets as Kafka's own classes write them, one a line: a name and the bytes in hex. */
public class Generate {
    static final long BASE_OFFSET = 100;
    static final long TIMESTAMP = 1_700_000_000_000L;
    static final long APPEND_TIME = 1_800_000_000_000L;

    public static void main(String[] args) {
        for (byte magic = 0; magic <= 2; magic++) {
            for (CompressionType type : CompressionType.values()) {
                if (type == CompressionType.ZSTD && magic < 2) continue;
                print("v" + magic + "-" + type.name, records(builder(magic, type, TimestampType.CREATE_TIME, false)));
                if (magic == 0) continue;
                print("v" + magic + "-" + type.name + "-append-time",
                        records(builder(magic, type, TimestampType.LOG_APPEND_TIME, false)));
            }
        }
        print("v2-transactional", records(builder((byte) 2, CompressionType.NONE, TimestampType.CREATE_TIME, true)));
        print("v2-abort", MemoryRecords.withEndTransactionMarker(BASE_OFFSET, TIMESTAMP, 9, 4711, (short) 3,
                new EndTransactionMarker(ControlRecordType.ABORT, 0)).buffer());
        print("v2-commit", MemoryRecords.withEndTransactionMarker(BASE_OFFSET, TIMESTAMP, 9, 4711, (short) 3,
                new EndTransactionMarker(ControlRecordType.COMMIT, 0)).buffer());
        ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 4711, (short) 3, 17, BASE_OFFSET, BASE_OFFSET + 7, 9,
                TimestampType.CREATE_TIME, TIMESTAMP, true, false);
        empty.flip();
        print("v2-emptied", empty);
    }

    static MemoryRecordsBuilder builder(byte magic, CompressionType type, TimestampType timestamps, boolean transactional) {
        return new MemoryRecordsBuilder(new ByteBufferOutputStream(1 << 16), magic, Compression.of(type).build(),
                timestamps, BASE_OFFSET, APPEND_TIME, transactional ? 4711 : -1, (short) (transactional ? 3 : -1),
                transactional ? 17 : -1, transactional, false, magic == 2 ? 9 : -1, 1 << 20);
    }

    /** Five records: an ordinary one, null key, null value, both empty, and one behind a gap with headers. */
    static ByteBuffer records(MemoryRecordsBuilder builder) {
        Header[] none = {};
        byte[] empty = {};
        boolean canHaveHeaders = builder.magic() == 2;
        builder.appendWithOffset(100, TIMESTAMP, bytes("key-0"), bytes("value ".repeat(40)), none);
        builder.appendWithOffset(101, TIMESTAMP + 1000, null, bytes("value-1"), none);
        builder.appendWithOffset(102, TIMESTAMP - 5, bytes("key-2"), null, none);
        builder.appendWithOffset(103, TIMESTAMP + 3000, empty, empty, none);
        Header[] headers = {
            new RecordHeader("h1", new byte[] {1, 2}),
            new RecordHeader("h1", (byte[]) null),
            new RecordHeader("\u00fc", empty),
        };
        builder.appendWithOffset(107, TIMESTAMP + 4000, bytes("key-4"), bytes("value-4"), canHaveHeaders ? headers : none);
        return builder.build().buffer();
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void print(String name, ByteBuffer buffer) {
        StringBuilder line = new StringBuilder(name).append(' ');
        while (buffer.hasRemaining()) {
            line.append(String.format("%02x", buffer.get()));
        }
        System.out.println(line);
    }
}
