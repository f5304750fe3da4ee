"""serve.py TOOL FOLDER [answers] [clients] [start]: answering beside llama.cpp, the original and this machine's limits, in turns.

TOOL is the built decode_tool, FOLDER what make_models.py wrote; run it with the originals' Python, which has xllamacpp. Both
programs answer the same greedy prompts of the same weights (lmf's own GGUF for llama.cpp), a fresh process each time. The
memory's limit is what reading alone reaches and the processor's what libtorch's fp32 gemm reaches, measured between the runs.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import torch

import measure

bench = pathlib.Path(__file__).resolve().parent
formats = {"fp32": ("f32", 4), "bf16": ("bf16", 2), "int8": ("q8_0", 1)}


def json_line(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def read_limit():
    """Bytes per second that reading 1 GiB reaches."""
    memory = torch.ones(2**28)
    memory.sum()
    began = time.perf_counter()
    for _ in range(3):
        memory.sum()
    return 3 * memory.numel() * 4 / (time.perf_counter() - began)


def gemm_limit():
    """Floating-point operations per second of a product in fp32."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    a @ b
    began = time.perf_counter()
    for _ in range(10):
        a @ b
    return 10 * 2 * 1024**3 / (time.perf_counter() - began)


def vocabulary(model):
    return json.loads((model / "config.json").read_text())["vocab_size"]


def weights(model):
    """Parameters that each token needs: all but the embedding, of which one row is read."""
    config = json.loads((model / "config.json").read_text())
    return (model / "model.safetensors").stat().st_size // 4 - config["vocab_size"] * config["hidden_size"]


def cached_bytes(model, tokens):
    """Bytes of float32 keys and values of so many tokens, which each further token needs as well."""
    config = json.loads((model / "config.json").read_text())
    heads = config.get("num_key_value_heads", config["num_attention_heads"])
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return 2 * 4 * config["num_hidden_layers"] * heads * width * tokens


