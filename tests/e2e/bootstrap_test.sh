#!/usr/bin/env bash
# packaging/bootstrap.sh on machines that are not this one: every tool it asks about the machine is a fake on PATH, told by
# variables what to answer. What it called is in the file `calls`, what it said in `said`.
set -u
source "$LMF_SOURCE/tests/e2e/expect.sh"

fakes=$PWD/fakes project=$PWD/project
rm -rf "$fakes" "$project"
mkdir -p "$fakes" "$project/packaging/cmake"
cp "$LMF_SOURCE/packaging/bootstrap.sh" "$LMF_SOURCE/packaging/parallel_jobs.sh" "$LMF_SOURCE/packaging/apt-packages.txt" "$project/packaging/"
printf '#!/bin/sh\necho the demo ran in "$1"\n' >"$project/packaging/demo.sh"
chmod +x "$project/packaging/demo.sh"
for tool in bash sh env awk sed grep sort head tail tr cat dirname mkdir wc cut; do ln -s "$(command -v $tool)" "$fakes/$tool"; done

fake() { # name, body
  printf '#!/bin/bash\necho "%s $*" >>"$CALLS"\n%s\n' "$1" "$2" >"$fakes/$1"
  chmod +x "$fakes/$1"
}
fake id 'echo "${FAKE_UID:-0}"'
fake nproc 'echo 2'
fake df 'printf "head\nx 1 1 %s 1%% /\n" "${FAKE_FREE:-99999}"'
fake dpkg-query 'grep -v "^${FAKE_MISSING:-nothing}\$" packaging/apt-packages.txt | grep -vxF -f "${INSTALLED_LATER:-/dev/null}" | sed "s/\$/ ii /"'
fake apt-get '[ -z "${FAKE_APT_SAYS:-}" ] || { echo "$FAKE_APT_SAYS"; exit 100; }'
fake c++ 'case $1 in --version) echo "c++ Free Software Foundation";; *) echo "${FAKE_GCC:-12.2.0}";; esac'
fake cmake 'case "$*" in
  --version) echo "cmake version ${FAKE_CMAKE:-3.25.1}" ;;
  *LMF_CUDA=ON*) [ "${FAKE_TORCH:-}" = cuda ] && echo "-- libtorch 2.13.0 in /cuda" || { printf "CMake Error:\n  built without CUDA:\n  Next: x\n" >&2; exit 1; } ;;
  *-P*) [ "${FAKE_TORCH:-cpu}" = none ] && [ ! -e .venv/torch ] && { printf "CMake Error:\n  version 2.4.0 is too old\n  Next: x\n" >&2; exit 1; }
        echo "-- libtorch 2.13.0 in /somewhere" ;;
  *--build*) [ -z "${FAKE_BUILD_SAYS:-}" ] || { echo "$FAKE_BUILD_SAYS"; exit 1; } ;;
esac'
fake ctest 'echo "100% tests passed"'
fake python 'case "$*" in
  *"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  *"pip install"*) [ -z "${FAKE_PIP_SAYS:-}" ] || { echo "$FAKE_PIP_SAYS"; exit 1; }; echo >.venv/torch ;;
esac
exit ${FAKE_PYTHON_STATUS:-0}'
for tool in chmod cp; do ln -s "$(command -v $tool)" "$fakes/$tool"; done
printf 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n' >debian12

# bootstrap VARIABLE=value... command: a run on a machine where everything is there but what the variables say.
bootstrap() {
  : >calls
  status=0
  env -i PATH="$fakes" HOME="$PWD" CALLS="$PWD/calls" LMF_OS_RELEASE="$PWD/debian12" LMF_PYTHON=python "${@:1:$#-1}" \
    "$project/packaging/bootstrap.sh" "${@: -1}" >said 2>&1 || status=$?
}
fresh() { rm -rf "$project/.venv" "$project/build" "$fakes/sudo" "$fakes/nvidia-smi"; }

fresh
bootstrap build
expect "with everything there it only configures and builds" status 0
expect_no_call "with everything there no package is installed" apt-get
expect_no_call "with everything there pip is not called" 'python.*pip'
expect_call "the release preset is built" 'cmake --build .*build/release'
bootstrap demo
expect_said "demo ends with the demo" 'the demo ran in .*build/release'
bootstrap test
expect_call "test ends with ctest" 'ctest .*build/release'

