#!/usr/bin/env bash
# `lmf train` as the ranks of a launcher: what each writes, what happens when one dies, is stopped, fails or is late. Every
# failure has to end all ranks with a sentence, whatever the order in which they notice.
set -euo pipefail
. "$LMF_SOURCE/tests/train/tiny_model.sh"
lmf=$LMF_BUILD/bin/lmf
export XDG_CACHE_HOME=$PWD/cache OMP_NUM_THREADS=1
rm -rf model out-* cache log*
mkdir cache
tiny_model model

free_port() { python3 "$LMF_SOURCE/tests/support/free_port.py"; }
common=(model_name_or_path=model train_from_scratch=true do_train=true stage=sft finetuning_type=full template=chatml
  dataset="$LMF_SOURCE/share/data/countries.json" use_cpu=true max_steps=40 save_steps=10 logging_steps=1
  per_device_train_batch_size=2 learning_rate=1e-3 lr_scheduler_type=cosine warmup_steps=4)
rank() { # rank, output folder, options...
  local rank=$1 out=$2
  shift 2
  RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$ranks LOCAL_WORLD_SIZE=$ranks MASTER_ADDR=localhost MASTER_PORT=$port \
    exec "$lmf" train "${common[@]}" output_dir="$out" "$@" >"log$rank" 2>&1
}
start() { # number of ranks, output folder, options...
  ranks=$1 port=$(free_port) pids=()
  for ((r = 0; r < ranks; ++r)); do
    rank "$r" "${@:2}" &
    pids+=($!)
  done
}
ended() { # the statuses of all ranks, which have a minute
  statuses=()
  local pid status
  for pid in "${pids[@]}"; do
    timeout 60 tail --pid="$pid" -f /dev/null || { kill -KILL "${pids[@]}" 2>/dev/null; fail "a rank hangs"; }
    status=0
    wait "$pid" || status=$?
    statuses+=("$status")
  done
}
fail() {
  echo "FAILED: $*"
  tail -n 5 log*
  exit 1
}
expect() { # statuses
  ended
  [ "${statuses[*]}" = "$*" ] || fail "the ranks ended with ${statuses[*]}, not with $*"
}
wait_for_step() { # folder, step
  for _ in $(seq 3000); do
    [ "$(cat "$1/trainer_log.jsonl" 2>/dev/null | wc -l)" -lt "$2" ] || return 0
    sleep 0.02
  done
  fail "$1 never reached step $2"
}
losses_as() { # folder, folder: the same losses within 1e-5
  python3 - "$@" <<'PYTHON' || fail "$2 differs from $1"
import json, pathlib, sys
def losses(folder):
    lines = [json.loads(line) for line in pathlib.Path(folder, "trainer_log.jsonl").read_text().splitlines()]
    return [(line["current_steps"], line["loss"]) for line in lines if "loss" in line]
a, b = map(losses, sys.argv[1:])
worst = max(abs(x - y) / y for (_, x), (_, y) in zip(a, b))
print(f"{sys.argv[2]}: {len(b)} steps, largest relative difference of loss {worst:.1e}")
sys.exit(0 if len(a) == 40 and [s for s, _ in a] == [s for s, _ in b] and worst < 1e-5 else f"{a}\n{b}")
PYTHON
}

# One process that accumulates what three ranks share gives their losses. Only rank 0 speaks and writes.
ranks=1 port=0
(rank 0 out-alone gradient_accumulation_steps=3) || fail "one process"
start 3 out-three
expect 0 0 0
losses_as out-alone out-three
[ ! -s log1 ] && [ ! -s log2 ] || fail "other ranks speak"
for r in 0 1 2; do # each has a file of its own, also with what the console does not show
  grep -q "^20..-.*rank $r of 3 begins, .*(pid ${pids[r]})" out-three/rank_logs/rank-$r.log || fail "rank $r has no log"
  grep -q 'global batch 6 (2 × 1 × 3 ranks)' out-three/rank_logs/rank-$r.log || fail "rank $r does not write what it says"
