import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.config.*;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.*;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.*;

/** An order every now and then goes into a topic of Kafka, and from there into a table of Cassandra. */
public class Demo {
  static final String TOPIC = "<%kafka.topic%>";
  static final String TABLE = "<%cassandra.keyspace%>.orders";
  /** Its existence is the readiness of the task. */
  static final Path READY = Path.of("ready");

  public static void main(String[] arguments) throws Exception {
    var brokers = addressesOf("<%kafka.service%>", "broker", "<%kafka.brokers%>");
    System.out.println("Kafka at " + brokers);
    if (arguments[0].equals("producer")) produce(brokers);
    else consume(brokers);
  }

  static void produce(String brokers) throws Exception {
    makeTopic(brokers);
    var settings = Map.<String, Object>of("bootstrap.servers", brokers, "acks", "all", "delivery.timeout.ms", 300_000);
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (var number = 1; ; number++) {
        var order = UUID.randomUUID().toString();
        var sent = producer.send(new ProducerRecord<>(TOPIC, order, "order " + number)).get();
        if (number == 1) Files.createFile(READY);
        if (number % 10 == 1) System.out.println(number + " orders, the last at " + sent);
        Thread.sleep(1000 / <%producer.rate%>);
      }
    }
  }

  static void consume(String brokers) throws Exception {
    var nodes = addressesOf("<%cassandra.service%>", "native", "<%cassandra.nodes%>");
    System.out.println("Cassandra at " + nodes);
    try (var session = sessionOf(nodes); var consumer = consumerOf(brokers)) {
      var nodesUp = session.getMetadata().getNodes().size();
      session.execute("CREATE KEYSPACE IF NOT EXISTS <%cassandra.keyspace%> WITH replication = "
          + "{'class': 'NetworkTopologyStrategy', '<%cassandra.data_center%>': " + Math.min(3, nodesUp) + "}");
      session.execute("CREATE TABLE IF NOT EXISTS " + TABLE + " (id uuid PRIMARY KEY, what text, place text)");
      var insert = session.prepare("INSERT INTO " + TABLE + " (id, what, place) VALUES (?, ?, ?)");
      makeTopic(brokers);
      consumer.subscribe(List.of(TOPIC));
      for (var told = 0L; ; ) {
        var records = consumer.poll(Duration.ofSeconds(1));
        for (var each : records)
          session.execute(insert.bind(UUID.fromString(each.key()), each.value(), each.partition() + "@" + each.offset()));
        // What is in the table is not read again; what was read twice is the same row.
        consumer.commitSync();
        if (records.isEmpty() || System.currentTimeMillis() - told < 5000) continue;
        told = System.currentTimeMillis();
        var rows = session.execute("SELECT count(*) FROM " + TABLE).one().getLong(0);
        System.out.println(rows + " rows in " + TABLE);
        if (!Files.exists(READY)) Files.createFile(READY);
      }
    }
  }

  static KafkaConsumer<String, String> consumerOf(String brokers) {
    var settings = Map.<String, Object>of(
        "bootstrap.servers", brokers, "group.id", "<%service.name%>", "auto.offset.reset", "earliest", "enable.auto.commit", false);
    return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
  }

  static CqlSession sessionOf(String nodes) {
    var settings = DriverConfigLoader.programmaticBuilder()
        .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(30))
        .withString(DefaultDriverOption.REQUEST_CONSISTENCY, "QUORUM")
        .withBoolean(DefaultDriverOption.RECONNECT_ON_INIT, true)
        .build();
    var points = Arrays.stream(nodes.split(",")).map(Demo::addressOf).toList();
    return CqlSession.builder().addContactPoints(points).withLocalDatacenter("<%cassandra.data_center%>").withConfigLoader(settings).build();
  }

  static InetSocketAddress addressOf(String text) {
    var at = text.lastIndexOf(':');
    return new InetSocketAddress(text.substring(0, at), Integer.parseInt(text.substring(at + 1)));
  }

  static void makeTopic(String brokers) throws Exception {
    try (var admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
      var replicas = (short) Math.min(3, admin.describeCluster().nodes().get().size());
      admin.createTopics(List.of(new NewTopic(TOPIC, 3, replicas))).all().get();
    } catch (ExecutionException failure) {
      if (!(failure.getCause() instanceof TopicExistsException)) throw failure;
    }
  }

  /** Where a service is ready now, as the gateway tells it; waits until it is. */
  static String addressesOf(String service, String endpoint, String given) throws Exception {
    if (!given.isEmpty()) return given;
    var client = HttpClient.newHttpClient();
    var request = HttpRequest.newBuilder(URI.create("<%gateway%>/v1/services/" + service + "/endpoints")).build();
    while (true) {
      var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      var items = new ObjectMapper().readTree(answer.body()).path("items");
      for (var item : items) {
        var addresses = new ArrayList<String>();
        item.path("address").forEach(each -> addresses.add(each.asText()));
        if (item.path("name").asText().equals(endpoint) && !addresses.isEmpty()) return String.join(",", addresses);
      }
      System.out.println("waiting for " + endpoint + " of service " + service + " (" + answer.statusCode() + ")");
      Thread.sleep(2000);
    }
  }
}
