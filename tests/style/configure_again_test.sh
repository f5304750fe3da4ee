#!/usr/bin/env bash
# file(WRITE) touches a source whenever CMake runs, so that it is compiled again; file(CONFIGURE) leaves an equal one alone.
set -u
cd "$LMF_SOURCE" || exit
if grep -rnE --include='*.cmake' --include=CMakeLists.txt 'file\(WRITE [^ ]+\.(c|cpp|h|hpp) ' host packaging plugins sdk share tests; then
  echo "Next: write these sources with file(CONFIGURE OUTPUT ... CONTENT ...)"
  exit 1
fi
