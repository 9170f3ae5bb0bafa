. ./nodetool.sh
. ./store.sh
# What a node holds at this moment: snapshot, copy, and the snapshot goes. Done again, it begins anew.
rm -rf ring data/backup
store get ring ring
keyspaces=$(cat ring/keyspaces)
nodetool clearsnapshot -t "$NAME" || true
nodetool snapshot -t "$NAME" -- $keyspaces
for keyspace in $keyspaces; do
  for snapshot in data/data/"$keyspace"/*/snapshots/"$NAME"; do
    [ -d "$snapshot" ] || continue
    # data/data/KEYSPACE/TABLE-ID/snapshots/NAME
    table=$(basename "$(dirname "$(dirname "$snapshot")")")
    mkdir -p "data/backup/$keyspace/${table%-*}"
    # In the volume, so that these are links and no copies.
    ln "$snapshot"/* "data/backup/$keyspace/${table%-*}/"
  done
done
mkdir -p data/backup
store put data/backup "$ORRERY_POD-$ORRERY_POD_INDEX"
du -sh data/backup
rm -rf data/backup
nodetool clearsnapshot -t "$NAME"
