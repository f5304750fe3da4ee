#!/usr/bin/env bash
# `lmf api` as its clients' users meet it: LMF_CLIENTS=FOLDER tests/peers/clients/run.sh [openai_python] [litellm] [langchain] [openai_js]
# [ai_sdk] [schema]. FOLDER is what setup.sh made. Ends with 77 without it, with 1 when a client is not content.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export LMF_BUILD=${LMF_BUILD:-$here/../../../build/release} PYTHONPATH=$here
[ -n "${LMF_CLIENTS:-}" ] || { echo "skipped: LMF_CLIENTS does not name the clients' folder (tests/peers/clients/setup.sh makes it)"; exit 77; }
[ -x "$LMF_CLIENTS/venv/bin/python" ] || { echo "LMF_CLIENTS=$LMF_CLIENTS has no venv/bin/python: run tests/peers/clients/setup.sh $LMF_CLIENTS" >&2; exit 1; }
exec "$LMF_CLIENTS/venv/bin/python" "$here/run.py" "$@"