done
[ ! -e out-alone/rank_logs ] || fail "a process that is alone keeps a rank's log"
[ "$(grep -c 'global batch 6 (2 × 1 × 3 ranks)' log0)" = 1 ] || fail "rank 0 does not say the global batch"
[ "$(ls cache/lmf/* | grep -c tokens$)" = 1 ] || fail "more than one token store"
for file in model.safetensors trainer_state.json train_results.json checkpoint-40/optimizer.safetensors; do
  [ -f "out-three/$file" ] || fail "no $file"
done

# A rank that is killed ends the others, and they name it; what hosts the store may be it.
for victim in 1 0; do
  rm -rf out-killed
  start 2 out-killed max_steps=100000 save_steps=1000
  wait_for_step out-killed 5
  kill -KILL "${pids[victim]}"
  ended
  [ "${statuses[$victim]}" = 137 ] && [ "${statuses[1 - victim]}" = 1 ] || fail "killed rank $victim: ${statuses[*]}"
  for file in "log$((1 - victim))" "out-killed/rank_logs/rank-$((1 - victim)).log"; do
    grep -q "rank $((1 - victim)) lost the others in step" "$file" || fail "no sentence about rank $victim in $file"
  done
done
grep -q "the store at localhost:$port, which rank 0, .*, hosted, is gone" log1 || fail "the store's end is not explained"
! grep -q 'frame #0' log1 || fail "libtorch's stack traces bury the explanation"

# SIGTERM to any one rank stops all after the same step with one checkpoint, from which other numbers of ranks go on.
for told in 0 1; do
  rm -rf out-stopped
  start 2 out-stopped save_steps=1000 max_steps=400
  wait_for_step out-stopped 7
  kill -TERM "${pids[told]}"
  expect 143 143
  [ "$(ls -d out-stopped/checkpoint-* | wc -l)" = 1 ] || fail "not one checkpoint"
  grep -q 'stopped by signal 15 after step' log0 || fail "no word about the signal"
done
start 3 out-stopped save_steps=1000 max_steps=20
expect 0 0 0
grep -q 'the rounds were of another size before' log0 || fail "the new plan is not announced"
[ "$(grep -c '"loss"' out-stopped/trainer_log.jsonl)" = 20 ] || fail "not every step is logged once"
[ "$(grep -c 'rank 1 of . begins' out-stopped/rank_logs/rank-1.log)" = 2 ] || fail "a rank's log does not go on"

# Where a run begins is rank 0's decision, which holds the folder: the others may have looked while its last run was ending.
start 2 out-start max_steps=4 save_steps=2
expect 0 0
together() { # rank 0's options, rank 1's options
  ranks=2 port=$(free_port) pids=()
  rank 0 out-start max_steps=6 save_steps=2 $1 & pids+=($!)
  rank 1 out-start max_steps=6 save_steps=2 $2 & pids+=($!)
  expect 0 0
}
together "" resume_from_checkpoint=false
grep -q 'continuing from .*out-start/checkpoint-4' log0 || fail "rank 0 does not go on from the newest checkpoint"
[ "$(grep -c '"loss"' out-start/trainer_log.jsonl)" = 6 ] || fail "not every step is logged once"
together overwrite_output_dir=true ""
! grep -q 'continuing from' log0 || fail "rank 0 does not start afresh"

# A job that is refused leaves nothing behind, of none of its ranks.
printf '[{"instruction": "a", "output": ' >cut.json
left_nothing() { [ ! -e out-refused ] || fail "a refused job leaves $(find out-refused)"; }
start 2 out-refused model_name_or_path=nowhere
expect 2 2
left_nothing
start 2 out-refused dataset=cut.json # which rank 0 reads for both
expect 2 1
left_nothing

# A rank's log that cannot be written costs a warning, not the run.
mkdir out-odd
: >out-odd/rank_logs
start 2 out-odd max_steps=1
expect 0 0
grep -q 'rank 0 keeps no log of its own: cannot write out-odd/rank_logs/rank-0.log: Not a directory' log0 || fail "no word about the log"

