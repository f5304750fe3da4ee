# lmf under a real srun, with a SLURM of one machine that this test starts and stops. With `probe` it only finds out whether
# that can be done here: 0, or 77 and why not.
for tool in slurmctld slurmd srun munged; do
  if ! command -v $tool >/dev/null; then
    echo "skipped: no $tool"
    exit 77
  fi
done
if [ "$(id -u)" != 0 ]; then
  echo "skipped: SLURM's daemons need root"
  exit 77
fi
spool=$(mktemp -d /tmp/lmf-slurm-XXXXXX) # short: sockets lie in it
# All of this SLURM has its SLURM_CONF, also the steps' daemons, which belong to nobody.
cleanup() {
  local entry
  for entry in /proc/[0-9]*; do
    [ "${entry#/proc/}" != $$ ] && grep -qz "^SLURM_CONF=$spool/slurm.conf$" "$entry/environ" 2>/dev/null &&
      kill -KILL "${entry#/proc/}" 2>/dev/null
  done
  wait
  rm -rf "$spool"
}
trap cleanup EXIT
port() { python3 "$(dirname "${BASH_SOURCE[0]}")/../support/free_port.py"; }
host=$(hostname -s)
dd if=/dev/urandom of="$spool/munge.key" bs=128 count=1 2>/dev/null && chmod 600 "$spool/munge.key"
cat > "$spool/slurm.conf" <<EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmdPort=$(port)
SlurmUser=root
SlurmctldPidFile=$spool/slurmctld.pid
SlurmdPidFile=$spool/slurmd.pid
StateSaveLocation=$spool
SlurmdSpoolDir=$spool/slurmd
SlurmctldLogFile=$spool/slurmctld.log
SlurmdLogFile=$spool/slurmd.log
AuthType=auth/munge
AuthInfo=socket=$spool/munge.socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
EOF
export SLURM_CONF=$spool/slurm.conf
munged --foreground --force --key-file="$spool/munge.key" --socket="$spool/munge.socket" --pid-file="$spool/munge.pid" \
  --log-file="$spool/munge.log" --seed-file="$spool/munge.seed" > "$spool/munged.out" 2>&1 &
for _ in $(seq 50); do [ -S "$spool/munge.socket" ] && break; sleep 0.1; done
slurmctld -D > "$spool/ctld.out" 2>&1 &
slurmd -D > "$spool/slurmd.out" 2>&1 &
for _ in $(seq 200); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 0.1; done
if ! sinfo -h -o %T 2>/dev/null | grep -q idle; then
  tail -n 5 "$spool"/*.log "$spool"/*.out
  echo "skipped: SLURM does not start here"
  exit 77
fi
[ "${1:-}" != probe ] || exit 0

. "$LMF_SOURCE/tests/e2e/expect.sh"
. "$LMF_SOURCE/tests/launch/place.sh"
export LMF_FAKE_DEVICES=4
under_srun() {
  timeout --kill-after=5 120 srun "$@" "${program[@]}" train config.yaml > said 2>&1
  status=$?
}

under_srun -n 2 --overcommit
expect "a task for each worker" status 0
expect_said "a task for each worker" "rank 0 of 2, local 0 of 2, at 127.0.0.1:" "rank 1 of 2, local 1 of 2"
expect_not_said "a task for each worker" "workers on this node"
expect_true "they agree on the port" [ "$(grep -o 'at 127.0.0.1:[0-9]*' said | sort -u | wc -l)" = 1 ]
under_srun -n 1
expect "one task: the launcher's place" status 0
expect_said "one task: the launcher's place" "4 workers on this node" "rank 3 of 4"
RANK=0 under_srun -n 2 --overcommit
expect "a RANK of another hand stops" status 2
expect_said "a RANK of another hand stops" "srun says that this is task 1 of 2"
NPROC_PER_NODE=4 under_srun -n 2 --overcommit
expect "another number of workers stops" status 2
expect_said "another number of workers stops" "srun says that this is task 0 of 2 (SLURM_.*TASKS_PER_NODE=2), but NPROC_PER_NODE=4"
NNODES=2 under_srun -n 2 --overcommit
expect "another number of nodes stops" status 2
expect_said "another number of nodes stops" "(SLURM_.*NODES=1), but NNODES=2"
RDZV_ID=job under_srun -n 2 --overcommit
expect "two agents of one job on a node are none" status 2
expect_said "two agents of one job on a node are none" "with RDZV_ID=job each would be an agent"

# With real workers, which would wait for one another: what only one task sees ends all of them, for the reason that it says.
. "$LMF_SOURCE/tests/train/tiny_model.sh"
rm -rf model && tiny_model model
one_of_two() { # task, its variable
  printf '[ $SLURM_PROCID != %s ] || export %s\nexec "$@"\n' "$1" "$2" > as_task.sh
  one_of_two_does
}
one_of_two_does() {
  timeout --kill-after=5 120 srun -n 2 --overcommit bash as_task.sh "$LMF_BUILD/bin/lmf" train config.yaml model_name_or_path=model \
    use_cpu=true > said 2>&1
  status=$?
}
for task in 0 1; do
  one_of_two $task NNODES=2
  expect "task $task alone sees a contradiction" status 2
  expect_said "task $task alone sees a contradiction" "srun says that this is task $task of 2 (SLURM_.*NODES=1), but NNODES=2" \
    "rank $task, .*, stopped: environment: srun says that this is task $task"
done
one_of_two 1 NPROC_PER_NODE=many
expect "what is no number for one task" status 2
expect_said "what is no number for one task" "rank 1, .*, stopped: environment: NPROC_PER_NODE is 'many'"
for task in 0 1; do
  printf '[ $SLURM_PROCID != %s ] || set -- "$@" learning_rate=fast\nexec "$@"\n' $task > as_task.sh
  one_of_two_does
  expect "task $task alone has a wrong option" status 2
  expect_said "task $task alone has a wrong option" "rank $task, .*, stopped: command line: learning_rate is 'fast'"
done
finish
