"""Training beside the original, on identical batches: seconds to the first step, seconds a step, peak memory.

train.py {first_step|train_step} [REPETITIONS]: `tiny` from the start of the program to its first logged step, or `m110`, full
fine-tuning in fp32. Both programs read the same configuration; that their losses agree shows that the batches were the same.
"""
import json
import os
import pathlib
import shutil
import statistics
import sys
import time

import measure

work = pathlib.Path(os.environ["LMF_BENCH_FOLDER"])
plans = {"first_step": ("tiny", 3), "train_step": ("m110", 12)}


def configuration(model, steps, output):
    return {
        "model_name_or_path": str(work / model), "stage": "sft", "do_train": True, "finetuning_type": "full",
        "dataset_dir": str(work), "dataset": "bench", "template": "qwen", "cutoff_len": 512, "overwrite_cache": True,
        "logging_steps": 1, "save_strategy": "no", "report_to": "none", "overwrite_output_dir": True,
        "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "learning_rate": 1.0e-4, "max_steps": steps,
        "lr_scheduler_type": "constant", "bf16": False, "use_cpu": True, "disable_shuffling": True, "seed": 42,
        "output_dir": str(output),
    }


class Log:
    """Notes when each line of trainer_log.jsonl appeared."""

    def __init__(self, folder):
        self.path, self.begin, self.times = folder / "trainer_log.jsonl", time.perf_counter(), []

    def look(self):
        if self.path.exists():
            lines = self.path.read_bytes().count(b"\n")
            self.times += [time.perf_counter() - self.begin] * (lines - len(self.times))


def train(name, program, model, steps):
    output = work / f"out-{name}"
    shutil.rmtree(output, ignore_errors=True)
    file = work / f"{name}.yaml"
    file.write_text(json.dumps(configuration(model, steps, output), indent=1))  # JSON is YAML too
    log = Log(output)
    run = measure.checked([program, "train", str(file)], log=work / f"{name}.log", while_running=log.look, peak=True)
    lines = [json.loads(line) for line in (output / "trainer_log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    between = [b - a for a, b in zip(log.times, log.times[1:steps])]
    return {"first": log.times[0], "step": statistics.median(between[1:]), "least": min(between[1:]),
            "peak": run.peak, "cpu": run.cpu, "losses": losses}


def report(title, runs, steps, repetitions):
    print(f"| {title}, {repetitions} runs | first step, s | a step, s (median) | (least) | CPU s of the run | peak MiB |")
    print("|---|---|---|---|---|---|")
    middle = {name: {key: statistics.median(run[key] for run in many) for key in ("first", "step", "least", "cpu", "peak")}
              for name, many in runs.items()}
    for name, of in middle.items():
        print(f"| {name} | {of['first']:.2f} | {of['step']:.3f} | {of['least']:.3f} | {of['cpu']:.1f} | {of['peak']:.0f} |")
    if "original" in runs:
        ours, theirs = middle["lmf"], middle["original"]
        print("| original / lmf |" + "|".join(f" {theirs[key] / ours[key]:.2f} " for key in ("first", "step", "least", "cpu", "peak")) + "|")
        pairs = list(zip(runs["lmf"][0]["losses"], runs["original"][0]["losses"]))
        worst = max(abs(a - b) / b for a, b in pairs)
        print(f"\nlosses of {len(pairs)} steps differ by at most {worst:.1e} relative")
        if len(pairs) < steps or worst > 1e-4:
            sys.exit("the two programs did not train on the same batches")


def main(plan, repetitions):
    model, steps = plans[plan]
    programs = {"lmf": measure.lmf()}
    if measure.peer("llamafactory-cli"):
        programs["original"] = measure.peer("llamafactory-cli")
    runs = {name: [] for name in programs}
    for _ in range(repetitions):
        for name, program in programs.items():
            runs[name].append(train(name, program, model, steps))
    report(f"{plan}: {model}", runs, steps, repetitions)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in plans:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
