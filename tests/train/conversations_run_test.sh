#!/usr/bin/env bash
# Training on conversations with tools and thoughts as a user meets it: calls are learned and written, what is left out is told, what cannot be
# used stops the run before it starts.
source "$LMF_SOURCE/tests/train/whole_run.sh"
begin
rm -rf data && mkdir data
cat >data/dataset_info.json <<'JSON'
{"talk": {"file_name": "talk.jsonl", "formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools"}},
 "broken": {"file_name": "broken.jsonl", "formatting": "sharegpt"}}
JSON
tools='"[{\"name\": \"sail\", \"description\": \"Sets sail\", \"parameters\": {\"type\": \"object\", \"properties\": {}}}]"'
cat >data/talk.jsonl <<JSON
{"conversations": [{"from": "human", "value": "Set sail!"}, {"from": "function_call", "value": "{\"name\":\"sail\",\"arguments\":{\"to\":\"Kiel\"}}"}], "tools": $tools}
{"conversations": [{"from": "human", "value": "Who sails?"}, {"from": "gpt", "value": "The captain."}]}
{"conversations": [{"from": "human", "value": "Who?"}, {"from": "human", "value": "Hello?"}]}
JSON
echo '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "function_call", "value": "sail()"}]}' >data/broken.jsonl
talk=(dataset=talk dataset_dir=data max_steps=120 num_train_epochs=120 logging_steps=40 save_strategy=no learning_rate=5e-3 warmup_steps=10
  do_predict=true predict_with_generate=true do_sample=false max_new_tokens=60 eval_dataset=talk per_device_eval_batch_size=2)
predictions() { python3 -c 'import json, sys; print(json.dumps([json.loads(line) for line in open(sys.argv[1])]))' "$1/generated_predictions.jsonl"; }

train out-talk "${talk[@]}" template=qwen
[ $status -eq 0 ] || fail "training on calls ended with $status"
grep -q '1 left out: its messages do not take turns: gpt or function_call is expected where human stands (first: talk.jsonl:3 (record 3))' said ||
  fail "what was left out is not told"
predictions out-talk | python3 -c '
import json, sys
call, text = json.load(sys.stdin)
assert call["label"] == "<tool_call>\n{\"name\": \"sail\", \"arguments\": {\"to\": \"Kiel\"}}\n</tool_call>\n", call
assert call["predict"].strip() == call["label"].strip(), call
assert "<tools>\n{\"type\": \"function\", \"function\": {\"name\": \"sail\"" in call["prompt"] and "<tools>" not in text["prompt"], call
assert text["predict"].strip() == "The captain.", text' || fail "the call is not learned as it is written: $(cat out-talk/generated_predictions.jsonl)"

# Thoughts: learned, or part of the prompt. Both are said in the configuration file as the original has them.
for thinks in true null false; do
  train out-$thinks "${talk[@]}" template=qwen3 tool_format=llama3 max_steps=1 enable_thinking=$thinks max_new_tokens=1
  [ $status -eq 0 ] || fail "enable_thinking=$thinks ended with $status"
  predictions out-$thinks | THINKS=$thinks python3 -c '
import json, os, sys
for row in json.load(sys.stdin):
    thought = "<think>\n\n</think>\n\n"
    assert (row["label"] if os.environ["THINKS"] == "true" else row["prompt"]).count(thought) == 1, row
    assert thought not in (row["prompt"] if os.environ["THINKS"] == "true" else row["label"]), row
    assert "sail" not in row["label"] or "\"parameters\": {\"to\": \"Kiel\"}" in row["label"], row' || fail "enable_thinking=$thinks: other thoughts"
done

train out-check "${talk[@]}" template=qwen --check
[ $status -eq 0 ] && [ ! -e out-check ] || fail "--check ended with $status, or trained"
grep -q '1 left out: its messages do not take turns' said || fail "--check does not tell what is left out"
train out-check "${talk[@]}" template=qwen dataset=broken --check
[ $status -eq 2 ] && grep -q 'broken.jsonl:1 (record 1): call:1:1: not well-formed JSON' said || fail "--check does not see a call that is no JSON"
train out-broken "${talk[@]}" template=qwen dataset=broken
[ $status -eq 2 ] || fail "a call that is no JSON ended with $status"
grep -q 'broken.jsonl:1 (record 1): call:1:1: not well-formed JSON' said || fail "no word about the call that is no JSON"
train out-format "${talk[@]}" template=qwen tool_format=quen
[ $status -eq 2 ] && grep -q "tool_format: There is no tool format 'quen'. Did you mean 'qwen'?" said || fail "an unknown tool format is not refused"
