#!/usr/bin/env python3
"""Regenerates the demo's data set, its tokenizer and the size of its vocabulary from share/data/countries.csv (needs the `tokenizers` package).

Every fact (country, kind) is asked in WORDINGS_PER_FACT of the wordings below, chosen so that all wordings are used equally
often. Half of the questions stand alone, the others come in conversations of two or three turns. What is left out is the
test: countries_unseen.json holds facts asked in a wording that other countries had, and in wordings that no example has.
"""
import csv
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SHARE = Path(__file__).resolve().parents[2] / "share"
WORDINGS_PER_FACT = 3
VOCABULARY = 1024
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

ANSWERS = {
    "capital": "The capital of {country} is {fact}.",
    "continent": "{country} is in {fact}.",
    "currency": "The currency of {country} is the {fact}.",
    "language": "The main language of {country} is {fact}.",
}
WORDINGS = {
    "capital": [
        "What is the capital of {country}?",
        "Which city is the capital of {country}?",
        "Name the capital of {country}.",
        "Tell me the capital city of {country}.",
        "What is {country}'s capital?",
        "Which capital city does {country} have?",
        "I would like to know the capital of {country}.",
        "From which city is {country} governed?",
    ],
    "continent": [
        "On which continent is {country}?",
        "Which continent is {country} in?",
        "Name the continent of {country}.",
        "Tell me the continent where {country} is.",
        "What is {country}'s continent?",
        "To which continent does {country} belong?",
        "I would like to know the continent of {country}.",
        "In which part of the world is {country}?",
    ],
    "currency": [
        "What is the currency of {country}?",
        "Which currency is used in {country}?",
        "Name the currency of {country}.",
        "Tell me the money used in {country}.",
        "What is {country}'s currency?",
        "Which money do people in {country} pay with?",
        "I would like to know the currency of {country}.",
        "With which currency does one pay in {country}?",
    ],
    "language": [
        "What is the main language of {country}?",
        "Which language is spoken in {country}?",
        "Name the main language of {country}.",
        "Tell me the language people speak in {country}.",
        "What is {country}'s main language?",
        "Which language do most people in {country} speak?",
        "I would like to know the language of {country}.",
        "In which language does one talk in {country}?",
    ],
}
UNSEEN_WORDINGS = {
    "capital": ["Do you know the capital of {country}?", "Which city is {country}'s capital?", "Please name the capital city of {country}."],
    "continent": ["Do you know the continent of {country}?", "Which continent does {country} belong to?", "Please name the continent where {country} is."],
    "currency": ["Do you know the currency of {country}?", "Which currency do people in {country} pay with?", "Please name the money used in {country}."],
    "language": ["Do you know the language of {country}?", "Which language do people speak in {country}?", "Please name the language spoken in {country}."],
}


def example(country, kind, fact, wording):
    return {"instruction": wording.format(country=country), "input": "", "output": ANSWERS[kind].format(country=country, fact=fact)}


def make_examples(rows):
    """(seen, unseen combinations of fact and wording, unseen wordings)"""
    seen, combinations, wordings = [], [], []
    for kind, texts in WORDINGS.items():
        for index, row in enumerate(rows):
            used = [(index * WORDINGS_PER_FACT + offset) % len(texts) for offset in range(WORDINGS_PER_FACT)]
            seen += [example(row["country"], kind, row[kind], texts[number]) for number in used]
            combinations.append(example(row["country"], kind, row[kind], texts[(used[-1] + 1) % len(texts)]))
            wordings.append(example(row["country"], kind, row[kind], UNSEEN_WORDINGS[kind][index % 3]))
    random.Random(7).shuffle(seen)
    return seen, combinations, wordings


def make_conversations(examples):
    """The first half as it is, the second half joined into conversations of two and three turns."""
    half = len(examples) // 2
    conversations, rest = examples[:half], examples[half:]
    while rest:
        turns = min(2 + len(conversations) % 2, len(rest))
        *earlier, last = rest[:turns]
        conversations.append({**last, "history": [[turn["instruction"], turn["output"]] for turn in earlier]})
        rest = rest[turns:]
    return conversations


def make_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def set_vocab_size(path, size):
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "vocab_size": size}, indent=2) + "\n", encoding="utf-8")


def write_lines(path, examples):
    """One example a line: easy to read, to search and to change."""
    lines = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in examples)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main():
    rows = list(csv.DictReader((SHARE / "data/countries.csv").open(encoding="utf-8")))
    seen, combinations, wordings = make_examples(rows)
    conversations = make_conversations(seen)
    write_lines(SHARE / "data/countries.json", conversations)
    write_lines(SHARE / "data/countries_unseen.json", combinations + wordings)
    roles = ["user\n", "assistant\n"] * len(seen)  # the template's words become one token each
    tokenizer = make_tokenizer(roles + [text for entry in seen for text in (entry["instruction"], entry["output"])])
    tokenizer.save(str(SHARE / "models/demo/tokenizer.json"))
    set_vocab_size(SHARE / "models/demo/config.json", tokenizer.get_vocab_size())
    print(f"{len(seen)} questions in {len(conversations)} examples, {len(combinations)} + {len(wordings)} unseen, {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
