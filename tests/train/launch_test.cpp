// The launcher's decisions, without libtorch: where a run begins, contradictions between options, steps.
#include <chrono>

#include <doctest/doctest.h>

#include "../config/support.hpp"
#include "lmf/error.hpp"
#include "train/launch/checks.hpp"
#include "train/launch/resume.hpp"
#include "train/launch/worker_library.hpp"
#include "train/shared/checkpoint_folders.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

/// Options that are right but for `more`.
config::Options options_with(std::vector<std::string> more) {
  for (const char* word : {"model_name_or_path=m", "dataset=d", "do_train=true", "output_dir=/tmp/lmf-no-such-folder"})
    more.insert(more.begin(), word);
  const auto read = test::read(more);
  CHECK(test::problems_of(read) == "");
  return read.options;
}

std::string problems_with(const std::vector<std::string>& more) {
  std::string text;
  for (const auto& problem : train::option_problems(options_with(more))) text += problem.text + "\n";
  return text;
}

train::Start start_in(const fs::path& folder, std::vector<std::string> more = {}) {
  more.push_back("output_dir=" + folder.string());
  return train::decide_start(options_with(more));
}

}  // namespace

TEST_CASE("a run begins at the first step when there is nothing to continue") {
  test::TemporaryFolder folder;
  CHECK_FALSE(start_in(folder.path() / "new").checkpoint);
  CHECK_FALSE(start_in(folder.path()).problem);
}

TEST_CASE("a run continues from the newest checkpoint: the highest number of the last run") {
  test::TemporaryFolder folder;
  for (const char* name :
       {"checkpoint-9", "checkpoint-10", "checkpoint-", "checkpoint-x", "checkpoint-11x", "unfinished-checkpoint-12"})
    test::write_text(folder.path() / name / "trainer_state.json", "{}");
  fs::create_directory(folder.path() / "checkpoint-98");
  test::write_text(folder.path() / "checkpoint-99", "a file");
  CHECK(start_in(folder.path()).checkpoint == folder.path() / "checkpoint-10");
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=true"}).checkpoint == folder.path() / "checkpoint-10");
  const std::string named = (folder.path() / "checkpoint-9").string();
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=" + named + "/"}).checkpoint == named);
  CHECK_FALSE(start_in(folder.path(), {"resume_from_checkpoint=false"}).checkpoint);
  CHECK_FALSE(start_in(folder.path(), {"overwrite_output_dir=true"}).checkpoint);

  test::write_text(folder.path() / "checkpoint-9/lmf_run_state.json", R"({"run": 2})");
  test::write_text(folder.path() / "checkpoint-10/lmf_run_state.json", R"({"run": 1})");
  CHECK(start_in(folder.path()).checkpoint == folder.path() / "checkpoint-9");
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=true"}).checkpoint == folder.path() / "checkpoint-9");
}

TEST_CASE(
    "what a run before the last left is not continued unasked, and a wish to continue says how to go back to it") {
  test::TemporaryFolder folder;
  const fs::path older = folder.path() / "checkpoint-9";
  test::write_text(older / "config.json", "{}");
  train::begin_run(folder.path(), 1);
  CHECK(start_in(folder.path()).why == "the last run in output_dir left no checkpoint");
  CHECK_FALSE(start_in(folder.path()).checkpoint);
  const auto start = start_in(folder.path(), {"resume_from_checkpoint=true"});
  REQUIRE(start.problem);
  CHECK(start.problem->text == "command line: resume_from_checkpoint is true, but the last run in " +
                                   folder.path().string() + " left no checkpoint");
  CHECK(start.problem->hint.ends_with("resume_from_checkpoint: " + older.string()));
  test::write_text(older / "trainer_state.json", "{}");
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=" + older.string()}).checkpoint == older);
}

