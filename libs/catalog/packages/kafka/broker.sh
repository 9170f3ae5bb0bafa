set -eu

# The first brokers are controllers as well; their list stays as it is when brokers are added behind them.
voters=$(printf %s "$ORRERY_MEMBERS_BROKER_CONTROLLER" | cut -d, -f1-<%brokers.controllers%>)
case ",$voters" in
  *",$ORRERY_POD_INDEX@"*)
    roles=broker,controller
    listeners="BROKER://$ORRERY_ADDRESS:$PORT_BROKER,CONTROLLER://$ORRERY_ADDRESS:$PORT_CONTROLLER"
    ;;
  *)
    roles=broker
    listeners="BROKER://$ORRERY_ADDRESS:$PORT_BROKER"
    ;;
esac

# What Kafka keeps for itself has as many replicas as there are brokers, up to three. They are counted here and not in the
# package, so that brokers are added without a restart of the others.
replicas=$(($(printf %s "$ORRERY_MEMBERS_BROKER_BROKER" | tr -cd , | wc -c) + 1))
[ "$replicas" -le 3 ] || replicas=3
in_sync=$replicas
[ "$in_sync" -le 2 ] || in_sync=2

{
  echo "process.roles=$roles"
  echo "controller.quorum.voters=$voters"
  echo "listeners=$listeners"
  echo "default.replication.factor=$replicas"
  echo "min.insync.replicas=$in_sync"
  echo "offsets.topic.replication.factor=$replicas"
  echo "transaction.state.log.replication.factor=$replicas"
  echo "transaction.state.log.min.isr=$in_sync"
  echo "share.coordinator.state.topic.replication.factor=$replicas"
  echo "share.coordinator.state.topic.min.isr=$in_sync"
  cat server.properties
} >broker.properties

# What kafka-storage would write in a JVM of its own.
if [ ! -e data/log/meta.properties ]; then
  mkdir -p data/log
  base64 -d bootstrap.base64 >data/log/bootstrap.checkpoint
  # 22 characters of base64 are the 16 bytes of an id: every broker of a service finds the same one.
  {
    echo "version=1"
    echo "cluster.id=$(printf %s "orrery $ORRERY_SERVICE" | sha256sum | cut -c1-22)"
    echo "node.id=$ORRERY_POD_INDEX"
  } >data/log/meta.partial
  mv data/log/meta.partial data/log/meta.properties
fi

figures=
<%#metrics.enabled%>
figures=-javaagent:$(echo metrics/*.jar)=$ORRERY_ADDRESS:$PORT_METRICS:jmx.yaml
<%/metrics.enabled%>

# Java itself takes the asterisk for all jars of the folder.
export CLASSPATH='lib/*'
exec java -Xms<%brokers.heap%>m -Xmx<%brokers.heap%>m -XX:+ExitOnOutOfMemoryError <%brokers.jvm_options%> \
  -Dlog4j2.configurationFile=log4j2.properties $figures kafka.Kafka broker.properties
