#!/usr/bin/env bash
# The benchmarks, beside the original where LMF_PEERS names its environment (tests/peers/setup.sh):
#   LMF_PEERS=FOLDER tests/bench/run.sh [startup] [many_plugins] [first_step] [train_step] [ddp_step] [bandwidth] [serve] [tokenizer] [data] [export] [http]
# Prints tables with ratios. Models and results lie in LMF_BENCH_FOLDER (default build/bench); LMF_TOKENIZERS names further
# folders with a tokenizer.json. Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LMF_BUILD=${LMF_BUILD:-$PWD/build/release} LMF_BENCH_FOLDER=${LMF_BENCH_FOLDER:-$PWD/build/bench}
[ -x "$LMF_BUILD/bin/lmf" ] || { echo "no $LMF_BUILD/bin/lmf: run packaging/bootstrap.sh build first" >&2; exit 1; }
wanted=("$@")
[ $# -gt 0 ] || wanted=(startup many_plugins first_step train_step ddp_step bandwidth serve tokenizer data export)

# What all but the first two need: the originals, the models, and for some a tool of ours.
prepare() { # [target that builds the tool]
  [ -n "${LMF_PEERS:-}" ] || { echo "left out: LMF_PEERS does not name the originals' environment"; return 1; }
  mkdir -p "$LMF_BENCH_FOLDER"
  [ -e "$LMF_BENCH_FOLDER/dataset_info.json" ] || "$LMF_PEERS/bin/python" tests/bench/make_models.py "$LMF_BENCH_FOLDER"
  [ $# = 0 ] || { cmake "$LMF_BUILD" -DLMF_BENCHMARKS=ON && cmake --build "$LMF_BUILD" --target "$1"; } >"$LMF_BENCH_FOLDER/build.log"
}
with_peers() { "$LMF_PEERS/bin/python" "$@"; }

for benchmark in "${wanted[@]}"; do
  printf '\n## %s\n\n' "$benchmark"
  case $benchmark in
    startup) python3 tests/bench/startup.py ;;
    many_plugins) python3 tests/bench/many_plugins.py ;;
    launch) python3 tests/bench/launch.py ;;
    first_step | train_step)
      prepare || continue
      python3 tests/bench/train.py "$benchmark" ;;
    ddp_step)
      prepare || continue
      python3 tests/bench/ddp.py step ;;
    bandwidth)
      cmake "$LMF_BUILD" -DLMF_BENCHMARKS=ON >/dev/null && cmake --build "$LMF_BUILD" --target bench_ranks >/dev/null
      python3 tests/bench/ddp.py bandwidth ;;
    serve)
      prepare bench_decode || continue
      with_peers tests/bench/serve.py "$LMF_BUILD/bench/decode_tool" "$LMF_BENCH_FOLDER" ;;
    tokenizer)
      prepare bench_tokenizer || continue
      # shellcheck disable=SC2086 # several folders
      with_peers tests/bench/tokenizer.py "$LMF_BUILD/bench/tokenizer_tool" ${LMF_TOKENIZERS:-$LMF_BENCH_FOLDER/tiny} ;;
    data)
      prepare bench_data || continue
      with_peers tests/bench/data.py "$LMF_BUILD/bench/data_tool" "$LMF_BENCH_FOLDER/tiny" ;;
    http)
      cmake "$LMF_BUILD" -DLMF_BENCHMARKS=ON >/dev/null && cmake --build "$LMF_BUILD" --target bench_http >/dev/null
      python3 tests/bench/http_layer.py "$LMF_BUILD/bench/http_tool" ;;
    export)
      prepare || continue
      with_peers tests/bench/export.py "$LMF_BENCH_FOLDER" ;;
    *) echo "no benchmark is called $benchmark" >&2; exit 2 ;;
  esac
done
