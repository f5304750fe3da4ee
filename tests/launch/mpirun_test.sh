# lmf under a real mpirun: each of its processes is a worker, and no second launcher is started.
if ! command -v mpirun >/dev/null; then
  echo "skipped: no mpirun"
  exit 77
fi
. "$LMF_SOURCE/tests/e2e/expect.sh"
. "$LMF_SOURCE/tests/launch/place.sh"
export LMF_FAKE_DEVICES=4 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
under_mpirun() {
  mpirun --oversubscribe -n 2 "$@" "${program[@]}" train config.yaml > said 2>&1
  status=$?
}

under_mpirun
expect "two processes" status 0
expect_said "two processes" "rank 0 of 2, local 0 of 2, at 127.0.0.1:" "rank 1 of 2, local 1 of 2"
expect_said "two processes" "rank 0 of 2, started by mpirun (Open MPI) (OMPI_COMM_WORLD_RANK=0), meeting at 127.0.0.1:"
expect_not_said "two processes" "workers on this node" "rank 1 of 2, started by"
expect_true "they agree on the port" [ "$(grep -o 'at 127.0.0.1:[0-9]*' said | sort -u | wc -l)" = 1 ]
under_mpirun -x MASTER_ADDR=10.1.2.3 -x MASTER_PORT=4567
expect "an address of the user's" status 0
expect_said "an address of the user's" "at 10.1.2.3:4567"
under_mpirun -x RANK=7
expect_true "a RANK of another hand stops" [ "$status" != 0 ]
expect_said "a RANK of another hand stops" "says that this is task" "but RANK=7"
for own in NNODES=2 NPROC_PER_NODE=4 LOCAL_RANK=5 RDZV_ID=job; do
  under_mpirun -x "$own"
  expect_true "a contradiction of one's own stops: $own" [ "$status" != 0 ]
  expect_said "a contradiction of one's own stops: $own" "mpirun (Open MPI)" "OMPI_COMM_WORLD_" "$own"
  expect_not_said "a contradiction of one's own stops: $own" "rank 0 of 2, local"
done
under_mpirun -x NNODES=1 -x NPROC_PER_NODE=2
expect "what agrees" status 0
expect_said "what agrees" "rank 1 of 2, local 1 of 2" "NNODES=1 and NPROC_PER_NODE=2 have no effect here: mpirun (Open MPI) has started"
expect_true "what agrees is said once" [ "$(grep -c 'have no effect here' said)" = 1 ]
mpirun --oversubscribe -n 2 "${program[@]}" run --no-python true > said 2>&1
status=$?
expect "an agent for each task" status 0
expect_true "an agent for each task: said once" [ "$(grep -c 'mpirun (Open MPI) started this 2 times (OMPI_COMM_WORLD_RANK=0), and each starts 1 worker' said)" = 1 ]
mpirun --oversubscribe -n 1 "${program[@]}" train config.yaml > said 2>&1
status=$?
expect "one task is no job of several" status 0
expect_said "one task is no job of several" "4 workers on this node"
finish
