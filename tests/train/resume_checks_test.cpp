// A checkpoint and options that do not belong together. Links no libtorch.
#include <doctest/doctest.h>

#include "../config/support.hpp"
#include "lmf/error.hpp"
#include "model/decoder_shapes.hpp"
#include "train/shared/resume_checks.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

constexpr const char* kAdapter =
    R"({"r": 8, "lora_alpha": 16, "lora_dropout": 0.1, "use_rslora": false, "target_modules": ["v_proj", "q_proj"],
        "modules_to_save": null})";

/// What is wrong with going on from the folder, a line each, without its path.
std::string problems(const fs::path& checkpoint, std::vector<std::string> options) {
  const auto read = test::read(options);
  CHECK(test::problems_of(read) == "");
  std::string text;
  auto found = train::kind_problems(read.options, checkpoint);
  if (found.empty()) found = train::setting_problems(read.options, checkpoint);
  for (const auto& problem : found) text += problem.text + "\n";
  for (std::size_t at; (at = text.find(checkpoint.string())) != std::string::npos;)
    text.replace(at, checkpoint.string().size(), "C");
  return text;
}

/// Makes the folder look like a checkpoint of a whole model.
void whole_model(const fs::path& checkpoint) { test::write_text(checkpoint / "config.json", "{}"); }

/// training_args.json of a run with these options.
void note_options(const fs::path& checkpoint, std::vector<std::string> options) {
  test::write_text(checkpoint / "training_args.json", test::read(options).options.to_json());
}

}  // namespace

TEST_CASE("the shape of a fresh adapter must be the checkpoint's") {
  test::TemporaryFolder folder;
  const auto& checkpoint = folder.path();
  test::write_text(checkpoint / "adapter_config.json", kAdapter);
  const std::string same = "lora_target=q_proj,v_proj";
  CHECK(problems(checkpoint, {same}) == "");
  CHECK(problems(checkpoint, {same, "lora_rank=8", "lora_alpha=16", "lora_dropout=0.5"}) == "");
  CHECK(problems(checkpoint, {same, "lora_rank=16", "lora_alpha=16"}) ==
        "command line: lora_rank is 16, but the checkpoint C has 8\n");
  CHECK(problems(checkpoint, {same, "lora_rank=4"}) ==
        "command line: lora_rank is 4, but the checkpoint C has 8\ndefault: lora_alpha is 8, but the checkpoint C has "
        "16\n");
  CHECK(problems(checkpoint, {same, "use_rslora=true"}) ==
        "command line: use_rslora is true, but the checkpoint C has false\n");
  CHECK(problems(checkpoint, {same, "additional_target=lm_head"}) ==
        "command line: additional_target is lm_head, but the checkpoint C has none\n");
  CHECK(problems(checkpoint, {"lora_target=k_proj"}) ==
        "command line: lora_target is k_proj, but the checkpoint C has q_proj,v_proj\n");
}

TEST_CASE("`all` is compared with the word the run was started with, which the original's checkpoints do not tell") {
  test::TemporaryFolder folder;
  test::write_text(folder.path() / "adapter_config.json", kAdapter);
  CHECK(problems(folder.path(), {"lora_target=all"}) == "");
  note_options(folder.path(), {"lora_target=all"});
  CHECK(problems(folder.path(), {"lora_target=all"}) == "");
  note_options(folder.path(), {"lora_target=q_proj,v_proj"});
  CHECK(problems(folder.path(), {"lora_target=all"}) ==
        "command line: lora_target is all, but the checkpoint C has q_proj,v_proj\n");
}

TEST_CASE("an adapter that was named has its own shape, unless a new one is made of it") {
  test::TemporaryFolder folder;
  test::write_text(folder.path() / "adapter_config.json", kAdapter);
  CHECK(problems(folder.path(), {"lora_rank=4", "adapter_name_or_path=a"}) == "");
  CHECK(problems(folder.path(), {"lora_rank=4", "adapter_name_or_path=a", "create_new_adapter=true"}) != "");
}

