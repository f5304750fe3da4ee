# Out of memory for real: in a control group that limits it the kernel kills a worker, and the report says that it was the
# kernel, and why. A worker that somebody else kills there is not explained so.
# With `probe` it only finds out whether this machine lets it: 0, or 77 and why not.
set -u
skip() { echo "skipped: $1"; exit 77; }
limit=$((64 * 1024 * 1024))
while IFS=: read -r _ controllers path; do # a group inside that of this process
  case $controllers in
    memory) parent=/sys/fs/cgroup/memory$path limits='memory.limit_in_bytes memory.memsw.limit_in_bytes' ; break ;;
    '') parent=/sys/fs/cgroup$path limits=memory.max ;;
  esac
done < /proc/self/cgroup
[ -n "${parent:-}" ] || skip "this system has no control groups"
group=$parent/lmf-test-$$
mkdir "$group" 2> /dev/null || skip "no control group can be made in $parent"
clean() { # what is in it has ended, or is about to
  for _ in $(seq 100); do rmdir "$group" 2> /dev/null && return; sleep 0.1; done
}
trap clean EXIT
for file in $limits; do
  [ -w "$group/$file" ] || { [ "$file" = memory.memsw.limit_in_bytes ] && continue; skip "control groups do not limit memory here"; }
  echo $limit > "$group/$file" || skip "$file cannot be set"
done
[ ! -w "$group/memory.swap.max" ] || echo 0 > "$group/memory.swap.max"
[ "${1:-}" != probe ] || exit 0

. "$LMF_SOURCE/tests/e2e/expect.sh"
run() { # options and program: an agent in that group
  (echo $BASHPID > "$group/cgroup.procs" && exec "$LMF_BUILD/bin/lmf" run --nproc-per-node 2 --no-python "$@") > said 2>&1
  status=$?
}
run sh -c '[ "$RANK" = 0 ] && exec sleep 600; exec tail /dev/zero' # which keeps all of a line that does not end
expect "a worker needs more than there is" status 137
expect_said "a worker needs more than there is" "rank *: 1 " "SIGKILL" "the kernel killed it because memory ran out"

# What happened before is not taken for the cause.
run sh -c '[ "$RANK" = 0 ] && exec sleep 600; kill -KILL $$$$' # $$ is one $ to lmf run, as to torchrun
expect "a worker is killed by hand" status 137
expect_said "a worker is killed by hand" "it was killed from outside"
expect_not_said "a worker is killed by hand" "memory ran out"
finish
