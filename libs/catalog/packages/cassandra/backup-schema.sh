. ./store.sh
# Run again after it was cut off, it finds its own schema, but no data of nodes.
held=$(store list)
case "$held" in
  *node-*)
    echo "there is a backup $NAME already: $where" >&2
    exit 1
    ;;
esac
rm -rf ring
mkdir ring
node schema.cjs backup ring
store put ring ring
