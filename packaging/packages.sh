#!/usr/bin/env bash
# Makes packages of what build/release has built: packaging/packages.sh {deb|rpm|tgz} FOLDER [PACKAGE ...]
#
#   deb, rpm   one for each PACKAGE, all when none is named: lmf, lmf-train, lmf-chat, lmf-api, lmf-export, lmf-env, lmf-sdk-dev, and
#              lmf-torch where libtorch is not the distribution's own
#   tgz        one archive of all of them, which works wherever it is unpacked
#
# The same build gives the same bytes: all times are SOURCE_DATE_EPOCH's, which is the changelog's unless it is set. LMF_BUILD names
# another build folder.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${LMF_BUILD:-$root/build/release}
stop() { # what failed, next step
  printf 'packages: %s\n  next: %s\n' "$1" "$2" >&2
  exit "${3:-1}"
}
usage='packaging/packages.sh {deb|rpm|tgz} FOLDER [PACKAGE ...]'
together=()
case ${1:-} in
  deb) tools='dpkg-shlibdeps file' from='packages dpkg-dev and file' ;;
  rpm) tools=rpmbuild from='package rpm' ;;
  tgz) tools='' from='' together=(-D CPACK_ARCHIVE_COMPONENT_INSTALL=ON -D CPACK_COMPONENTS_GROUPING=ALL_COMPONENTS_IN_ONE -D CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY=ON) ;;
  *) stop "'${1:-}' is no kind of package" "$usage" 2 ;;
esac
[ $# -ge 2 ] || stop "no folder to put them in is named" "$usage" 2
[ -f "$build/CPackConfig.cmake" ] ||
  stop "there is nothing to make packages of in $build: it is not built yet, or with a CUDA libtorch, which is used where it lies" "packaging/bootstrap.sh build"
for tool in $tools; do
  command -v $tool >/dev/null || stop "$tool is not installed" "install the $from"
done
kind=${1^^} folder=$2
shift 2
known=$(sed -n 's/^set(CPACK_COMPONENTS_ALL "\(.*\)")$/\1/p' "$build/CPackConfig.cmake")
for package; do
  [[ ";$known;" == *";$package;"* ]] || stop "there is no package $package" "one of ${known//;/ }" 2
done
chosen=$(IFS=';' && echo "$*")
: "${SOURCE_DATE_EPOCH:=$(date -d "$(sed -n 's/^ -- @MAINTAINER@  //p' "$root/packaging/debian/changelog" | head -n 1)" +%s)}"
export SOURCE_DATE_EPOCH
umask 022
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d "$folder/.packages-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cpack --config "$build/CPackConfig.cmake" -G "$kind" -B "$scratch" -D CPACK_COMPONENTS_ALL="${chosen:-$known}" "${together[@]}" >"$scratch/log" 2>&1 ||
  { tail -n 30 "$scratch/log" >&2; stop "cpack failed" "mend what it names, then run this again"; }
for file in "$scratch"/*."${kind,,}" "$scratch"/*.tar.gz; do
  [ -f "$file" ] || continue
  mv "$file" "$folder/"
  echo "$folder/${file##*/}"
done
