set -eu
. ./kafka.sh

voters=$(voters)
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

format "$ORRERY_POD_INDEX"
run <%brokers.heap%> broker.properties
