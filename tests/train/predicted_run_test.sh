#!/usr/bin/env bash
# Prediction as a user meets it: after a training and without one, on two ranks, stopped and started again; what is refused.
source "$LMF_SOURCE/tests/train/whole_run.sh"
begin
signal_at=$1
predicting=(do_predict=true predict_with_generate=true do_sample=false max_new_tokens=24 per_device_eval_batch_size=4)
key() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }

# A model that knows its examples: answers to what it has learned are exact.
train out-trained max_samples=6 max_steps=150 num_train_epochs=50 logging_steps=50 save_strategy=no learning_rate=5e-3 warmup_steps=10 \
  "${predicting[@]}" eval_dataset="$LMF_SOURCE/share/data/countries.json"
[ $status -eq 0 ] || fail "training with prediction ended with $status"
[ "$(wc -l <out-trained/generated_predictions.jsonl)" = 6 ] || fail "not six predictions"
[ "$(key out-trained/predict_results.json predict_exact_match)" = 100.0 ] || fail "what was learned is not answered exactly: $(cat out-trained/generated_predictions.jsonl)"
[ "$(key out-trained/all_results.json predict_rouge-l)" = 100.0 ] || fail "other scores than 100"
grep -q 'predict_bleu-4' out-trained/all_results.json && grep -q 'train_loss' out-trained/all_results.json || fail "all_results.json is not the union"
python3 - <<'PYTHON' || fail "the rows are not the original's"
import json
for line in open("out-trained/generated_predictions.jsonl", encoding="utf-8"):
    row = json.loads(line)
    assert list(row) == ["prompt", "predict", "label"], row
    assert row["prompt"].endswith("<|im_start|>assistant\n") and "<|im_" not in row["predict"] + row["label"], row
    assert line == json.dumps(row, ensure_ascii=False) + "\n", line
PYTHON
! ls out-trained | grep partial || fail "a partial file is left"

# Without training, on one rank and on two: the same answers. What is only named is not changed.
alone=(do_train=false train_from_scratch=false model_name_or_path=out-trained "${predicting[@]}" max_samples=40
  eval_dataset="$LMF_SOURCE/share/data/countries_unseen.json")
train out-alone "${alone[@]}"
[ $status -eq 0 ] || fail "prediction alone ended with $status"
rows=$(wc -l <out-alone/generated_predictions.jsonl)
NPROC_PER_NODE=2 FORCE_TORCHRUN=1 train out-two "${alone[@]}"
[ $status -eq 0 ] || fail "prediction on two ranks ended with $status"
cmp out-alone/generated_predictions.jsonl out-two/generated_predictions.jsonl || fail "two ranks answer otherwise"
[ "$(key out-alone/predict_results.json predict_f1)" = "$(key out-two/predict_results.json predict_f1)" ] || fail "other scores on two ranks"

