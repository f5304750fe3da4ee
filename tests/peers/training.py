"""The same configuration through lmf and through the original: every step's loss, gradient norm and rate, and the files left behind."""
import json

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from common import data_folder, finish, lmf, original, small_model, train, verdict, work

model = small_model()


def start_adapter():
    """Both begin from one adapter: their random first weights are their own."""
    torch.manual_seed(5)
    base = AutoModelForCausalLM.from_pretrained(model)
    adapter = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    adapter.save_pretrained(work / "adapter0")
    return work / "adapter0"


def log(folder):
    entries = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    return [entry for entry in entries if "loss" in entry]


def compare(name, **settings):
    print(f"\n{name}")
    ours = train(lmf, f"lmf-{name}", model_name_or_path=str(model), **settings)
    theirs = train(original, f"original-{name}", model_name_or_path=str(model), **settings)
    pairs = list(zip(log(ours), log(theirs)))
    verdict(f"{len(pairs)} steps logged", len(pairs) == 10 and len(log(ours)) == len(log(theirs)))
    # fp32 on both sides: what two correct orders of summation differ, growing with each step.
    for key, tolerance in (("loss", 1e-4), ("grad_norm", 1e-3), ("learning_rate", 1e-9), ("epoch", 1e-6)):
        worst = max(abs(a[key] - b[key]) / max(abs(b[key]), 1e-12) for a, b in pairs)
        verdict(f"{key} of each step: largest relative difference {worst:.1e}, limit {tolerance:.0e}", worst <= tolerance)
    lacking = {file.name for file in theirs.iterdir()} - {file.name for file in ours.iterdir()} - {"training_args.bin"}
    verdict(f"files the original leaves; lacking: {sorted(lacking) or 'none'}", not lacking)
    for file in ("all_results.json", "train_results.json"):
        keys = [set(json.loads((folder / file).read_text())) for folder in (ours, theirs)]
        verdict(f"keys of {file}; lacking: {sorted(keys[1] - keys[0]) or 'none'}", keys[1] <= keys[0])


data_folder()
compare("full", finetuning_type="full")
compare("freeze", finetuning_type="freeze", freeze_trainable_layers=1)
compare("tools", finetuning_type="full", dataset="tools", cutoff_len=512, tool_format="qwen")
compare("lora", finetuning_type="lora", adapter_name_or_path=str(start_adapter()))
finish()
