// Runs that stop and go on, and what they leave behind.
#include <csignal>
#include <fstream>
#include <sstream>

#include <torch/utils.h>
#include <doctest/doctest.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "train/tiny_run.hpp"
#include "train/worker/stop_signal.hpp"

using namespace lmf;
using nlohmann::json;
using test::without_time;
namespace fs = std::filesystem;

namespace {

/// Options with everything that a resumed run has to restore: shuffling, accumulation, a schedule, logging out of step.
train::TrainOptions eventful(train::TrainOptions options) {
  options.shuffle = true;
  options.accumulation = 2;
  options.max_steps = 9;
  options.learning_rate = 3e-3;
  options.schedule = "cosine";
  options.warmup_steps = 2;
  options.logging_steps = 2;
  options.save_strategy = train::SaveStrategy::steps;
  options.save_steps = 3;
  return options;
}

void check_resume(train::TrainOptions (*adjust)(train::TrainOptions), const char* weights) {
  test::TinyRun run;
  run.options = adjust(eventful(run.options));
  const auto unbroken = without_time(run.losses());
  auto resumed = run.options;
  resumed.output_dir = run.folder() / "resumed";
  resumed.resume_from = run.options.output_dir / "checkpoint-3";
  const auto after = run.train(resumed);
  CHECK(without_time(after.log_history) == unbroken);
  CHECK(test::same_tensors(run.options.output_dir / weights, resumed.output_dir / weights));
  CHECK(test::same_tensors(run.options.output_dir / "checkpoint-9/optimizer.safetensors",
                           resumed.output_dir / "checkpoint-9/optimizer.safetensors"));
  CHECK(read_file(run.options.output_dir / "checkpoint-9/lmf_run_state.json") ==
        read_file(resumed.output_dir / "checkpoint-9/lmf_run_state.json"));
}

std::string error_of(test::TinyRun& run, const train::TrainOptions& options) {
  try {
    run.train(options);
  } catch (const Error& problem) {
    return problem.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a full run resumed from a checkpoint gives the unbroken run's losses and weights, bit for bit") {
  check_resume([](train::TrainOptions options) { return options; }, "model.safetensors");
}

TEST_CASE("a LoRA run with dropout resumes bit for bit") {
  check_resume(
      [](train::TrainOptions options) {
        options.method = train::Method::lora;
        options.lora_targets = {"all"};
        options.lora_dropout = 0.3;
        options.additional_targets = {"lm_head"};
        return options;
      },
      "adapter_model.safetensors");
}

TEST_CASE("a freeze run resumes bit for bit, and leaves the frozen layers as they were") {
  check_resume(
      [](train::TrainOptions options) {
        options.method = train::Method::freeze;
        options.freeze_trainable_layers = 1;
        options.freeze_trainable_modules = {"mlp"};
        return options;
      },
      "model.safetensors");
}

TEST_CASE("an adapter on a layer of its own name resumes bit for bit") {
  check_resume(
      [](train::TrainOptions options) {
        options.method = train::Method::lora;
        options.lora_targets = {"layers.1.self_attn.q_proj", "down_proj"};
        return options;
      },
      "adapter_model.safetensors");
}

TEST_CASE("lora_dropout may change when a run goes on, and is saved as it is then") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.options.method = train::Method::lora;
  run.options.lora_targets = {"all"};
  run.options.lora_dropout = 0.3;
  const auto unbroken = without_time(run.losses());
  run.options.resume_from = run.options.output_dir / "checkpoint-3";
  run.options.lora_dropout = 0.0;
  const auto resumed = without_time(run.losses());
  CHECK(resumed.back() != unbroken.back());
  CHECK(read_file(run.options.output_dir / "checkpoint-9/adapter_config.json").find(R"("lora_dropout": 0.0)") !=
        std::string::npos);
}

TEST_CASE("a base model of another name is told when a run goes on, one that the checkpoint does not name is not") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.options.method = train::Method::lora;
  run.options.lora_targets = {"all"};
  run.losses();
  run.options.resume_from = run.options.output_dir / "checkpoint-6";
  const auto said_with_base = [&run](const json& base) {
    const fs::path file = *run.options.resume_from / "adapter_config.json";
    json config = json::parse(read_file(file));
    config["base_model_name_or_path"] = base;
    std::ofstream(file) << config;
    std::string said;
    log::set_sink([&said](log::Level, std::string_view text) { said += text; }, log::Level::info);
    run.train(run.options);
    log::set_sink([](log::Level, std::string_view) {}, log::Level::off);
    return said;
  };
  CHECK(said_with_base("elsewhere").find("was trained on elsewhere before the interruption") != std::string::npos);
  for (const json& unnamed : {json(nullptr), json("")})
    CHECK(said_with_base(unnamed).find("was trained on") == std::string::npos);
}

