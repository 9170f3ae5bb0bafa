set -eu
rm -f ready
# How a session is opened, for every program alike; the driver takes a list one by one.
session="-Ddatastax-java-driver.basic.load-balancing-policy.class=DcInferringLoadBalancingPolicy"
session="$session -Ddatastax-java-driver.basic.request.consistency=LOCAL_QUORUM"
session="$session -Ddatastax-java-driver.basic.request.default-idempotence=true"
session="$session -Ddatastax-java-driver.basic.request.timeout=20s"
at=0
for node in $(echo "${CASSANDRA:-}" | tr , ' '); do
  session="$session -Ddatastax-java-driver.basic.contact-points.$at=$node"
  at=$((at + 1))
done
# Java itself takes the asterisk for all jars of the folder, and compiles what is one file long.
exec java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn $session -cp 'lib/*' "$PROGRAM"
