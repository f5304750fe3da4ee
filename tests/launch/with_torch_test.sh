# Runs a Python program that needs torch, with the arguments that follow; skipped where no Python has torch.
set -eu
for python in "${LMF_PYTHON:-}" "$LMF_SOURCE/.venv/bin/python" python3; do
  [ -n "$python" ] && "$python" -c 'import torch.distributed' 2>/dev/null || continue
  export TORCH_CPP_LOG_LEVEL=ERROR PYTHONWARNINGS=ignore # what the tests provoke on purpose
  exec timeout 500 "$python" "$LMF_SOURCE/tests/launch/$1" "${@:2}"
done
echo "skipped: no Python here has torch (LMF_PYTHON names one)"
exit 77
