#!/usr/bin/env bash
# One output folder, one run: a second is refused while the first is alive, whether that is one process, or several ranks; and
# nothing is left to refuse the next one, however the first ended.
source "$LMF_SOURCE/tests/train/whole_run.sh"
begin
rm -f holding first second ranks again many?
trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT
host=$(python3 -c 'import socket; print(socket.gethostname())')
long=(max_steps=100000 save_steps=100000)

in_background() { # name of the log, command...: its process id is $pid
  "${@:2}" >"$1" 2>&1 &
  pid=$!
}
options() { # output folder, more...
  echo train model_name_or_path=model train_from_scratch=true do_train=true stage=sft finetuning_type=full template=chatml \
    dataset="$LMF_SOURCE/share/data/countries.json" max_samples=60 use_cpu=true logging_steps=1 \
    per_device_train_batch_size=2 output_dir="$1" "${@:2}"
}
wait_for_step() { # folder, step, log
  for _ in $(seq 3000); do
    [ "$(cat "$1/trainer_log.jsonl" 2>/dev/null | wc -l)" -lt "$2" ] || return 0
    sleep 0.02
  done
  cp "$3" said
  fail "$1 never reached step $2"
}
refused() { # folder, process id that has it
  train "$1"
  [ $status -eq 1 ] || fail "a second run in $1 ended with $status"
  grep -q "output_dir $1 is in use by another run, process $2 on $host" said || fail "the sentence names not $1 and process $2"
  grep -q "stop it (kill $2)" said || fail "no next step"
}
free() { # folder
  train "$1" overwrite_output_dir=true
  [ $status -eq 0 ] || fail "the run after it ended with $status"
  [ ! -e "$1/.lmf-lock" ] || fail "a run that has ended left its lock file"
}

# One process. The refused run has touched nothing: the first one goes on.
in_background first "$lmf" $(options out-one "${long[@]}")
wait_for_step out-one 3 first
before=$(wc -l <out-one/trainer_log.jsonl)
refused out-one $pid
wait_for_step out-one $((before + 3)) first
train out-one --check
[ $status -eq 0 ] || fail "--check, which writes nothing, ended with $status"
train out-other
[ $status -eq 0 ] || fail "a run in another folder ended with $status"
kill -KILL $pid
free out-one

# Stopped by a signal: the lock goes with the run, and the next one goes on from its checkpoint.
rm -rf out-one
in_background first "$lmf" $(options out-one "${long[@]}")
wait_for_step out-one 3 first
kill -TERM $pid
wait $pid && fail "a stopped run ended with 0" || [ $? -eq 143 ] || fail "a stopped run ended with another status than 143"
[ ! -e out-one/.lmf-lock ] || fail "a stopped run left its lock file"
train out-one max_steps=100000 save_steps=100000 num_train_epochs=1 --check
grep -q 'start .*from .*out-one/checkpoint-' said || fail "the next run would not go on"
for check in --check plot_loss=false; do # a run that would end before it is refused before the weights are loaded
  train out-one max_steps=2 $check
  [ $status -eq 2 ] || fail "a run that would end before its checkpoint ended with $status ($check)"
  grep -q 'resume_from_checkpoint: .*is after step [0-9]*, and this run would end after step 2' said || fail "no sentence ($check)"
done

# Started at the same moment: one of them trains, the others are refused.
rm -rf out-many
wait
for i in 1 2 3 4; do in_background "many$i" "$lmf" $(options out-many "${long[@]}"); done
for _ in $(seq 3000); do
  running=$(jobs -rp)
  [ "$(wc -w <<<"$running")" -gt 1 ] || break
  sleep 0.02
done
[ "$(wc -w <<<"$running")" = 1 ] || fail "of four runs that began at once these go on: $running"
[ "$(cat many? | grep -c "in use by another run, process $running on $host")" = 3 ] || fail "not three were refused"
refused out-many "$running"
kill -KILL "$running"

# A job of three ranks is one run: they share the folder. Its rank 0 has it; killed with its launcher, it is free at once.
job() { NPROC_PER_NODE=$1 FORCE_TORCHRUN=1 exec "$lmf" $(options "${@:2}"); }
in_background ranks job 3 out-ranks "${long[@]}"
wait_for_step out-ranks 3 ranks
rank_0=$(sed -E 's/.*"pid":([0-9]+).*/\1/' out-ranks/.lmf-lock)
[ "$(ps -o ppid= -p "$rank_0" | tr -d ' ')" = $pid ] || fail "process $rank_0 is no worker of $pid"
refused out-ranks "$rank_0"
in_background second job 4 out-ranks
wait $pid && fail "a second job ended with 0" || [ $? -eq 1 ] || { cp second said; fail "a second job ended with another status than 1"; }
cp second said
grep -q "in use by another run, process $rank_0 on $host" said || fail "the second job does not say why"
[ "$(cat out-ranks/rank_logs/* | grep -c ' begins, ')" = 3 ] || fail "the second job wrote into the first one's logs"
[ "$(ls out-ranks/rank_logs | wc -l)" = 3 ] || fail "the second job left $(ls out-ranks/rank_logs)"
kill -KILL "$(ps -o ppid= -p "$rank_0")"
free out-ranks

# A job whose workers are started again is not refused by its own earlier attempt.
rm -rf out-again
again() { NPROC_PER_NODE=2 FORCE_TORCHRUN=1 MAX_RESTARTS=1 exec "$lmf" $(options out-again max_steps=300 save_steps=20); }
in_background again again
job=$pid
wait_for_step out-again 6 again
kill -KILL "$(sed -E 's/.*"pid":([0-9]+).*/\1/' out-again/.lmf-lock)"
code=0
wait $job || code=$?
cp again said
[ $code = 0 ] || fail "the job that lost its first rank once ended with $code"
grep -q '"current_steps":300' out-again/trainer_log.jsonl || fail "the restarted job did not finish"
[ ! -e out-again/.lmf-lock ] || fail "the restarted job left its lock file"

# A lock file of somebody else: held, it refuses; left behind, it says what to do about it.
mkdir out-foreign
echo '{"pid": 1, "host": "elsewhere"}' >out-foreign/.lmf-lock
chmod 444 out-foreign/.lmf-lock
[ "$(id -u)" != 0 ] || under="setpriv --inh-caps=-all --bounding-set=-all" # root without a root's rights
flock out-foreign/.lmf-lock bash -c 'touch holding; exec sleep 1000' &
until [ -e holding ]; do sleep 0.02; done
train out-foreign
[ $status -eq 1 ] || fail "a foreign run's folder ended the run with $status"
grep -q 'in use by another run, process 1 on elsewhere' said || fail "the foreign run is not named"
kill -KILL $(ps -o pid= --ppid $!) $!
train out-foreign
[ $status -eq 1 ] || fail "a foreign lock file ended the run with $status"
grep -q 'out-foreign/.lmf-lock cannot be written, although no run holds it' said || fail "no sentence about the foreign file"
rm -f out-foreign/.lmf-lock
train out-foreign
[ $status -eq 0 ] || fail "without the foreign file the run ended with $status"
echo "one folder, one run"
