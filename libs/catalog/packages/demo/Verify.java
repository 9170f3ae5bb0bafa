import com.datastax.oss.driver.api.core.CqlSession;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Compares the table with the topic as it ends now: succeeds once every order of it is a row, fails when one stays missing. */
public class Verify {
  static final int ROWS_A_PARTITION = 10_000;
  static final int WITHIN_SECONDS = 120;

  public static void main(String[] arguments) throws Exception {
    var ends = ends();
    var wanted = ends.values().stream().mapToLong(Long::longValue).sum();
    var until = System.nanoTime() + WITHIN_SECONDS * 1_000_000_000L;
    try (var session = CqlSession.builder().withKeyspace(System.getenv("KEYSPACE")).build()) {
      for (;;) {
        long missing = 0;
        for (var end : ends.entrySet()) missing += end.getValue() - rows(session, end.getKey(), end.getValue());
        System.out.println(wanted + " orders in the topic, " + missing + " of them are no rows");
        if (missing == 0) return;
        if (System.nanoTime() > until) {
          System.err.println(missing + " orders are missing in the table");
          System.exit(1);
        }
        Thread.sleep(1_000);
      }
    }
  }

  static Map<Integer, Long> ends() {
    var topic = System.getenv("TOPIC");
    var settings = Map.<String, Object>of("bootstrap.servers", System.getenv("KAFKA"));
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      var partitions = consumer.partitionsFor(topic).stream()
          .map(each -> new TopicPartition(topic, each.partition())).toList();
      return consumer.endOffsets(partitions).entrySet().stream()
          .collect(Collectors.toMap(each -> each.getKey().partition(), Map.Entry::getValue));
    }
  }

  static long rows(CqlSession session, int part, long end) {
    var select = session.prepare("SELECT count(*) FROM orders WHERE part = ? AND bucket = ? AND position < ?");
    long found = 0;
    for (long bucket = 0; bucket * ROWS_A_PARTITION < end; bucket += 1)
      found += session.execute(select.bind(part, bucket, end)).one().getLong(0);
    return found;
  }
}
