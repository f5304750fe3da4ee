// What a run works on, judged before any weight is read: by `train --check` and by the run itself.
#include "train/shared/inputs.hpp"

#include <doctest/doctest.h>

#include "train/input_place.hpp"
#include "train/shared/trainer_state.hpp"

using namespace lmf;
using nlohmann::json;
using test::nothing, test::Place;
namespace fs = std::filesystem;

TEST_CASE("a model that is whole has no problem, with any method") {
  const Place place;
  for (const char* method : {"full", "freeze", "lora"})
    CHECK(place.problems({std::string("finetuning_type=") + method}) == "");
  CHECK(place.problems({"adapter_name_or_path=" + place.adapter("a", nothing)}) == "");
}

TEST_CASE("a GPTQ checkpoint is evaluated and answers, but is not trained") {
  const Place place;
  place.change_config("quantization_config", {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 128}});
  CHECK(place.problems({"do_train=true"})
            .find("quantization_config is set (\"gptq\"): the weights are quantised, and lmf trains") !=
        std::string::npos);
  CHECK(place.problems({"do_train=false", "do_eval=true", "eval_dataset=a"}) == "");
  place.change_config("quantization_config", {{"quant_method", "awq"}, {"bits", 4}});
  CHECK(place.problems({"do_train=false", "do_eval=true", "eval_dataset=a"}).find("awq") != std::string::npos);
}

TEST_CASE("the inputs are what the options name, the tokenizer repaired by the template") {
  const Place place;
  std::vector<config::Problem> problems;
  const auto read = test::read({"model_name_or_path=" + place.model().string(), "template=chatml",
                                "default_system=Be brief.", "train_from_scratch=true"});
  const train::Inputs inputs = train::read_inputs(read.options, test::share(), problems);
  CHECK(problems.empty());
  CHECK(inputs.model_directory == place.model());
  CHECK(inputs.spec.value().hidden_size == 128);
  CHECK(inputs.chat_template.value().default_system == "Be brief.");
  CHECK(inputs.tokenizer.value().special().eos == "<|im_end|>");
}

TEST_CASE("how tools and thoughts are written is the options' choice") {
  const Place place;
  place.change_config("vocab_size", 1000);
  const auto with = [&](const std::vector<std::string>& more, std::vector<config::Problem>& problems) {
    std::vector<std::string> words = {"model_name_or_path=" + place.model().string(), "train_from_scratch=true"};
    words.insert(words.end(), more.begin(), more.end());
    return train::read_inputs(test::read(words).options, test::share(), problems);
  };
  std::vector<config::Problem> problems;
  const auto inputs =
      with({"template=qwen3", "tool_format=mistral", "enable_thinking=null", "preserve_thinking=true"}, problems);
  CHECK(problems.empty());
  CHECK(inputs.chat_template.value().tool_format->name == "mistral");
  CHECK(inputs.tokenizer.value().chat_template().find("[AVAILABLE_TOOLS]") != std::string::npos);
  CHECK(!inputs.chat_template->enable_thinking);
  CHECK(inputs.chat_template->preserve_thinking);
  REQUIRE(inputs.notes.size() == 1);
  CHECK(inputs.notes[0].find("template qwen3 is for models that think") != std::string::npos);
  CHECK(with({"template=qwen3_nothink"}, problems).notes.empty());
  CHECK(with({"template=qwen3"}, problems).chat_template->enable_thinking == true);
  CHECK(problems.empty());
  with({"template=qwen", "tool_format=quen"}, problems);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].text == "command line: tool_format: There is no tool format 'quen'. Did you mean 'qwen'?");
}

TEST_CASE("train_on_prompt with a template that learns eos in the prompt's place is refused, once and with its place") {
  const Place place;
  fs::create_directories(place.path("share"));
  fs::copy(test::share() / "tool_formats", place.path("share/tool_formats"), fs::copy_options::recursive);
  test::write_text(place.path("share/templates/early.toml"), "user = [\"{{content}}\"]\nefficient_eos = true\n");
  const auto read =
      test::read({"model_name_or_path=" + place.model().string(), "template=early", "train_on_prompt=true",
                  "dataset=countries", "dataset_dir=" + (test::share() / "data").string()});
  std::vector<config::Problem> problems;
  const train::Inputs inputs = train::read_inputs(read.options, place.path("share"), problems);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].text == "command line: train_on_prompt: template early learns eos in the prompt's place");
  CHECK(train::check_data(inputs, train::data_options(read.options)).problems.empty());
}

TEST_CASE("a template whose tokens the model does not embed is refused") {
  const Place place;
  CHECK(place.problems({"template=llama3"}) ==
        "model_name_or_path: the tokenizer has 926 tokens, the model embeds 924\n");
}

