"""transformers_answer.py MODEL PROMPT NEW THREADS: transformers' generate() in a process of its own; prints one JSON line."""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

prompt, new, threads = map(int, sys.argv[2:5])
torch.set_num_threads(threads)
began = time.perf_counter()
decoder = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
loading = time.perf_counter() - began
ids = torch.tensor([[(i * 7919 + 13) % decoder.config.vocab_size for i in range(prompt)]])


def answer(new):
    began = time.perf_counter()
    out = decoder.generate(ids, max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0)
    return time.perf_counter() - began, out[0, ids.shape[1]:].tolist()


with torch.inference_mode():
    answer(2)
    first, _ = answer(1)
    whole, said = answer(new)
print(json.dumps({"load": loading, "first_token": first, "further_token": (whole - first) / (new - 1), "ids": said}))
