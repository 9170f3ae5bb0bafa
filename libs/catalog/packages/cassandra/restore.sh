. ./nodetool.sh
. ./store.sh
# Gives back what this node held; import takes only what the node owns in the ring of today.
self="$ORRERY_POD-$ORRERY_POD_INDEX"
store list | grep -qx "$self" || {
  echo "the backup $NAME has nothing of $self: it is of another ring" >&2
  exit 1
}
rm -rf ring
store get ring ring
keyspaces=$(words "$KEYSPACES")
[ -n "$keyspaces" ] || keyspaces=$(cat ring/keyspaces)
for keyspace in $keyspaces; do
  # In the volume, so that import can move and need not copy; by the volume's own path, as the server's container has no other.
  work="$(cd data && pwd -P)/restore"
  rm -rf "$work"
  store get "$self/$keyspace" "$work"
  for table in "$work"/*; do
    ls "$table"/*-Data.db >/dev/null 2>&1 || continue
    rm -f "$table/schema.cql" "$table/manifest.json"
    nodetool import "$keyspace" "$(basename "$table")" "$table"
  done
  rm -rf "$work"
done