TEST_CASE(
    "weights that are missing, of another shape or of no weight's dtype are refused; from nothing they are not read") {
  const Place place;
  const auto weights = place.model() / "model.safetensors";
  place.change_config("intermediate_size", 128);
  CHECK(
      place.problems().find("tensor 'model.layers.0.mlp.gate_proj.weight' has shape [384, 128], expected [128, 128]") !=
      std::string::npos);
  place.change_config("num_hidden_layers", 3);
  place.change_config("intermediate_size", 384);
  CHECK(place.problems().find("has no tensor 'model.layers.2.self_attn.q_proj.weight'") != std::string::npos);
  test::write_zeros(weights, model::parameter_shapes(place.spec()), "I64");
  CHECK(place.problems().find("has dtype I64, and weights must be F32, F16 or BF16") != std::string::npos);
  fs::remove(weights);
  CHECK(place.problems() ==
        "model_name_or_path: model has neither model.safetensors nor model.safetensors.index.json\n");
  CHECK(place.problems({"train_from_scratch=true"}) == "");
}

TEST_CASE("everything wrong with model, tokenizer and template is told at once") {
  const Place place;
  place.change_config("hidden_act", "gelu");
  test::write_text(place.model() / "tokenizer.json", "{");
  CHECK(
      place.problems({"template=chatmll"}) ==
      "model_name_or_path: model/config.json: hidden_act is 'gelu', and lmf computes silu\n"
      "model_name_or_path: model/tokenizer.json:1:2: not well-formed JSON: expected a name in double quotes, found the "
      "end\n"
      "template: There is no template 'chatmll'. Did you mean 'chatml'?\n");
  CHECK(place.problems({"model_name_or_path=/no/such/folder"}).starts_with("model_name_or_path: there is no folder"));
}

TEST_CASE("LoRA's targets and additional targets have to be modules of the model; all that are not are named") {
  const Place place;
  CHECK(place.problems({"lora_target=q_proj,gate_proj", "additional_target=embed_tokens,lm_head"}) == "");
  CHECK(place.problems({"lora_target=q_porj", "additional_target=embed_token"}) ==
        "lora_target: LoRA target 'q_porj' matches nothing in this model. Did you mean 'q_proj'?\n"
        "additional_target: additional target 'embed_token' matches nothing in this model. Did you mean "
        "'embed_tokens'?\n");
  CHECK(place.problems({"lora_target=q_proj,W_pack,fc1"}) ==
        "lora_target: LoRA target 'W_pack', 'fc1' match nothing in this model.\n");
  CHECK(place.problems({"lora_target=q_proj", "additional_target=q_proj"}).starts_with("lora_target: "));
}

TEST_CASE("freeze's modules have to be modules of the model") {
  const Place place;
  CHECK(place.problems({"finetuning_type=freeze", "freeze_trainable_modules=mlp", "freeze_extra_modules=norm"}) == "");
  CHECK(
      place.problems({"finetuning_type=freeze", "freeze_trainable_modules=mpl,attn", "freeze_extra_modules=lm_haed"}) ==
      "freeze_trainable_modules: this model has no module 'mpl'. Did you mean 'mlp'? this model has no module 'attn'.\n"
      "freeze_extra_modules: this model has no module 'lm_haed'.\n");
}

TEST_CASE("an adapter has to be a LoRA whose every tensor fits the model") {
  const Place place;
  const auto problem_with = [&](const auto& change) {
    return place.problems({"adapter_name_or_path=" + place.adapter("a", change)});
  };
  using Tensors = std::vector<model::ParameterShape>;
  const auto has = [](const std::string& text, const char* part) {
    CAPTURE(text);
    return text.starts_with("adapter_name_or_path: a/") && text.find(part) != std::string::npos;
  };
  CHECK(has(problem_with([](json& config, Tensors&) { config["peft_type"] = "IA3"; }), "peft_type is 'IA3'"));
  CHECK(has(problem_with([](json& config, Tensors&) { config["r"] = 0; }), "r is 0, expected a whole number from 1"));
  CHECK(has(problem_with([](json& config, Tensors&) { config["r"] = 4; }), "has shape [8, 128], expected [4, 128]"));
  CHECK(has(problem_with([](json& config, Tensors&) { config["use_dora"] = true; }), "lora_magnitude_vector'"));
  CHECK(has(place.problems({"do_train=true", "adapter_name_or_path=" + place.path("a").string()}),
            "use_dora is true, and lmf does not train beside or on DoRA adapters"));
  CHECK(has(problem_with([](json&, Tensors& tensors) { tensors.pop_back(); }), "has no tensor"));
  CHECK(has(problem_with([](json&, Tensors& tensors) {
              tensors.push_back({"base_model.model.x", {1}});
            }),
            "tensor 'base_model.model.x' fits nothing in this model"));
  CHECK(has(problem_with([](json& config, Tensors&) { config["modules_to_save"] = {"embed_tokens"}; }),
            "lacks 'base_model.model.model.embed_tokens.weight'"));
  CHECK(problem_with([](json& config, Tensors&) {
          config["target_modules"] = {"q_proj", "c_attn"};
        }).find("LoRA target 'c_attn' matches nothing") != std::string::npos);
  fs::remove(place.path("a") / "adapter_model.safetensors");
  CHECK(place.problems({"adapter_name_or_path=" + place.path("a").string()}) ==
        "adapter_name_or_path: a has no adapter_model.safetensors\n");
}

