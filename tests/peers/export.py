"""What lmf merges, beside what peft merges: the numbers, that transformers reads the folder, and the same greedy answer from it."""
import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import finish, lmf, run, small_model, verdict, work

prompt = [{"role": "user", "content": "Which city is the capital of Norway?"}]


def answer(model, tokenizer):
    ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        return model.generate(**ids, max_new_tokens=24, do_sample=False)[0].tolist()


def export(name, base, adapters, *options):
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    run(lmf, "export", "--model_name_or_path", base, "--adapter_name_or_path", ",".join(map(str, adapters)), "--template", "chatml",
        "--export_dir", folder, *options)
    return folder


def weights(folder):
    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def compare(name, base, adapters, dtype, *options):
    folder = export(name, base, adapters, *options)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    for adapter in adapters:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    ours, theirs = weights(folder), model.state_dict()
    verdict(f"{name}: the tensors' names", ours.keys() == theirs.keys() - ({"lm_head.weight"} if model.config.tie_word_embeddings else set()))
    different = [key for key in ours if not torch.equal(ours[key], theirs[key])]
    largest = max((float((ours[key].float() - theirs[key].float()).abs().max()) for key in different), default=0.0)
    verdict(f"{name}: {len(ours) - len(different)} of {len(ours)} tensors have peft's very bits, the largest difference is {largest:.3g}",
            not different or len(adapters) > 1 and dtype != torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    again = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    verdict(f"{name}: transformers reads it as {dtype}, pads on the {tokenizer.padding_side}", again.dtype == dtype and tokenizer.padding_side == "left")
    if len(adapters) == 1:
        model.generation_config.eos_token_id = again.generation_config.eos_token_id
        verdict(f"{name}: the same greedy answer", answer(again, tokenizer) == answer(model, tokenizer))


base = small_model()
torch.manual_seed(3)
settings = dict(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
adapters = {}
for name, more in (("plain", {}), ("rslora", {"use_rslora": True, "r": 8}), ("saved", {"modules_to_save": ["lm_head", "embed_tokens"], "target_modules": ["q_proj"]})):
    adapters[name] = work / f"adapter-{name}"
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**{**settings, **more})).save_pretrained(adapters[name])
for type_name in ("float32", "bfloat16", "float16"):
    dtype = getattr(torch, type_name)
    typed = work / f"base-{type_name}"
    shutil.rmtree(typed, ignore_errors=True)
    shutil.copytree(base, typed)
    AutoModelForCausalLM.from_pretrained(base, dtype=dtype).save_pretrained(typed)
    for name, adapter in adapters.items():
        compare(f"merged-{name}-{type_name}", typed, [adapter], dtype)
    compare(f"merged-all-{type_name}", typed, list(adapters.values()), dtype)
whole = export("whole", base, [adapters["plain"]])
config = json.loads((whole / "config.json").read_text())
verdict("config.json keeps what it had", {**json.loads((base / "config.json").read_text()), **config} == config)
finish()
