#!/usr/bin/env bash
# A short soak; by hand, tests/api/soak.py makes it a long one.
set -eu
exec python3 "$LMF_SOURCE/tests/api/soak.py" 600
