. ./nodetool.sh
# What a node holds at this moment: snapshot, copy, and the snapshot goes. Done again, it begins anew.
target="$FOLDER/$ORRERY_SERVICE/$NAME/$ORRERY_POD-$ORRERY_POD_INDEX"
keyspaces=$(cat "$FOLDER/$ORRERY_SERVICE/$NAME/keyspaces")
rm -rf "$target" "$target.partial"
nodetool clearsnapshot -t "$NAME" || true
nodetool snapshot -t "$NAME" -- $keyspaces
mkdir -p "$target.partial"
for keyspace in $keyspaces; do
  for snapshot in data/data/"$keyspace"/*/snapshots/"$NAME"; do
    [ -d "$snapshot" ] || continue
    # data/data/KEYSPACE/TABLE-ID/snapshots/NAME
    table=$(basename "$(dirname "$(dirname "$snapshot")")")
    mkdir -p "$target.partial/$keyspace/${table%-*}"
    cp "$snapshot"/* "$target.partial/$keyspace/${table%-*}/"
  done
done
nodetool clearsnapshot -t "$NAME"
mv "$target.partial" "$target"
du -sh "$target"
