# Two real workers train; one is killed after a checkpoint; the job is started again by itself and ends with the weights of a
# run that nobody disturbed: no example is lost or seen twice.
. "$LMF_SOURCE/tests/e2e/expect.sh"
here=$PWD
export TMPDIR=$here/tmp OMP_NUM_THREADS=1 FORCE_TORCHRUN=1 NPROC_PER_NODE=2 XDG_CACHE_HOME=$here/cache
rm -rf calm hit tmp cache && mkdir tmp
unset NNODES NODE_RANK MASTER_ADDR MASTER_PORT RDZV_ID RANK WORLD_SIZE LOCAL_RANK
words=("$LMF_BUILD/bin/lmf" train "$LMF_SOURCE/share/examples/demo.yaml" model_name_or_path="$LMF_SOURCE/share/models/demo"
  dataset_dir="$LMF_SOURCE/share/data" max_steps=24 save_strategy=steps save_steps=3 logging_steps=1 plot_loss=false use_cpu=true)

"${words[@]}" output_dir=calm > said 2>&1
status=$?
expect "undisturbed" status 0
expect_said "undisturbed" "2 workers on this node (FORCE_TORCHRUN=1, NPROC_PER_NODE=2)" "2 ranks)"

MAX_RESTARTS=1 "${words[@]}" output_dir=hit > said 2>&1 &
job=$!
until [ -d hit/checkpoint-3 ] || ! kill -0 $job 2>/dev/null; do sleep 0.02; done
for worker in $(cat /proc/$job/task/$job/children); do
  grep -qz '^RANK=1$' "/proc/$worker/environ" 2>/dev/null && kill -KILL "$worker"
done
wait $job
status=$?
expect "a worker is killed" status 0
expect_said "a worker is killed" "rank 1 on .* was ended by SIGKILL" "starting again, attempt 2 of 2" \
  "continuing from $here/hit/checkpoint-.* (the job was started again)"
job_of() { grep -o '"job": "[^"]*"' "$1/lmf_run_state.json"; }
last=$(ls -d hit/checkpoint-* | sort -t- -k2n | tail -n 1)
expect_true "all checkpoints say whose they are" [ "$(job_of hit/checkpoint-3)" = "$(job_of "$last")" ]
expect_true "another job has another id" [ "$(job_of calm/checkpoint-3)" != "$(job_of hit/checkpoint-3)" ]
expect_true "the same weights to the last bit" cmp calm/model.safetensors hit/model.safetensors
expect_true "nothing is left" rmdir tmp
finish
