"""export.py FOLDER: an adapter merged into m110 by lmf and by the originals, in turns, with the originals' Python.

FOLDER is what make_models.py wrote. Printed: the medians of the time and the largest peak memory of `lmf export --verify=off`,
of the same with its check, of the original's `llamafactory-cli export`, and of a script that only merges and saves with peft.
"""
import os
import pathlib
import shutil
import sys

import measure

script = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=getattr(torch, sys.argv[4]))
PeftModel.from_pretrained(model, sys.argv[2]).merge_and_unload().save_pretrained(sys.argv[3])
"""


def make_adapter(model, folder):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    settings = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(model), settings).save_pretrained(folder)


def main():
    folder = pathlib.Path(sys.argv[1])
    model, adapter = folder / "m110", folder / "m110-lora"
    if not (adapter / "adapter_model.safetensors").exists():
        make_adapter(model, adapter)
    print("| m110 with a LoRA of rank 8, written as | program | seconds | CPU seconds | peak MiB | times faster than the original |")
    print("|---|---|---|---|---|---|")
    for dtype in ("bfloat16", "float32"):
        options = ["--model_name_or_path", model, "--adapter_name_or_path", adapter, "--template", "qwen", "--infer_dtype", dtype]
        commands = {
            "lmf export --verify=off": [measure.lmf(), "export", *options, "--verify=off"],
            "lmf export": [measure.lmf(), "export", *options],
            "llamafactory-cli export": [measure.peer("llamafactory-cli"), "export", *options, "--finetuning_type", "lora"],
            "merge_and_unload, save_pretrained": [sys.executable, "-c", script, model, adapter, folder / "out", dtype],
        }
        runs = {name: [] for name in commands}
        for _ in range(3):
            for name, command in commands.items():
                shutil.rmtree(folder / "out", ignore_errors=True)
                to = [] if "-c" in command else ["--export_dir", folder / "out"]
                runs[name].append(measure.checked([*command, *to], log=folder / "export.log", peak=True))
                os.sync()  # what one leaves to be written is not the other's to wait for
        original = measure.median(runs["llamafactory-cli export"], "wall")
        for name, results in runs.items():
            wall, cpu = measure.median(results, "wall"), measure.median(results, "cpu")
            print(f"| {dtype} | {name} | {wall:.2f} | {cpu:.2f} | {max(one.peak for one in results):.0f} | {original / wall:.1f} |", flush=True)


if __name__ == "__main__":
    main()
