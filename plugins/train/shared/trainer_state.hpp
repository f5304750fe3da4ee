#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace lmf::train {

inline constexpr const char* kTrainerStateFile = "trainer_state.json";

/// Where a run is and what it logged, in the original's format and readable by it.
struct TrainerState {
  std::int64_t global_step = 0, max_steps = 0, epochs = 0;
  double epoch = 0.0;
  double logging_steps = 500, save_steps = 500, eval_steps = 500;
  std::int64_t batch_size = 0;
  std::int64_t input_tokens_seen = 0;
  double flops = 0.0;  ///< 6 · tokens · parameters without the embedding, as transformers estimates them
  std::vector<nlohmann::json> log_history;

  // The best evaluation so far, where the options look for one.
  std::optional<double> best_metric = {};
  std::int64_t best_step = 0;        ///< 0: none
  std::string best_checkpoint = {};  ///< of that step, or of the best before it that has one; "": none yet
  std::int64_t evaluations_without_progress = 0;
  std::optional<std::int64_t> patience = {};  ///< early_stopping_steps

  /// As if nothing had been evaluated yet.
  void forget_best();

  /// `saving`, `stopping`: what the control block says at that moment.
  nlohmann::json to_json(bool saving, bool stopping) const;
  /// Takes step, counters and log history. Throws Error naming the file and the key that is missing or wrong.
  static TrainerState read(const std::filesystem::path& file);
};

}  // namespace lmf::train
