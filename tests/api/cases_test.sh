#!/usr/bin/env bash
# The cases of `lmf api`, by their numbers.
set -eu
exec python3 "$LMF_SOURCE/tests/api/cases.py"