TEST_CASE("adapters are judged in turn: one that gives the head weights of its own changes what fits the next") {
  const Place place;
  const auto with_head = [](json& config, std::vector<model::ParameterShape>& tensors) {
    config["modules_to_save"] = {"lm_head"};
    tensors.push_back({"base_model.model.lm_head.weight", {924, 128}});
  };
  const std::string first = place.adapter("first", with_head), second = place.adapter("second", nothing);
  CHECK(place.problems({"adapter_name_or_path=" + first + "," + second}) == "");
  const std::string broken = place.adapter("broken", [](json& config, auto&) { config["bias"] = "all"; });
  const std::string both = place.problems({"adapter_name_or_path=" + broken + ",/no/such/adapter"});
  CHECK(both.find("bias is 'all'") != std::string::npos);
  CHECK(both.find("there is no folder /no/such/adapter") != std::string::npos);
}

TEST_CASE("a folder with commas in its name is one adapter, what is no such folder is several") {
  const Place place;
  const std::string commas = place.adapter("r=8,lr=1e-4,x", nothing), begin = place.path("r=8").string();
  CHECK(place.problems({"adapter_name_or_path=" + commas}) == "");
  using Names = std::vector<std::string>;
  CHECK(model::adapter_names({begin, "lr=1e-4", "x", "org/name"}) == Names{commas, "org/name"});
  CHECK(model::adapter_names({"org/name", begin, "lr=1e-4", "x"}) == Names{"org/name", commas});
  CHECK(model::adapter_names({begin, "lr=1e-4"}) == Names{begin, "lr=1e-4"});
  fs::create_directory(begin);
  CHECK(model::adapter_names({begin, "lr=1e-4", "x"}) == Names{begin, "lr=1e-4", "x"});
  CHECK(model::adapter_names({}).empty());
}

TEST_CASE("a run that goes on needs what its checkpoint holds, not what the options began with") {
  const Place place;
  const fs::path checkpoint = place.path("checkpoint-5");
  fs::create_directories(checkpoint);
  const std::string resume = "resume_from_checkpoint=" + checkpoint.string();
  const std::string neither =
      "resume_from_checkpoint: checkpoint-5 holds neither a model (config.json) nor an adapter (adapter_config.json)\n";
  for (const char* method : {"finetuning_type=full", "finetuning_type=lora"})
    CHECK(place.problems({resume, method}) == neither);
  place.adapter("checkpoint-5", nothing);
  CHECK(place.problems({resume}).starts_with(
      "resume_from_checkpoint: cannot read checkpoint-5/trainer_state.json: No such file"));
  test::write_text(checkpoint / "trainer_state.json", train::TrainerState().to_json(true, false).dump());
  CHECK(place.problems({resume, "lora_target=nowhere", "adapter_name_or_path=/no/such/adapter"}) == "");
  for (const char* name : {"config.json", "model.safetensors"}) fs::copy(place.model() / name, checkpoint);
  fs::remove(place.model() / "model.safetensors");
  CHECK(place.problems({resume, "finetuning_type=full"}) == "");
}

TEST_CASE("the seed, by which records are drawn, reaches the data as every other option of theirs") {
  const auto read = test::read({"seed=7", "max_samples=3", "cutoff_len=9", "mask_history=true", "overwrite_cache=true",
                                "preprocessing_num_workers=2", "dataset=a,b", "dataset_dir=d", "output_dir=out"});
  const data::PrepareOptions options = train::data_options(read.options);
  CHECK(options.seed == 7);
  CHECK(options.max_samples == 3);
  CHECK(options.cutoff_len == 9);
  CHECK(options.mask_history);
  CHECK(options.overwrite_cache);
  CHECK(options.workers == 2);
  CHECK(options.datasets == std::vector<std::string>{"a", "b"});
  CHECK(options.dataset_directory == "d");
  CHECK(options.fallback_directory == "out/tokenised");
}
