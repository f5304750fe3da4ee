#include <cerrno>
#include <cmath>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "train/launch/agent/file_descriptor.hpp"
#include "train/launch/checks.hpp"
#include "train/launch/deepspeed_check.hpp"
#include "train/launch/evaluation_checks.hpp"
#include "train/shared/evaluation_choice.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;
using config::Options;
using config::Problem;

/// The kernel's views of itself, which root, too, may not add to.
bool is_kernel_view(const fs::path& folder) {
  struct statfs status;
  if (::statfs(folder.c_str(), &status) != 0) return false;
  const auto type = static_cast<unsigned long>(status.f_type);
  return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC || type == CGROUP2_SUPER_MAGIC;
}

/// Why nothing can be written in a folder that is there, "" when nothing speaks against it. Tried with a file that
/// never gets a name: a check leaves no trace.
std::string refusal_in(const fs::path& folder) {
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return std::strerror(errno);
  if (const launch::FileDescriptor nameless(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)); nameless)
    return {};
  for (const int reason : {EACCES, EPERM, EROFS, ENOSPC, EDQUOT})
    if (errno == reason) return std::strerror(reason);
  // Another one says that the file system knows no such files, which need not mean anything.
  return is_kernel_view(folder) ? "it only shows what the kernel has" : "";
}

class OptionChecks {
 public:
  explicit OptionChecks(const Options& options) : options_(options) {}

  std::vector<Problem> run() {
    required();
    method();
    data();
    steps();
    output();
    const auto of_evaluation = evaluation_problems(options_);
    problems_.insert(problems_.end(), of_evaluation.begin(), of_evaluation.end());
    if (auto problem = deepspeed_problem(options_)) problems_.push_back(*std::move(problem));
    return std::move(problems_);
  }

 private:
  /// "config.yaml:14: name " and the sentence that goes on from there.
  void wrong(std::string_view name, std::string_view sentence, std::string hint) {
    problems_.push_back({fmt::format("{}: {} {}", options_.origin(name), name, sentence), std::move(hint)});
  }
  void missing(std::string_view name, std::string_view meaning, std::string hint) {
    problems_.push_back({fmt::format("{} is missing: {}", name, meaning), std::move(hint)});
  }

  void required() {
    if (options_.is_null("model_name_or_path"))
      missing("model_name_or_path", "which model to train", "set it to the model's folder");
    const bool held_out = options_.list("eval_dataset").empty();  // of dataset, when anything is evaluated
    if (options_.list("dataset").empty() && (options_.flag("do_train") || held_out))
      missing("dataset", "what to train on", "name data sets of dataset_info.json, or .json and .jsonl files");
    if (!options_.flag("do_train") && !evaluates(options_) && !options_.flag("do_predict"))
      missing("do_train", "without it, do_eval and do_predict there is nothing to do", "set do_train: true");
  }

  void method() {
    const std::string type = options_.text("finetuning_type");
    if (type != "lora") {
      for (const char* name : {"adapter_name_or_path", "use_rslora"}) {
        const bool used = name == std::string_view("use_rslora") ? options_.flag(name) : options_.given(name);
        if (used)
          wrong(name, fmt::format("needs finetuning_type lora, which is {}", type),
                "set finetuning_type: lora or leave it out");
      }
    }
    if (type == "freeze" && options_.list("freeze_extra_modules").empty()) {
      if (options_.integer("freeze_trainable_layers") == 0)
        wrong("freeze_trainable_layers", "is 0 and freeze_extra_modules is empty: nothing would be trained",
              "set either");
      else if (options_.list("freeze_trainable_modules").empty())
        wrong("freeze_trainable_modules", "is empty, as is freeze_extra_modules: nothing would be trained",
              "set either");
    }
  }

  void data() {
    if (options_.flag("train_on_prompt") && options_.flag("mask_history"))
      wrong("train_on_prompt", "contradicts mask_history: one learns the prompts, the other not even earlier answers",
            "set one of them");
  }

  void steps() {
    if (options_.number("num_train_epochs") == 0 && options_.integer("max_steps") <= 0)
      wrong("num_train_epochs", "is 0 and max_steps is not set: no step would be made", "set either");
    step_or_share("logging_steps");
    if (options_.text("save_strategy") == "steps") step_or_share("save_steps");
    step_or_share("warmup_steps", /*may_be_zero=*/true);
  }

  void step_or_share(std::string_view name, bool may_be_zero = false) {
    const double value = options_.number(name);
    if (value == 0 && !may_be_zero) wrong(name, "is 0", "set a number of steps, or a part of all steps below 1");
    if (value > 1 && std::trunc(value) != value)
      wrong(name, fmt::format("is {}: above 1 it is a number of steps", value),
            "write a whole number, or a part below 1");
  }

  void output() {
    std::error_code ignored;
    fs::path place = fs::absolute(options_.text("output_dir"));
    if (fs::exists(place, ignored) && !fs::is_directory(place, ignored))
      return wrong("output_dir", fmt::format("{} is a file", place.string()), "name a folder");
    while (!fs::exists(place, ignored) && place.has_relative_path()) place = place.parent_path();
    if (!fs::is_directory(place, ignored))
      wrong("output_dir", fmt::format("cannot be made: {} is a file", place.string()), "choose another folder");
    else if (const std::string refusal = refusal_in(place); !refusal.empty())
      wrong("output_dir", fmt::format("cannot be written: nothing can be created in {}: {}", place.string(), refusal),
            "choose another folder");
  }

  const Options& options_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> option_problems(const Options& options) { return OptionChecks(options).run(); }

}  // namespace lmf::train
