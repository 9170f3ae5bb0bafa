# Read in by the tasks of backups: what a backup keeps is put and got by folder, and is whole or not there.
#   store put FOLDER NAME    store get NAME FOLDER (nothing, where there is nothing)    store list (the names that are whole)
set -eu

<%#backup.s3.bucket%>
place="<%backup.s3.prefix%>$ORRERY_SERVICE/$NAME/"
where="s3://<%backup.s3.bucket%>/$place"
base64 -d Store.base64 >Store.class
store() {
  java -Xmx128m -XX:MaxDirectMemorySize=64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '.:s3/*' \
    -Dbucket='<%backup.s3.bucket%>' -Dendpoint='<%backup.s3.endpoint%>' -Dregion='<%backup.s3.region%>' -Dplace="$place" Store "$@"
}
<%/backup.s3.bucket%>
<%^backup.s3.bucket%>
folder='<%backup.folder%>'
where="$folder/$ORRERY_SERVICE/$NAME"
[ -n "$folder" ] || {
  echo "there is no place for backups: set the option backup.folder or backup.s3.bucket" >&2
  exit 1
}
store() {
  case "$1" in
    put)
      mkdir -p "$where"
      rm -rf "$where/$3" "$where/$3.partial"
      cp -r "$2" "$where/$3.partial"
      mv "$where/$3.partial" "$where/$3"
      ;;
    get)
      mkdir -p "$3"
      [ ! -d "$where/$2" ] || cp -r "$where/$2/." "$3"
      ;;
    list) [ ! -d "$where" ] || ls "$where" | sed '/\.partial$/d' ;;
  esac
}
<%/backup.s3.bucket%>
