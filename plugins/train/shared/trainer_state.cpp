#include "train/shared/trainer_state.hpp"

#include <cmath>
#include <cstdint>

#include "lmf/error.hpp"
#include "model/config_file.hpp"

namespace lmf::train {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostSteps = 1'000'000'000'000;  // as max_steps may ask for
constexpr std::int64_t kMostTokens = std::int64_t{1} << 60;

/// 5, not 5.0, as Python prints an option given as an integer.
json as_given(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

void read_best(const json& all, const model::ConfigObject& text, TrainerState& state) {
  if (text.has("best_metric")) state.best_metric = text.number("best_metric", 0.0);
  state.best_step = text.integer("best_global_step", 0, 0, kMostSteps);
  state.best_checkpoint = text.text("best_model_checkpoint", "");
  const json::json_pointer counter(
      "/stateful_callbacks/EarlyStoppingCallback/attributes/early_stopping_patience_counter");
  if (!all.contains(counter)) return;
  if (!all[counter].is_number_integer() || all[counter] < 0 || all[counter] > kMostSteps)
    text.refuse("early_stopping_patience_counter is no count");
  state.evaluations_without_progress = all[counter];
}

}  // namespace

void TrainerState::forget_best() {
  best_metric.reset();
  best_step = 0;
  best_checkpoint.clear();
  evaluations_without_progress = 0;
}

json TrainerState::to_json(bool saving, bool stopping) const {
  json callbacks = json::object();
  if (patience) {
    callbacks["EarlyStoppingCallback"] = {
        {"args", {{"early_stopping_patience", *patience}, {"early_stopping_threshold", 0.0}}},
        {"attributes", {{"early_stopping_patience_counter", evaluations_without_progress}}}};
  }
  callbacks["TrainerControl"] = {{"args",
                                  {{"should_epoch_stop", false},
                                   {"should_evaluate", false},
                                   {"should_log", false},
                                   {"should_save", saving},
                                   {"should_training_stop", stopping}}},
                                 {"attributes", json::object()}};
  return {{"best_global_step", best_step > 0 ? json(best_step) : json()},
          {"best_metric", best_metric ? json(*best_metric) : json()},
          {"best_model_checkpoint", best_checkpoint.empty() ? json() : json(best_checkpoint)},
          {"epoch", epoch},
          {"eval_steps", as_given(eval_steps)},
          {"global_step", global_step},
          {"is_hyper_param_search", false},
          {"is_local_process_zero", true},
          {"is_world_process_zero", true},
          {"log_history", log_history},
          {"logging_steps", as_given(logging_steps)},
          {"max_steps", max_steps},
          {"num_input_tokens_seen", input_tokens_seen},
          {"num_train_epochs", epochs},
          {"save_steps", as_given(save_steps)},
          {"stateful_callbacks", callbacks},
          {"total_flos", flops},
          {"train_batch_size", batch_size},
          {"trial_name", nullptr},
          {"trial_params", nullptr}};
}

TrainerState TrainerState::read(const std::filesystem::path& file) try {
  constexpr std::uint64_t kMostBytes = 256 << 20;  // an entry is about 200
  const json parsed = model::ConfigObject::read_file(file, kMostBytes);
  const model::ConfigObject text(parsed, file.string());
  text.require({"global_step", "max_steps", "epoch", "log_history"});
  TrainerState state;
  state.global_step = text.integer("global_step", 0, 0, kMostSteps);
  state.max_steps = text.integer("max_steps", 0, -1, kMostSteps);
  state.epoch = text.number("epoch", 0.0);
  state.input_tokens_seen = text.integer("num_input_tokens_seen", 0, 0, kMostTokens);
  state.flops = text.number("total_flos", 0.0);
  if (!text.at("log_history").is_array()) text.refuse("log_history is not a list");
  for (const json& entry : text.at("log_history")) {
    if (!entry.is_object()) text.refuse("log_history holds something that is no object");
    state.log_history.push_back(entry);
  }
  read_best(parsed, text, state);
  return state;
} catch (const Error& problem) {
  throw Error(problem.what(), "resume from another checkpoint");
}

}  // namespace lmf::train
