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

# What Kafka keeps for itself has as many replicas as there are brokers, up to three.
replicas=<%brokers.count%>
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

# Java itself takes the asterisk for all jars of the folder.
export CLASSPATH='lib/*'
logging=-Dlog4j2.configurationFile=log4j2.properties
if [ ! -e data/log/meta.properties ]; then
  # 22 characters of base64 are the 16 bytes of an id: every broker of a service finds the same one.
  cluster=$(printf %s "orrery $ORRERY_SERVICE" | sha256sum | cut -c1-22)
  java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $logging kafka.tools.StorageTool format -t "$cluster" -c broker.properties
fi
exec java -Xms<%brokers.heap%>m -Xmx<%brokers.heap%>m -XX:+ExitOnOutOfMemoryError <%brokers.jvm_options%> $logging kafka.Kafka broker.properties
