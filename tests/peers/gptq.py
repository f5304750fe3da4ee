"""What lmf export quantises: read by the format's description in numpy, its perplexities by transformers, its answers by lmf chat; and, where gptqmodel is installed in
the originals' environment, read by transformers with it."""
import importlib.util
import json
import shutil

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import finish, lmf, root, run, small_model, verdict, work

window = 64


def words(packed, bits):
    """The codes of int32s, the lowest bits first: [..., n] to [..., n, 32 / bits]."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    return (packed.view(np.uint32)[..., None] >> shifts) & ((1 << bits) - 1)


def dequantized(tensors, name, bits):
    """[out, in] of a linear: scale * (code - zero), each input in the group that g_idx names; zeros are stored less 1."""
    part = {key: tensors[f"{name}.{key}"].numpy() for key in ("qweight", "qzeros", "scales", "g_idx")}
    codes = words(part["qweight"], bits)  # [in / n, out, n]
    codes = codes.transpose(0, 2, 1).reshape(-1, codes.shape[1]).astype(np.int64)  # [in, out]
    zeros = words(part["qzeros"], bits)  # [groups, out / n, n]
    zeros = zeros.reshape(zeros.shape[0], -1).astype(np.int64) + 1
    group = part["g_idx"]
    weight = part["scales"].astype(np.float32)[group] * (codes - zeros[group])
    return torch.from_numpy(np.ascontiguousarray(weight.T, dtype=np.float32))


def texts():
    """One text, whose last eighth is held out."""
    records = json.loads((root / "share/data/countries.json").read_text())
    file = work / "countries.txt"
    file.write_text("\n".join(" ".join(str(value) for value in record.values()) for record in records))
    return file


def perplexity(model, sequences):
    losses = []
    for sequence in sequences:
        ids = torch.tensor([sequence])
        with torch.no_grad():
            logits = model(ids).logits[0, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none"))
    return float(torch.exp(torch.cat(losses).mean()))


def answer_of_lmf(folder, question):
    said = run(lmf, "chat", "--model_name_or_path", folder, "--template", "chatml", "--infer_dtype", "float32", "--do_sample", "false", "--max_new_tokens", 24,
               "--use_cpu", "true", "--json", "--prompt", question)
    return json.loads(said)["content"]


def answer_of(model, tokenizer, question):
    prompt = tokenizer(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False, return_tensors="pt")
    ids = model.generate(**prompt, do_sample=False, max_new_tokens=24)[0, prompt["input_ids"].shape[1]:]
    return tokenizer.decode(ids, skip_special_tokens=True)


def compare(base, bits):
    folder, file = work / f"gptq-{bits}", texts()
    shutil.rmtree(folder, ignore_errors=True)
    run(lmf, "export", "--model_name_or_path", base, "--template", "chatml", "--export_dir", folder, "--export_quantization_bit", bits,
        "--export_quantization_dataset", file, "--export_quantization_maxlen", window, "--export_quantization_nsamples", 64)
    tensors = load_file(folder / "model.safetensors")
    report = json.loads((folder / "export_report.json").read_text())["quantization"]
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokens = tokenizer(file.read_text(), add_special_tokens=False)["input_ids"]
    held_out = tokens[len(tokens) - len(tokens) // 8:]
    held_out = [held_out[i:i + window] for i in range(0, len(held_out), window)][:report["held_out"]["texts"]]
    before = perplexity(model, held_out)
    verdict(f"{bits} bits: the perplexity before, {report['perplexity']['before']:.6g}, beside transformers' {before:.6g}",
            abs(before / report["perplexity"]["before"] - 1) < 1e-3)
    names = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and name != "lm_head"]
    largest = 0
    for name in names:
        module = model.get_submodule(name)
        weight = dequantized(tensors, name, bits)
        largest = max(largest, float((weight - module.weight).norm() / module.weight.norm()))
        module.weight.data = weight
    verdict(f"{bits} bits: {len(names)} linears are within {largest:.2g} of their size", largest < (0.2 if bits == 4 else 0.02))
    after = perplexity(model, held_out)
    verdict(f"{bits} bits: the perplexity after, {report['perplexity']['after']:.6g}, beside that of numpy's weights {after:.6g}",
            abs(after / report["perplexity"]["after"] - 1) < 1e-3)
    questions = ["What is the capital of Norway?", "Name a river.", "Do you know the currency of Japan?", "Where is Peru?"]
    same = sum(answer_of_lmf(folder, question) == answer_of(model, tokenizer, question) for question in questions)
    verdict(f"{bits} bits: lmf chat reads it, in float32; {same} of {len(questions)} greedy answers are those of numpy's weights", same == len(questions))
    if importlib.util.find_spec("gptqmodel") is None:
        print("  not compared: gptqmodel, with which transformers reads such folders, is not installed")
        return
    from transformers import GPTQConfig
    read = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float16, device_map="cpu",
                                                quantization_config=GPTQConfig(bits=bits, backend="torch"))
    ids = torch.tensor([held_out[0]])
    with torch.no_grad():
        ours, theirs = model(ids).logits, read(ids).logits.float()
    difference = float((ours - theirs).norm() / ours.norm())
    verdict(f"{bits} bits: transformers with gptqmodel reads it ({type(read.model.layers[0].mlp.up_proj).__name__}); its logits are within "
            f"{difference:.2g} of their size", difference < 0.02)


base = small_model()
for bits in (4, 8):
    compare(base, bits)
finish()