TEST_CASE("a whole model and an adapter do not continue one another") {
  test::TemporaryFolder folder;
  for (const char* method : {"finetuning_type=lora", "finetuning_type=full"})
    CHECK(problems(folder.path(), {method}) ==
          "default: resume_from_checkpoint: C holds neither a model (config.json) nor an adapter "
          "(adapter_config.json)\n");
  whole_model(folder.path());
  CHECK(problems(folder.path(), {"finetuning_type=lora"}) ==
        "command line: finetuning_type is lora, but the checkpoint C has a whole model\n");
  CHECK(problems(folder.path(), {"finetuning_type=full"}) == "");
  fs::remove(folder.path() / "config.json");
  test::write_text(folder.path() / "adapter_config.json", kAdapter);
  for (const std::string method : {"full", "freeze"})
    CHECK(problems(folder.path(), {"finetuning_type=" + method}) ==
          "command line: finetuning_type is " + method + ", but the checkpoint C has an adapter\n");
}

TEST_CASE("full and freeze do not continue one another: the optimiser knows other weights") {
  test::TemporaryFolder folder;
  whole_model(folder.path());
  note_options(folder.path(), {"finetuning_type=freeze"});
  CHECK(problems(folder.path(), {"finetuning_type=full"}) ==
        "command line: finetuning_type is full, but the checkpoint C has freeze\n");
  note_options(folder.path(), {"finetuning_type=full"});
  CHECK(problems(folder.path(), {"finetuning_type=freeze", "freeze_trainable_layers=1"}) ==
        "command line: finetuning_type is freeze, but the checkpoint C has full\n");
}

TEST_CASE("freeze goes on with the layers and modules it was started with") {
  test::TemporaryFolder folder;
  const std::string freeze = "finetuning_type=freeze";
  whole_model(folder.path());
  CHECK(problems(folder.path(), {freeze, "freeze_trainable_layers=1"}) == "");  // the original's: nothing to compare
  note_options(folder.path(), {freeze, "freeze_trainable_layers=2", "freeze_trainable_modules=mlp,self_attn"});
  CHECK(problems(folder.path(), {freeze, "freeze_trainable_modules=self_attn,mlp"}) == "");
  CHECK(problems(folder.path(), {freeze, "freeze_trainable_layers=1", "freeze_trainable_modules=mlp",
                                 "freeze_extra_modules=embed_tokens"}) ==
        "command line: freeze_trainable_layers is 1, but the checkpoint C has 2\n"
        "command line: freeze_trainable_modules is mlp, but the checkpoint C has mlp,self_attn\n"
        "command line: freeze_extra_modules is embed_tokens, but the checkpoint C has none\n");
}

TEST_CASE("damaged settings stop nothing here: whoever needs them says so") {
  test::TemporaryFolder folder;
  const std::string deep(100'000, '['), deep_value = "{\"freeze_trainable_layers\": {\"value\": " + deep;
  whole_model(folder.path());
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("7"), deep,
        deep + std::string(deep.size(), ']'), deep_value, std::string(R"({"freeze_trainable_layers": 3})")}) {
    test::write_text(folder.path() / "training_args.json", text);
    CHECK(problems(folder.path(), {"finetuning_type=freeze"}) == "");
    test::write_text(folder.path() / "adapter_config.json", text);
    CHECK(problems(folder.path(), {"finetuning_type=lora"}) == "");
    fs::remove(folder.path() / "adapter_config.json");
  }
}

