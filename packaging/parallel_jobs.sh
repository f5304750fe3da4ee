#!/usr/bin/env bash
# Prints how many compilers may run at once: one that includes libtorch's headers takes up to 2 GiB. LMF_JOBS overrides it.
set -euo pipefail
cores=$(nproc)
memory=$(awk '/^MemAvailable:/ { print int($2 / 2097152) }' /proc/meminfo)
[ "$memory" -ge 1 ] || memory=1
echo "${LMF_JOBS:-$((cores < memory ? cores : memory))}"
