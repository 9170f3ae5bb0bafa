import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What stands between the agent and a task: a POSIX shell in a session of its own, so that neither needs the other to live.
 *
 * - It claims the launch by creating `pid` exclusively; where that exists it ends at once: a launch id runs once.
 * - The child writes its own line into `pid` before it becomes the task, so no task runs that is not on record.
 * - The child joins the cgroups itself: the shim stays outside, where no OOM killer looks for it.
 * - The child is waited for in the foreground, since background children of a shell ignore SIGINT and SIGQUIT.
 * - `exit 137` and SIGKILL give a shell the same status; it writes a notice ("Killed") to its stderr only for a signal. dash
 *   and busybox write none for SIGINT and SIGPIPE, bash none for SIGTERM either: 130 and 141 without a notice are told as signals.
 * - The time of the end is the uptime of the machine (its boot stands in `pid`) and that of the file: no process for a date.
 * - RLIMITS are empty or the words of a command that sets them and becomes its arguments; the shim itself goes without.
 * - A byte on descriptor 3 tells the agent that the task is on record; nobody has to be there to read it. It is told before the
 *   child joins its groups: each takes the kernel some milliseconds, and the command begins in all of them anyway.
 */
const shimText = `#!/bin/sh
# usage: shim.sh LAUNCH_FOLDER COMMAND OOM_COUNTER RLIMITS [CGROUP_PROCS_FILE...]
_orrery_folder=$1
_orrery_command=$2
_orrery_oom_counter=$3
_orrery_rlimits=$4
shift 4
trap : HUP INT QUIT TERM

read -r _orrery_boot </proc/sys/kernel/random/boot_id
read -r _orrery_stat </proc/self/stat
set -C
printf 'shim %s %s\\n' "$_orrery_boot" "$_orrery_stat" 2>/dev/null >"$_orrery_folder/pid" || exit 75
set +C
exec 2>"$_orrery_folder/notice"

(
  cd "$_orrery_folder/sandbox" || exit 126
  exec </dev/null >>stdout 2>>stderr
  read -r _orrery_stat </proc/self/stat
  printf 'task %s %s\\n' "$_orrery_boot" "$_orrery_stat" >>"$_orrery_folder/pid" || exit 126
  trap '' PIPE
  printf . 2>/dev/null >&3
  trap - PIPE
  exec 3>&-
  for _orrery_procs; do
    echo 0 >"$_orrery_procs" || exit 126
  done
  exec setsid $_orrery_rlimits /bin/sh -c "$_orrery_command"
)
_orrery_status=$?

_orrery_task=
{ read -r _orrery_stat; read -r _orrery_kind _orrery_boot _orrery_task _orrery_stat; } <"$_orrery_folder/pid"
[ -n "$_orrery_task" ] && kill -s KILL -- "-$_orrery_task" 2>/dev/null

_orrery_signal=0
if [ "$_orrery_status" -gt 128 ]; then
  if [ -s "$_orrery_folder/notice" ] || [ "$_orrery_status" -eq 130 ] || [ "$_orrery_status" -eq 141 ]; then
    _orrery_signal=$((_orrery_status - 128))
  fi
fi
_orrery_oom=0
if [ -n "$_orrery_oom_counter" ]; then
  while read -r _orrery_key _orrery_value; do
    [ "$_orrery_key" = oom_kill ] && _orrery_oom=$_orrery_value
  done <"$_orrery_oom_counter"
fi
read -r _orrery_uptime _orrery_value </proc/uptime
printf 'code %s\\nsignal %s\\noom %s\\nuptime %s\\n' "$_orrery_status" "$_orrery_signal" "$_orrery_oom" "$_orrery_uptime" \\
  >"$_orrery_folder/exit.new" && mv "$_orrery_folder/exit.new" "$_orrery_folder/exit"
`;

/** Puts the shim where it can be run. A running shell goes on with the file that it opened, so this one is replaced, not rewritten. */
export function installShim(folder: string): string {
  const path = join(folder, 'shim.sh');
  writeFileSync(`${path}.new`, shimText);
  renameSync(`${path}.new`, path);
  return path;
}