# The prompts have default_system, as in training; what the data lose is told once, and the store is made anew by one rank alone.
NPROC_PER_NODE=2 FORCE_TORCHRUN=1 train out-system "${alone[@]}" max_samples=4 default_system="You are a cartographer." overwrite_cache=true
[ $status -eq 0 ] || fail "prediction with a system text ended with $status"
[ "$(grep -c '"prompt": "<|im_start|>system\\nYou are a cartographer.<|im_end|>' out-system/generated_predictions.jsonl)" = 4 ] ||
  fail "default_system is not in the prompts: $(cat out-system/generated_predictions.jsonl)"
[ "$(grep -c 'Prediction, eval_dataset .*: 4 records read, 4 kept' said)" = 1 ] || fail "the data are not summed up once"

# More at once than the engine lets wait for one another, which is 256.
python3 -c 'import json; print(json.dumps([{"instruction": f"Say {i}.", "output": f"{i}"} for i in range(610)]))' >many.json
train out-many "${alone[@]}" eval_dataset=many.json max_samples=1000 per_device_eval_batch_size=300 max_new_tokens=1
[ $status -eq 0 ] || fail "300 at once ended with $status"
[ "$(wc -l <out-many/generated_predictions.jsonl)" = 610 ] || fail "not 610 predictions"

# A prompt that leaves no room is told before the first answer is made, though it is the last of them.
python3 -c 'import json; print(json.dumps([{"instruction": "Hi " * n, "output": "Hi."} for n in [1] * 30 + [90]]))' >long.json
train out-long "${alone[@]}" eval_dataset=long.json max_new_tokens=0 max_length=80
[ $status -ne 0 ] || fail "a prompt without room for its answer is answered"
grep -q 'long.json:.*the prompt has .* tokens, which leaves none for an answer' said || fail "no word about the long prompt"
[ "$(wc -l <out-long/generated_predictions.partial-0.jsonl)" = 1 ] || fail "answers were made before the long prompt was found"

# Sampled answers depend on the example and the seed alone, not on what is answered beside it.
sampled=("${alone[@]}" do_sample=true temperature=1.5 top_p=1.0)
train out-sampled "${sampled[@]}"
[ $status -eq 0 ] || fail "sampled prediction ended with $status"
train out-sampled-1 "${sampled[@]}" per_device_eval_batch_size=1
cmp out-sampled/generated_predictions.jsonl out-sampled-1/generated_predictions.jsonl || fail "other answers one by one"
! cmp -s out-alone/generated_predictions.jsonl out-sampled/generated_predictions.jsonl || fail "sampled answers are the greedy ones"

# Stopped or killed in the middle, then started again: no answer is made twice, and the rows are those of the whole run.
for signal in 15 9; do
  rm -rf out-stopped
  LD_PRELOAD=$signal_at LMF_TEST_SIGNAL="$signal 6 partial-0" train out-stopped "${alone[@]}"
  [ $status -eq $((128 + signal)) ] || fail "a prediction that got signal $signal ended with $status"
  kept=$(($(wc -l <out-stopped/generated_predictions.partial-0.jsonl) - 1))
  [ $kept -gt 0 ] && [ $kept -lt "$rows" ] || fail "$kept of $rows rows are kept"
  train out-stopped "${alone[@]}"
  [ $status -eq 0 ] || fail "the prediction that goes on ended with $status"
  grep -q "$kept of $rows answers are there already" said || fail "the answers that are there are not taken"
  cmp out-alone/generated_predictions.jsonl out-stopped/generated_predictions.jsonl || fail "a stopped prediction has other answers"
  [ "$(key out-alone/predict_results.json predict_rouge-1)" = "$(key out-stopped/predict_results.json predict_rouge-1)" ] || fail "other scores"
done

# Another commit of a model of the hub is another model: its answers are not those that are there.
commit() { # a letter, seed of its weights' only difference
  mkdir -p hub/models--org--name/{refs,snapshots}
  printf '%s' "$(printf "$1%.0s" {1..40})" >hub/models--org--name/refs/main
  cp -r "$2" "hub/models--org--name/snapshots/$(printf "$1%.0s" {1..40})"
}
commit a out-trained
hub=("${alone[@]}" model_name_or_path=org/name cache_dir=hub)
LD_PRELOAD=$signal_at LMF_TEST_SIGNAL="15 6 partial-0" train out-hub "${hub[@]}"
[ $status -eq 143 ] || fail "a prediction of a model of the hub ended with $status"
cp -r out-hub out-hub-same
train out-hub-same "${hub[@]}"
grep -q 'answers are there already' said || fail "the same commit's answers are not taken"
commit b out-trained
train out-hub "${hub[@]}"
[ $status -eq 0 ] || fail "the prediction of another commit ended with $status"
! grep -q 'answers are there already' said || fail "another commit's answers are taken"

# A signal that one of two ranks gets ends both; nodes that do not share output_dir are told so before anything is answered.
port=$(python3 "$LMF_SOURCE/tests/support/free_port.py") model=$PWD/out-trained data=$LMF_SOURCE/share/data
rank() { # rank, folder, options...
  cd "$2"
  RANK=$1 LOCAL_RANK=$1 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port exec timeout 120 "$lmf" train stage=sft \
    finetuning_type=full template=chatml use_cpu=true dataset="$data/countries.json" "${alone[@]}" model_name_or_path="$model" \
    eval_dataset="$data/countries_unseen.json" output_dir="${@:3}" >"$OLDPWD/said-$1" 2>&1
}
both() { # folder of rank 1, output folder
  (rank 0 . "$2") & local first=$! other=0
  (LD_PRELOAD=${preloaded-} rank 1 "$1" "$2") || other=$?
  status=0
  wait $first || status=$?
  status="$status $other"
}
preloaded=$signal_at LMF_TEST_SIGNAL="15 4 partial-1" both . out-signalled
[ "$status" = "143 143" ] || fail "two ranks of which one got a signal ended with $status: $(tail -n 3 said-?)"
[ ! -e out-signalled/generated_predictions.jsonl ] || fail "a stopped prediction is finished"
rm -rf elsewhere
mkdir elsewhere
port=$(python3 "$LMF_SOURCE/tests/support/free_port.py")
both elsewhere out-apart
[ "$status" = "2 2" ] || fail "nodes with two folders ended with $status: $(tail -n 3 said-?)"
grep -q 'output_dir out-apart: rank 1, .*, does not see what rank 0 writes there' said-0 || fail "no word about the folders"
! ls out-apart elsewhere/out-apart | grep partial || fail "answers were made in two folders"
! ls -A out-apart | grep lmf-shared || fail "the check leaves its file"

# Refused.
refused() { # words that are said, options...
  train out-refused "${@:2}"
  [ $status -eq 2 ] || fail "${*:2} ended with $status"
  grep -q "$1" said || fail "no '$1'"
  [ ! -e out-refused ] || fail "what was refused left files"
}
refused 'do_predict writes answers that the model generates' do_predict=true val_size=0.1
refused 'do_predict asks for evaluation, but there are no data for it' "${predicting[@]}"
refused 'predict_with_generate contradicts compute_accuracy' "${predicting[@]}" val_size=0.1 compute_accuracy=true
refused 'predict_with_generate would evaluate by generated answers' "${predicting[@]}" val_size=0.1 eval_strategy=epoch
refused 'beam search is not in this version' "${predicting[@]}" val_size=0.1 eval_num_beams=4
refused 'contradicts eval_on_each_dataset' "${predicting[@]}" eval_dataset=a.json,b.json eval_on_each_dataset=true
echo "predicted"
