"""Evaluation through lmf and through the original: the rows that val_size holds out, every evaluation's numbers, the best model, the files."""
import json
import os

from common import finish, lmf, original, small_model, train, verdict

model = small_model()


def history(folder, key):
    entries = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    return [entry for entry in entries if key in entry]


def worst_of(ours, theirs, key):
    return max(abs(a[key] - b[key]) / max(abs(b[key]), 1e-12) for a, b in zip(ours, theirs))


def compare(name, evaluations, **settings):
    print(f"\n{name}")
    settings = {"model_name_or_path": str(model), "finetuning_type": "full", "eval_strategy": "steps", "eval_steps": 2,
                "per_device_eval_batch_size": 5, "eval_on_start": True, **settings}
    folders = [train(program, f"{who}-evaluation-{name}", **settings) for program, who in ((lmf, "lmf"), (original, "original"))]
    losses = [history(folder, "loss") for folder in folders]
    # Held-out rows or their order told wrong would change the losses of the others from the first digit on.
    verdict(f"losses of {len(losses[1])} steps: {worst_of(*losses, 'loss'):.1e}, limit 1e-4",
            len(losses[0]) == len(losses[1]) and worst_of(*losses, "loss") <= 1e-4)
    for key in evaluations:
        found = [history(folder, key) for folder in folders]
        verdict(f"{len(found[1])} evaluations with {key}", len(found[0]) == len(found[1]) > 2)
        first = worst_of(found[0][:1], found[1][:1], key)
        verdict(f"{key} before the first step: relative difference {first:.1e}, limit 1e-5", first <= 1e-5)
        if key.endswith("loss"):
            verdict(f"{key} of each: {worst_of(*found, key):.1e}, limit 1e-4", worst_of(*found, key) <= 1e-4)
        verdict(f"steps and epochs of {key}", all(a["step"] == b["step"] and abs(a["epoch"] - b["epoch"]) < 1e-6 for a, b in zip(*found)))
    states = [json.loads((folder / "trainer_state.json").read_text()) for folder in folders]
    for key in ("best_global_step", "eval_steps"):
        verdict(f"{key}: {states[0][key]}, {states[1][key]}", states[0][key] == states[1][key])
    results = [json.loads((folder / "eval_results.json").read_text()) for folder in folders]
    for key in evaluations:
        difference = abs(results[0][key] - results[1][key]) / abs(results[1][key])
        verdict(f"{key} of the result: {difference:.1e}, limit 1e-4", difference <= 1e-4 or not key.endswith("loss"))
    checkpoints = [{file.name for file in folder.glob("checkpoint-*")} for folder in folders]
    verdict(f"checkpoints: {sorted(checkpoints[0])}", checkpoints[0] == checkpoints[1])
    lacking = {file.name for file in folders[1].iterdir()} - {file.name for file in folders[0].iterdir()} - {"training_args.bin"}
    verdict(f"files the original leaves; lacking: {sorted(lacking) or 'none'}", not lacking)
    keys = set(results[1]) - set(results[0])
    verdict(f"keys of eval_results.json; lacking: {sorted(keys) or 'none'}", not keys)


loss, accuracy = "eval_loss", "eval_accuracy"
compare("share", [loss, accuracy], val_size=0.1, compute_accuracy=True, load_best_model_at_end=True, save_steps=4, save_total_limit=1)
compare("number", [loss], val_size=23, seed=7, metric_for_best_model="loss", greater_is_better=True, save_total_limit=2, save_steps=2)
# torchrun, which the original starts, is beside it.
os.environ.update(FORCE_TORCHRUN="1", NPROC_PER_NODE="2", PATH=os.path.dirname(original) + ":" + os.environ["PATH"])
compare("two-ranks", [loss, accuracy], val_size=0.1, compute_accuracy=True, ddp_backend="gloo")
finish()