TEST_CASE("values of any kind and size are said in a bounded sentence") {
  test::TemporaryFolder folder;
  const auto& checkpoint = folder.path();
  for (const std::string& value : {std::string("1e300"), std::string("-1"), std::string("{\"a\": [[1]]}"),
                                   std::string("[[[[1]]], {}, null, true]"), "\"" + std::string(50'000, 'x') + "\""}) {
    CAPTURE(value.substr(0, 40));
    test::write_text(checkpoint / "adapter_config.json", R"({"r": )" + value + R"(, "target_modules": )" + value + "}");
    const std::string text = problems(checkpoint, {"lora_target=q_proj"});
    CHECK(text.starts_with("default: lora_rank is 8, but the checkpoint C has "));
    CHECK(text.find("command line: lora_target is q_proj, but the checkpoint C has ") != std::string::npos);
    CHECK(text.size() < 1000);
  }
}

TEST_CASE(
    "the model has to have the checkpoint's shape, whatever its folder is called; every fact that differs is named") {
  test::TemporaryFolder folder;
  const fs::path checkpoint = folder.path() / "C";
  fs::create_directories(checkpoint);
  const auto demo = test::share() / "models/demo";
  model::DecoderSpec spec = model::DecoderSpec::read(demo);
  const auto problems_with = [&](const std::string& method) {
    const auto read = test::read({"model_name_or_path=M", "finetuning_type=" + method});
    std::string text;
    for (const auto& problem : train::base_problems(read.options, "C", spec)) text += problem.text + "\n";
    return text;
  };
  const fs::path there = fs::current_path();
  fs::current_path(folder.path());
  test::write_text(checkpoint / "lmf_run_state.json", nlohmann::json{{"base_model", model::shape_facts(spec)}}.dump());
  fs::copy_file(demo / "config.json", checkpoint / "config.json");
  for (const char* method : {"lora", "full", "freeze"}) CHECK(problems_with(method) == "");
  spec.vocab_size = 32000;
  spec.heads = 2;
  const std::string expected =
      "command line: model_name_or_path: M has num_attention_heads 2, vocab_size 32000, but the model of the "
      "checkpoint "
      "C has num_attention_heads 4, vocab_size 924\n";
  for (const char* method : {"lora", "full", "freeze"}) CHECK(problems_with(method) == expected);
  // Of an adapter that another program or an earlier version wrote, and of what is damaged, nothing is known.
  for (const char* text : {"{}", "[", R"({"base_model": 3})", R"({"base_model": null})"}) {
    test::write_text(checkpoint / "lmf_run_state.json", text);
    CHECK(problems_with("lora") == "");
  }
  test::write_text(checkpoint / "lmf_run_state.json", R"({"base_model": {"vocab_size": [[], {}]}})");
  CHECK(problems_with("lora").find("but the model of the checkpoint C has vocab_size") != std::string::npos);
  test::write_text(checkpoint / "config.json", "{}");
  CHECK_THROWS_AS(problems_with("full"), Error);
  fs::current_path(there);
}

TEST_CASE("a run that would end before its checkpoint is refused with both steps") {
  train::ResumePoint point{.checkpoint = "C", .trainer = {}, .run = {}};
  point.trainer.global_step = 6;
  const auto problem = [&point](const std::string& last_word) -> std::string {
    const auto read = test::read({"per_device_train_batch_size=2", "gradient_accumulation_steps=1", last_word});
    const auto found = train::end_problems(read.options, point, /*examples=*/10, /*ranks=*/1);
    return found.empty() ? "" : found.at(0).text;
  };
  const std::string too_late =
      "default: resume_from_checkpoint: C is after step 6, and this run would end after step 5";
  for (const char* word : {"num_train_epochs=1", "max_steps=5"}) CHECK(problem(word) == too_late);
  for (const char* word : {"num_train_epochs=2", "max_steps=6"}) CHECK(problem(word) == "");
  // Batches of one: six of ten examples were seen, and the rest of the epoch is two steps of two.
  point.run = train::RunState{.data_seed = 42, .shuffle = true, .examples = 10, .position = train::Position{0, 6}};
  CHECK(problem("num_train_epochs=1") == "");
  CHECK(problem("max_steps=5") == too_late);
  point.run->examples = 11;  // another order
  CHECK(problem("num_train_epochs=1") == too_late);
}
