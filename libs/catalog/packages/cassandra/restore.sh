. ./nodetool.sh
# Gives back what this node held; import takes only what the node owns in the ring of today.
source="$FOLDER/$ORRERY_SERVICE/$NAME/$ORRERY_POD-$ORRERY_POD_INDEX"
[ -d "$source" ] || { echo "there is no $source: the backup is of another ring" >&2; exit 1; }
keyspaces=$(words "$KEYSPACES")
[ -n "$keyspaces" ] || keyspaces=$(cat "$FOLDER/$ORRERY_SERVICE/$NAME/keyspaces")
for keyspace in $keyspaces; do
  for table in "$source/$keyspace"/*; do
    ls "$table"/*-Data.db >/dev/null 2>&1 || continue
    # Beside the data, so that import can move and need not copy.
    work="$PWD/data/restore/$keyspace/$(basename "$table")"
    rm -rf "$work"
    mkdir -p "$work"
    cp "$table"/*.* "$work/"
    rm -f "$work/schema.cql" "$work/manifest.json"
    nodetool import "$keyspace" "$(basename "$table")" "$work"
    rm -rf "$work"
  done
done
