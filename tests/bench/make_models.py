"""Writes what the benchmarks train and ask: make_models.py FOLDER (with the originals' Python: needs transformers).

FOLDER/tiny and FOLDER/m110 are Llamas with random weights from a fixed seed, with the demo's tokenizer; FOLDER/data.json is an
alpaca data set of answers of about 150 tokens, put together from the demo's sentences.
"""
import json
import pathlib
import random
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

share = pathlib.Path(__file__).resolve().parents[2] / "share"
out = pathlib.Path(sys.argv[1])
shapes = {
    "tiny": dict(hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4),
    "m110": dict(hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=12),
}
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(share / "models/demo/tokenizer.json"), eos_token="<|im_end|>",
                                    pad_token="<|endoftext|>")
for name, shape in shapes.items():
    torch.manual_seed(7)
    config = LlamaConfig(vocab_size=32000, max_position_embeddings=2048, tie_word_embeddings=False,
                         eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None, **shape)
    LlamaForCausalLM(config).to(torch.float32).save_pretrained(out / name)
    tokenizer.save_pretrained(out / name)

sentences = json.loads((share / "data/countries.json").read_text())
chosen = random.Random(7)
examples = [{"instruction": sentence["instruction"], "input": "",
             "output": " ".join(chosen.choice(sentences)["output"] for _ in range(10))} for sentence in sentences[:256]]
(out / "data.json").write_text(json.dumps(examples, indent=1))
(out / "dataset_info.json").write_text(json.dumps({"bench": {"file_name": "data.json"}}))
