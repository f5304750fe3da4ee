#include "train/worker/training_state.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/safetensors.hpp"
#include "train/shared/checkpoint_folders.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOptimizer = "optimizer.safetensors";

void say_what_changed(const RunState& saved, const RunState& now) {
  const auto changed = [](const char* what, auto before, auto after) {
    if (before != after)
      log::warn("{} was {} before the interruption and is {} now: the order of the examples does not continue", what,
                before, after);
  };
  changed("the number of examples", saved.examples, now.examples);
  changed("disable_shuffling", !saved.shuffle, !now.shuffle);
  if (now.shuffle) changed("data_seed", saved.data_seed, now.data_seed);
}

void restore_optimizer(const fs::path& file, AdamW& optimizer) {
  const auto weights = model::Weights::open_file(file);
  NamedTensors tensors;
  for (const std::string& name : weights.files().names()) tensors.emplace_back(name, weights.tensor(name));
  try {
    optimizer.restore(tensors);
  } catch (const Error& problem) {
    throw Error(fmt::format("{}: {}", file.string(), problem.what()),
                "resume with the finetuning_type and targets the run was started with");
  }
}

}  // namespace

void write_training_state(const fs::path& directory, const RunState& run, const TrainerState& state,
                          const AdamW* optimizer) {
  write_file_atomically(directory / kTrainerStateFile,
                        state.to_json(/*saving=*/true, state.global_step >= state.max_steps).dump(2) + "\n");
  write_file_atomically(directory / kRunStateFile, run.to_text());
  if (optimizer != nullptr) model::write_safetensors(directory / kOptimizer, optimizer->state());
}

void restore_training_state(const ResumePoint& point, RunState& run, AdamW& optimizer) {
  const fs::path& checkpoint = point.checkpoint;
  if (point.run) {
    say_what_changed(*point.run, run);
    run.loss_since_log = point.run->loss_since_log;
    run.loss_of_run = point.run->loss_of_run;
    run.last_logged_step = point.run->last_logged_step;
    run.position = point.position(run);
  } else {
    run.last_logged_step = point.trainer.global_step;
    log::warn(
        "{} has no {} (another program wrote it, or it is a finished run's output_dir): model, step, learning rate and "
        "log go on; the order of shuffled examples and dropout start afresh",
        checkpoint.string(), kRunStateFile);
  }
  if (fs::exists(checkpoint / kOptimizer))
    restore_optimizer(checkpoint / kOptimizer, optimizer);
  else if (fs::exists(checkpoint / "optimizer.pt")) {
    log::warn("{} is a Python pickle, which lmf does not read: the optimiser's moments start afresh",
              (checkpoint / "optimizer.pt").string());
  } else {
    log::warn("{} holds no optimiser state (save_only_model, or a finished run's output_dir): its moments start afresh",
              checkpoint.string());
  }
}

}  // namespace lmf::train
