"""Greedy answers to evaluation data through lmf and through the original: every row, and the scores. Needs jieba, nltk and rouge_chinese."""
import json

from common import finish, lmf, original, small_model, train, verdict

model = small_model()


def compare(name, **settings):
    print(f"\n{name}")
    settings = {"model_name_or_path": str(model), "finetuning_type": "full", "do_predict": True, "predict_with_generate": True,
                "do_sample": False, "max_new_tokens": 24, "per_device_eval_batch_size": 4, "cutoff_len": 40, **settings}
    folders = [train(program, f"{who}-prediction-{name}", **settings) for program, who in ((lmf, "lmf"), (original, "original"))]
    rows = [[json.loads(line) for line in open(folder / "generated_predictions.jsonl", encoding="utf-8")] for folder in folders]
    same = sum(a == b for a, b in zip(*rows))
    verdict(f"{same} of {len(rows[1])} rows", len(rows[0]) == len(rows[1]) and same == len(rows[1]))
    for a, b in zip(*rows):
        if a != b:
            print("   ", a, b, sep="\n    ")
            break
    results = [json.loads((folder / "predict_results.json").read_text()) for folder in folders]
    for key in ("predict_bleu-4", "predict_rouge-1", "predict_rouge-2", "predict_rouge-l"):
        verdict(f"{key}: {results[0][key]}, {results[1][key]}", results[0][key] == results[1][key])
    lacking = set(results[1]) - set(results[0]) - {"predict_model_preparation_time"}
    verdict(f"keys of predict_results.json; lacking: {sorted(lacking) or 'none'}", not lacking)


compare("untrained", do_train=False, val_size=0.1)
compare("trained", val_size=12, max_steps=30, learning_rate=3e-3)
finish()
