#!/usr/bin/env bash
# The SDK as a third party has it: an installation of the executable, of env and of lmf-sdk-dev, nothing else of lmf. The projects
# of `lmf plugin new` and the example share/examples/plugins/tokens are built against it with the compilers that are there.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
PREFIX=$(mktemp -d "${TMPDIR:-/tmp}/lmf sdk XXXXXX")
trap 'rm -rf "$PREFIX"' EXIT
run() { status=0; timeout 300 "$@" >said 2>&1 </dev/null || status=$?; }
for component in lmf lmf-env lmf-sdk-dev; do
  run cmake --install "$LMF_BUILD" --prefix "$PREFIX" --component $component
  expect "cmake --install --component $component" status 0
done
[ "$failures" = 0 ] || finish
mkdir "$PREFIX/work"
cd "$PREFIX/work"
lmf=$PREFIX/bin/lmf
export CMAKE_PREFIX_PATH=$PREFIX CMAKE_GENERATOR=Ninja CCACHE_DISABLE=1
unset LMF_PLUGIN_PATH
torch_dir=$(sed -n 's/^LMF_TORCH_FOUND:INTERNAL=//p' "$LMF_BUILD/CMakeCache.txt")

build() { # sentence, source, build folder, cmake's further words
  local sentence=$1 source=$2 folder=$3
  shift 3
  run cmake -S "$source" -B "$folder" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@"
  expect "$sentence configures" status 0
  run cmake --build "$folder"
  expect "$sentence builds" status 0
  run ctest --test-dir "$folder" --output-on-failure --no-tests=error
  expect "$sentence passes its tests" status 0
  [ ! -f "$folder/compile_commands.json" ] ||
    expect_true "$sentence sees nothing of the checkout" sh -c '! grep -qF "$1" "$2"' - "$LMF_SOURCE/sdk" "$folder/compile_commands.json"
}
compilers=g++
for clang in clang++ clang++-19 clang++-16 clang++-14; do
  if command -v $clang >/dev/null; then compilers="g++ $clang"; break; fi
done
[ "$compilers" != g++ ] || echo "clang++ is not there: not tried"

