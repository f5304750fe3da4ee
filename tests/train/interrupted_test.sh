#!/usr/bin/env bash
# A run of the program as a user meets it: killed at every step and at every file of a checkpoint, stopped by signals; then
# resumed, with the losses and weights of the run that was never stopped.
source "$LMF_SOURCE/tests/train/whole_run.sh"
begin
signal_at=$1
train_until() { # signal, how many times the word is met, word, output folder, more options...
  local when="$1 $2 $3"
  shift 3
  LD_PRELOAD=$signal_at LMF_TEST_SIGNAL=$when train "$@"
}

train out-whole
[ $status -eq 0 ] || fail "the unbroken run ended with $status"

for step in $(seq 1 12); do
  rm -rf out-killed
  train_until 9 "$step" /trainer_log.jsonl out-killed
  [ $status -eq 137 ] || fail "the run to be killed at step $step ended with $status"
  train out-killed
  [ $status -eq 0 ] || fail "the run resumed after a kill at step $step ended with $status"
  same_run out-whole out-killed
done

# Each file of a checkpoint is renamed when it is whole, then the folder: killed before each of these.
for ((file = 1; ; ++file)); do
  rm -rf out-killed
  train_until 9 "$file" checkpoint-8 out-killed
  [ $status -ne 0 ] || break
  [ $status -eq 137 ] || fail "the run to be killed at file $file of checkpoint-8 ended with $status"
  [ ! -e out-killed/checkpoint-8 ] || fail "checkpoint-8 was there before it was whole"
  train out-killed
  [ $status -eq 0 ] || fail "the run resumed after a kill at file $file of checkpoint-8 ended with $status"
  ! ls out-killed | grep unfinished || fail "something half-written is left"
  same_run out-whole out-killed
done
[ "$file" -gt 5 ] || fail "only $((file - 1)) files were met"

# Killed while the result is written: its half is removed by the next run, which has no step left to make.
rm -rf out-killed
train_until 9 1 out-killed/model.safetensors out-killed
[ $status -eq 137 ] || fail "the run to be killed at its result ended with $status"
ls -A out-killed | grep -q '^\.model\.safetensors\.lmf-' || fail "the kill left no half of the result: $(ls -A out-killed)"
train out-killed
[ $status -eq 0 ] || fail "the run resumed after a kill at its result ended with $status"
! ls -A out-killed | grep '\.lmf-' || fail "the half of the result is still there"
same_run out-whole out-killed

# A limit on the size of files, below the model's: writing fails in the middle of a file.
rm -rf out-killed
mkdir out-killed
cp -r out-whole/checkpoint-4 out-whole/trainer_log.jsonl out-killed/
hard=$(ulimit -Hf)
ulimit -Sf 64
train out-killed
ulimit -Sf "$hard"
[ $status -eq 1 ] || fail "a limit on the size of files ended the run with $status"
grep -q 'cannot write .*checkpoint-8/model.safetensors: File too large' said || fail "no sentence about the file that is too large"
[ "$(ls out-killed)" = "$(printf 'checkpoint-4\ntrainer_log.jsonl')" ] || fail "something half-written is left"
train out-killed
[ $status -eq 0 ] || fail "the run resumed without the limit ended with $status"
same_run out-whole out-killed

for signal in HUP INT TERM; do
  number=$(kill -l $signal)
  rm -rf out-stopped
  train_until "$number" 6 /trainer_log.jsonl out-stopped
  [ $status -eq $((128 + number)) ] || fail "SIG$signal ended the run with $status"
  [ -d out-stopped/checkpoint-7 ] || fail "SIG$signal after step 6: the run did not save after step 7"
  train out-stopped
  [ $status -eq 0 ] || fail "the run resumed after SIG$signal ended with $status"
  same_run out-whole out-stopped
done

# What was ignored when the run began (nohup) stays ignored.
rm -rf out-stopped
under=nohup train_until 1 6 /trainer_log.jsonl out-stopped
[ $status -eq 0 ] || fail "SIGHUP under nohup ended the run with $status"
same_run out-whole out-stopped
echo "killed $((12 + file)) times, stopped 3 times: all went on as if nothing had been"
