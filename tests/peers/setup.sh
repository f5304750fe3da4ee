#!/usr/bin/env bash
# The original programs that lmf is compared with, in a virtual environment of their own: tests/peers/setup.sh FOLDER
# About 2.1 GB and a few minutes. Afterwards: LMF_PEERS=FOLDER tests/peers/compare.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: tests/peers/setup.sh FOLDER" >&2; exit 2; }
venv=$1

[ -x "$venv/bin/python" ] || "${LMF_PYTHON:-python3}" -m venv "$venv"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" torch==2.13.0
"${pip[@]}" --requirement "$here/requirements.txt"
# Reading what lmf export quantises wants gptqmodel too; it has no builds for every machine and is left to whoever has it: gptq.py says when it is missing.
# Without their own dependencies: they ask for torchvision and torchaudio, whose builds may not fit the torch that is there.
"${pip[@]}" --no-deps llamafactory==0.9.5 "torchdata>=0.10.0,<=0.11.0"

# The original imports torchaudio even for text. Where it does not load, an empty module of that name lets text through.
if ! "$venv/bin/python" -c "import torchaudio" 2>/dev/null; then
  packages=$("$venv/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")
  rm -rf "$packages"/torchaudio "$packages"/torchaudio-*.dist-info
  mkdir "$packages/torchaudio"
  echo '__version__ = "0"' >"$packages/torchaudio/__init__.py"
fi
# llama.cpp, for GGUF files: only its prebuilt library for the CPU.
if command -v npm >/dev/null; then
  npm install --silent --prefix "$venv/node" --ignore-scripts --omit=optional node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1
fi
"$venv/bin/llamafactory-cli" version