# A rank that fails by itself is quoted by the others: here rank 0 cannot write.
ranks=2 port=$(free_port) pids=()
(ulimit -f 64; rank 0 out-full save_steps=5) & pids+=($!)
rank 1 out-full save_steps=5 & pids+=($!)
expect 1 1
grep -q 'cannot write .*checkpoint-5' log0 || fail "rank 0 does not say that it cannot write"
grep -q 'rank 1 lost the others in step 6\|stopped: cannot write .*checkpoint-5' log1 || fail "rank 1 does not say why it ended"

# A rank that is only stopped is waited for as long as ddp_timeout says, then named.
rm -rf out-late
start 2 out-late max_steps=100000 ddp_timeout=3
wait_for_step out-late 3
kill -STOP "${pids[1]}"
timeout 60 tail --pid="${pids[0]}" -f /dev/null || fail "rank 0 waits for a stopped rank for ever"
kill -KILL "${pids[1]}"
ended
[ "${statuses[0]}" = 1 ] || fail "rank 0 ended with ${statuses[0]}"
grep -q 'rank 0 lost the others in step .* nothing more is heard of rank 1, .*, last in step' log0 || fail "the late rank is not named"

# Ranks that never come are named, each of them, by those that did.
ranks=4 port=$(free_port) pids=()
for r in 0 2; do
  rank $r out-missing ddp_timeout=15 & pids+=($!)
done
expect 1 1
grep -q "rank 0 waited .* s at localhost:$port for ranks 1, 3, which never came" log0 || fail "rank 0 does not name the missing"
# Rank 0 hosts the store, and may have given up first.
grep -q "rank 2 waited .* s .*for ranks 1, 3, \(which never came\|then the store .* was gone\)" log2 || fail "rank 2 does not name the missing"
grep -q 'waiting for ranks 1, .*3 of 4' log0 || fail "rank 0 does not say for whom it waits"

# A task of mpirun whose variables contradict it starts nothing, and the other hears why, whichever of them it is.
task() { # rank, variables...
  local rank=$1
  shift
  env OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=$rank OMPI_COMM_WORLD_LOCAL_SIZE=2 \
    MASTER_PORT=$port "$@" "$lmf" train "${words[@]}" output_dir=out-task >"log$rank" 2>&1 & pids+=($!)
}
words=("${common[@]}")
for wrong in 0 1; do
  port=$(free_port) pids=()
  task 0 NNODES=$((wrong == 0 ? 3 : 1))
  task 1 NNODES=$((wrong == 1 ? 3 : 1))
  ended
  said="mpirun (Open MPI) says that this is task $wrong of 2 (OMPI_COMM_WORLD_LOCAL_SIZE=2 of OMPI_COMM_WORLD_SIZE=2), but NNODES=3"
  [ "${statuses[$wrong]}" = 2 ] && grep -qF "$said" log$wrong || fail "task $wrong does not stop: ${statuses[*]}"
  other=$((1 - wrong))
  [ "${statuses[$other]}" = 1 ] && grep -q "rank $wrong, .*(pid ${pids[wrong]}), stopped: environment: mpirun" log$other || fail "task $other does not hear of it: ${statuses[*]}"
  grep -qF "$said" log$other || fail "task $other does not hear why"
done

# Nor does one that cannot read its configuration, as where its node does not have the folder.
for wrong in 0 1; do
  port=$(free_port) pids=()
  for r in 0 1; do
    [ "$r" = "$wrong" ] && words=(not-here.yaml) || words=("${common[@]}")
    task $r
  done
  ended
  other=$((1 - wrong))
  [ "${statuses[$wrong]}" != 0 ] && [ "${statuses[$other]}" = 1 ] && grep -q "rank $wrong, .*stopped: .*not-here.yaml" log$other ||
    fail "task $other does not hear that task $wrong has no configuration: ${statuses[*]}"
done

# The store's port is taken.
ranks=2 port=$(free_port)
python3 -c "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', $port)); s.listen(); time.sleep(600)" &
holder=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done
pids=()
rank 0 out-taken ddp_timeout=3 & pids+=($!)
ended
kill $holder
[ "${statuses[0]}" = 1 ] && grep -q "rank 0 cannot open the store at localhost:$port" log0 || fail "a port in use is not explained"
echo "ranks train alike, and end together"
