"""What the comparisons share: a small model, runs of both programs, a verdict that counts."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

root = pathlib.Path(__file__).resolve().parents[2]
work = pathlib.Path(os.environ["LMF_PEERS_WORK"]).resolve()
lmf = str(pathlib.Path(os.environ["LMF_BUILD"]).resolve() / "bin/lmf")
original = os.path.join(os.environ["LMF_PEERS"], "bin/llamafactory-cli")
differences = []


def verdict(sentence, holds):
    print(f"  {'same' if holds else 'DIFFERENT'}: {sentence}", flush=True)
    if not holds:
        differences.append(sentence)


def finish():
    sys.exit(1 if differences else 0)


def run(program, *arguments, text=None):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    done = subprocess.run([program, *map(str, arguments)], input=text, capture_output=True, text=True, env=environment, timeout=900)
    if done.returncode != 0:
        sys.exit(f"{program} {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def smallest_model(folder, positions):
    """A model as small as can be, whose embeddings hold the tokens that the templates add."""
    shutil.copytree(root / "tests/fixtures/data/tokenizer", folder, dirs_exist_ok=True)
    LlamaForCausalLM(LlamaConfig(vocab_size=560, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
                                 max_position_embeddings=positions)).save_pretrained(folder)
    return folder


def small_model():
    """A Llama of 3 layers whose random weights are large enough for its greedy answers to differ from one another."""
    folder = work / "model"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(root / "share/models/demo/tokenizer.json"), eos_token="<|im_end|>",
                                        pad_token="<|endoftext|>")
    torch.manual_seed(11)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2, tie_word_embeddings=False,
                         bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def data_folder():
    """Data that both programs know by name: alpaca's, and conversations with tools: the original's demonstration, or the tests' own."""
    folder = work / "data"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(root / "share/data/countries.json", folder / "countries.json")
    demonstration = root / "../shared/data/glaive_toolcall_en_demo.json"
    shutil.copyfile(demonstration if demonstration.exists() else root / "tests/fixtures/data/sharegpt.json", folder / "tools.json")
    (folder / "dataset_info.json").write_text(json.dumps({
        "countries": {"file_name": "countries.json"},
        "tools": {"file_name": "tools.json", "formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools"}}}))
    return folder


def train(program, name, **settings):
    """Trains with `program` and returns the folder of its results."""
    output = work / name
    shutil.rmtree(output, ignore_errors=True)
    configuration = {
        "stage": "sft", "do_train": True, "dataset_dir": str(data_folder()), "dataset": "countries", "template": "chatml",
        "cutoff_len": 128, "overwrite_cache": True, "disable_shuffling": True, "logging_steps": 1, "save_steps": 5, "report_to": "none",
        "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "learning_rate": 1.0e-3, "max_steps": 10,
        "lr_scheduler_type": "cosine", "warmup_ratio": 0.2, "weight_decay": 0.01, "max_grad_norm": 1.0, "plot_loss": True,
        "bf16": False, "use_cpu": True, "seed": 42, "output_dir": str(output), **settings,
    }
    file = work / f"{name}.yaml"
    file.write_text(json.dumps(configuration, indent=1))  # JSON is YAML too
    run(program, "train", file)
    return output
