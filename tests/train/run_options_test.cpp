// Options that add to a run without changing its steps, and the adapter it begins with.
#include <doctest/doctest.h>

#include "model/safetensors.hpp"
#include "train/tiny_run.hpp"

using namespace lmf;
using nlohmann::json;
using test::without_time;

TEST_CASE("create_new_adapter merges the named one and trains a fresh one; so does the run that goes on") {
  test::TinyRun run;
  model::LoraConfig named;
  named.rank = 2;
  named.targets = {"q_proj"};
  named.modules_to_save = {"lm_head"};
  run.write_adapter(named);
  run.options.save_strategy = train::SaveStrategy::steps;
  run.options.save_steps = 3;
  run.options.max_steps = 6;
  run.options.learning_rate = 3e-3;
  run.options.method = train::Method::lora;
  run.options.adapters = {run.adapter().string()};
  run.options.create_new_adapter = true;
  run.options.lora_targets = {"v_proj"};
  const auto unbroken = without_time(run.losses());
  const auto saved = model::Weights::open_file(run.options.output_dir / "adapter_model.safetensors").files().names();
  CHECK(saved.size() == 6);  // three layers' pairs
  for (const std::string& name : saved) CHECK(name.find("v_proj.lora_") != std::string::npos);
  run.options.resume_from = run.options.output_dir / "checkpoint-3";
  CHECK(without_time(run.losses()) == unbroken);
  run.options.resume_from.reset();
  run.options.adapters.clear();
  CHECK(without_time(run.losses()) == unbroken);  // B of the named one is zero, so merging changed nothing
}

TEST_CASE("logging_first_step logs step 1, and the steps after it until the next line") {
  test::TinyRun run;
  run.options.max_steps = 5;
  const auto each = run.losses();
  run.options.logging_steps = 3;
  run.options.logging_first_step = true;
  const auto some = run.losses();
  REQUIRE(some.size() == 2);
  CHECK(some[0]["loss"] == each[0]["loss"]);
  CHECK(some[1]["step"] == 3);
  CHECK(some[1]["loss"].get<double>() == (each[1]["loss"].get<double>() + each[2]["loss"].get<double>()) / 2);
}

TEST_CASE("effective tokens per second are the data's tokens times the epochs, in the results alone") {
  test::TinyRun run;
  run.options.epochs = 2;
  run.losses();
  CHECK_FALSE(run.metrics.contains("effective_tokens_per_sec"));
  run.options.effective_tokens_per_second = true;
  const auto state = run.train(run.options);
  const double tokens =
      run.metrics["effective_tokens_per_sec"].get<double>() * run.metrics["train_runtime"].get<double>();
  CHECK(tokens == doctest::Approx(2.0 * static_cast<double>(run.store().tokens())).epsilon(1e-2));  // of a rounded time
  for (const json& entry : state.log_history) CHECK_FALSE(entry.contains("effective_tokens_per_sec"));
}

TEST_CASE("print_param_status has a line for each parameter and says which learn") {
  test::TinyRun run;
  run.options.method = train::Method::lora;
  run.options.lora_targets = {"q_proj"};
  const std::string lines = train::Trainee::make(run.options, torch::kCPU).parameter_lines();
  CHECK(lines.starts_with("name: model.embed_tokens.weight, dtype: torch.float32, device: cpu, trainable: False\n"));
  CHECK(
      lines.find("name: base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight, dtype: torch.float32, device: "
                 "cpu, trainable: True\n") != std::string::npos);
}
