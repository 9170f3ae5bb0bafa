set -eu

# Which nodes this one joins through, whether it replaces one, and its rack: conf/cassandra.yaml, conf/join.options, data/rack.
node join.cjs
printf 'dc=%s\nrack=%s\n' '<%nodes.data_center%>' "$(cat data/rack)" >conf/rackdc.properties

# For tools beside the server alone: the volume is theirs as well. Java would put a hash in its place.
if [ ! -e data/jmx.password ]; then
  umask 077
  printf 'orrery %s\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >data/jmx.partial
  mv data/jmx.partial data/jmx.password
  umask 022
fi
chmod 600 data/jmx.password
printf 'orrery readwrite\n' >conf/jmx.access

lib=lib
manager=
<%#container.enabled%>
lib=/opt/cassandra/lib
# As jvm.options has it outside; Java 11, which images of 4.1 have, takes the word for a class.
case $(java -version 2>&1) in *' "11.'*) ;; *) manager=-Djava.security.manager=allow ;; esac
<%/container.enabled%>

figures=
<%#metrics.enabled%>
figures=-javaagent:$(echo metrics/*.jar)=$ORRERY_ADDRESS:$PORT_METRICS:conf/jmx.yaml
<%/metrics.enabled%>

# SIGTERM is a drain: Cassandra's own hook ends the clients, tells the others and flushes.
exec java -Xms<%nodes.heap%>m -Xmx<%nodes.heap%>m -XX:MaxDirectMemorySize=<%nodes.heap%>m <%nodes.jvm_options%> \
  -javaagent:"$(echo "$lib"/jamm-*.jar)" $figures $manager @conf/modules.options @conf/jvm.options -Dcassandra.ring_delay_ms=<%nodes.ring_delay%> @conf/join.options \
  -Dcassandra.storagedir="$PWD/data" -Dcassandra.logdir="$PWD/data" \
  -Dcassandra.config="file:$PWD/conf/cassandra.yaml" \
  -Dcassandra-rackdc.properties="file:$PWD/conf/rackdc.properties" \
  -Dlogback.configurationFile="$PWD/conf/logback.xml" \
  -Djava.rmi.server.hostname="$ORRERY_ADDRESS" -Dcom.sun.management.jmxremote.host="$ORRERY_ADDRESS" \
  -Dcom.sun.management.jmxremote.port="$PORT_JMX" -Dcom.sun.management.jmxremote.rmi.port="$PORT_JMX" \
  -Dcom.sun.management.jmxremote.ssl=false -Dcom.sun.management.jmxremote.authenticate=true \
  -Dcom.sun.management.jmxremote.password.toHashes=false \
  -Dcom.sun.management.jmxremote.password.file="$PWD/data/jmx.password" \
  -Dcom.sun.management.jmxremote.access.file="$PWD/conf/jmx.access" \
  -cp "$lib/*" org.apache.cassandra.service.CassandraDaemon
