#!/usr/bin/env bash
# From a bare Debian 12 (or newer) to a built lmf: packaging/bootstrap.sh {build|demo|test}
#
#   build  installs what is missing of packaging/apt-packages.txt, gets libtorch, builds the preset `release`
#   demo   the same, then trains a small model and asks it (packaging/demo.sh)
#   test   the same, then runs the whole test suite
#
# Every step looks first at what is there, says what it does and does only that. What cannot be done ends with one sentence,
# the next step, and status 1. Settings: CXX, CC, Torch_DIR, CMAKE_PREFIX_PATH, PIP_* (pip's own), LMF_PYTHON (makes .venv), LMF_JOBS (parallel compilers).
set -euo pipefail

readonly kTorch=torch==2.13.0
readonly kCompilerFloor=12 kCMakeFloor=3.25 kPythonFloor=3.10
readonly kBuildMib=3072 kPackagesMib=1536 kTorchMib=2560 kTorchCudaMib=9216
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
log=$root/build/bootstrap.log

say() { printf 'lmf set-up: %s\n' "$*"; }
stop() { # what failed, next step
  printf 'lmf set-up: %s\n  next: %s\n' "$1" "$2" >&2
  exit 1
}
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
driver_present() { nvidia-smi -L >/dev/null 2>&1; }

need_disk() { # MiB, folder, what for
  local free
  free=$(df -Pm "$2" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] ||
    stop "$3 takes about $1 MiB and $2 has $free MiB free" "free some space (or move the checkout to a larger disk), then run this again"
}

# Runs a command, its output kept in the log and shown when it fails; a failure is told apart by what it printed.
try() { # what it does, what to do about a failure no one foresaw, command...
  local what=$1 next=$2
  shift 2
  "$@" >"$log" 2>&1 && return
  grep -qE 'No space left|not enough free space|Disk quota exceeded' "$log" &&
    stop "$what failed because the disk is full" "free some space, then run this again"
  grep -qE 'Temporary failure|Could not resolve|Could not connect|Failed to establish|Network is unreachable|timed out|Connection refused|Name or service not known' "$log" &&
    stop "$what failed because the network could not be reached" "check the connection (and the proxy and mirror settings), then run this again; details: $log"
  tail -n 15 "$log" >&2
  stop "$what failed, see above" "$next; details: $log"
}

check_distribution() {
  local file=${LMF_OS_RELEASE:-/etc/os-release} name like version
  [ -r "$file" ] || stop "no $file: this is not a distribution the set-up knows" "see 'Other systems' in README.md"
  name=$(. "$file" && echo "${PRETTY_NAME:-$ID}")
  like=$(. "$file" && echo " ${ID:-} ${ID_LIKE:-} ")
  version=$(. "$file" && [ "${ID:-}" = debian ] && echo "${VERSION_ID:-}" || true)
  case $like in *" debian "*) ;; *)
    stop "the set-up knows Debian 12 and newer, and systems made from it; this is $name" "see 'Other systems' in README.md" ;;
  esac
  [ -z "$version" ] || [ "${version%%.*}" -ge 12 ] ||
    stop "the set-up needs Debian 12 or newer; this is $name" "upgrade, or see 'Other systems' in README.md"
}

install_packages() {
  local wanted missing=() as_root=() package
  mapfile -t wanted < <(grep -vE '^ *(#|$)' "$root/packaging/apt-packages.txt")
  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' 2>/dev/null | awk '$2 ~ /^.i/ { print $1 }')
  for package in "${wanted[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || { say "system packages: all ${#wanted[@]} are there"; return; }
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -v 2>/dev/null ||
      stop "installing the missing packages takes root: ${missing[*]}" "as root: apt-get install ${missing[*]}; then run this again"
    as_root=(sudo)
  fi
  need_disk $kPackagesMib /usr "installing system packages"
  say "system packages: installing ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  try "fetching the lists of packages" "mend apt's sources, then run this again" "${apt[@]}" update -o APT::Update::Error-Mode=any
  try "installing ${missing[*]}" "install them by hand, then run this again" "${apt[@]}" install --no-install-recommends "${missing[@]}"
}

check_tools() {
  local compiler=${CXX:-c++} version
  command -v "$compiler" >/dev/null || stop "the compiler $compiler is not there" "install g++ $kCompilerFloor or newer, or set CXX"
  version=$("$compiler" -dumpfullversion 2>/dev/null || true)
  if "$compiler" --version 2>/dev/null | grep -q 'Free Software Foundation'; then
    at_least "$version" $kCompilerFloor ||
      stop "lmf needs g++ $kCompilerFloor or newer; $compiler is $version" "install a newer one and name it: CXX=g++-$kCompilerFloor CC=gcc-$kCompilerFloor $0 $command"
  fi
  version=$(cmake --version | awk 'NR == 1 { print $3 }')
  at_least "$version" $kCMakeFloor ||
    stop "lmf needs CMake $kCMakeFloor or newer; $(command -v cmake) is $version" "put a newer cmake first on PATH"
}

# The first Python that is new enough and can make virtual environments; the distribution's own before others.
find_python() {
  local python
  for python in ${LMF_PYTHON:-/usr/bin/python3 python3}; do
    "$python" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < tuple(map(int, '$kPythonFloor'.split('.'))))" 2>/dev/null &&
      { echo "$python"; return; }
  done
  return 1
}

