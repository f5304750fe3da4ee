#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "train/shared/step_plan.hpp"
#include "train/worker/train_options.hpp"
#include "train/shared/trainer_state.hpp"

namespace lmf::train {

/// train_results.json for phase "train", and all_results.json, which keeps what other phases wrote there.
void write_results(const std::filesystem::path& directory, const std::string& phase, const nlohmann::json& metrics);
/// training_loss.png from the log history, only a warning when nothing was logged; and of each evaluation's loss and
/// accuracy that is there training_eval_loss.png...
void write_plots(const std::filesystem::path& directory, const TrainerState& state);
/// README.md: a model card with the front matter that model hubs read.
void write_model_card(const std::filesystem::path& directory, const TrainOptions& options, const StepPlan& plan,
                      const std::vector<std::string>& datasets, const nlohmann::json& metrics,
                      const nlohmann::json& evaluation = nlohmann::json::object());

}  // namespace lmf::train
