import com.datastax.oss.driver.api.core.CqlSession;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Keeps each order as a row of a table, and commits its offset only then. The key of a row is the place of its record, so an
 * order that comes again after a crash changes nothing.
 */
public class Consumer {
  static final int ROWS_A_PARTITION = 10_000;

  public static void main(String[] arguments) throws Exception {
    var topic = System.getenv("TOPIC");
    var settings = Map.<String, Object>of(
        "bootstrap.servers", System.getenv("KAFKA"), "group.id", System.getenv("ORRERY_SERVICE"),
        "client.id", System.getenv("ORRERY_TASK_ID"), "enable.auto.commit", false, "auto.offset.reset", "earliest",
        "max.poll.records", 500, "allow.auto.create.topics", false, "metadata.max.age.ms", 5_000);
    try (var session = CqlSession.builder().build();
        var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      makeTable(session);
      var insert = session.prepare("INSERT INTO orders (part, bucket, position, body) VALUES (?, ?, ?, ?)");
      consumer.subscribe(List.of(topic));
      long kept = 0;
      long toldAt = System.nanoTime();
      for (;;) {
        var records = consumer.poll(Duration.ofMillis(500));
        var writes = new ArrayList<CompletionStage<?>>();
        for (var record : records) {
          var bucket = record.offset() / ROWS_A_PARTITION;
          writes.add(session.executeAsync(insert.bind(record.partition(), bucket, record.offset(), record.value())));
        }
        // Whatever is not written ends the process: it comes back, and begins where the last commit was.
        for (var write : writes) write.toCompletableFuture().get();
        if (!records.isEmpty()) consumer.commitSync();
        // Whoever waits for the plan sees orders that came all the way.
        if (kept == 0 && !records.isEmpty()) Files.writeString(Path.of("ready"), "");
        kept += records.count();
        if (System.nanoTime() - toldAt > 5_000_000_000L) {
          toldAt = System.nanoTime();
          System.out.println(kept + " orders kept, partitions " + consumer.assignment());
        }
      }
    }
  }

  static void makeTable(CqlSession session) {
    var keyspace = System.getenv("KEYSPACE");
    var replicas = System.getenv("REPLICAS");
    // Replicas are counted for each data centre by its name, which is that of the first node.
    var datacenter = session.getMetadata().getNodes().values().iterator().next().getDatacenter();
    session.execute("CREATE KEYSPACE IF NOT EXISTS " + keyspace
        + " WITH replication = {'class': 'NetworkTopologyStrategy', '" + datacenter + "': " + replicas + "}");
    session.execute("USE " + keyspace);
    session.execute("CREATE TABLE IF NOT EXISTS orders"
        + " (part int, bucket bigint, position bigint, body text, PRIMARY KEY ((part, bucket), position))");
  }
}
