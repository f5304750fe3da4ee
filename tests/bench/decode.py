"""decode.py TOOL MODEL...: answers by lmf and by transformers' generate(), in turns, with the originals' Python.

TOOL is the built decode_tool (LMF_BENCHMARKS). Printed: the medians of the time to the first token, of the tokens per
second after it, of the time to load; how many of the greedy tokens are equal; and the share of the memory's bandwidth that
decoding reaches (each token reads every weight once).
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def lmf(arguments, model):
    command = [arguments.tool, model, arguments.prompt, arguments.new, arguments.threads]
    return json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout)


# In a process of its own, as lmf's: what one leaves in the caches does not meet the other.
def transformers(arguments, model):
    command = [sys.executable, __file__, "--peer", "--prompt", arguments.prompt, "--new", arguments.new, "--threads", arguments.threads, model]
    return json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout)


def run_transformers(arguments, model):
    torch.set_num_threads(arguments.threads)
    began = time.perf_counter()
    decoder = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    loading = time.perf_counter() - began
    ids = torch.tensor([[(i * 7919 + 13) % decoder.config.vocab_size for i in range(arguments.prompt)]])

    def answer(new):
        began = time.perf_counter()
        out = decoder.generate(ids, max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0)
        return time.perf_counter() - began, out[0, ids.shape[1]:].tolist()

    with torch.inference_mode():
        answer(2)
        first, _ = answer(1)
        whole, said = answer(arguments.new)
    print(json.dumps({"load": loading, "first_token": first, "further_token": (whole - first) / (arguments.new - 1), "ids": said}))


def bandwidth():
    """Bytes per second that one pass over 1 GiB reads."""
    memory = torch.ones(2**28)
    memory.sum()
    began = time.perf_counter()
    for _ in range(3):
        memory.sum()
    return 3 * memory.numel() * 4 / (time.perf_counter() - began)


def weight_bytes(model):
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    size = sum(file.stat().st_size for file in pathlib.Path(model).glob("*.safetensors"))
    embedding = 0 if config.get("tie_word_embeddings") else config["vocab_size"] * config["hidden_size"] * 4
    return size - embedding  # of an untied embedding one row is read


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="+", help="TOOL MODEL...")
    parser.add_argument("--prompt", type=int, default=38, help="tokens of the prompt")
    parser.add_argument("--new", type=int, default=64, help="tokens of the answer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return run_transformers(arguments, arguments.words[0])
    arguments.tool, *models = arguments.words
    print("| model | program | load, s | first token, ms | tokens/s | of the bandwidth | equal tokens |")
    print("|---|---|---|---|---|---|---|")
    limit = bandwidth()
    for model in models:
        runs = {"lmf": [], "transformers": []}
        for _ in range(arguments.times):
            runs["lmf"].append(lmf(arguments, model))
            runs["transformers"].append(transformers(arguments, model))
        reference = runs["transformers"][0]["ids"]
        for program, results in runs.items():
            median = {key: statistics.median(result[key] for result in results) for key in ("load", "first_token", "further_token")}
            equal = sum(a == b for a, b in zip(results[0]["ids"], reference))
            rate = 1 / median["further_token"]
            print(f"| {pathlib.Path(model).name} | {program} | {median['load']:.2f} | {median['first_token'] * 1000:.1f} | {rate:.1f} | "
                  f"{rate * weight_bytes(model) / limit:.0%} | {equal}/{len(reference)} |", flush=True)


if __name__ == "__main__":
    main()
