set -eu
rm -f ready
# Java itself takes the asterisk for all jars of the folder, and compiles what is one file long.
exec java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp 'lib/*' "$PROGRAM"