TEST_CASE("an adapter is found by its name in the Hugging Face cache, and trains as from its folder") {
  test::TinyRun run;
  run.options.method = train::Method::lora;
  run.options.max_steps = 3;
  model::LoraConfig adapter;
  adapter.rank = 4;
  adapter.targets = {"q_proj", "v_proj"};
  run.write_adapter(adapter);
  run.options.adapters = {run.adapter().string()};
  const auto from_folder = without_time(run.losses());
  const fs::path repository = run.folder() / "cache/models--org--adapter";
  const std::string commit(40, 'c');
  fs::create_directories(repository / "refs");
  fs::create_directories(repository / "snapshots");
  std::ofstream(repository / "refs/v2") << commit;
  fs::rename(run.adapter(), repository / "snapshots" / commit);
  run.options.adapters = {"org/adapter"};
  run.options.model_revision = "v2";
  run.options.cache_dir = (run.folder() / "cache").string();
  CHECK(without_time(run.losses()) == from_folder);
  run.options.model_revision = "v3";
  CHECK(error_of(run, run.options).find("revision 'v3' of an adapter of that name is not in the Hugging Face cache") !=
        std::string::npos);
}

TEST_CASE("a freeze run does not go on with fewer or other layers than its optimiser's state is of") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.options.method = train::Method::freeze;
  run.options.freeze_trainable_modules = {"all"};
  run.losses();
  run.options.resume_from = run.options.output_dir / "checkpoint-3";
  run.options.freeze_trainable_layers = 1;
  CHECK(error_of(run, run.options).find("which this run does not train") != std::string::npos);
  run.options.freeze_trainable_layers = 2;
  run.options.freeze_extra_modules = {"embed_tokens"};
  CHECK(error_of(run, run.options).find("has no exp_avg.model.embed_tokens.weight") != std::string::npos);
}

TEST_CASE("dropout changes the loss, and the seed decides how") {
  test::TinyRun run;
  run.options.method = train::Method::lora;
  run.options.lora_targets = {"all"};
  run.options.max_steps = 4;
  run.options.learning_rate = 1e-2;
  const auto plain = without_time(run.losses());
  run.options.lora_dropout = 0.5;
  const auto dropped = without_time(run.losses());
  CHECK(plain.back() != dropped.back());
  CHECK(without_time(run.losses()) == dropped);
  run.options.seed = 43;
  CHECK(without_time(run.losses()).back() != dropped.back());
}

TEST_CASE("recomputing activations changes no loss, with dropout too") {
  test::TinyRun run;
  run.options.method = train::Method::lora;
  run.options.lora_targets = {"all"};
  run.options.lora_dropout = 0.2;
  run.options.max_steps = 5;
  run.options.learning_rate = 1e-2;
  run.options.checkpointing = train::Checkpointing::never;
  const auto kept = without_time(run.losses());
  run.options.checkpointing = train::Checkpointing::always;
  CHECK(without_time(run.losses()) == kept);
}

TEST_CASE("save_total_limit keeps the newest checkpoints, save_only_model leaves the optimiser out") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.options.save_steps = 2;
  run.options.save_total_limit = 2;
  run.options.save_only_model = true;
  run.losses();
  CHECK_FALSE(fs::exists(run.options.output_dir / "checkpoint-6"));
  CHECK(fs::exists(run.options.output_dir / "checkpoint-8/model.safetensors"));
  CHECK(fs::exists(run.options.output_dir / "checkpoint-9/trainer_state.json"));
  CHECK_FALSE(fs::exists(run.options.output_dir / "checkpoint-9/optimizer.safetensors"));
}

