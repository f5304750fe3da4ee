# The launcher's contract, with lmf alone: the cases of the named files. `run.py --both` shows the real torchrun beside it.
if ! command -v python3 >/dev/null; then
  echo "skipped: no python3"
  exit 77
fi
exec python3 "$LMF_SOURCE/tests/launch/conformance/run.py" "$@"
