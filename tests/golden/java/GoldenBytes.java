import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Writes messages by Kafka's own schemas, and what is in them by name, for the tests beside this
 * directory. How to run it stands in ../README.md.
 *
 * <p>Arguments: "errors" prints the error codes. "messages" or "nulls", followed by APIs with versions such as
 * "Fetch:0-3", prints each message as three lines: a comment, the values, the bytes. With "nulls" every
 * nullable field is null, and messages that have none are left out.
 */
public final class GoldenBytes {
    private final boolean nulls;
    private int counter = 0;
    private boolean sawNullable = false;

    private GoldenBytes(boolean nulls) {
        this.nulls = nulls;
    }

    public static void main(String[] args) {
        if (args[0].equals("errors")) {
            for (Errors error : Errors.values()) {
                boolean retriable = error.exception() instanceof RetriableException;
                System.out.println(error.code() + " " + error.name() + " " + (retriable ? "retriable" : "final"));
            }
            return;
        }
        boolean nulls = args[0].equals("nulls");
        for (String arg : Arrays.copyOfRange(args, 1, args.length)) {
            String[] parts = arg.split("[:-]");
            ApiMessageType api = api(parts[0]);
            short last = Short.parseShort(parts[parts.length - 1]);
            for (short version = Short.parseShort(parts[1]); version <= last; version++) {
                Schema request = api.requestSchemas()[version];
                new GoldenBytes(nulls).print(api.name + " request " + version, request, version, api.newRequest());
                Schema response = api.responseSchemas()[version];
                new GoldenBytes(nulls).print(api.name + " response " + version, response, version, api.newResponse());
            }
        }
    }

    private static ApiMessageType api(String name) {
        for (ApiMessageType api : ApiMessageType.values()) {
            if (api.name.equals(name)) {
                return api;
            }
        }
        throw new IllegalArgumentException("no API " + name);
    }

    private void print(String title, Schema schema, short version, ApiMessage message) {
        StringBuilder values = new StringBuilder();
        Struct struct = fill(schema, values);
        if (nulls && !sawNullable) {
            return;
        }
        ByteBuffer bytes = ByteBuffer.allocate(schema.sizeOf(struct));
        schema.write(bytes, struct);
        bytes.flip();
        checkByMessageClass(title, bytes, version, message);
        System.out.println("# " + title);
        System.out.println(values);
        System.out.println(HexFormat.of().formatHex(bytes.array(), 0, bytes.limit()));
    }

    /** The generated class of the message must read the bytes and write the same. */
    private static void checkByMessageClass(String title, ByteBuffer bytes, short version, ApiMessage message) {
        message.read(new ByteBufferAccessor(bytes.duplicate()), version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer again = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(again), cache, version);
        again.flip();
        if (!again.equals(bytes)) {
            throw new IllegalStateException(title + ": the message class writes other bytes");
        }
    }

    private Struct fill(Schema schema, StringBuilder values) {
        Struct struct = new Struct(schema);
        values.append("Struct {");
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields tagged) {
                Map<Integer, Object> byTag = new TreeMap<>();
                for (Map.Entry<Integer, Field> entry : fieldsOf(tagged).entrySet()) {
                    Object value = fill(entry.getValue(), values);
                    if (value != null) {
                        byTag.put(entry.getKey(), value);
                    }
                }
                struct.set(field, byTag);
            } else {
                struct.set(field, fill(field.def, values));
            }
        }
        values.append(" }");
        return struct;
    }

    /** Kafka 3.9 keeps them private. */
    @SuppressWarnings("unchecked")
    private static Map<Integer, Field> fieldsOf(TaggedFields tagged) {
        try {
            java.lang.reflect.Field fields = TaggedFields.class.getDeclaredField("fields");
            fields.setAccessible(true);
            return new TreeMap<>((Map<Integer, Field>) fields.get(tagged));
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private Object fill(Field field, StringBuilder values) {
        values.append(values.charAt(values.length() - 1) == '{' ? " " : ", ").append(field.name).append(": ");
        return fill(field.type, values);
    }

    private Object fill(Type type, StringBuilder values) {
        sawNullable |= type.isNullable();
        if (type.isNullable() && nulls) {
            values.append("None");
            return null;
        }
        if (type instanceof Schema schema) {
            return fill(schema, values);
        }
        if (type.isArray()) {
            List<Object> elements = new ArrayList<>();
            values.append('[');
            for (int i = 0; i < (nulls ? 1 : 2); i++) {
                values.append(i == 0 ? "" : ", ");
                elements.add(fill(type.arrayElementType().get(), values));
            }
            values.append(']');
            return elements.toArray();
        }
        return scalar(type, ++counter, values);
    }

    private static Object scalar(Type type, int n, StringBuilder values) {
        String name = type.toString().replace("COMPACT_", "").replace("NULLABLE_", "");
        switch (name) {
            case "BOOLEAN": return append(values, true);
            case "INT8": return append(values, (byte) -n);
            case "INT16": return append(values, (short) (n * 0x0101));
            case "INT32": return append(values, n * 0x01010101);
            case "INT64": return append(values, n * -0x0101010101010101L);
            case "UUID": return uuid(n, values);
            case "STRING":
                values.append('"').append("é-").append(n).append('"');
                return "é-" + n;
            case "BYTES": return bytes(n, values);
            case "RECORDS": {
                ByteBuffer records = bytes(n, values);
                return new ByteBufferAccessor(records).readRecords(records.remaining());
            }
            default: throw new IllegalStateException("no value for " + name);
        }
    }

    private static Object append(StringBuilder values, Object value) {
        values.append(value);
        return value;
    }

    private static Uuid uuid(int n, StringBuilder values) {
        Uuid uuid = new Uuid(n * 0x0101010101010101L, -n);
        values.append(new java.util.UUID(uuid.getMostSignificantBits(), uuid.getLeastSignificantBits()));
        return uuid;
    }

    private static ByteBuffer bytes(int n, StringBuilder values) {
        values.append('[').append(n).append(", ").append(0).append(']');
        return ByteBuffer.wrap(new byte[] {(byte) n, 0});
    }
}
