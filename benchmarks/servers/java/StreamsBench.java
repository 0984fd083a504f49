import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;

/** The paths to null and to Kafka in Kafka Streams: BROKER TOPIC GROUP FOLDER [OUTPUT]. At least once, commits each second. */
public final class StreamsBench {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private StreamsBench() {
    }

    public static void main(String[] arguments) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
        properties.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        properties.put("auto.offset.reset", "earliest");
        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], ObjectNode> events = builder
            .stream(arguments[1], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(StreamsBench::work);
        if (arguments.length > 4) {
            events.mapValues(StreamsBench::dump).to(arguments[4], Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        } else {
            events.foreach((key, event) -> { });
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static ObjectNode work(byte[] value) {
        try {
            ObjectNode event = (ObjectNode) MAPPER.readTree(value);
            String status = event.get("status").textValue();
            event.put("class", status.charAt(0) + "xx");
            event.put("status", Integer.parseInt(status));
            event.put("bytes", Integer.parseInt(event.get("bytes").textValue()));
            event.put("micros", Integer.parseInt(event.get("micros").textValue()));
            return event;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static byte[] dump(ObjectNode event) {
        try {
            return MAPPER.writeValueAsBytes(event);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
