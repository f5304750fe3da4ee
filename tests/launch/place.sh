# For the tests of `lmf train` as a launcher or under one: a folder laid out like an installation whose trainer only says
# where it was put, a configuration that is right, and `lmf` with its output in `said` and its status in $status.
here=$PWD
export TMPDIR=$here/tmp
rm -rf place place-2 out tmp && mkdir -p place/plugins-1 place/private tmp
cp "$LMF_BUILD"/lib/lmf/plugins-1/{liblmf-train.so,train.lmf-plugin.toml,train.options.toml,run.options.toml} place/plugins-1/
cp "$LMF_BUILD/tests/liblmf-test-placed-worker.so" place/private/liblmf-train-worker.so
cat > config.yaml <<EOF
model_name_or_path: $LMF_SOURCE/share/models/demo
train_from_scratch: true
do_train: true
dataset: countries
dataset_dir: $LMF_SOURCE/share/data
template: chatml
finetuning_type: full
output_dir: $here/out
EOF
program=("$LMF_BUILD/bin/lmf" --plugin-dir "$here/place/plugins-1")
lmf() {
  "${program[@]}" "$@" > said 2>&1
  status=$?
}
unset FORCE_TORCHRUN NNODES NODE_RANK NPROC_PER_NODE MASTER_ADDR MASTER_PORT RDZV_ID MIN_NNODES MAX_NNODES MAX_RESTARTS \
  CUDA_VISIBLE_DEVICES OPTIM_TORCH PYTORCH_CUDA_ALLOC_CONF OMP_NUM_THREADS RANK WORLD_SIZE LOCAL_RANK
