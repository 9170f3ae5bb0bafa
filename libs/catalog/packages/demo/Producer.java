import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Sends orders for ever, acks=all and idempotent, and counts those that the brokers acknowledged. */
public class Producer {
  static final String KAFKA = System.getenv("KAFKA");
  static final String TOPIC = System.getenv("TOPIC");

  public static void main(String[] arguments) throws Exception {
    makeTopic();
    var acknowledged = new AtomicLong();
    var failed = new AtomicLong();
    long everyNanos = 1_000_000_000L / Long.parseLong(System.getenv("ORDERS_PER_SECOND"));
    var settings = Map.<String, Object>of(
        "bootstrap.servers", KAFKA, "acks", "all", "enable.idempotence", true, "linger.ms", 5,
        // Brokers may be away for as long as a restart takes: an order waits, and keeps its place.
        "delivery.timeout.ms", 600_000, "max.block.ms", 600_000);
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      long next = System.nanoTime();
      long toldAt = next;
      for (long order = 0;; order += 1) {
        var value = "{\"order\":%d,\"customer\":%d,\"cents\":%d}".formatted(order, order * 7919 % 1000, 100 + order % 9900);
        producer.send(new ProducerRecord<>(TOPIC, bytes(Long.toString(order)), bytes(value)), (metadata, error) -> {
          if (error == null) acknowledged.incrementAndGet();
          else if (failed.incrementAndGet() == 1) System.err.println("not acknowledged: " + error);
        });
        if (order == 0) Files.writeString(Path.of("ready"), "");
        if (System.nanoTime() - toldAt > 5_000_000_000L) {
          toldAt = System.nanoTime();
          System.out.println(acknowledged + " orders acknowledged, " + failed + " not");
        }
        next += everyNanos;
        LockSupport.parkNanos(next - System.nanoTime());
      }
    }
  }

  static void makeTopic() throws Exception {
    try (var admin = Admin.create(Map.of("bootstrap.servers", KAFKA))) {
      var topic = new NewTopic(TOPIC, Optional.of(Integer.parseInt(System.getenv("PARTITIONS"))), Optional.empty());
      admin.createTopics(List.of(topic)).all().get();
    } catch (ExecutionException error) {
      if (!(error.getCause() instanceof TopicExistsException)) throw error;
    }
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
