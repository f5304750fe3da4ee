#!/usr/bin/env bash
# A disk that is full, or fills up while a checkpoint is written: a sentence, status 1, nothing half-written; the checkpoints
# before it are whole, and the same command goes on once there is room. A tmpfs in a mount namespace is the disk.
source "$LMF_SOURCE/tests/train/whole_run.sh"
if [ "${1:-}" != inside ]; then
  unshare --mount --map-root-user true 2>/dev/null || { echo "skipped: mount namespaces are not allowed here (root, or user namespaces)"; exit 77; }
  exec unshare --mount --map-root-user bash "$0" inside
fi
begin
mkdir -p disk
train out-whole
[ $status -eq 0 ] || fail "the unbroken run ended with $status"

# Too small for one checkpoint: refused before the first step.
mount -t tmpfs -o size=1m none disk
train disk/out
[ $status -eq 1 ] || fail "a disk too small for a checkpoint ended the run with $status"
grep -qE 'disk/out has (1\.0|0\.9) MiB free; the tensors of a checkpoint take ' said || fail "no sentence about the small disk"
tensors=$(sed -nE 's/.*a checkpoint take ([0-9.]+) MiB.*/\1/p' said)
python3 - "$tensors" out-whole/checkpoint-4/*.safetensors <<'PYTHON' || fail "the sentence says that the tensors take $tensors MiB"
import os, sys
written = sum(os.path.getsize(file) for file in sys.argv[2:]) / 2**20  # with the files' headers
sys.exit(not written - 0.1 < float(sys.argv[1]) <= written)
PYTHON
[ ! -e disk/out/trainer_log.jsonl ] || fail "the run began although its checkpoints have no room"
umount disk

# Room for the files of one checkpoint and a half.
files=$(find out-whole/checkpoint-4 | wc -l)
mount -t tmpfs -o size=100m,nr_inodes=$((3 + files + files / 2)) none disk
train disk/out
[ $status -eq 1 ] || fail "a full disk ended the run with $status"
grep -q 'cannot write .*checkpoint-8: .*No space left on device' said || fail "no sentence about the full disk"
[ "$(ls disk/out)" = "$(printf 'checkpoint-4\ntrainer_log.jsonl')" ] || fail "the full disk holds $(ls disk/out)"
mount -o remount,nr_inodes=1000 none disk
train disk/out
[ $status -eq 0 ] || fail "the run resumed when there was room again ended with $status"
same_run out-whole disk/out
echo "both full disks were explained, and the run went on when there was room"
