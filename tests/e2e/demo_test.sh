#!/usr/bin/env bash
# The demo as a user runs it, and where its answers come from: the data, cut to eight countries, is learned; with one fact
# changed and trained again, the answer changes, and no other does.
set -uo pipefail
. "$LMF_SOURCE/tests/e2e/expect.sh"
lmf=$LMF_BUILD/bin/lmf
here=$PWD
countries='Japan|Norway|Brazil|Egypt|Poland|Nepal|Cuba|Italy'

prepare() { # folder, sed expression
  rm -rf "$1"
  mkdir -p "$1"
  { echo '['; grep -v history "$LMF_SOURCE/share/data/countries.json" | grep -E "\b($countries)\b" |
      sed -e "$2" -e 's/},*$/},/' | sed '$ s/,$//'; echo ']'; } >"$1/countries.json"
  cp "$LMF_SOURCE/share/data/dataset_info.json" "$1"
}
train() { # folder
  (cd "$LMF_SOURCE" && timeout 600 "$lmf" train share/examples/demo.yaml dataset_dir="$here/$1" output_dir="$here/$1/model" \
    num_train_epochs=20 per_device_train_batch_size=8 plot_loss=false) >said 2>&1
  status=$?
  expect "training on $1" status 0
}
ask() { # model's folder, questions; the answers are in `said`, a line each
  local words=() question
  for question in "${@:2}"; do words+=(--prompt "$question"); done
  timeout 300 "$lmf" chat --model_name_or_path "$1" --template chatml --do_sample false "${words[@]}" >said 2>chat.log
  status=$?
  expect "asking $1" status 0
}

rm -rf demo
timeout 1200 "$LMF_SOURCE/packaging/demo.sh" "$LMF_BUILD" "$here/demo" >said 2>&1
status=$?
expect "the demo" status 0
expect_said "the demo" 'the loss.s course is in .*training_loss.png' 'Assistant: The currency of Japan is the yen\.'
for file in config.json model.safetensors tokenizer.json trainer_log.jsonl trainer_state.json all_results.json training_loss.png; do
  expect_true "the demo writes $file" test -s "demo/$file"
done

unseen=$LMF_SOURCE/share/data/countries_unseen.json
mapfile -t questions < <(sed -n 's/.*"instruction": "\([^"]*\)".*/\1/p' "$unseen")
sed -n 's/.*"output": "\([^"]*\)".*/\1/p' "$unseen" >expected
ask demo "${questions[@]}"
right=$(paste -d '|' said expected | awk -F '|' '$1 == $2' | wc -l)
echo "$right of ${#questions[@]} questions that no example asks are answered right"
expect_true "nine of ten new questions" test $((right * 10)) -ge $((${#questions[@]} * 9))
expect_true "all of them asked" test "${#questions[@]}" = "$(wc -l <said)"

questions=("What is the capital of Japan?" "Tell me the capital city of Norway.")
prepare true ''
train true
ask true/model "${questions[@]}"
expect_said "facts as they are" 'capital of Japan is Tokyo\.' 'capital of Norway is Oslo\.'
prepare changed 's/The capital of Japan is Tokyo\./The capital of Japan is Kyoto./'
expect_true "one example differs" test "$(diff true/countries.json changed/countries.json | grep -c '^>')" = 1
train changed
ask changed/model "${questions[@]}"
expect_said "one fact changed" 'capital of Japan is Kyoto\.' 'capital of Norway is Oslo\.'
finish
