#!/usr/bin/env bash
# Evaluation as a user meets it: the files it leaves, a training that is the same with and without it, on two ranks as well; the
# best checkpoint after kills; a model that is only evaluated; what is refused.
source "$LMF_SOURCE/tests/train/whole_run.sh"
begin
signal_at=${1-}
said_in() { grep -q "$2" "$1" || fail "no '$2' in $1"; }
key() { # file, key of a JSON object
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

# Held out, but not used: the same training as with evaluation.
train out-plain val_size=0.2
[ $status -eq 0 ] || fail "a run with val_size ended with $status"
evaluated=(val_size=0.2 eval_strategy=steps eval_steps=4 per_device_eval_batch_size=3 compute_accuracy=true load_best_model_at_end=true
  save_total_limit=2 plot_loss=true)
train out-whole "${evaluated[@]}"
[ $status -eq 0 ] || fail "the evaluated run ended with $status"
said_in said 'Evaluation, val_size 0.2 of .*: 12 records read, 12 kept'
cmp <(losses out-plain | grep -v eval_loss) <(losses out-whole | grep -v eval_loss) || fail "evaluation changes the training"
[ "$(grep -c '"eval_loss"' out-whole/trainer_log.jsonl)" = 3 ] || fail "not three evaluations in trainer_log.jsonl"
for file in eval_results.json training_eval_loss.png training_eval_accuracy.png; do
  [ -s "out-whole/$file" ] || fail "no $file"
done
[ "$(key out-whole/eval_results.json eval_loss)" = "$(key out-whole/all_results.json eval_loss)" ] || fail "all_results.json has another eval_loss"
[ "$(key out-whole/trainer_state.json best_global_step)" = 12 ] || fail "the best step is not the last"
said_in out-whole/checkpoint-12/lmf_run_state.json '"best_by": "eval_loss (less is better) on val_size 0.2 of .*countries.json"'
said_in out-whole/README.md '^- eval_loss: '

# Killed at several moments and started again: the same numbers, the same best checkpoint.
numbers() { python3 - "$1" <<'PYTHON'
import json, sys
state = json.load(open(sys.argv[1] + "/trainer_state.json"))
print([state[key] for key in ("best_metric", "best_global_step")], [entry for entry in
      [{k: v for k, v in entry.items() if "runtime" not in k and "second" not in k} for entry in state["log_history"]] if "train_loss" not in entry])
PYTHON
}
for kill in 6 9 13; do
  rm -rf out-killed
  LD_PRELOAD=$signal_at LMF_TEST_SIGNAL="9 $kill /trainer_log.jsonl" train out-killed "${evaluated[@]}"
  [ $status -eq 137 ] || fail "the run to be killed at line $kill ended with $status"
  train out-killed "${evaluated[@]}"
  [ $status -eq 0 ] || fail "the run after a kill at line $kill ended with $status"
  cmp <(numbers out-whole) <(numbers out-killed) || fail "other numbers after a kill at line $kill"
  cmp out-whole/model.safetensors out-killed/model.safetensors || fail "other weights after a kill at line $kill"
done

# On two ranks: rank 0 speaks and writes. 12 examples in batches of 3 on two ranks are those in batches of 6 on one.
NPROC_PER_NODE=2 FORCE_TORCHRUN=1 train out-two "${evaluated[@]}" per_device_train_batch_size=1
[ $status -eq 0 ] || fail "two ranks ended with $status"
train out-one "${evaluated[@]}" per_device_eval_batch_size=6
[ $status -eq 0 ] || fail "one rank ended with $status"
python3 - <<'PYTHON' || exit 1
import json
a, b = (json.load(open(folder + "/eval_results.json")) for folder in ("out-one", "out-two"))
worst = max(abs(a[key] - b[key]) / abs(b[key]) for key in ("eval_loss",))
print(f"one and two ranks: largest relative difference of eval_loss {worst:.1e}")
assert worst < 1e-4, (a, b)  # after twelve steps of sums in another order
PYTHON

# Only evaluated: what the training has said of its result; on two ranks too.
only=(do_train=false do_eval=true model_name_or_path=out-whole train_from_scratch=false val_size=0.2 compute_accuracy=true)
train out-only "${only[@]}" per_device_eval_batch_size=3
[ $status -eq 0 ] || fail "an evaluation alone ended with $status"
[ "$(key out-only/eval_results.json eval_loss)" = "$(key out-whole/eval_results.json eval_loss)" ] || fail "another eval_loss than the training's"
[ ! -e out-only/model.safetensors ] || fail "an evaluation wrote a model"
NPROC_PER_NODE=2 FORCE_TORCHRUN=1 train out-only-two "${only[@]}" per_device_eval_batch_size=3
[ $status -eq 0 ] || fail "an evaluation alone on two ranks ended with $status"

# Each data set for itself.
cat >two.json <<'JSON'
[{"instruction": "What is the capital of Norway?", "output": "The capital of Norway is Oslo."}]
JSON
each=(eval_dataset="$LMF_SOURCE/share/data/countries_unseen.json",two.json eval_on_each_dataset=true eval_strategy=epoch)
train out-each "${each[@]}"
[ $status -eq 0 ] || fail "two evaluation sets ended with $status"
grep -q '"eval_two.json_loss"' out-each/eval_results.json || fail "no loss of its own for two.json"

# Refused, with everything at once, before anything is written.
train out-refused eval_dataset=missing.json eval_strategy=steps early_stopping_steps=2 --check
[ $status -eq 2 ] || fail "--check ended with $status"
said_in said 'missing.json'
said_in said 'early_stopping_steps needs a metric that shows progress'
train out-refused val_size=60 do_eval=true --check
[ $status -eq 2 ] || fail "--check of a val_size that leaves nothing ended with $status"
said_in said 'val_size 60 would hold out all 60 records'
train out-refused val_size=0.2 bf16_full_eval=true
[ $status -eq 2 ] || fail "bf16_full_eval ended with $status"
[ ! -e out-refused ] || fail "what was refused left files"
train out-checked "${evaluated[@]}" --check
[ $status -eq 0 ] || fail "--check of a good configuration ended with $status"
said_in said '^data .*: 48 examples'
said_in said '^evaluate .*: 12 examples'
echo "evaluated"
