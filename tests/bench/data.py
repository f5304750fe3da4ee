"""data.py TOOL FOLDER: how fast lmf turns alpaca records into tokens, beside the original's own loading and tokenising.

TOOL is the built data_tool (LMF_BENCHMARKS), FOLDER a model's folder with its tokenizer. Run with the originals' Python. The
data are the records of --data (the demo's by default), repeated with a running number until there are --records. Measured
from the file to the last token, on both sides without an earlier cache: lmf reads, tokenises and writes its store; the
original loads the file with `datasets`, aligns and tokenises with map(). Runs alternate; printed are medians with the
fastest and slowest, in records a second.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

PEER = """
import os, sys, time, types
folder, template, data, workers, cache = sys.argv[1:]
os.environ["HF_DATASETS_CACHE"] = cache
import datasets
from datasets import load_dataset
from llamafactory.data.converter import AlpacaDatasetConverter
from llamafactory.data.parser import DatasetAttr
from llamafactory.data.processor.supervised import SupervisedDatasetProcessor
from llamafactory.data.template import get_template_and_fix_tokenizer
from transformers import AutoTokenizer
datasets.disable_progress_bars()
tokenizer = AutoTokenizer.from_pretrained(folder)
args = types.SimpleNamespace(template=template, train_on_prompt=False, mask_history=False, tool_format=None, default_system=None,
                             enable_thinking=True, preserve_thinking=False, cutoff_len=2048, media_dir=".")
chosen = get_template_and_fix_tokenizer(tokenizer, args)
workers = int(workers)
many = dict(num_proc=workers if workers > 1 else None, load_from_cache_file=False)
start = time.perf_counter()
rows = load_dataset("json", data_files=[data], split="train", cache_dir=cache)
names = rows.column_names
rows = rows.map(AlpacaDatasetConverter(DatasetAttr("file", dataset_name="bench"), args), batched=False, remove_columns=names, **many)
processor = SupervisedDatasetProcessor(template=chosen, tokenizer=tokenizer, processor=None, data_args=args)
rows = rows.map(processor.preprocess_dataset, batched=True, batch_size=1000, remove_columns=rows.column_names, **many)
seconds = time.perf_counter() - start
print(seconds, len(rows), sum(len(ids) for ids in rows["input_ids"]))
"""


def write_records(source, target, wanted):
    records = json.loads(pathlib.Path(source).read_text())
    with open(target, "w") as file:
        for i in range(wanted):
            record = dict(records[i % len(records)])
            record.setdefault("input", "")
            record["instruction"] = f"{i}. {record['instruction']}"
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return os.path.getsize(target)


def run(command):
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if out.returncode:
        sys.exit(f"{command[0]} failed:\n{out.stderr[-2000:]}")
    seconds, kept, tokens = out.stdout.strip().split("\n")[-1].split()
    return float(seconds), int(kept), int(tokens)


def measure(arguments, data, workers, scratch):
    ours, theirs = [], []
    for round in range(arguments.rounds):
        ours.append(run([arguments.tool, arguments.folder, arguments.template, data, str(workers), f"{scratch}/lmf"]))
        theirs.append(run([sys.executable, "-c", PEER, arguments.folder, arguments.template, data, str(workers), f"{scratch}/hf{workers}{round}"]))
    if ours[0][1:] != theirs[0][1:]:
        sys.exit(f"lmf has {ours[0][1:]} examples and tokens, the original {theirs[0][1:]}")
    speeds = [[kept / seconds for seconds, kept, _ in side] for side in (ours, theirs)]
    texts = [f"{statistics.median(s):,.0f} ({min(s):,.0f}..{max(s):,.0f})" for s in speeds]
    ratio = statistics.median(speeds[0]) / statistics.median(speeds[1])
    print(f"{workers} worker{'s' if workers > 1 else ''}: lmf {texts[0]} records/s, original {texts[1]} records/s, ratio {ratio:.1f}; "
          f"{ours[0][1]} examples, {ours[0][2]} tokens on both sides", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("folder")
    parser.add_argument("--data", default=str(pathlib.Path(__file__).resolve().parents[2] / "share/data/countries.json"))
    parser.add_argument("--template", default="qwen")
    parser.add_argument("--records", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = f"{scratch}/records.jsonl"
        size = write_records(arguments.data, data, arguments.records)
        print(f"{arguments.records} records, {size / 1e6:.1f} MB")
        for workers in (1, 2):
            measure(arguments, data, workers, scratch)


if __name__ == "__main__":
    main()
