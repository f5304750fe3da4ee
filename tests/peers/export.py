"""What lmf merges, beside what peft merges: the numbers, that transformers reads the folder, and the same greedy answer from it."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

import gguf
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from common import finish, lmf, root, run, small_model, verdict, work

prompt = [{"role": "user", "content": "Which city is the capital of Norway?"}]


def answer(model, tokenizer):
    ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        return model.generate(**ids, max_new_tokens=24, do_sample=False)[0].tolist()


def export(name, base, adapters, *options):
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    run(lmf, "export", "--model_name_or_path", base, "--adapter_name_or_path", ",".join(map(str, adapters)), "--template", "chatml",
        "--export_dir", folder, "--verify=off", *options)
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


def another_model(name, kind, **more):
    """Like small_model(), of another architecture."""
    folder = work / name
    tokenizer = AutoTokenizer.from_pretrained(base)
    torch.manual_seed(12)
    shape = dict(vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                 max_position_embeddings=512, initializer_range=0.2, tie_word_embeddings=False, bos_token_id=None, eos_token_id=tokenizer.eos_token_id)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**shape, **more}))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith(".bias"):
                parameter.normal_(0, 0.2)
    model.to(torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def answers_of_llama_cpp(file, texts, tokens=24):
    """Greedy answers of llama.cpp through node-llama-cpp; None where that is not installed."""
    peers = os.environ["LMF_PEERS"]
    if not os.path.isdir(os.path.join(peers, "node", "node_modules", "node-llama-cpp")):
        return None
    done = subprocess.run(["node", pathlib.Path(__file__).with_name("llama.mjs"), file, str(tokens), *texts], capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        sys.exit(f"llama.mjs {file} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rotated(tensor, heads):
    """Rows in the order in which llama.cpp turns them: neighbours, where Hugging Face turns halves."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def expected_gguf_tensors(folder):
    config = json.loads((folder / "config.json").read_text())
    is_llama = config["model_type"] in ("llama", "mistral")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[config["model_type"].upper() if not is_llama else "LLAMA"], config["num_hidden_layers"])
    for name, tensor in weights(folder).items():
        tensor = tensor.float().numpy()
        for part, heads in ((".q_proj.", "num_attention_heads"), (".k_proj.", "num_key_value_heads")):
            if is_llama and part in name:
                tensor = rotated(tensor, config[heads])
        yield names.get_name(name, (".weight", ".bias")), tensor


# The largest error of a type, in parts of a tensor's size: uniform steps over a normal distribution.
LIMITS = {"F32": 0, "F16": 0.0004, "BF16": 0.003, "Q8_0": 0.008, "Q4_0": 0.11, "Q6_K": 0.025, "Q4_K": 0.09}
QUANTISED_BY_GGUF = ("F32", "F16", "BF16", "Q8_0", "Q4_0")


def compare_gguf_file(what, file, expected):
    read = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    verdict(f"{what}: the tensors' names", read.keys() - {"rope_freqs.weight"} == expected.keys())
    exact, wrong = 0, []
    for name, wanted in expected.items():
        tensor = read[name]
        kind = tensor.tensor_type.name
        back = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(wanted.shape)
        if np.linalg.norm(back - wanted) > LIMITS[kind] * np.linalg.norm(wanted):
            wrong.append(f"{name} loses too much")
        if kind in QUANTISED_BY_GGUF:
            same = np.ascontiguousarray(gguf.quants.quantize(wanted, tensor.tensor_type)).tobytes() == np.ascontiguousarray(tensor.data).tobytes()
            exact += same
            wrong += [] if same else [f"{name} has other bytes than gguf's quantiser makes"]
    verdict(f"{what}: {exact} of {len(expected)} tensors have the bytes of gguf's quantiser, the others lose what their type loses {wrong[:3]}", not wrong)