TEST_CASE("a job that was started again continues from what it has written itself, whatever the options say") {
  test::TemporaryFolder folder;
  test::write_text(folder.path() / "checkpoint-7/trainer_state.json", "{}");
  const auto options = options_with(
      {"output_dir=" + folder.path().string(), "overwrite_output_dir=true", "resume_from_checkpoint=false"});
  CHECK_FALSE(train::decide_start(options).checkpoint);
  CHECK_FALSE(train::decide_start(options, "this job").checkpoint);  // another program's
  test::write_text(folder.path() / "checkpoint-7/lmf_run_state.json", R"({"run": 1, "job": "another"})");
  CHECK_FALSE(train::decide_start(options, "this job").checkpoint);
  test::write_text(folder.path() / "checkpoint-7/lmf_run_state.json", R"({"run": 1, "job": ["this job"]})");
  CHECK_FALSE(train::decide_start(options, "this job").checkpoint);
  // Written by a machine whose clock is years behind: that does not matter.
  test::write_text(folder.path() / "checkpoint-7/lmf_run_state.json", R"({"run": 1, "job": "this job"})");
  fs::last_write_time(folder.path() / "checkpoint-7", fs::file_time_type::clock::now() - std::chrono::hours(100000));
  CHECK(train::decide_start(options, "this job").checkpoint == folder.path() / "checkpoint-7");
  CHECK_FALSE(train::decide_start(options).checkpoint);
}

TEST_CASE("a finished model without checkpoint is neither continued nor overwritten unasked") {
  test::TemporaryFolder folder;
  test::write_text(folder.path() / "adapter_model.safetensors", "");
  const auto start = start_in(folder.path());
  REQUIRE(start.problem);
  CHECK(start.problem->text.find("already holds a trained model (adapter_model.safetensors)") != std::string::npos);
  CHECK(start.problem->hint.find("overwrite_output_dir: true") != std::string::npos);
  CHECK_FALSE(start_in(folder.path(), {"overwrite_output_dir=true"}).problem);
}

TEST_CASE("a named checkpoint must be one") {
  test::TemporaryFolder folder;
  const fs::path checkpoint = folder.path() / "checkpoint-3";
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=" + checkpoint.string()}).problem);
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=true"}).problem);
  fs::create_directory(checkpoint);
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=" + checkpoint.string()})
            .problem->text.find("no trainer_state.json") != std::string::npos);
  test::write_text(checkpoint / "trainer_state.json", "{}");
  CHECK(start_in(folder.path(), {"resume_from_checkpoint=" + checkpoint.string(), "overwrite_output_dir=true"})
            .checkpoint == checkpoint);
}

TEST_CASE("options that contradict each other are found") {
  CHECK(problems_with({}) == "");
  CHECK(problems_with({"dataset=", "model_name_or_path=", "do_train=false"}) ==
        "model_name_or_path is missing: which model to train\ndataset is missing: what to train on\ndo_train is "
        "missing: without it, do_eval and do_predict there is nothing to do\n");
  CHECK(problems_with({"finetuning_type=full", "adapter_name_or_path=a"}) ==
        "command line: adapter_name_or_path needs finetuning_type lora, which is full\n");
  CHECK(problems_with({"finetuning_type=freeze", "use_rslora=true"}) ==
        "command line: use_rslora needs finetuning_type lora, which is freeze\n");
  CHECK(problems_with({"finetuning_type=full", "use_rslora=false"}) == "");
  CHECK(problems_with({"finetuning_type=freeze", "freeze_trainable_layers=0"}) != "");
  CHECK(problems_with({"finetuning_type=freeze", "freeze_trainable_layers=0", "freeze_extra_modules=embed_tokens"}) ==
        "");
  CHECK(problems_with({"train_on_prompt=true", "mask_history=true"}) != "");
  CHECK(problems_with({"num_train_epochs=0"}) != "");
  CHECK(problems_with({"num_train_epochs=0", "max_steps=1"}) == "");
  CHECK(problems_with({"logging_steps=0"}) == "command line: logging_steps is 0\n");
  CHECK(problems_with({"logging_steps=1.5"}) ==
        "command line: logging_steps is 1.5: above 1 it is a number of steps\n");
  CHECK(problems_with({"logging_steps=0.5", "save_steps=0.1", "warmup_steps=0.1"}) == "");
  CHECK(problems_with({"save_steps=0", "save_strategy=no"}) == "");
  test::TemporaryFolder folder;
  const std::string file = test::write_text(folder.path() / "file", "").string();
  CHECK(problems_with({"output_dir=" + file}) == "command line: output_dir " + file + " is a file\n");
  CHECK(problems_with({"output_dir=" + file + "/a"}) ==
        "command line: output_dir cannot be made: " + file + " is a file\n");
  for (const std::string place : {"/proc", "/sys"})
    CHECK(problems_with({"output_dir=" + place + "/lmf-no-such-folder"})
              .starts_with("command line: output_dir cannot be written: nothing can be created in " + place + ": "));
  const auto before = fs::last_write_time(folder.path());
  CHECK(problems_with({"output_dir=" + (folder.path() / "new/folder").string()}) == "");
  CHECK(fs::last_write_time(folder.path()) == before);
}

