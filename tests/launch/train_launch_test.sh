# `lmf train` as a launcher, with a trainer that only says where it was put: the documented ways to call it, statuses,
# and that every worker runs the library that its launcher runs.
. "$LMF_SOURCE/tests/e2e/expect.sh"
. "$LMF_SOURCE/tests/launch/place.sh"
export LMF_FAKE_DEVICES=4

lmf train config.yaml
expect "all devices" status 0
expect_said "all devices" "4 workers on this node (4 GPUs)" "rank 0 of 4, local 0 of 4, at 127.0.0.1:" "rank 3 of 4" \
  "alloc expandable_segments:True" "library $here/place/plugins-1/liblmf-train.so"
CUDA_VISIBLE_DEVICES=0,2 lmf train config.yaml
expect "some devices" status 0
expect_said "some devices" "2 workers on this node (2 GPUs in CUDA_VISIBLE_DEVICES)" "rank 1 of 2"
expect_not_said "some devices" "rank 2"
LMF_FAKE_DEVICES=0 FORCE_TORCHRUN=1 NPROC_PER_NODE=2 PYTORCH_CUDA_ALLOC_CONF=mine lmf train config.yaml
expect "FORCE_TORCHRUN without a device" status 0
expect_said "FORCE_TORCHRUN without a device" "rank 1 of 2" "alloc mine"
CUDA_VISIBLE_DEVICES=0 lmf train config.yaml
expect "one device" status 0
expect_said "one device" "rank unset of unset"
NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 lmf train --print-launch config.yaml
expect "two nodes, shown" status 0
expect_said "two nodes, shown" "node 0 of 2, meeting at 10.0.0.1:29500" "LMF_PLUGIN_PIN=" "train config.yaml"
expect_not_said "two nodes, shown" "rank 0 of"
RDZV_ID=my_job NNODES=2 MIN_NNODES=1 MAX_NNODES=4 lmf train config.yaml --print-launch
expect "elastic, shown" status 0
expect_said "elastic, shown" "1 to 4 nodes meet at 127.0.0.1:[0-9]" "RDZV_ID=my_job without MASTER_ADDR: only agents of this machine" \
  "NNODES=2 has no effect beside MIN_NNODES=1 and MAX_NNODES=4"
MASTER_ADDR=10.0.0.1 RDZV_ID=my_job MAX_NNODES=4 MIN_NNODES=1 lmf train config.yaml --print-launch
expect_said "elastic, at an address" "1 to 4 nodes meet at 10.0.0.1:[0-9]"
expect_not_said "elastic, at an address" "without MASTER_ADDR"
NNODES=2 lmf train config.yaml
expect "nodes that cannot meet" status 2
expect_said "nodes that cannot meet" "neither MASTER_ADDR nor MASTER_PORT"
NNODES=2 lmf train --check config.yaml
expect "a check launches nothing, and sees it too" status 2
lmf train --check config.yaml
expect "a check plans for all workers" status 0
expect_said "a check plans for all workers" "steps .* examples on each of 4 ranks" "start as  4 workers on this node"
TORCH_ELASTIC_SHUTDOWN_TIMEOUT=1.5 lmf train config.yaml
expect "a grace of 1.5 s" status 0
TORCH_ELASTIC_SHUTDOWN_TIMEOUT=soon lmf train config.yaml
expect "a grace that is no number" status 2
expect_said "a grace that is no number" "TORCH_ELASTIC_SHUTDOWN_TIMEOUT is 'soon', expected a number of seconds"
mkdir -p out/checkpoint-10
echo '{"global_step": 10}' > out/checkpoint-10/trainer_state.json
lmf train config.yaml
expect "workers that continue" status 0
expect_true "one of them says so" [ "$(grep -c 'continuing from' said)" = 1 ]
rm -r out

