"""Conversations with tools, calls and thoughts as both programs train on them: every id and label, read from lmf's token store after a run, and
from the original's own loader with the same configuration."""
import contextlib
import io
import itertools
import json
import os
import shutil
import subprocess
import sys

import datasets

from common import finish, lmf, root, smallest_model, verdict, work

os.environ.update(HF_DATASETS_CACHE=str(work / "hf-datasets"), DISABLE_VERSION_CHECK="1", LLAMAFACTORY_VERBOSITY="ERROR")
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.data.template import TEMPLATES  # noqa: E402
from llamafactory.hparams import get_train_args  # noqa: E402
from llamafactory.model import load_tokenizer  # noqa: E402

datasets.disable_progress_bars()
fixtures = root / "tests/fixtures/data"
demo = root / "../shared/data/glaive_toolcall_en_demo.json"
tool = os.path.join(os.environ["LMF_BUILD"], "tests/store_tool")
tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "observation_tag": "tool",
        "function_tag": "function", "system_tag": "system"}


def data_folder():
    """The fixtures and the original's own demonstration. Its loader gives all records of a file the same fields, so openai's tools are texts here."""
    folder = work / "conversations/data"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sharegpt", "thoughts"):
        shutil.copy(fixtures / f"{name}.json", folder)
    records = json.loads((fixtures / "openai.json").read_text())
    for record in records:
        if isinstance(record.get("tools"), list):
            record["tools"] = json.dumps(record["tools"])
        for message in record["messages"]:
            message.pop("tool_calls", None) if not message.get("tool_calls") else None
    (folder / "openai.json").write_text(json.dumps(records))
    info = {
        "sharegpt": {"file_name": "sharegpt.json", "formatting": "sharegpt",
                     "columns": {"messages": "conversations", "system": "system", "tools": "tools"}},
        "thoughts": {"file_name": "thoughts.json", "formatting": "sharegpt", "columns": {"messages": "messages", "tools": "tools"}, "tags": tags},
        "openai": {"file_name": "openai.json", "formatting": "openai", "columns": {"messages": "messages", "tools": "tools"}, "tags": tags},
        "demo": {"file_name": "demo.json", "formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools"}},
    }
    if demo.exists():
        shutil.copyfile(demo, folder / "demo.json")
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return folder


def settings(data, template, **given):
    return {"model_name_or_path": str(model), "stage": "sft", "do_train": True, "finetuning_type": "full", "dataset": data,
            "dataset_dir": str(folder), "template": template, "cutoff_len": 2048, "overwrite_cache": True, "max_steps": 1, "save_strategy": "no",
            "report_to": "none", "use_cpu": True, "bf16": False, "output_dir": str(work / "conversations/output"), "overwrite_output_dir": True, **given}


def ours(options):
    cache = work / "conversations/cache"
    shutil.rmtree(cache, ignore_errors=True)
    file = work / "conversations/run.yaml"
    file.write_text(json.dumps({**options, "per_device_train_batch_size": 1, "max_grad_norm": 1.0}))
    done = subprocess.run([lmf, "train", str(file)], env=dict(os.environ, XDG_CACHE_HOME=str(cache), OMP_NUM_THREADS="1"), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"lmf train ended with {done.returncode}: {done.stderr[-3000:]}")
    (store,) = cache.rglob("*.tokens")
    rows = []
    for line in subprocess.run([tool, str(store)], capture_output=True, text=True, check=True).stdout.splitlines():
        ids, labels = line.split(": ", 1)[1].split(" | ")
        rows.append([[int(id) for id in ids.split()], [int(label) for label in labels.split()]])
    return rows


def theirs(options):
    model_args, data_args, training_args, _, _ = get_train_args(dict(options))
    tokenizer = load_tokenizer(model_args)["tokenizer"]
    before = dict(vars(TEMPLATES[data_args.template]))
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    with contextlib.redirect_stdout(io.StringIO()):  # it shows the first example
        data = get_dataset(template, model_args, data_args, training_args, stage="sft", tokenizer=tokenizer)["train_dataset"]
    rows = [[row["input_ids"], row["labels"]] for row in data]
    vars(template).update(before)
    return rows


def compare(data, template, **given):
    options = settings(data, template, **given)
    found, expected = ours(options), theirs(options)
    same = found == expected
    verdict(f"{data} with {template} {given or ''}: {len(expected)} examples, {sum(len(row[0]) for row in expected)} tokens", same)
    if not same:
        first = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
        print(f"    {len(found)} and {len(expected)} examples; the first that differs: {first}\n    lmf      {found[first:first + 1]}\n    original {expected[first:first + 1]}")


model, folder = smallest_model(work / "conversations/model", 4096), data_folder()
names = sorted(file.stem for file in (root / "share/templates").glob("*.toml"))
for name in names:
    compare("sharegpt", name)
for name in ("qwen", "llama3", "mistral", "llama2"):
    compare("openai", name)
for thinks, keeps, masks in itertools.product((True, False, None), (False, True), (False, True)):
    compare("thoughts", "qwen3", enable_thinking=thinks, preserve_thinking=keeps, mask_history=masks)
compare("sharegpt", "chatml", tool_format="qwen", cutoff_len=500)
compare("sharegpt", "llama3", mask_history=True, cutoff_len=300)
if demo.exists():
    for name in ("qwen", "llama3", "mistral", "default", "qwen3"):
        compare("demo", name)
    compare("demo", "qwen", cutoff_len=256)
finish()
