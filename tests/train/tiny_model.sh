# The demo's model made so small that a step takes milliseconds: for the scripts that train.
tiny_model() { # a new folder
  mkdir "$1"
  cp "$LMF_SOURCE"/share/models/demo/tokenizer* "$1/"
  python3 - "$LMF_SOURCE/share/models/demo/config.json" >"$1/config.json" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))
config.update(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16)
json.dump(config, sys.stdout)
PYTHON
}
