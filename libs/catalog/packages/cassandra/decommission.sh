. ./nodetool.sh
# It may be run again after it was cut off: first what is left to do. The others get all that this node holds.
mode() {
  nodetool netstats | sed -n 's/^Mode: //p'
}
case "$(mode)" in
  DECOMMISSIONED) ;;
  LEAVING) while [ "$(mode)" = LEAVING ]; do sleep 5; done ;;
  *) nodetool decommission ;;
esac
[ "$(mode)" = DECOMMISSIONED ]