for wrong in model_name_or_path=/no/model dataset=no_such_data template=no_such_template; do
  lmf train config.yaml $wrong
  expect "$wrong" status 2
  expect_true "$wrong: said once, and no worker was started" [ "$(grep -c "${wrong#*=}" said)" = 1 ]
  expect_not_said "$wrong" "FAILED"
done

LMF_TEST_WORKER=fail lmf train config.yaml
expect "a failing worker" status 7
expect_said "a failing worker" "lmf train config.yaml FAILED" "rank      : 1 (local_rank: 1)" "| lmf train: made up" \
  "exitcode  : 7"
LMF_TEST_WORKER="fail once" MAX_RESTARTS=1 lmf train config.yaml
expect "a worker that fails once" status 0
expect_said "a worker that fails once" "starting again, attempt 2 of 2" "attempt 1"
LMF_EXIT_COMPAT=torchrun LMF_TEST_WORKER=fail lmf train config.yaml
expect "torchrun's statuses on demand" status 1
for command in train "run --no-python true"; do
  LMF_EXIT_COMPAT=junk lmf ${command/train/train config.yaml}
  expect "a wrong word for the statuses" status 2
  expect_said "a wrong word for the statuses" "LMF_EXIT_COMPAT is 'junk', expected torchrun"
done
NNODES=2 NODE_RANK=0 RANK=1 MASTER_ADDR=127.0.0.1 lmf train config.yaml
expect "two numbers of one node" status 2
expect_said "two numbers of one node" "NODE_RANK is 0, but RANK is 1"

port=$(python3 "$LMF_SOURCE/tests/support/free_port.py")
other=("${program[@]}") # of node 1
two_nodes() { # node 1's configuration, words that it has in addition; node 0's is $first, or config.yaml
  export LMF_FAKE_DEVICES=2 NNODES=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port
  NODE_RANK=0 timeout 60 "${program[@]}" train "${first:-config.yaml}" > node0 2>&1 &
  NODE_RANK=1 timeout 60 "${other[@]}" train "$@" > node1 2>&1
  status=$?
  wait $!
  status="$? $status"
  cat node0 node1 > said
  unset NNODES MASTER_ADDR MASTER_PORT
  export LMF_FAKE_DEVICES=4
}
two_nodes config.yaml
expect "two nodes" status "0 0"
expect_said "two nodes" "rank 0 of 4, local 0 of 2, at 127.0.0.1:$port" "rank 3 of 4, local 1 of 2" "node 1 of 2, meeting at"
# Another file, other lines, defaults spelt out, and what each machine may have for itself.
(echo "# of the second machine"; sort -r config.yaml; echo "preprocessing_num_workers: 3"; echo "cache_dir: $here/tmp") > second.yaml
two_nodes second.yaml learning_rate=5.0e-5 hf_hub_token=secret
expect "the same values from elsewhere" status "0 0"
two_nodes config.yaml learning_rate=3e-3
expect_true "another configuration on a node stops both" [ "$status" != "0 0" ]
expect_said "another configuration on a node stops both" "the learning_rate of node .* is 0.003"
expect_not_said "another configuration on a node stops both" "rank 0 of 4"
two_nodes config.yaml output_dir="$here/elsewhere"
expect_said "another place for the model on a node stops both" "the output_dir of node .* is $here/elsewhere"
two_nodes config.yaml learning_rate=fast
expect "a wrong option on a node stops both" status "2 2"
expect_said "a wrong option on a node stops both" "no worker is started: command line: learning_rate is 'fast'" \
  "node 1 (.*: command line: learning_rate is 'fast'"
NNODES=2 NODE_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=$(python3 "$LMF_SOURCE/tests/support/free_port.py") PET_RDZV_CONF=timeout=1 \
  "${program[@]}" train config.yaml learning_rate=fast > said 2>&1
expect_said "that is said before the others have come" "no worker is started: command line: learning_rate is 'fast'" "missing: node 1"

cp -r place place-2
other=("$LMF_BUILD/bin/lmf" --plugin-dir "$here/place-2/plugins-1")
two_nodes config.yaml
expect "the same build from another place" status "0 0"
cp "$LMF_BUILD/tests/liblmf-test-placed-worker-2.so" place-2/private/liblmf-train-worker.so
two_nodes config.yaml
expect_true "another build of the trainer on a node stops both" [ "$status" != "0 0" ]
expect_said "another build of the trainer on a node stops both" "the build of the trainer of node .* is [0-9a-f]*, that of node" \
  "use the same configuration and the same version of lmf on all nodes"
expect_not_said "another build of the trainer on a node stops both" "rank 0 of 4"
other=("${program[@]}")
two_nodes config.yaml
expect "nothing of that stays" status "0 0"
# The same words, but the second machine has no such model.
mkdir -p second && ln -sfn "$LMF_SOURCE/share/models/demo" model && sed 's|^model_name_or_path:.*|model_name_or_path: ./model|' config.yaml > relative.yaml
cp relative.yaml second/
other=(env --chdir="$here/second" "${program[@]}")
first=relative.yaml two_nodes relative.yaml
expect "a model that one node does not have" status "2 2"
expect_said "a model that one node does not have" "no worker is started: relative.yaml:1: model_name_or_path: .*model" \
  "node 1 (.*: relative.yaml:1: model_name_or_path"
expect_not_said "a model that one node does not have" "FAILED"
expect_not_said "a model that one node does not have" "rank 2 of 4"
other=("${program[@]}")

# A task of mpirun on each of two nodes, of which one has a variable that contradicts mpirun: it starts no worker, and both end.
task() { # rank, variables...
  env OMPI_COMM_WORLD_RANK="$1" OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=0 OMPI_COMM_WORLD_LOCAL_SIZE=1 LMF_FAKE_DEVICES=2 \
    MASTER_ADDR=127.0.0.1 MASTER_PORT="$port" "${@:2}" timeout 60 "${program[@]}" train config.yaml > "node$1" 2>&1
}
for wrong in 0 1; do
  port=$(python3 "$LMF_SOURCE/tests/support/free_port.py")
  task $wrong NNODES=3 &
  task $((1 - wrong))
  status=$?
  wait $!
  status="$? $status"
  cat node0 node1 > said
  expect "node $wrong alone sees a contradiction" status "2 2"
  expect_true "node $wrong alone sees a contradiction: each says it" [ "$(grep -lF "task $wrong of 2 (OMPI_COMM_WORLD_LOCAL_SIZE=1 of OMPI_COMM_WORLD_SIZE=2), but NNODES=3" node0 node1 | wc -l)" = 2 ]
  expect_not_said "node $wrong alone sees a contradiction" "rank $((2 * wrong)) of 4"
done

LMF_PLUGIN_PIN="1:2:$here/elsewhere/liblmf-train.so" lmf train config.yaml
expect "another library than the launcher's" status 126
expect_said "another library than the launcher's" "this job runs $here/elsewhere/liblmf-train.so"
expect_true "nothing is left" rmdir tmp
finish
