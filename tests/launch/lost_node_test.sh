# Real workers on two hosts, of which one is cut off amid training: no connection ends, so the other's worker waits in a
# collective for one that will never answer. It is told, ends by itself, and the training goes on from the last checkpoint.
. "${LMF_SOURCE:-$(dirname "$0")/../..}/tests/launch/hosts.sh"
. "$LMF_SOURCE/tests/train/tiny_model.sh"
export OMP_NUM_THREADS=1 TMPDIR=$PWD/tmp XDG_CACHE_HOME=$PWD/cache
rm -rf model out tmp cache && mkdir tmp cache
tiny_model model
train() { # host
  ip netns exec h"$1" env FORCE_TORCHRUN=1 RDZV_ID=job MIN_NNODES=1 MAX_NNODES=2 MASTER_ADDR=10.77.0.1 NPROC_PER_NODE=1 \
    PET_RDZV_CONF="last_call_timeout=60,$impatient" "$LMF_BUILD/bin/lmf" train model_name_or_path=model train_from_scratch=true \
    do_train=true stage=sft finetuning_type=full template=chatml dataset="$LMF_SOURCE/share/data/countries.json" use_cpu=true \
    max_steps=1000000 save_steps=10 save_total_limit=2 logging_steps=1 output_dir=out > "logs/train.$1" 2>&1 < /dev/null &
  agents[train.$1]=$!
}
steps() { # sentence, at least so many in the log
  local tries=0
  until [ "$(grep -c '"loss"' out/trainer_log.jsonl 2> /dev/null)" -ge "$2" ] 2> /dev/null || [ $tries -ge 1200 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  expect_true "$1" [ $tries -lt 1200 ]
}

train 1
train 2
steps "two hosts train together" 15
expect_true "two hosts train together" grep -q "rank 1 of 2 begins" out/rank_logs/rank-1.log
ip link set v2 down
seen "a host that is cut off is missed" 1 train "is lost: not a sign of life for 3 s: starting again together"
seen "training goes on from the last checkpoint" 1 train "continuing from .*out/checkpoint-[0-9]* (the job was started again)"
expect_not_said "its worker ends by itself" "waiting for the end of\|is killed"
ended "who is cut off gives up" 2 train 1
expect_not_said "its worker ends by itself, too" "waiting for the end of\|is killed"
steps "alone" $(($(grep -c '"loss"' out/trainer_log.jsonl) + 15))
kill -TERM "${agents[train.1]}"
ended "told to stop" 1 train 143
expect_said "told to stop, it saves" "stopped by signal 15 after step .*: saved out/checkpoint-"
finish
