set -eu

# Which nodes this one joins through, whether it replaces one, and its rack: conf/cassandra.yaml, conf/join.options, data/rack.
node join.cjs
printf 'dc=%s\nrack=%s\n' '<%nodes.data_center%>' "$(cat data/rack)" >conf/rackdc.properties

# SIGTERM is a drain: Cassandra's own hook ends the clients, tells the others and flushes.
exec java -Xms<%nodes.heap%>m -Xmx<%nodes.heap%>m -XX:MaxDirectMemorySize=<%nodes.heap%>m <%nodes.jvm_options%> \
  -javaagent:lib/<%resource.exec.jamm%> @conf/modules.options @conf/jvm.options @conf/join.options \
  -Dcassandra.ring_delay_ms=<%nodes.ring_delay%> \
  -Dcassandra.storagedir="$PWD/data" -Dcassandra.logdir="$PWD/data" \
  -Dcassandra.config="file:$PWD/conf/cassandra.yaml" \
  -Dcassandra-rackdc.properties="file:$PWD/conf/rackdc.properties" \
  -Dlogback.configurationFile="$PWD/conf/logback.xml" \
  -cp 'lib/*' org.apache.cassandra.service.CassandraDaemon
