#!/usr/bin/env bash
# The clients that users talk to `lmf api` with, in a folder of their own: tests/peers/clients/setup.sh FOLDER
# About 600 MB. Afterwards: LMF_CLIENTS=FOLDER tests/peers/clients/run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: tests/peers/clients/setup.sh FOLDER" >&2; exit 2; }
[ -x "$1/venv/bin/python" ] || "${LMF_PYTHON:-python3}" -m venv "$1/venv"
"$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
command -v npm >/dev/null || { echo "npm is not installed: the JavaScript clients are left out" >&2; exit 0; }
npm install --silent --prefix "$1/node" --ignore-scripts openai@6.49.0 ai@6.0.326 @ai-sdk/openai-compatible@2.0.92 zod@4.6.7