def compare_gguf(name, base, template, adapters=()):
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    merge = ["--adapter_name_or_path", ",".join(map(str, adapters))] if adapters else []
    kinds = ["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q4_K_M", "Q4_0"]
    run(lmf, "export", "--model_name_or_path", base, *merge, "--template", template, "--export_dir", folder, "--export_gguf", ",".join(kinds), "--verify=off")
    expected = dict(expected_gguf_tensors(folder))
    for kind in kinds:
        compare_gguf_file(f"{name}, {kind}", folder / f"model-{kind}.gguf", expected)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
             for text in ("Which city is the capital of Norway?", "Do you know 1234 currencies, or  more?\n\nI'll wait.")]
    answers = answers_of_llama_cpp(folder / "model-F32.gguf", texts)
    if answers is None:
        return print(f"  not compared: {name} with llama.cpp, which is not in LMF_PEERS/node")
    for text, theirs in zip(texts, answers):
        prompt_ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        verdict(f"{name}: llama.cpp makes the same tokens of the prompt", theirs["prompt"] == prompt_ids)
        with torch.no_grad():
            ours = model.generate(torch.tensor([prompt_ids]), max_new_tokens=24, do_sample=False)[0, len(prompt_ids):].tolist()
        ends = ours.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in ours else len(ours)
        verdict(f"{name}: llama.cpp answers the same {len(theirs['answer'])} tokens", theirs["answer"] == ours[:ends])
    said = run(lmf, "chat", "--model_name_or_path", folder, "--template", template, "--do_sample", "false", "--max_new_tokens", "24", "--prompt",
               "Which city is the capital of Norway?").strip()
    verdict(f"{name}: so does lmf chat", said == tokenizer.decode(answers[0]["answer"], skip_special_tokens=True).strip())


def tokens_of_lmf(folder, texts):
    messages = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)
    tool = pathlib.Path(os.environ["LMF_BUILD"], "tests", "tokenize_tool").resolve()
    out = subprocess.run([tool, folder, "encode"], input=messages, capture_output=True, check=True).stdout
    ids = []
    while out:
        size = struct.unpack_from("<I", out)[0]
        ids.append(list(struct.unpack_from(f"<{size // 4}i", out, 4)))
        out = out[4 + size:]
    return ids


def compare_vocabulary(name):
    """Whether llama.cpp cuts text as lmf does, by a GGUF file of a model with the tokenizer of a fixture."""
    folder, out = work / f"vocabulary-{name}", work / f"vocabulary-{name}-gguf"
    for place in (folder, out):
        shutil.rmtree(place, ignore_errors=True)
    folder.mkdir()
    for file in (root / "tests/fixtures/text" / name).glob("token*"):
        shutil.copy(file, folder / file.name)
    size = 600
    if (folder / "tokenizer.json").exists():
        content = json.loads((folder / "tokenizer.json").read_text())
        size = 1 + max([*content["model"]["vocab"].values(), *(token["id"] for token in content["added_tokens"])])
    LlamaForCausalLM(LlamaConfig(vocab_size=size, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(folder)
    run(lmf, "export", "--model_name_or_path", folder, "--export_dir", out, "--export_gguf", "f16")
    texts = ["Hello world, how are you?", "  two  spaces and\nnewline\n\n\ttab", "It's 1234567 o'clock; I'LL wait...", "a", "größe 名前 имя 👍🏽", "x=[1,2];\r\n"]
    answers = answers_of_llama_cpp(out / "model-F16.gguf", texts, tokens=1)
    if answers is None:
        return
    same = [theirs["prompt"] == ours for theirs, ours in zip(answers, tokens_of_lmf(out, texts))]
    verdict(f"llama.cpp makes lmf's tokens of {sum(same)} of {len(same)} texts with the vocabulary {name}", all(same))


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
compare_gguf("gguf-llama", base, "chatml", [adapters["plain"]])
for kind, more in (("qwen2", {}), ("qwen3", {"head_dim": 32}), ("llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 128}, "hidden_size": 256, "head_dim": 64, "tie_word_embeddings": True})):
    compare_gguf(f"gguf-{kind}-{len(more)}", another_model(f"another-{kind}", kind, **more), "chatml")
for name in ("llama2", "sentencepiece", "llama3", "qwen2", "smollm", "gpt2"):
    compare_vocabulary(name)
config = json.loads((whole / "config.json").read_text())
verdict("config.json keeps what it had", {**json.loads((base / "config.json").read_text()), **config} == config)
finish()
