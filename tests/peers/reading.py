"""Embeddings and scores of `lmf api` beside transformers' hidden states and LLaMA-Factory's way to a reward model's score.

usage: reading.py      with the originals' Python; LMF_BUILD names the build
"""
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from server import make_model, serving  # noqa: E402

TEXTS = ["Hello", "Oslo is a city in Norway.", "What is the capital of Peru, and who lives there?", "word " * 100]

with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(make_model(folder + "/judge"))
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(place)
    torch.manual_seed(1)
    weight, bias = torch.randn(1, model.config.hidden_size), torch.randn(1)
    save_file({"v_head.summary.weight": weight, "v_head.summary.bias": bias}, place / "value_head.safetensors", metadata={"format": "pt"})
    states, means = [], []
    with torch.no_grad():
        for text in TEXTS:
            for special, kept in ((False, states), (True, means)):
                ids = tokenizer(text, add_special_tokens=special, return_tensors="pt").input_ids
                kept.append(model(ids, output_hidden_states=True).hidden_states[-1][0])
    scores = [float(hidden[-1] @ weight[0] + bias[0]) for hidden in states]
    with serving(str(place)) as server:
        answered = server.post("/v1/score/evaluation", {"model": "judge", "messages": TEXTS}).json["scores"]
        worst = max(abs(a - b) for a, b in zip(answered, scores))
        print(f"scores: largest difference {worst:.1e} of up to {max(map(abs, scores)):.2f}")
        assert worst < 1e-4, (answered, scores)
        for pooling, expected in (("mean", [hidden.mean(0) for hidden in means]), ("last", [hidden[-1] for hidden in means])):
            data = server.post("/v1/embeddings", {"input": TEXTS, "pooling": pooling}).json["data"]
            worst = max(float((torch.tensor(entry["embedding"]) - vector / vector.norm()).abs().max()) for entry, vector in zip(data, expected))
            print(f"embeddings ({pooling}): largest difference {worst:.1e}")
            assert worst < 1e-5, worst