TEST_CASE("a checkpoint without optimiser state goes on with everything else: log, order of the examples, mean loss") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.options.logging_steps = 1;
  run.options.save_only_model = true;
  const auto unbroken = without_time(run.losses());
  run.options.resume_from = run.options.output_dir / "checkpoint-3";
  const auto resumed = without_time(run.losses());
  REQUIRE(resumed.size() == 9);
  CHECK(std::equal(resumed.begin(), resumed.begin() + 4, unbroken.begin()));  // step 4 needs no moment for its loss
  CHECK(resumed.back()["loss"] != unbroken.back()["loss"]);
  double mean = 0;
  for (const auto& entry : resumed) mean += entry["loss"].get<double>() / 9;
  CHECK(run.metrics["train_loss"].get<double>() == doctest::Approx(mean).epsilon(1e-12));
}

TEST_CASE(
    "after a fresh run over an older, longer one, its own checkpoint is the newest and the older ones are there") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.losses();  // checkpoints 3, 6, 9
  run.options.save_steps = 2;
  run.options.max_steps = 4;
  run.options.save_total_limit = 1;
  run.losses();
  const auto& out = run.options.output_dir;
  for (const char* name : {"checkpoint-3", "checkpoint-6", "checkpoint-9", "checkpoint-4"})
    CHECK(fs::exists(out / name));
  CHECK_FALSE(fs::exists(out / "checkpoint-2"));
  run.options.resume_from = train::newest_checkpoint(out)->path;
  CHECK(*run.options.resume_from == out / "checkpoint-4");
  run.options.max_steps = 8;
  run.losses();
  CHECK(train::newest_checkpoint(out)->step == 8);
  for (const char* name : {"checkpoint-3", "checkpoint-6-earlier-1", "checkpoint-9"})
    CHECK(fs::exists(out / name / "model.safetensors"));
  CHECK_FALSE(fs::exists(out / "checkpoint-6"));  // the run's own, beyond its limit
}

TEST_CASE("a fresh run that saves no checkpoint leaves the older run's, and none of them is the newest") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.losses();
  const auto& out = run.options.output_dir;
  run.options.max_steps = 2;
  // What cannot begin takes nothing over.
  run.options.resume_from = out / "checkpoint-9";
  CHECK(error_of(run, run.options).find("is after step 9") != std::string::npos);
  CHECK(train::newest_checkpoint(out)->step == 9);
  run.options.resume_from.reset();
  run.options.save_strategy = train::SaveStrategy::no;
  run.losses();
  CHECK_FALSE(train::newest_checkpoint(out));
  for (const char* name : {"checkpoint-3", "checkpoint-6", "checkpoint-9"})
    CHECK(fs::exists(out / name / "model.safetensors"));
  run.options.save_strategy = train::SaveStrategy::steps;
  run.options.save_steps = 1;
  run.losses();
  CHECK(train::newest_checkpoint(out)->path == out / "checkpoint-2");
}

TEST_CASE("save_strategy epoch saves at the end of every epoch, no saves none") {
  test::TinyRun run;
  run.options.epochs = 2;
  run.options.save_strategy = train::SaveStrategy::epoch;
  run.losses();
  CHECK(fs::exists(run.options.output_dir / "checkpoint-7"));
  CHECK(fs::exists(run.options.output_dir / "checkpoint-14"));
  fs::remove_all(run.options.output_dir);
  run.options.save_strategy = train::SaveStrategy::no;
  run.losses();
  CHECK_FALSE(fs::exists(run.options.output_dir / "checkpoint-14"));
  CHECK(fs::exists(run.options.output_dir / "model.safetensors"));
}

TEST_CASE("a signal ends the run after its step with a checkpoint, from which it goes on") {
  test::TinyRun run;
  run.options = eventful(run.options);
  const auto unbroken = without_time(run.losses());
  auto stopped = run.options;
  stopped.output_dir = run.folder() / "stopped";
  {
    auto trainee = train::Trainee::make(stopped, torch::kCPU);
    const auto examples = run.store();
    int saves = 0;
    // The signal arrives while checkpoint-3 is being written.
    train::Trainer trainer(stopped, trainee, examples, [&](const auto&) {
      if (saves++ == 0) std::raise(SIGTERM);
    });
    CHECK(trainer.run() == 128 + SIGTERM);
    CHECK(trainer.state().global_step == 4);
  }
  CHECK_FALSE(fs::exists(stopped.output_dir / "model.safetensors"));
  stopped.resume_from = stopped.output_dir / "checkpoint-4";
  CHECK(without_time(run.train(stopped).log_history) == unbroken);
  std::istringstream log(read_file(stopped.output_dir / "trainer_log.jsonl"));
  std::vector<std::int64_t> steps;
  for (std::string line; std::getline(log, line);) steps.push_back(json::parse(line)["current_steps"]);
  CHECK(steps == std::vector<std::int64_t>{2, 4, 6, 8, 9});  // the last is the summary
}