# Prints what was found, nothing when nothing suits; $log then says why.
locate_torch() {
  { cmake -DLMF_CUDA="$1" -P "$root/packaging/cmake/LocateTorch.cmake" 2>"$log" || true; } | sed -n 's/^-- //p'
}
why_no_torch() { sed -n '2,/Next:/{/Next:/!p}' "$log" | tr -s '\n ' ' '; }

install_torch() {
  local venv=$root/.venv python mib=$kTorchMib
  [ -z "${Torch_DIR:-}" ] || stop "$(why_no_torch)" "correct Torch_DIR, or unset it"
  ! driver_present || mib=$kTorchCudaMib
  need_disk $mib "$root" "installing libtorch"
  if [ ! -x "$venv/bin/python" ]; then
    python=$(find_python) || stop "no Python $kPythonFloor or newer with venv is there" "install python3-venv, or set Torch_DIR to a libtorch of your own"
    say "libtorch: making .venv with $python"
    try "making $venv" "remove $venv, then run this again" "$python" -m venv "$venv"
  fi
  say "libtorch: installing $kTorch into .venv"
  try "installing $kTorch into .venv" "run '$venv/bin/pip install $kTorch' to see more, or set Torch_DIR to a libtorch of your own" \
    "$venv/bin/python" -m pip install --disable-pip-version-check "$kTorch"
  # What torch's own dependencies leave out of the headers that NCCL's interface includes.
  ! "$venv/bin/python" -m pip show --quiet cuda-toolkit 2>/dev/null ||
    try "installing CUDA's headers into .venv" "run '$venv/bin/pip install cuda-toolkit[crt,cccl]' to see more" \
      "$venv/bin/python" -m pip install --disable-pip-version-check "cuda-toolkit[crt,cccl]"
}

# Sets `preset`: cuda where an NVIDIA driver and a libtorch for it are there, else release.
get_torch() {
  local found='' cuda=OFF
  ! driver_present || cuda=ON
  found=$(locate_torch $cuda)
  if [ -z "$found" ]; then
    install_torch
    found=$(locate_torch $cuda)
  fi
  if [ -z "$found" ] && [ $cuda = ON ]; then
    say "an NVIDIA driver is there, but pip's package index has no CUDA build of $kTorch: building for the CPU (see 'GPU' in README.md)"
    cuda=OFF
    found=$(locate_torch OFF)
  fi
  [ -n "$found" ] || stop "$(why_no_torch)" "see 'libtorch' in README.md"
  say "libtorch: $found"
  preset=release
  [ $cuda = OFF ] || preset=cuda
}

build() {
  [ -d "$root/build/$preset" ] || need_disk $kBuildMib "$root" "building"
  say "build: preset $preset in build/$preset"
  try "configuring" "mend what it names, then run this again" cmake -S "$root" --preset $preset
  cmake --build "$root/build/$preset" -j "$("$root/packaging/parallel_jobs.sh")" ||
    { df -Pm "$root" | awk 'NR == 2 && $4 < 64 { exit 1 }' || stop "building failed because the disk is full" "free some space, then run this again"
      stop "building failed, see above" "when it ran out of memory, LMF_JOBS=1 $0 $command"; }
  say "build: build/$preset/bin/lmf is ready"
}

command=${1:-}
case "$#:$command" in
  1:build | 1:demo | 1:test) ;;
  *) printf 'usage: packaging/bootstrap.sh build | demo | test\n' >&2; exit 2 ;;
esac
cd "$root"
check_distribution
mkdir -p "$root/build" 2>/dev/null && [ -w "$root" ] && : 2>/dev/null >>"$log" ||
  stop "$root cannot be written to" "check out the project where you may write, or mend whose it is: chown -R $(id -un) $root"
install_packages
check_tools
get_torch
build
case $command in
  build) say "next: packaging/bootstrap.sh demo, or build/$preset/bin/lmf help" ;;
  demo) exec packaging/demo.sh "$root/build/$preset" ;;
  test) exec ctest --test-dir "build/$preset" -j $(($(nproc) * 2)) --output-on-failure --output-junit results.xml ;;
esac
