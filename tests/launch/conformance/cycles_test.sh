# 100 jobs, each hit at a random moment: see cycles.py. The seed is printed.
if ! command -v python3 >/dev/null; then
  echo "skipped: no python3"
  exit 77
fi
exec python3 "$LMF_SOURCE/tests/launch/conformance/cycles.py" 100