TEST_CASE("a checkpoint of the original goes on with its step and schedule, and an optimiser that starts afresh") {
  test::TinyRun run;
  run.options = eventful(run.options);
  const auto unbroken = run.losses();
  const fs::path checkpoint = run.options.output_dir / "checkpoint-3";
  fs::remove(checkpoint / "optimizer.safetensors");
  fs::remove(checkpoint / "lmf_run_state.json");
  std::ofstream(checkpoint / "optimizer.pt") << "a pickle";
  run.options.resume_from = checkpoint;
  const auto resumed = run.losses();
  CHECK(resumed.back()["learning_rate"] == unbroken.back()["learning_rate"]);
  CHECK(resumed.back()["step"] == 8);
  CHECK(resumed.back()["loss"] != unbroken.back()["loss"]);
}

TEST_CASE("checkpoints that are damaged, foreign or past the end are refused by name") {
  test::TinyRun run;
  run.options = eventful(run.options);
  run.losses();
  auto resumed = run.options;
  const fs::path checkpoint = run.options.output_dir / "checkpoint-6";
  resumed.resume_from = checkpoint;
  resumed.max_steps = 5;
  CHECK(error_of(run, resumed).find("is after step 6, and this run would end after step 5") != std::string::npos);
  resumed.max_steps = 9;
  std::ofstream(checkpoint / "lmf_run_state.json") << "{}";
  CHECK(error_of(run, resumed).find("lmf_run_state.json: format is missing") != std::string::npos);
  fs::remove(checkpoint / "lmf_run_state.json");
  fs::resize_file(checkpoint / "optimizer.safetensors", 1000);
  CHECK(error_of(run, resumed).find("optimizer.safetensors") != std::string::npos);
  fs::remove(checkpoint / "trainer_state.json");
  CHECK(error_of(run, resumed).find("trainer_state.json: No such file") != std::string::npos);
}

TEST_CASE("a parameter that is no number stops the run at its step, with its name, dtype and the examples") {
  test::TinyRun run;
  run.options.max_steps = 3;
  auto trainee = train::Trainee::make(run.options, torch::kCPU);
  const auto examples = run.store();
  {
    torch::NoGradGuard no_grad;
    trainee.trainable()[5].second.data_ptr<float>()[0] = NAN;
  }
  train::Trainer trainer(run.options, trainee, examples, [](const auto&) {});
  std::string message;
  try {
    trainer.run();
  } catch (const Error& problem) {
    message = problem.what();
  }
  CHECK(message.find("step 1 stopped") == 0);
  CHECK(message.find("the parameter " + trainee.trainable()[5].first + " (float32)") != std::string::npos);
  CHECK(message.find("examples.json:1 (record 1), examples.json:2 (record 2)") != std::string::npos);
}

TEST_CASE("an overflow inside the model names the layer and the example") {
  test::TinyRun run;
  run.options.max_steps = 3;
  auto trainee = train::Trainee::make(run.options, torch::kCPU);
  const auto examples = run.store();
  {
    torch::NoGradGuard no_grad;
    // gate and up outputs near 1e30 multiply to infinity in layer 1 alone.
    trainee.decoder().layers[1].gate.weight.mul_(1e32);
    trainee.decoder().layers[1].up.weight.mul_(1e32);
  }
  train::Trainer trainer(run.options, trainee, examples, [](const auto&) {});
  std::string message;
  try {
    trainer.run();
  } catch (const Error& problem) {
    message = problem.what();
  }
  CAPTURE(message);
  CHECK(message.find("the output of model.layers.1 (float32) on examples.json:1 (record 1)") != std::string::npos);
}
