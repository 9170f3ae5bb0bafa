# Read in by the tasks beside a server: nodetool for it, with what the server keeps in the volume.
set -eu

lib=lib
<%#container.enabled%>
lib=/opt/cassandra/lib
<%/container.enabled%>

nodetool() {
  java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 @modules.options \
    -Dlogback.configurationFile=logback.xml -Dlevel=WARN -Duser.home="$PWD" \
    -cp "$lib/*" org.apache.cassandra.tools.NodeTool -h "$ORRERY_ADDRESS" -p "$(cat data/jmx.port)" -u orrery -pwf data/jmx.password "$@"
}

# a,b -> a b
words() {
  printf %s "$1" | tr , ' '
}
