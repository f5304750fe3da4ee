#!/usr/bin/env bash
# Every comparison with the original programs: LMF_PEERS=FOLDER tests/peers/compare.sh [training] [evaluation] [prediction] [conversations] [formats] [tokenization] [chat_templates] [export] [gptq] [openai_client] [reading]
# FOLDER is what tests/peers/setup.sh made. Ends with 77 without it, with 1 when anything differs. Works in LMF_PEERS_WORK
# (default build/peers). LMF_TOKENIZERS names further folders with a tokenizer.json.
set -uo pipefail
cd "$(dirname "$0")/../.."
export LMF_BUILD=${LMF_BUILD:-$PWD/build/release} LMF_PEERS_WORK=${LMF_PEERS_WORK:-$PWD/build/peers}
[ -n "${LMF_PEERS:-}" ] || { echo "skipped: LMF_PEERS does not name the originals' environment (tests/peers/setup.sh makes it)"; exit 77; }
[ -x "$LMF_PEERS/bin/llamafactory-cli" ] || { echo "LMF_PEERS=$LMF_PEERS has no bin/llamafactory-cli: run tests/peers/setup.sh $LMF_PEERS" >&2; exit 1; }
[ -x "$LMF_BUILD/bin/lmf" ] || { echo "no $LMF_BUILD/bin/lmf: run packaging/bootstrap.sh build first" >&2; exit 1; }
comparisons=("$@")
[ $# -gt 0 ] || comparisons=(training evaluation prediction conversations formats tokenization chat_templates export gptq openai_client reading)
failed=()
for comparison in "${comparisons[@]}"; do
  printf '\n## %s\n' "$comparison"
  "$LMF_PEERS/bin/python" "tests/peers/$comparison.py" || failed+=("$comparison")
done
[ ${#failed[@]} = 0 ] || { printf '\nDIFFERENT: %s\n' "${failed[*]}"; exit 1; }
