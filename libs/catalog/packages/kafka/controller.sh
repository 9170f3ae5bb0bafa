set -eu
. ./kafka.sh

# Topics whose creator does not say how many replicas they have get as many as the controllers are told.
replicas=<%controllers.replicas%>
in_sync=$replicas
[ "$in_sync" -le 2 ] || in_sync=2

{
  echo "node.id=100$ORRERY_POD_INDEX"
  echo "controller.quorum.voters=$(voters)"
  echo "default.replication.factor=$replicas"
  echo "min.insync.replicas=$in_sync"
  cat controller.properties
} >settings.properties

format "100$ORRERY_POD_INDEX"
run <%controllers.heap%> settings.properties
