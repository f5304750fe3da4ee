# For tests of several hosts, each a network namespace with an address of its own on one bridge. Whoever sources it begins
# again inside new namespaces. Nothing waits for a time to pass, only for what has to happen.
# With `probe` the test only finds out whether this machine lets it: 0, or 77 and why not.
set -u
skip() { echo "skipped: $1"; exit 77; }
if [ "${1:-}" != inside ]; then
  command -v ip > /dev/null || skip "there is no ip(8)"
  inside=(unshare --map-root-user --net --mount --pid --fork --kill-child)
  "${inside[@]}" true 2> /dev/null || skip "namespaces are not allowed here"
  exec "${inside[@]}" bash "$0" inside "$@"
fi
set_up() {
  mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mkdir -p /run/netns || return
  ip link set lo up && ip link add br0 type bridge && ip link set br0 up || return
  for i in 1 2 3; do
    ip netns add h$i && ip link add v$i type veth peer name eth0 netns h$i && ip link set v$i master br0 up &&
      ip -n h$i addr add 10.77.0.$i/24 dev eth0 && ip -n h$i link set eth0 up && ip -n h$i link set lo up || return
  done
}
set_up || skip "no hosts can be made here"
if declare -F set_up_more > /dev/null; then set_up_more || skip "$why_not"; fi
[ "${2:-}" != probe ] || exit 0

. "$LMF_SOURCE/tests/e2e/expect.sh"
unset FORCE_TORCHRUN NNODES NODE_RANK NPROC_PER_NODE MASTER_ADDR MASTER_PORT RDZV_ID MIN_NNODES MAX_NNODES MAX_RESTARTS
rm -rf logs && mkdir -p logs

# Works until the file logs/stop.NAME is there, fails once when logs/fail.NAME.RANK is.
cat > logs/worker.sh <<'EOF'
echo "worker $RANK of $WORLD_SIZE, attempt $LMF_ATTEMPT, master $MASTER_ADDR"
while [ ! -e "logs/stop.$1" ]; do
  if rm "logs/fail.$1.$RANK" 2> /dev/null; then exit 3; fi
  sleep 0.1
done
EOF
declare -A agents
start() { # host, job, options...: an agent there, into logs/JOB.HOST
  local host=$1 job=$2
  shift 2
  ip netns exec h"$host" "$LMF_BUILD/bin/lmf" run "$@" --no-python bash logs/worker.sh "$job" > "logs/$job.$host" 2>&1 < /dev/null &
  agents[$job.$host]=$!
}
seen() { # sentence, host, job, pattern: waits for it
  local tries=0
  cp "logs/$3.$2" said 2> /dev/null
  until grep -q -- "$4" "logs/$3.$2"; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || break
    sleep 0.1
  done
  cp "logs/$3.$2" said
  expect_said "$1" "$4"
}
ended() { # sentence, host, job, status
  wait "${agents[$3.$2]}"
  status=$?
  cp "logs/$3.$2" said
  expect "$1" status "$4"
}
workers_on() { ip netns pids h"$1" | wc -l; }
impatient=keep_alive_interval=1,keep_alive_max_attempt=3,read_timeout=3
elastic() { # host, job, nodes, options...
  start "$1" "$2" --rdzv-backend c10d --rdzv-endpoint 10.77.0.1:29400 --rdzv-id "$2" --nnodes "$3" --nproc-per-node 1 "${@:4}"
}
static() { # host, job, rank
  start "$1" "$2" --nnodes 2 --node-rank "$3" --master-addr 10.77.0.1 --master-port 29500 --nproc-per-node 1 \
    --rdzv-conf $impatient
}