def gguf(folder, quantisation):
    target = folder / f"m110-{quantisation}"
    if not list(target.glob("*.gguf")):
        measure.checked([measure.lmf(), "export", "--model_name_or_path", folder / "m110", "--template", "qwen", "--export_dir", target,
                         "--export_gguf", quantisation], log=folder / "export.log")
    return next(target.glob("*.gguf"))


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def answers(arguments, folder):
    model = folder / "m110"
    count = weights(model)
    print("| weights | prompt | program | load, s | first token, ms | a further token, ms | of the read limit | prompt: of the gemm limit |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (quantisation, size) in formats.items():
        for prompt in (38, 512):
            asked = [prompt, 64, arguments.threads]
            cached = cached_bytes(model, prompt + asked[1] // 2)
            commands = {"lmf": [arguments.tool, model, *asked, name],
                        "llama.cpp": [sys.executable, bench / "llama_cpp.py", gguf(folder, quantisation), *asked, 1, vocabulary(model)]}
            if name == "fp32":
                commands["transformers"] = [sys.executable, bench / "transformers_answer.py", model, *asked]
            runs, reads, gemms = {program: [] for program in commands}, [], []
            for _ in range(arguments.times):
                for program, command in commands.items():
                    runs[program].append(json_line(command))
                reads.append(read_limit())
                gemms.append(gemm_limit())
            read, gemm = statistics.median(reads), statistics.median(gemms)
            for program, results in runs.items():
                first, further = ([result[key] * 1000 for result in results] for key in ("first_token", "further_token"))
                load = statistics.median(result["load"] for result in results)
                print(f"| {name} | {prompt} | {program} | {load:.2f} | {spread(first)} | {spread(further)} | "
                      f"{(count * size + cached) / (statistics.median(further) / 1000) / read:.0%} | "
                      f"{2 * count * prompt / (statistics.median(first) / 1000) / gemm:.0%} |", flush=True)
            if name == "fp32":
                pairs = list(zip(runs["lmf"][0]["ids"], runs["transformers"][0]["ids"]))
                print(f"| | | of transformers' tokens, lmf has | | {sum(a == b for a, b in pairs)} of {len(pairs)} | | | |")
            print(f"| | | limits | | | reading {spread([value / 1e9 for value in reads])} GB/s | | {spread([value / 1e9 for value in gemms])} GFLOP/s |", flush=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Api:
    """A server of chat completions, from its start to its end."""

    def __init__(self, command, log):
        self.port = free_port()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=open(log, "wb"), stderr=subprocess.STDOUT,
                                        env=dict(os.environ, API_HOST="127.0.0.1", API_PORT=str(self.port), MAX_CONCURRENT="8", OMP_NUM_THREADS="2"))
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/models").read()
                return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"{command[0]} ended with {self.process.returncode}: see {log}")
                time.sleep(0.1)
        sys.exit(f"{command[0]} does not answer: see {log}")

    def tokens_per_second(self, clients, new):
        def ask(number):
            body = {"model": "m110", "messages": [{"role": "user", "content": f"Number {number}: tell me of the countries of the world."}],
                    "temperature": 0.9, "max_tokens": new}
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(),
                                             {"Content-Type": "application/json"})
            return json.loads(urllib.request.urlopen(request).read())["usage"]["completion_tokens"]

        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            tokens = sum(pool.map(ask, range(clients)))
        return tokens / (time.perf_counter() - began)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def clients(arguments, folder):
    model = folder / "m110"
    print("| 8 clients, fp32, 64 tokens each | tokens/s |")
    print("|---|---|")
    runs = {"lmf, the engine": [], "llama.cpp's server, 8 slots": []}
    for _ in range(arguments.times):
        runs["lmf, the engine"].append(json_line([arguments.tool, model, 38, 64, arguments.threads, "fp32", 8])["tokens_per_second"])
        runs["llama.cpp's server, 8 slots"].append(
            json_line([sys.executable, bench / "llama_cpp.py", gguf(folder, "f32"), 38, 64, arguments.threads, 8, vocabulary(model)])["tokens_per_second"])
    options = ["api", "--model_name_or_path", model, "--template", "qwen", "--infer_dtype", "float32"]
    servers = {"lmf api": [measure.lmf(), *options], "llamafactory-cli api": [measure.peer("llamafactory-cli"), *options]}
    for name in servers:
        runs[name] = []
    for _ in range(arguments.times):
        for name, command in servers.items():
            with Api(command, folder / "api.log") as api:
                api.tokens_per_second(8, 8)
                runs[name].append(api.tokens_per_second(8, 64))
    for name, rates in runs.items():
        print(f"| {name} | {spread(rates)} |")
    ratio = statistics.median(runs["lmf api"]) / statistics.median(runs["llamafactory-cli api"])
    print(f"\n`lmf api` answers {ratio:.1f} times as fast as the original's.", flush=True)


def first_answer(command, mark):
    """Seconds to the first byte after the mark, and to the end of the program."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        process.stdin.write(b"hello\nexit\n")
        process.stdin.close()
        before = b""
        while len(byte := process.stdout.read(1)) and not before.endswith(mark):
            before += byte
        first = time.perf_counter() - began
        process.stdout.read()
        errors = process.stderr.read().decode()
    if not byte:  # the original may abort after its last word
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{errors[-2000:]}")
    return first, time.perf_counter() - began


def start(arguments, folder):
    options = ["chat", "--model_name_or_path", str(folder / "m110"), "--template", "qwen", "--max_new_tokens", "8"]
    commands = {"lmf chat": ([measure.lmf(), *options], b""), "llamafactory-cli chat": ([measure.peer("llamafactory-cli"), *options], b"Assistant: ")}
    runs = {name: [] for name in commands}
    for _ in range(arguments.times):
        for name, command in commands.items():
            runs[name].append(first_answer(*command))
    print("| from the start, seconds | to the first token | to the end of 8 |")
    print("|---|---|---|")
    for name, seconds in runs.items():
        cells = (f"{statistics.median(part):.2f} ({min(part):.2f}-{max(part):.2f})" for part in zip(*seconds))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("parts", nargs="*", help="of the three; all when none is named")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    parts = {"answers": answers, "clients": clients, "start": start}
    for part in arguments.parts or parts:
        print()
        parts[part](arguments, arguments.folder)


if __name__ == "__main__":
    main()
