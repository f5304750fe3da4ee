#!/usr/bin/env bash
# Configuring for another machine: the program that is built cannot run here, so that the man pages of the commands are left out, unless
# something (CMAKE_CROSSCOMPILING_EMULATOR) runs it. Nothing is built.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
command -v ninja >/dev/null || { echo "skipped: ninja is not here"; exit 77; }
value() { sed -n "s/^$1:[A-Z]*=//p" "$LMF_BUILD/CMakeCache.txt"; }
cat >toolchain.cmake <<T
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $(uname -m))
set(CMAKE_C_COMPILER $(value CMAKE_C_COMPILER))
set(CMAKE_CXX_COMPILER $(value CMAKE_CXX_COMPILER))
T
configure() { # name, further words
  local folder=$1 && shift
  rm -rf "$folder"
  status=0
  timeout 300 cmake -S "$LMF_SOURCE" -B "$folder" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/toolchain.cmake" -DTorch_DIR="$(value LMF_TORCH_FOUND)" "$@" >said 2>&1 || status=$?
}
configure without
expect "configuring for another machine" status 0
expect_said "the man pages of commands are left out, and that is said" "cross-compiling: the man pages of the commands are left out"
ninja -C without -t commands all >said
expect_not_said "nothing that is built is run" "without/bin/lmf --plugin-dir"
configure emulated -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/env
expect "configuring with what runs the other machine's programs" status 0
ninja -C emulated -t commands lmf_man >said
expect_said "it makes the pages" "/usr/bin/env .*/emulated/bin/lmf --plugin-dir .* help train --man"
rm -rf without emulated
finish
