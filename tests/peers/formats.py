"""What lmf writes, transformers and peft read, and the reverse: the same greedy answer from both for models and adapters of either."""
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import finish, lmf, run, small_model, train, verdict, work

question = "Which city is the capital of Norway?"
prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
tokens = 24


def answer_of_transformers(folder, adapter=None):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        out = model.generate(**ids, max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode(out[0, ids["input_ids"].shape[1]:], skip_special_tokens=True)


def answer_of_lmf(folder, adapter=None):
    arguments = ["--model_name_or_path", folder, "--template", "chatml", "--do_sample", "false", "--max_new_tokens", tokens]
    if adapter:
        arguments += ["--adapter_name_or_path", adapter]
    return run(lmf, "chat", *arguments, "--prompt", question)


def compare(sentence, folder, adapter=None):
    ours, theirs = answer_of_lmf(folder, adapter), answer_of_transformers(folder, adapter)
    verdict(f"{sentence}: {theirs!r}", ours.strip() == theirs.strip())
    if ours.strip() != theirs.strip():
        print(f"    lmf: {ours!r}")


model = small_model()
compare("a model that transformers wrote", model)
torch.manual_seed(3)
settings = dict(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
for name, more in (("peft", {}), ("peft-rslora", {"use_rslora": True}), ("peft-saved", {"modules_to_save": ["lm_head"], "target_modules": ["q_proj", "v_proj"]})):
    get_peft_model(AutoModelForCausalLM.from_pretrained(model), LoraConfig(**{**settings, **more})).save_pretrained(work / name)
    compare(f"an adapter that peft wrote ({name})", model, work / name)

steps = dict(model_name_or_path=str(model), learning_rate=5e-3)
compare("a model that lmf trained in full", train(lmf, "lmf-written-full", finetuning_type="full", **steps))
compare("an adapter that lmf trained", model, train(lmf, "lmf-written-lora", finetuning_type="lora", lora_rank=4, **steps))
compare("an rsLoRA adapter with more targets", model,
        train(lmf, "lmf-written-rslora", finetuning_type="lora", use_rslora=True, additional_target="lm_head", lora_target="q_proj,v_proj", **steps))
finish()
