#!/usr/bin/env bash
# packaging/cmake/LocateTorch.cmake over made-up installations of libtorch: which is taken, which is refused and in what words.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"
project=$PWD/project
rm -rf "$project" named prefix python fakes
mkdir -p "$project/packaging/cmake" fakes
cp "$LMF_SOURCE/packaging/cmake/LocateTorch.cmake" "$project/packaging/cmake/"
cmake=$(command -v cmake)

installation() { # folder, version
  mkdir -p "$1/share/cmake/Torch" "$1/lib"
  printf 'set(PACKAGE_VERSION "%s")\n' "$2" >"$1/share/cmake/Torch/TorchConfigVersion.cmake"
}
locate() { # VARIABLE=value... [-Doption]
  local variables=() options=() word
  for word; do case $word in -D*) options+=("$word") ;; *) variables+=("$word") ;; esac; done
  status=0
  env -u Torch_DIR -u CMAKE_PREFIX_PATH "${variables[@]}" PATH="$PWD/fakes:/usr/bin:/bin" \
    "$cmake" "${options[@]}" -P "$project/packaging/cmake/LocateTorch.cmake" >said 2>&1 || status=$?
}
python_with() { # the folder of its torch package, or nothing
  printf '#!/bin/sh\n[ -n "%s" ] && echo "%s"\n' "$1" "$1" >fakes/python3
  chmod +x fakes/python3
}

python_with ""
locate
expect "no libtorch at all" status 1
expect_said "no libtorch says what is wanted and how to get it" 'needs libtorch 2.11 or newer' 'packaging/bootstrap.sh build'

installation "$project/.venv/lib/python3.11/site-packages/torch" 2.13.0
locate
expect_said "the project's own .venv is found without its Python" 'libtorch 2.13.0 in .*/.venv/lib'
installation "$PWD/python/torch" 2.12.0
python_with "$PWD/python/torch"
locate
expect_said "a Python on PATH comes before .venv" 'libtorch 2.12.0 in .*/python/torch'
installation "$PWD/prefix" 2.11.0
locate CMAKE_PREFIX_PATH="$PWD/prefix"
expect_said "CMAKE_PREFIX_PATH comes before Python" 'libtorch 2.11.0 in .*/prefix'
installation "$PWD/named place" 2.14.1
locate CMAKE_PREFIX_PATH="$PWD/prefix" Torch_DIR="$PWD/named place/share/cmake/Torch"
expect_said "Torch_DIR comes first, blanks in its path or not" 'libtorch 2.14.1 in .*/named place'

installation "$PWD/prefix" 2.10.1
locate CMAKE_PREFIX_PATH="$PWD/prefix"
expect_said "one that is too old is passed over" 'libtorch 2.12.0 in .*/python/torch'
installation "$PWD/named place" 2.4.0
locate Torch_DIR="$PWD/named place/share/cmake/Torch"
expect "the named one is too old" status 1
expect_said "the named one is refused with its version, not replaced" 'version 2.4.0 is too old'
locate Torch_DIR="$PWD/nowhere"
expect_said "a Torch_DIR that is none" 'no TorchConfigVersion.cmake there'

locate -DLMF_CUDA=ON
expect "CUDA is wanted and none was built with it" status 1
expect_said "a build without CUDA is named so" 'built without CUDA'
touch "$PWD/python/torch/lib/libtorch_cuda.so"
locate -DLMF_CUDA=ON
expect_said "the one built with CUDA is found" 'libtorch 2.12.0 in .*/python/torch'
finish
