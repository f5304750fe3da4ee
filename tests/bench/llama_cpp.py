"""llama_cpp.py GGUF PROMPT NEW THREADS CLIENTS VOCABULARY: one answer, or CLIENTS at once, by llama.cpp (PyPI xllamacpp); prints one JSON line.

The same ids are asked for as by decode_tool, greedily, after answers that warm up. A process of its own, so that nothing of
another program's stays in the caches.
"""
import concurrent.futures
import json
import os
import sys
import time

gguf = sys.argv[1]
prompt, new, threads, clients, vocabulary = map(int, sys.argv[2:7])
out = os.dup(1)
os.dup2(2, 1)  # its own words go to the log
import xllamacpp

began = time.perf_counter()
parameters = xllamacpp.CommonParams()
parameters.model.path = gguf
parameters.n_ctx = 1024 * clients
parameters.n_parallel = clients
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(parameters)
loading = time.perf_counter() - began


def ask(first):
    answer = server.handle_completions({
        "prompt": [(i * 7919 + first) % vocabulary for i in range(prompt)], "n_predict": new, "temperature": 0, "ignore_eos": True,
        "cache_prompt": False})
    return (json.loads(answer) if isinstance(answer, (str, bytes)) else answer)["timings"]


def ask_all(first):
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return list(pool.map(ask, [first + 1000 * i for i in range(clients)]))


ask_all(14)
began = time.perf_counter()
answers = ask_all(13)
whole = time.perf_counter() - began
result = {"load": loading, "first_token": answers[0]["prompt_ms"] / 1000, "further_token": answers[0]["predicted_per_token_ms"] / 1000,
          "tokens_per_second": clients * new / whole}
os.write(out, (json.dumps(result) + "\n").encode())
os._exit(0)  # without its server's slow way down
