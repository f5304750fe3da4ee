# Workers on GPUs meet through NCCL: an all-reduce over up to four GPUs, and the demo's training on as many.
# $1: nccl_tool
. "$LMF_SOURCE/tests/e2e/expect.sh"
gpus=$(nvidia-smi -L 2> /dev/null | grep -c '^GPU') || { echo "skipped: no GPU"; exit 77; }
"$1" > said 2>&1
[ $? != 77 ] || { cat said; exit 77; }
[ "$gpus" -le 4 ] || gpus=4
"$LMF_BUILD/bin/lmf" run --nproc-per-node "$gpus" --no-python "$1" > said 2>&1
status=$?
expect "an all-reduce" status 0
expect_said "an all-reduce" "sum $((gpus * (gpus + 1) / 2)) over $gpus ranks"

words=(train "$LMF_SOURCE/share/examples/demo.yaml" model_name_or_path="$LMF_SOURCE/share/models/demo"
  dataset_dir="$LMF_SOURCE/share/data" max_steps=4 logging_steps=1 plot_loss=false)
FORCE_TORCHRUN=1 NPROC_PER_NODE=$gpus "$LMF_BUILD/bin/lmf" "${words[@]}" output_dir=gpu > said 2>&1
status=$?
expect "a training" status 0
expect_said "a training" "$gpus worker"
finish
