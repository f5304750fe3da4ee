#!/usr/bin/env bash
# An installation stands alone: installed to a fresh prefix, then used where the checkout, the build tree and the libtorch it was
# built with are covered by empty folders (in a mount namespace, so that nothing is left behind whatever happens).
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
if [ "${1:-}" != hidden ]; then
  unshare --mount --map-root-user true 2>/dev/null || { echo "skipped: mount namespaces are not allowed here (root, or user namespaces)"; exit 77; }
  export PREFIX=$(mktemp -d "${TMPDIR:-/tmp}/lmf install XXXXXX")
  trap 'rm -rf "$PREFIX"' EXIT
  status=0
  cmake --install "$LMF_BUILD" --prefix "$PREFIX" >said 2>&1 || status=$?
  expect "cmake --install" status 0
  [ $status = 0 ] || finish
  mkdir "$PREFIX/test"
  cp -r "$LMF_SOURCE/tests/e2e/." "$PREFIX/test/"
  export TORCH=$(sed -n 's/^LMF_TORCH_FOUND:INTERNAL=//p' "$LMF_BUILD/CMakeCache.txt")
  export LIBDIR=$(sed -n 's/^CMAKE_INSTALL_LIBDIR:[A-Z]*=//p' "$LMF_BUILD/CMakeCache.txt")
  cd "$PREFIX/test"
  unshare --mount --map-root-user bash "$PREFIX/test/install_test.sh" hidden
  exit
fi

cover() { mount -t tmpfs -o size=1m none "$1" || { echo "cannot cover $1"; exit 1; }; }
torch_root=${TORCH%/share/cmake/Torch}
case $torch_root in
  /usr | /usr/* | "$LMF_SOURCE"/*) ;;
  *) cover "$torch_root" ;;
esac
[ ! -e "$LMF_SOURCE/.venv" ] || cover "$(realpath "$LMF_SOURCE/.venv")"
cover "$LMF_BUILD"
cover "$LMF_SOURCE"
expect_true "the build tree is out of sight" test ! -e "$LMF_BUILD/bin/lmf"

run() { status=0; timeout 300 "$@" >said 2>&1 </dev/null || status=$?; }
lmf=$PREFIX/bin/lmf
for folder in bin "$LIBDIR/lmf/plugins-1" "$LIBDIR/lmf/private" include/lmf share/lmf; do
  expect_true "the installation has $folder" test -d "$PREFIX/$folder"
done
expect_true "the licence is installed" test -s "$PREFIX/share/doc/lmf/LICENSE"
expect_true "libtorch's licence lies beside its copy" \
  sh -c 'test ! -e "$1"/libtorch_cpu.so || test -s "$1"/libtorch-licenses/LICENSE' - "$PREFIX/$LIBDIR/lmf/private"
for file in man/man1/lmf.1 man/man1/llamafactory-cli.1 man/man1/lmf-train.1 man/man1/lmf-chat.1 man/man5/lmf-plugin.toml.5 man/man7/lmf-plugins.7 \
  bash-completion/completions/lmf bash-completion/completions/llamafactory-cli zsh/site-functions/_lmf \
  fish/vendor_completions.d/lmf.fish fish/vendor_completions.d/llamafactory-cli.fish; do
  expect_true "the installation has share/$file" test -s "$PREFIX/share/$file"
done
run "$lmf" completion bash
expect_true "completion's script is the one that is installed" cmp said "$PREFIX/share/bash-completion/completions/lmf"
run "$lmf" version
expect "version" status 0
run "$PREFIX/bin/llamafactory-cli" help
expect "help by its other name" status 0
expect_said "the commands are there" train chat api export env
run "$lmf" env
expect "env" status 0
expect_said "env finds the copied libtorch" "$LIBDIR/lmf/private"
expect_not_said "nothing refers to the build tree" "$LMF_BUILD"
for library in "$PREFIX/$LIBDIR"/lmf/plugins-1/*.so "$PREFIX/$LIBDIR"/lmf/private/*.so; do
  run ldd "$library"
  expect_not_said "$(basename "$library") finds all it needs" 'not found'
done

cat >train.yaml <<Y
model_name_or_path: $PREFIX/share/lmf/models/demo
train_from_scratch: true
stage: sft
do_train: true
finetuning_type: full
dataset: $PREFIX/share/lmf/data/countries.json
template: qwen
cutoff_len: 64
max_steps: 2
per_device_train_batch_size: 2
output_dir: $PWD/trained
Y
run "$lmf" train train.yaml
expect "a training run" status 0
expect_true "it leaves a model" test -s trained/model.safetensors
run "$lmf" chat --model_name_or_path trained --template qwen --max_new_tokens 4 --prompt "What is the capital of Norway?"
expect "asking the trained model" status 0

run "$lmf" export --model_name_or_path trained --template qwen --infer_dtype bfloat16 --export_dir exported --verify true
expect "exporting it" status 0
expect_true "it is verified" grep -q '"verified": true' exported/export_report.json
run "$lmf" chat --model_name_or_path exported --template qwen --max_new_tokens 4 --prompt "What is the capital of Norway?"
expect "asking what was exported" status 0

cd "$PREFIX"
run bin/lmf train share/lmf/examples/demo.yaml output_dir="$PREFIX/test/demo" max_steps=2 plot_loss=false
expect "the installed demo runs from the prefix" status 0
cd "$PREFIX/test"
expect_true "and leaves a model" test -s demo/model.safetensors
for example in "$PREFIX"/share/lmf/examples/*.yaml; do
  for named in $(grep -o 'share/[a-z/_.]*' "$example"); do
    expect_true "$(basename "$example") names what is installed" test -e "$PREFIX/$named"
  done
done

run "$lmf" plugin new greet --language c
expect "a plugin of a third party is begun with it" status 0
run cmake -S greet -B greet-build -DCMAKE_PREFIX_PATH="$PREFIX"
expect "configures" status 0
run cmake --build greet-build
expect "and builds" status 0
export LMF_PLUGIN_PATH=$PWD/greet-build/lib/lmf/plugins-1
run "$lmf" greet Ada
expect "and runs" status 0
expect_said "and greets" 'hello, Ada'
run "$lmf" greet
expect "and fails kindly" status 2
expect_said "with its sentence" 'expected one name' 'for example: lmf greet Ada'

run "$lmf" plugin doctor --timeout=120
expect "the doctor finds nothing" status 0
expect_said "and who links which libtorch" 'built with cxx=.*;torch=2'
for words in "train liblmf-train-worker.so" "export liblmf-export-verify.so"; do
  rm "$PREFIX/$LIBDIR/lmf/private/${words#* }"
  run "$lmf" plugin doctor "${words% *}" --timeout=120
  expect "without ${words#* } it finds that" status 1
  expect_said "and names file and package" "/lmf/private/${words#* } is not there. Install the package 'lmf-${words% *}' again."
done
finish
