package slowtask;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Stands in for Logstash's Kafka input: the same client, the same loop. What one poll brings is one JSON array on
 * stdout; its offsets are committed once a line has come back on stdin. Arguments: the topic, then settings of the
 * client, as name=value.
 */
public final class Consumer {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Consumer() {}

    public static void main(String[] arguments) throws IOException {
        Properties settings = new Properties();
        Arrays.stream(arguments).skip(1).map(each -> each.split("=", 2)).forEach(each -> settings.put(each[0], each[1]));
        StringDeserializer text = new StringDeserializer();
        BufferedReader answers = new BufferedReader(new InputStreamReader(System.in));
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text)) {
            consumer.subscribe(List.of(arguments[0]));
            while (hand(consumer.poll(Duration.ofMillis(100)), answers)) {
                commit(consumer);
            }
        }
    }

    /** Hands on what was polled; whether the line that says that it is safe came back. */
    private static boolean hand(ConsumerRecords<String, String> records, BufferedReader answers) throws IOException {
        if (records.isEmpty()) {
            return !answers.ready() || answers.readLine() != null;
        }
        ArrayNode events = JSON.createArrayNode();
        records.forEach(record -> events.add(event(record)));
        System.out.println(JSON.writeValueAsString(events));
        return answers.readLine() != null;
    }

    /** An event as the json codec and decorate_events make it. */
    private static ObjectNode event(ConsumerRecord<String, String> record) {
        ObjectNode event = parsed(record.value());
        event.withObject("/@metadata/kafka")
                .put("partition", record.partition())
                .put("offset", record.offset())
                .put("key", record.key());
        return event;
    }

    private static ObjectNode parsed(String text) {
        try {
            return (ObjectNode) JSON.readTree(text);
        } catch (JsonProcessingException | ClassCastException problem) {
            return JSON.createObjectNode().put("message", text);
        }
    }

    /** What was polled may be another consumer's by now: then that one reads it again. */
    private static void commit(KafkaConsumer<String, String> consumer) {
        try {
            consumer.commitSync();
        } catch (CommitFailedException | RebalanceInProgressException problem) {
            System.err.println("not committed: " + problem.getMessage());
        }
    }
}
