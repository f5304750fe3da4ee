// Whole runs against those of transformers' Trainer (and peft) on the same model and examples; see
// tests/fixtures/train.
#include <algorithm>

#include <doctest/doctest.h>

#include "train/tiny_run.hpp"

using namespace lmf;
using nlohmann::json;

namespace {

train::TrainOptions trajectory_options(const json& run, train::TrainOptions options) {
  const std::string method = run["method"];
  options.method = method == "full"     ? train::Method::full
                   : method == "freeze" ? train::Method::freeze
                                        : train::Method::lora;
  options.batch_size = run["batch_size"];
  options.accumulation = run["accumulation"];
  options.epochs = run.value("epochs", 3.0);
  options.max_steps = run.value("max_steps", -1);
  options.learning_rate = run["learning_rate"];
  options.schedule = run["schedule"];
  options.warmup_ratio = run.value("warmup_ratio", 0.0);
  options.warmup_steps = run.value("warmup_steps", 0.0);
  options.adamw.weight_decay = run.value("weight_decay", 0.0);
  options.max_grad_norm = run.value("max_grad_norm", 1.0);
  options.freeze_trainable_layers = 1;
  options.freeze_trainable_modules = {"all"};
  options.freeze_extra_modules = {"embed_tokens"};
  return options;
}

void check_run(const std::string& name) {
  const json expected = test::train_fixture("trajectories.json")["runs"][name];
  test::TinyRun run(expected.value("tied", false));
  run.options = trajectory_options(expected, run.options);
  if (run.options.method == train::Method::lora) {
    const bool additional = expected["method"] == "lora_additional";
    model::LoraConfig adapter;
    adapter.rank = 4;
    adapter.alpha = 8;
    adapter.rslora = additional;
    adapter.targets = {"q_proj", "v_proj", "down_proj"};
    if (additional) adapter.modules_to_save = {"embed_tokens"};
    if (expected["method"] == "lora_head") adapter.modules_to_save = {"lm_head"};
    adapter.base_model = run.model().string();
    run.write_adapter(adapter);
    run.options.adapters = {run.adapter().string()};
  }
  const auto steps = run.losses();
  REQUIRE(steps.size() == expected["steps"].size());
  double loss = 0, norm = 0, rate = 0, epoch = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const json& theirs = expected["steps"][i];
    loss = std::max(loss, test::relative(steps[i]["loss"], theirs["loss"]));
    norm = std::max(norm, test::relative(steps[i]["grad_norm"], theirs["grad_norm"]));
    rate = std::max(rate, test::relative(steps[i]["learning_rate"], theirs["learning_rate"]));
    epoch = std::max(epoch, test::relative(steps[i]["epoch"], theirs["epoch"]));
    CHECK(steps[i]["num_input_tokens_seen"] == theirs["num_input_tokens_seen"]);
  }
  MESSAGE(name << ": largest relative difference of loss " << loss << ", gradient norm " << norm);
  // fp32 sums in another order, carried through some optimiser steps (Adam turns a tiny gradient's sign into a whole
  // step).
  CHECK(loss < 2e-5);
  CHECK(norm < 2e-4);
  CHECK(rate < 1e-14);
  CHECK(epoch < 1e-14);
  CHECK(test::relative(run.metrics["train_loss"], expected["train_loss"]) < 2e-5);
  CHECK(run.metrics["total_flos"] == expected["total_flos"]);
}

}  // namespace

TEST_CASE("full tuning follows transformers' losses, an epoch with a short last batch") { check_run("full"); }
TEST_CASE("accumulation with a short last group, cosine warm-up, weight decay and clipping follow too") {
  check_run("full_accumulated");
}
TEST_CASE("freeze trains the last layer and an extra module") { check_run("freeze"); }
TEST_CASE("LoRA follows peft") { check_run("lora"); }
TEST_CASE("rsLoRA with an additional target follows peft") { check_run("lora_additional"); }
TEST_CASE("LoRA with a head that is trained whole follows peft, also where it was tied") {
  check_run("lora_head");
  check_run("lora_tied_head");
}
TEST_CASE("a tied head gets the gradients of both its uses") { check_run("tied"); }
