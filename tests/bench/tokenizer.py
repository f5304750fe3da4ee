"""tokenizer.py TOOL FOLDER...: how fast lmf encodes, beside the `tokenizers` package, on the same real text.

TOOL is the built tokenizer_tool (LMF_BENCHMARKS). The text is --megabytes of the files that --files globs name, cut
into texts of about --bytes. Runs alternate, so that a change of the machine's mood meets both; printed are each side's
median and spread (fastest, slowest) in MB/s and the ratio of the medians, with one thread and with all.
"""

import argparse
import glob
import os
import pathlib
import statistics
import struct
import subprocess
import sys


def read_texts(patterns, megabytes, size):
    names = sorted({f for p in patterns for f in glob.glob(p, recursive=True) if pathlib.Path(f).is_file()})
    texts, total = [], 0
    for name in names:
        try:
            text = pathlib.Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for at in range(0, len(text), size):
            texts.append(text[at:at + size])
            total += len(texts[-1].encode())
            if total >= megabytes * 1_000_000:
                return texts, total
    print(f"only {total / 1e6:.1f} MB of text in the files given", file=sys.stderr)
    return texts, total


def lmf(tool, folder, threads, blob):
    lines = subprocess.run([tool, folder, str(threads), "1"], input=blob, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    load = float(lines[0].split()[1])
    _, seconds, tokens = lines[1].split()
    return load, float(seconds), int(tokens)


PEER = """
import sys, time, struct
from tokenizers import Tokenizer
start = time.perf_counter()
tokenizer = Tokenizer.from_file(sys.argv[1])
load = time.perf_counter() - start
data, texts, at = sys.stdin.buffer.read(), [], 0
while at < len(data):
    (n,) = struct.unpack_from("<I", data, at)
    texts.append(data[at + 4:at + 4 + n].decode())
    at += 4 + n
encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
start = time.perf_counter()
encodings = encode(texts, add_special_tokens=False)
seconds = time.perf_counter() - start
print(load, seconds, sum(len(e.ids) for e in encodings))
"""


def peer(folder, threads, blob):
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="true" if threads > 1 else "false")
    out = subprocess.run([sys.executable, "-c", PEER, str(pathlib.Path(folder) / "tokenizer.json")], input=blob,
                         stdout=subprocess.PIPE, check=True, env=environment).stdout.decode().split()
    return float(out[0]), float(out[1]), int(out[2])


def measure(tool, folder, threads, blob, total, rounds):
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(lmf(tool, folder, threads, blob))
        theirs.append(peer(folder, threads, blob))
    if ours[0][2] != theirs[0][2]:
        sys.exit(f"{folder}: lmf has {ours[0][2]} tokens, the tokenizers package {theirs[0][2]}")
    speeds = [[total / 1e6 / seconds for _, seconds, _ in side] for side in (ours, theirs)]
    rows = [f"{statistics.median(s):6.2f} ({min(s):.2f}..{max(s):.2f})" for s in speeds]
    ratio = statistics.median(speeds[0]) / statistics.median(speeds[1])
    loads = [statistics.median(load for load, _, _ in side) for side in (ours, theirs)]
    print(f"{folder}\n  {threads} thread{'s' if threads > 1 else ''}: lmf {rows[0]} MB/s, tokenizers {rows[1]} MB/s, "
          f"ratio {ratio:.2f}; {ours[0][2]} tokens; load {loads[0]:.2f} s against {loads[1]:.2f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--files", action="append", default=[])
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--bytes", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    patterns = arguments.files or ["/usr/share/doc/**/*", "/usr/lib/python3/**/*.py", "/usr/share/i18n/locales/*"]
    texts, total = read_texts(patterns, arguments.megabytes, arguments.bytes)
    blob = b"".join(struct.pack("<I", len(b)) + b for b in (t.encode() for t in texts))
    print(f"{total / 1e6:.1f} MB in {len(texts)} texts")
    for folder in arguments.folders:
        for threads in sorted({1, os.cpu_count()}):
            measure(arguments.tool, folder, threads, blob, total, arguments.rounds)


if __name__ == "__main__":
    main()
