"""Every id and every text of lmf's tokenizer against the `tokenizers` package.

A FOLDER holds a tokenizer.json; without one: those of tests/fixtures/text and of LMF_TOKENIZERS (folders, with blanks
between them). Texts are cut from files of this machine (--files GLOB, repeatable) and made at random from a seed:
several scripts, emoji, code, runs of blanks, control characters, every plane of Unicode, invalid UTF-8, special tokens
in odd places. Ends with 1 and prints the first differences when there is one.
"""

import argparse
import glob
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import unicodedata

from tokenizers import Tokenizer

RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0xDFF),
          (0xE00, 0xFFF), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF), (0x3000, 0x30FF),
          (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xE0FF), (0xFB00, 0xFFFD), (0x1F300, 0x1FAFF),
          (0x10000, 0x1FFFF), (0x2EBF0, 0x323AF), (0xE0000, 0xE01FF), (0x0, 0x10FFFF)]
SNIPPETS = [" ", "  ", "    ", "\n", "\r\n", "\n\n\n", "\t", " \n", "\n ", "\u00a0", "\u3000", "\u180e", "\u200d", "'s", "'S", "'\u017f",
            "'LL", "'re", "'Ve", "'d", "n't", "don't", "I'M", "0", "123", "1234567", "3.14", "\u0663", "\u00bd", "...", "!?",
            "//", "/*", "\u00e9", "e\u0301", "\u0301", "\u1ea5", "a\u0323\u0302", "\ud55c\uae00", "\u1112\u1161\u11ab", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\u0130", "\u00df", "\u01c5", "\u02b0", "Hello", "WORLD", "camelCase", "HTTPServer", "x_1", "</s>", "<unk>",
            "\u2581", "\u2581\u2581", "_", "\x00", "\x7f", "\ufeff", "\ufffd", "\U000e0041", "\u0915\u094d\u0937"]

FILES = ["/usr/share/locale/**/*.mo", "/usr/share/i18n/locales/*", "/usr/share/doc/**/*", "/usr/bin/g*"]


def pieces_of_files(patterns, rng, count):
    files = sorted({f for p in patterns for f in glob.glob(p, recursive=True) if pathlib.Path(f).is_file()})
    rng.shuffle(files)
    texts = []
    for name in files:
        try:
            with open(name, "rb") as handle:
                data = handle.read(1 << 22)
        except OSError:
            continue
        at = 0
        while at < len(data) and len(texts) < count:
            length = rng.choice([20, 80, 300, 1000, 4000])
            texts.append(data[at:at + length])  # cut anywhere, characters too
            at += length + rng.randrange(0, 20000)
        if len(texts) >= count:
            break
    return texts


def random_text(rng, specials):
    parts = []
    low, high = rng.choice(RANGES)
    for _ in range(rng.randrange(1, 40)):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(SNIPPETS))
        elif kind < 0.40 and specials:
            parts.append(rng.choice(specials))
        elif kind < 0.45:
            low, high = rng.choice(RANGES)
        elif kind < 0.5:
            parts.append(chr(rng.randrange(low, high + 1)) * rng.randrange(1, 50))
        else:
            parts.extend(chr(rng.randrange(low, high + 1)) for _ in range(rng.randrange(1, 8)))
    data = "".join(parts).encode("utf-8", "surrogatepass")
    if data and rng.random() < 0.1:  # damage it
        data = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        data = bytes(data)
    return data


def run(tool, folder, mode, messages):
    blob = b"".join(struct.pack("<I", len(m)) + m for m in messages)
    done = subprocess.run([tool, folder, mode], input=blob, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{tool} {folder} {mode} ended with {done.returncode}")
    out, at = [], 0
    while at < len(done.stdout):
        (length,) = struct.unpack_from("<I", done.stdout, at)
        out.append(done.stdout[at + 4:at + 4 + length])
        at += 4 + length
    assert len(out) == len(messages)
    return out


def packed(ids):
    return struct.pack(f"<{len(ids)}i", *ids)


def compare(what, inputs, expected, found, show=5):
    wrong = [i for i in range(len(inputs)) if expected[i] != found[i]]
    for i in wrong[:show]:
        print(f"  {what} differs:\n    input    {inputs[i]!r}\n    expected {expected[i]!r}\n    lmf      {found[i]!r}")
    return len(wrong)


def check(tool, folder, reference, texts, rng):
    strings = [t.decode("utf-8", "replace") for t in texts]
    expected = [e.ids for e in reference.encode_batch(strings, add_special_tokens=False)]
    found = [list(struct.unpack(f"<{len(m) // 4}i", m)) for m in run(tool, folder, "encode", texts)]
    wrong = compare("encode", texts, expected, found)
    size = reference.get_vocab_size()
    ids = expected + [[rng.randrange(size + 3) for _ in range(rng.randrange(1, 30))] for _ in range(len(texts) // 4)]
    messages = [packed(i) for i in ids]
    text = [t.encode() for t in reference.decode_batch(ids, skip_special_tokens=False)]
    skip = [t.encode() for t in reference.decode_batch(ids, skip_special_tokens=True)]
    wrong += compare("decode", ids, text, run(tool, folder, "decode", messages))
    wrong += compare("decode without special tokens", ids, skip, run(tool, folder, "skip", messages))
    wrong += compare("streaming decode", ids, text, run(tool, folder, "stream", messages))
    return wrong, sum(map(len, expected)), len(ids)


def known_folders():
    fixtures = pathlib.Path(__file__).parent.parent / "fixtures/text"
    return [*sorted(f.parent for f in fixtures.glob("*/tokenizer.json")), *os.environ.get("LMF_TOKENIZERS", "").split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    parser.add_argument("--files", action="append")
    parser.add_argument("--from-files", type=int, default=10000)
    parser.add_argument("--random", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every-character", action="store_true", help="also every code point, alone and among others")
    arguments = parser.parse_args()
    tool = pathlib.Path(os.environ["LMF_BUILD"]) / "tests/tokenize_tool"
    files = arguments.files or [f"{pathlib.Path(os.__file__).parent}/**/*.py", *FILES]
    failures = 0
    for folder in arguments.folders or known_folders():
        rng = random.Random(arguments.seed)
        specials = [t["content"] for t in json.loads((pathlib.Path(folder) / "tokenizer.json").read_text())["added_tokens"]]
        texts = [b""] + pieces_of_files(files, rng, arguments.from_files)
        texts += [random_text(rng, specials) for _ in range(arguments.random)]
        if arguments.every_character:
            for code in range(0x110000):
                if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) != "Co":
                    texts.append(f"{chr(code)}|a{chr(code)}b '{chr(code)} {chr(code)}{chr(code)}7{chr(code)}\n".encode())
        reference = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
        chunks = [texts[at:at + 20000] for at in range(0, len(texts), 20000)]
        results = [check(tool, folder, reference, chunk, rng) for chunk in chunks]
        wrong, tokens, decoded = (sum(column) for column in zip(*results))
        print(f"{folder}: {len(texts)} texts, {sum(map(len, texts))} bytes, {tokens} tokens, {decoded} id lists: {wrong} differences")
        failures += wrong
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