TEST_CASE("options of evaluation that contradict each other, or have nothing to work on, are found") {
  const auto found = [](std::vector<std::string> options) { return problems_with(options); };
  const std::string data = "val_size=0.1", steps = "eval_strategy=steps";
  CHECK(found({data}) == "");
  CHECK(found({data, steps, "eval_steps=100", "load_best_model_at_end=true"}) == "");
  CHECK(found({data, "do_eval=true"}) == "");
  CHECK(found({"do_train=false", "do_eval=true", "dataset=", "eval_dataset=a"}) == "");
  CHECK(found({steps}) == "command line: eval_strategy asks for evaluation, but there are no data for it\n");
  CHECK(found({"do_eval=true"}) == "command line: do_eval asks for evaluation, but there are no data for it\n");
  CHECK(found({data, "eval_dataset=a"}) ==
        "command line: val_size contradicts eval_dataset: the data to evaluate on are either a part of dataset or "
        "others\n");
  CHECK(found({data, steps, "eval_steps=1.5"}) == "command line: eval_steps is 1.5: above 1 it is a number of steps\n");
  CHECK(found({data, "load_best_model_at_end=true"}) ==
        "command line: load_best_model_at_end needs evaluations during the training\n");
  CHECK(
      found({data, "eval_strategy=epoch", "load_best_model_at_end=true"}) ==
      "command line: load_best_model_at_end needs the same eval_strategy, which is epoch, and save_strategy, which is "
      "steps\n");
  CHECK(found({data, steps, "eval_steps=4", "save_steps=6", "load_best_model_at_end=true"}) ==
        "command line: load_best_model_at_end needs save_steps, 6, to be a multiple of the steps between evaluations, "
        "4\n");
  CHECK(found({data, steps, "eval_steps=0.1", "save_steps=0.3", "load_best_model_at_end=true"}) == "");
  CHECK(found({data, steps, "logging_steps=10", "save_steps=30", "load_best_model_at_end=true"}) == "");
  CHECK(found({data, "save_strategy=best"}) ==
        "command line: save_strategy is best, but nothing is evaluated during the training\n");
  CHECK(found({data, steps, "save_strategy=best"}) ==
        "command line: save_strategy is best, but nothing says by which metric\n");
  CHECK(found({data, "early_stopping_steps=3"}) ==
        "command line: early_stopping_steps needs evaluations during the training\n");
  CHECK(found({data, steps, "early_stopping_steps=3"}) ==
        "command line: early_stopping_steps needs a metric that shows progress\n");
  CHECK(found({data, steps, "metric_for_best_model=accuracy"}) ==
        "command line: metric_for_best_model is eval_accuracy, which no evaluation of this run has\n");
  CHECK(found({data, steps, "metric_for_best_model=accuracy", "compute_accuracy=true"}) == "");
  CHECK(found({"eval_dataset=a,b", steps, "eval_on_each_dataset=true", "metric_for_best_model=b_loss"}) == "");
  CHECK(found({"eval_dataset=a,b", steps, "metric_for_best_model=b_loss"}) ==
        "command line: metric_for_best_model is eval_b_loss, which no evaluation of this run has\n");
}