bootstrap FAKE_MISSING=ninja-build build
expect_call "only what is missing is installed, in one call" 'apt-get .*install --no-install-recommends ninja-build$'
bootstrap FAKE_MISSING=ninja-build FAKE_UID=1000 build
expect "neither root nor sudo" status 1
expect_said "missing rights name the packages and the command" 'takes root: ninja-build' 'next: as root: apt-get install ninja-build'
fake sudo '[ "$1" = -v ] || exec "$@"'
bootstrap FAKE_MISSING=ninja-build FAKE_UID=1000 build
expect_call "a user with sudo installs through it" 'sudo .*apt-get .*install'
fresh
bootstrap FAKE_MISSING=ninja-build "FAKE_APT_SAYS=E: Temporary failure resolving 'mirror'" build
expect "no network at the packages" status 1
expect_said "no network is named with the next step" 'the network could not be reached' 'next: check the connection'
bootstrap FAKE_MISSING=ninja-build 'FAKE_APT_SAYS=E: You do not have enough: No space left on device' build
expect_said "a disk that fills while installing is named" 'because the disk is full' 'next: free some space'
bootstrap FAKE_MISSING=ninja-build 'FAKE_APT_SAYS=E: Unable to locate package ninja-build' build
expect_said "an unforeseen failure shows what the tool said" 'Unable to locate package' 'next: '
bootstrap FAKE_MISSING=ninja-build FAKE_FREE=100 build
expect "too little disk" status 1
expect_said "too little disk says how much is needed and there" 'takes about [0-9]* MiB and .* has 100 MiB free' 'next: free'
expect_no_call "nothing is installed on too small a disk" apt-get

bootstrap FAKE_GCC=11.4.0 build
expect "an old compiler" status 1
expect_said "an old compiler is named with its version" 'needs g++ 12 or newer; c++ is 11.4.0' 'next: install a newer one'
bootstrap FAKE_CMAKE=3.18.4 build
expect_said "an old CMake is named with its version" 'needs CMake 3.25 or newer; .* is 3.18.4' 'next: '
printf 'ID=fedora\nPRETTY_NAME="Fedora 40"\n' >fedora
bootstrap LMF_OS_RELEASE="$PWD/fedora" build
expect "a distribution the set-up does not know" status 1
expect_said "an unknown distribution is named" 'this is Fedora 40' 'next: see'
printf 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n' >debian11
bootstrap LMF_OS_RELEASE="$PWD/debian11" build
expect_said "an old Debian is named" 'needs Debian 12 or newer; this is Debian 11' 'next: '
printf 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n' >ubuntu
bootstrap LMF_OS_RELEASE="$PWD/ubuntu" build
expect "a system made from Debian" status 0

bootstrap FAKE_TORCH=none build
expect "without libtorch" status 0
expect_call "without libtorch the wheel is installed into .venv" 'python -m pip install .*torch==2.13.0$'
bootstrap FAKE_TORCH=none build
expect_no_call "the second run installs nothing" 'pip install'
fresh
bootstrap FAKE_TORCH=none 'FAKE_PIP_SAYS=Failed to establish a new connection' build
expect "no network at pip" status 1
expect_said "no network at pip is named" 'torch==2.13.0 into .venv failed because the network' 'next: check the connection'
fresh
bootstrap FAKE_TORCH=none 'FAKE_PIP_SAYS=OSError: [Errno 28] No space left on device' build
expect_said "a disk that fills under pip is named" 'because the disk is full' 'next: free'
fresh
bootstrap FAKE_TORCH=none FAKE_FREE=2000 build
expect_said "libtorch is not fetched on too small a disk" 'installing libtorch takes about .* 2000 MiB free' 'next: free'
bootstrap FAKE_TORCH=none FAKE_PYTHON_STATUS=1 build
expect_said "no Python that can make an environment" 'no Python 3.10 or newer with venv' 'next: install python3-venv'
bootstrap FAKE_TORCH=none Torch_DIR=/old build
expect "a libtorch of the user's that is too old" status 1
expect_said "libtorch too old is named" 'version 2.4.0 is too old' 'next: correct Torch_DIR'

fresh
fake nvidia-smi 'echo GPU 0'
bootstrap FAKE_TORCH=cuda build
expect_call "with an NVIDIA driver the preset is cuda" 'cmake .*--preset cuda'
bootstrap build
expect "a driver but no CUDA build of libtorch" status 0
expect_said "a driver but no CUDA build is said" 'no CUDA build' 'preset release'
fresh
bootstrap 'FAKE_BUILD_SAYS=ninja: build stopped' build
expect "a build that fails" status 1
expect_said "a build that fails has a next step" 'building failed' 'next: '
bootstrap dmeo
expect "an unknown command" status 2
expect_said "an unknown command shows the usage" 'usage: packaging/bootstrap.sh'
finish