# What `lmf plugin new` writes.
for language in c++ c rust; do
  name=my-greet-${language//+/p}
  run "$lmf" plugin new "$name" --language $language --vendor acme
  expect "plugin new in $language" status 0
  expect_said "it says where the SDK is" "cmake -B build -DCMAKE_PREFIX_PATH='$PREFIX' &&"
done
build "the C++ project" my-greet-cpp build-cpp -DCMAKE_CXX_STANDARD=23 -DCMAKE_CXX_COMPILER="${compilers##* }"
build "the C project" my-greet-c build-c
sed -i 's/LANGUAGES C)/LANGUAGES C CXX)/' my-greet-c/CMakeLists.txt
build "the C project beside C++" my-greet-c build-c-mixed -DCMAKE_MODULE_LINKER_FLAGS=-Wl,--no-as-needed
run ldd build-c-mixed/lib/lmf/plugins-1/liblmf-my-greet-c.so
expect_said "whose library is found" libc.so
expect_not_said "needs no library of C++" stdc++
if command -v cargo >/dev/null && cargo --version >/dev/null 2>&1; then
  build "the Rust project" my-greet-rust build-rust
else
  echo "cargo is not there: the Rust project is not tried"
fi
run cmake --install build-cpp --prefix "$PREFIX"
expect "a plugin is installed" status 0
run "$lmf" help
expect_said "and is a command at once" "my-greet-cpp  *Greet somebody by name"
run "$lmf" acme.my-greet-cpp Ada
expect_said "which runs" "hello, Ada"
rm "$PREFIX"/lib/lmf/plugins-1/*my-greet-cpp*
run "$lmf" help
expect_not_said "once removed it is none" my-greet-cpp

# The example, with every compiler: the older standard with one, the newer with the other.
standard=20
for compiler in $compilers; do
  build "tokens with $compiler, C++$standard" "$PREFIX/share/lmf/examples/plugins/tokens" "build-tokens-$compiler" \
    -DCMAKE_CXX_COMPILER=$compiler -DCMAKE_CXX_STANDARD=$standard
  standard=23
done
run "$lmf" --plugin-dir build-tokens-g++/lib/lmf/plugins-1 help tokens
expect_said "its help is made of its options" "--cutoff_len" "--model"
run ldd build-tokens-g++/lib/lmf/plugins-1/liblmf-tokens.so
expect_not_said "tokens needs no libtorch" torch

# Every header that is installed, with what it includes; those of the engine's executors with libtorch.
mkdir headers
(cd "$PREFIX/include/lmf/sdk" && find . -name '*.hpp' | sort | sed 's|^\./\(.*\)|#include "\1"|') >headers/all
grep -vE '"(model/(adapter|decoder|gptq_weight|safetensors)|infer/(answer_options|engine|executor|generate|loaded_model|value_head))\.hpp"' headers/all >headers/light.cpp
{ cat headers/all; echo 'std::size_t size() { return sizeof(lmf::infer::Engine); }'; } >headers/heavy.cpp
cat >headers/CMakeLists.txt <<C
cmake_minimum_required(VERSION 3.25)
project(headers LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(lmf-sdk 1 REQUIRED COMPONENTS base config)
find_package(lmf-engine $("$lmf" version | sed 's/^lmf \([^ ]*\).*/\1/') REQUIRED COMPONENTS text data model infer http)
add_library(light OBJECT light.cpp)
target_link_libraries(light PRIVATE lmf::config lmf::http lmf::data lmf::infer_form lmf::model_description)
add_library(heavy MODULE heavy.cpp)
target_link_libraries(heavy PRIVATE lmf::infer lmf::model)
enable_testing()
add_test(NAME links COMMAND \${CMAKE_COMMAND} -E true)
C
build "a project with all headers" headers build-headers -DTorch_DIR="$torch_dir"

# What does not fit is refused with a sentence.
ask() { # the arguments of find_package
  mkdir -p ask
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(ask LANGUAGES C)\nfind_package(%s)\n' "$*" >ask/CMakeLists.txt
  run cmake -S ask -B build-ask --fresh
}
ask lmf-sdk 1 REQUIRED
expect "ABI 1 is there" status 0
add_wrongly() { # the arguments of lmf_add_plugin()
  printf 'find_package(lmf-sdk 1 REQUIRED)\nlmf_add_plugin(%s)\n' "$*" >ask/wrong.cmake
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(ask LANGUAGES C)\ninclude(wrong.cmake)\n' >ask/CMakeLists.txt
  run cmake -S ask -B build-ask --fresh
  expect "lmf_add_plugin($*)" status 1
}
add_wrongly SOURCES a.c
expect_said "needs a manifest" "NAME.lmf-plugin.toml"
add_wrongly WITH b MANIFEST a.lmf-plugin.toml SOURCES a.c
expect_said "names what it does not know" "'WITH;b'"
add_wrongly MANIFEST a.lmf-plugin.toml SOURCES a.c
expect_said "says which manifest is not there" "there is no" "/a.lmf-plugin.toml"
ask lmf-sdk 2 REQUIRED
expect "ABI 2 is not" status 1
ask lmf-sdk 1 REQUIRED COMPONENTS base engine
expect "there is no component engine" status 1
expect_said "and where its parts are is said" "has no component engine" "find_package(lmf-engine"
ask lmf-sdk 1 COMPONENTS base OPTIONAL_COMPONENTS engine
expect "one that need not be there stops nothing" status 0
ask lmf-engine 9.9.9 REQUIRED COMPONENTS text
expect "another release of the engine" status 1
expect_said "is refused with the reason" "is that of exactly one release of lmf" "9.9.9"
ask lmf-engine REQUIRED COMPONENTS text
expect "the engine without a release" status 1
expect_said "asks for one" "that of exactly one release: write"
ask lmf-engine "$("$lmf" version | sed 's/^lmf \([^ ]*\).*/\1/')" REQUIRED COMPONENTS text magic
expect_said "an unknown component is named" "no component magic"

# Without libtorch, as where Torch_DIR leads nowhere.
without_torch() { # REQUIRED or nothing
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(ask LANGUAGES C CXX)\nfind_package(lmf-engine %s %s COMPONENTS infer)\nmessage(STATUS "goes on")\n' \
    "$("$lmf" version | sed 's/^lmf \([^ ]*\).*/\1/')" "$1" >ask/CMakeLists.txt
  run cmake -S ask -B build-ask --fresh -DTorch_DIR=/nowhere
}
without_torch REQUIRED
expect "the engine without libtorch" status 1
expect_said "says what is needed, and a step that can be taken here" "model and infer of lmf-engine need" "torch==[0-9]" "Torch_DIR=PREFIX"
expect_not_said "none that only lmf's sources have" "bootstrap.sh"
without_torch ""
expect "a project that can do without it" status 0
expect_said "goes on" "goes on"
finish