TEST_CASE("a model that is only evaluated may lie in output_dir, and its checkpoints are not continued") {
  test::TemporaryFolder folder;
  test::write_text(folder.path() / "adapter_model.safetensors", "");
  test::write_text(folder.path() / "checkpoint-7/trainer_state.json", "{}");
  const auto start = start_in(folder.path(), {"do_train=false", "do_eval=true", "val_size=0.1"});
  CHECK_FALSE(start.problem);
  CHECK_FALSE(start.checkpoint);
}

TEST_CASE("a trainer that cannot be loaded is explained") {
  const auto failure_of = [](const fs::path& library) -> std::string {
    try {
      train::load_worker(library);
      return {};
    } catch (const Error& failure) {
      CHECK(failure.exit_status() == kExitPluginUnusable);
      return std::string(failure.what()) + " | " + failure.hint();
    }
  };
  CHECK(failure_of("/no/such/folder/liblmf-train-worker.so") ==
        "the trainer /no/such/folder/liblmf-train-worker.so is missing | reinstall the package lmf-train");
  const fs::path needy = LMF_NEEDY_WORKER;
  CHECK(failure_of(needy).find("needs liblmf-test-gone.so, which this machine does not find | install libtorch") !=
        std::string::npos);
  CHECK(failure_of(LMF_EMPTY_WORKER).find("has no function lmf_train_worker_run_v1") != std::string::npos);
  test::TemporaryFolder folder;
  const std::string text = test::write_text(folder.path() / "text.so", "no library").string();
  CHECK(failure_of(text) ==
        "the trainer " + text +
            " cannot be loaded: it is no shared library of this machine | reinstall the package lmf-train");
}

TEST_CASE(
    "a DeepSpeed configuration with ZeRO stage 0 passes, in a file or in place; whatever asks for more is refused") {
  CHECK(problems_with({R"(deepspeed={"zero_optimization": {"stage": 0}, "bf16": {"enabled": "auto"}})"}) == "");
  CHECK(problems_with({R"(deepspeed={"train_batch_size": "auto"})"}) == "");
  CHECK(problems_with({R"(deepspeed={"zero_optimization": {"stage": 2}})"}) ==
        "command line: deepspeed asks for ZeRO stage 2: sharding is not in this version\n");
  CHECK(problems_with({R"(deepspeed={"fp16": {"enabled": true}})"}).find("turns fp16 on") != std::string::npos);
  CHECK(problems_with({R"(deepspeed={"optimizer": {"type": "Adam"}})"}).find("its own optimizer") != std::string::npos);
  CHECK(problems_with({R"(deepspeed={"gradient_clipping": 0.5})"})
            .find("gradient_clipping to 0.5, and max_grad_norm is 1") != std::string::npos);
  CHECK(problems_with({R"(deepspeed={"gradient_clipping": 0.5})", "max_grad_norm=0.5"}) == "");

  test::TemporaryFolder folder;
  const std::string file = (folder.path() / "ds.json").string();
  CHECK(problems_with({"deepspeed=" + file}).find("ds.json") != std::string::npos);
  test::write_text(file, "{");
  CHECK(problems_with({"deepspeed=" + file}).find("not well-formed JSON") != std::string::npos);
  test::write_text(file, "[3]");
  CHECK(problems_with({"deepspeed=" + file}).find("expected an object") != std::string::npos);
  test::write_text(file, R"({"zero_optimization": {"stage": "auto"}})");
  CHECK(problems_with({"deepspeed=" + file}).find("ds.json asks for ZeRO stage \"auto\"") != std::string::npos);
  test::write_text(file, R"({"zero_optimization": {"stage": 0}})");
  CHECK(problems_with({"deepspeed=" + file}) == "");
}
