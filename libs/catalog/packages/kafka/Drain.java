import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.*;

/**
 * Moves every partition off the brokers that go, and ends when this one has none: those whose id is not below
 * ORRERY_PODS_STAYING. Run again, it goes on from what it finds.
 */
public class Drain {
  static final int CONTROLLERS = Integer.parseInt("<%^controllers.count%><%brokers.controllers%><%/controllers.count%><%#controllers.count%>0<%/controllers.count%>");
  static final boolean DROP_REPLICAS = Boolean.parseBoolean("<%brokers.drop_replicas%>");
  static final int MOVES_AT_ONCE = 100;
  static final int SELF = Integer.parseInt(System.getenv("ORRERY_POD_INDEX"));
  static final int STAYING = Integer.parseInt(System.getenv("ORRERY_PODS_STAYING"));

  public static void main(String[] arguments) throws Exception {
    if (SELF < CONTROLLERS) {
      refuse("broker " + SELF + " is one of the " + CONTROLLERS + " controllers, which are fixed for the life of the service");
    }
    var brokers = System.getenv("ORRERY_PEERS_BROKER_BROKER");
    try (var admin = Admin.create(Map.of("bootstrap.servers", brokers, "default.api.timeout.ms", "60000"))) {
      forgetThoseGone(admin);
      for (var left = move(admin); left > 0; left = move(admin)) {
        System.out.println(left + " partitions have a replica on broker " + SELF);
        Thread.sleep(1000);
      }
      System.out.println("broker " + SELF + " has no partition");
    }
  }

  /** Orders what is not under way yet, and counts what this broker still has. */
  static int move(Admin admin) throws Exception {
    var under = admin.listPartitionReassignments().reassignments().get();
    var staying = admin.describeCluster().nodes().get().stream().filter(node -> node.id() < STAYING).toList();
    if (staying.size() < STAYING) {
      System.out.println("only " + staying.size() + " of the " + STAYING + " brokers that stay are up: waiting");
      return 1;
    }
    var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
    var topics = admin.describeTopics(names).allTopicNames().get().values();
    var load = new HashMap<Integer, Integer>();
    for (var topic : topics)
      for (var partition : topic.partitions())
        for (var replica : partition.replicas()) load.merge(replica.id(), 1, Integer::sum);
    var orders = new HashMap<TopicPartition, Optional<NewPartitionReassignment>>();
    var left = 0;
    for (var topic : topics)
      for (var partition : topic.partitions()) {
        var ids = partition.replicas().stream().map(Node::id).toList();
        if (ids.contains(SELF)) left++;
        var which = new TopicPartition(topic.name(), partition.partition());
        if (ids.stream().allMatch(id -> id < STAYING) || under.containsKey(which)) continue;
        if (under.size() + orders.size() >= MOVES_AT_ONCE) continue;
        var next = stayingReplicas(topic, ids, staying, load);
        orders.put(which, Optional.of(new NewPartitionReassignment(next)));
      }
    admin.alterPartitionReassignments(orders).all().get();
    return left;
  }

  /** Replicas that stay keep their order; for each that goes comes the least loaded broker of a rack that has none. */
  static List<Integer> stayingReplicas(
      TopicDescription topic, List<Integer> ids, List<Node> staying, Map<Integer, Integer> load) {
    var next = new ArrayList<>(ids.stream().filter(id -> id < STAYING).toList());
    if (ids.size() > STAYING && !topic.isInternal() && !DROP_REPLICAS) {
      refuse("topic " + topic.name() + " has " + ids.size() + " replicas, and " + STAYING
          + " brokers stay: keep more of them, or set brokers.drop_replicas");
    }
    while (next.size() < Math.min(ids.size(), STAYING)) {
      var racks = staying.stream().filter(node -> next.contains(node.id())).map(Drain::rackOf).collect(Collectors.toSet());
      var chosen = staying.stream()
          .filter(node -> !next.contains(node.id()))
          .min(Comparator.<Node>comparingInt(node -> racks.contains(rackOf(node)) ? 1 : 0)
              .thenComparingInt(node -> load.getOrDefault(node.id(), 0))
              .thenComparingInt(Node::id))
          .orElseThrow();
      load.merge(chosen.id(), 1, Integer::sum);
      next.add(chosen.id());
    }
    return next;
  }

  static String rackOf(Node node) {
    return node.rack() == null ? "" : node.rack();
  }

  /** Brokers that were drained before this one are still registered. */
  static void forgetThoseGone(Admin admin) throws Exception {
    for (var node : admin.describeCluster(new DescribeClusterOptions().includeFencedBrokers(true)).nodes().get()) {
      if (!node.isFenced() || node.id() < STAYING || node.id() == SELF) continue;
      admin.unregisterBroker(node.id()).all().get();
      System.out.println("broker " + node.id() + " is gone, and forgotten");
    }
  }

  static void refuse(String why) {
    System.out.println(why);
    System.exit(1);
  }
}
