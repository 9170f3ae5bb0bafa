# What brokers and controllers have in common.

# The controllers as all others call them, id@address:port: pods of their own have ids from 1000 on, since those of brokers are
# their indexes; else the first brokers are controllers, and the list stays as it is when brokers are added behind them.
voters() {
  <%#controllers.count%>
  printf %s "$ORRERY_MEMBERS_CONTROLLER_CONTROLLER" | sed -E 's/(^|,)([0-9])@/\1100\2@/g'
  <%/controllers.count%>
  <%^controllers.count%>
  printf %s "$ORRERY_MEMBERS_BROKER_CONTROLLER" | cut -d, -f1-<%brokers.controllers%>
  <%/controllers.count%>
}

# format ID: what kafka-storage would write in a JVM of its own, once.
format() {
  [ ! -e data/log/meta.properties ] || return 0
  mkdir -p data/log
  base64 -d bootstrap.base64 >data/log/bootstrap.checkpoint
  # 22 characters of base64 are the 16 bytes of an id: every node of a service finds the same one.
  {
    echo "version=1"
    echo "cluster.id=$(printf %s "orrery $ORRERY_SERVICE" | sha256sum | cut -c1-22)"
    echo "node.id=$1"
  } >data/log/meta.partial
  mv data/log/meta.partial data/log/meta.properties
}

# run HEAP SETTINGS: becomes the server.
run() {
  figures=
  <%#metrics.enabled%>
  figures=-javaagent:$(echo metrics/*.jar)=$ORRERY_ADDRESS:$PORT_METRICS:jmx.yaml
  <%/metrics.enabled%>
  # Java itself takes the asterisk for all jars of the folder.
  export CLASSPATH='lib/*'
  <%#container.enabled%>
  CLASSPATH='/opt/kafka/libs/*'
  <%/container.enabled%>
  exec java -Xms"$1"m -Xmx"$1"m -XX:+ExitOnOutOfMemoryError <%brokers.jvm_options%> \
    -Dlog4j2.configurationFile=log4j2.properties $figures kafka.Kafka "$2"
}
