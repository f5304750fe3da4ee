# What the tests of interrupted runs share: a tiny model, a run of twelve steps with a checkpoint every fourth, and its comparison.
# The model is the demo's shape, made smaller, from random weights. On one thread a run repeats bit for bit.
set -euo pipefail
. "$LMF_SOURCE/tests/train/tiny_model.sh"
lmf=$LMF_BUILD/bin/lmf
export OMP_NUM_THREADS=1 XDG_CACHE_HOME=$PWD/cache
[ -x "$lmf" ] || { echo "no $lmf"; exit 1; }
fail() { echo "FAILED: $*"; tail -n 20 said; exit 1; }
train() { # output folder, more options...; what it said is in `said`, its status in $status;
        # $under goes before the program
  local out=$1
  shift
  status=0
  { # whose own errors, the shell's word about a killed process, are left out
    timeout 300 ${under-} "$lmf" train model_name_or_path=model train_from_scratch=true do_train=true stage=sft finetuning_type=full \
      template=chatml dataset="$LMF_SOURCE/share/data/countries.json" max_samples=60 use_cpu=true output_dir="$out" \
      max_steps=12 save_steps=4 logging_steps=1 per_device_train_batch_size=2 learning_rate=1e-3 lr_scheduler_type=cosine \
      warmup_steps=4 "$@" >said 2>&1
  } 2>/dev/null || status=$?
}
losses() { grep '"loss"' "$1/trainer_log.jsonl" | sed -E 's/"(elapsed|remaining)_time":"[^"]*",?//g'; }
same_run() { # two folders
  [ "$(losses "$1" | wc -l)" -eq 12 ] || fail "$1 has not the losses of 12 steps"
  cmp <(losses "$1") <(losses "$2") || fail "$2: other losses than $1"
  cmp "$1/model.safetensors" "$2/model.safetensors" || fail "$2: other weights than $1"
}
begin() { # in an empty folder: the model, and nothing of an earlier test
  rm -rf model out-* cache said
  tiny_model model
}
