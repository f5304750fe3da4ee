# A training of two nodes of which one is torchrun's and the other lmf's, in either order: the workers meet.
. "$LMF_SOURCE/tests/e2e/expect.sh"
torchrun=${LMF_TORCHRUN:-$LMF_SOURCE/.venv/bin/torchrun}
[ -x "$torchrun" ] || { echo "skipped: no torchrun"; exit 77; }
here=$PWD
export TMPDIR=$here/tmp OMP_NUM_THREADS=1 XDG_CACHE_HOME=$here/cache
rm -rf tmp cache out && mkdir tmp
unset NNODES NODE_RANK NPROC_PER_NODE MASTER_ADDR MASTER_PORT RDZV_ID RANK WORLD_SIZE LOCAL_RANK
words=("$LMF_BUILD/bin/lmf" train "$LMF_SOURCE/share/examples/demo.yaml" model_name_or_path="$LMF_SOURCE/share/models/demo"
  dataset_dir="$LMF_SOURCE/share/data" max_steps=2 logging_steps=1 save_strategy=no plot_loss=false use_cpu=true ddp_timeout=100)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for ours in 0 1; do
  theirs=$((1 - ours)) job="lmf as node $ours"
  timeout 120 "$torchrun" --nnodes 2 --nproc-per-node 1 --node-rank $theirs --master-addr 127.0.0.1 --master-port "$port" \
    --no-python "${words[@]}" output_dir="out/$ours" > theirs 2>&1 &
  FORCE_TORCHRUN=1 NNODES=2 NODE_RANK=$ours NPROC_PER_NODE=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port \
    timeout 120 "${words[@]}" output_dir="out/$ours" > said 2>&1
  status=$?
  expect "$job" status 0
  wait $!
  status=$?
  cat theirs >> said
  expect "$job: torchrun's node" status 0
  expect_said "$job" "2 ranks)"
done
finish
