#!/usr/bin/env bash
# Calls of tools by `lmf api`: cases A21 to A23.
set -eu
exec python3 "$LMF_SOURCE/tests/api/tools.py"
