#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "train/worker/adamw.hpp"
#include "train/worker/evaluation_options.hpp"

namespace lmf::train {

enum class Method { full, freeze, lora };
enum class SaveStrategy { no, steps, epoch, best };
enum class CountedTokens { no, all, non_padding };
/// Recomputing activations in backward costs a third more arithmetic and gives the same numbers; `automatic` does it
/// only when the longest batch would not fit comfortably in memory otherwise.
enum class Checkpointing { automatic, always, never };

/// What the trainer needs of the checked options, under LLaMA-Factory's names and with its defaults.
struct TrainOptions {
  std::string model_name_or_path, model_revision, cache_dir;
  std::vector<std::string> adapters;  ///< adapter_name_or_path: all but the last are merged, the last is trained on
  bool create_new_adapter = false;    ///< the last is merged too, and a fresh one trained
  bool train_from_scratch = false;
  Checkpointing checkpointing = Checkpointing::automatic;

  Method method = Method::lora;
  std::int64_t freeze_trainable_layers = 2;
  std::vector<std::string> freeze_trainable_modules, freeze_extra_modules;
  std::int64_t lora_rank = 8;
  double lora_alpha = 16.0, lora_dropout = 0.0;
  bool rslora = false;
  std::vector<std::string> lora_targets, additional_targets;

  std::filesystem::path output_dir;
  std::optional<std::filesystem::path> resume_from;
  bool overwrite_output_dir = false;
  std::int64_t batch_size = 8, accumulation = 1;
  double epochs = 3.0;
  std::int64_t max_steps = -1;
  double learning_rate = 5e-5;
  std::string schedule = "linear";
  double warmup_ratio = 0.0, warmup_steps = 0.0;
  AdamWOptions adamw;
  double max_grad_norm = 1.0;
  std::uint64_t seed = 42, data_seed = 42;
  bool shuffle = true;
  bool use_cpu = false;
  std::int64_t rank_timeout_seconds = 1800;  ///< ddp_timeout: how long a rank waits for the others
  std::int64_t bucket_bytes = 25 << 20;      ///< ddp_bucket_cap_mb: gradients that are reduced together

  double logging_steps = 500, save_steps = 500;
  bool logging_first_step = false;
  SaveStrategy save_strategy = SaveStrategy::steps;
  std::int64_t save_total_limit = 0;  ///< 0: all are kept
  bool save_only_model = false;
  bool plot_loss = false;
  bool effective_tokens_per_second = false, print_param_status = false;
  CountedTokens counted_tokens = CountedTokens::no;

  EvaluationOptions evaluation;

  static TrainOptions from(const config::Options& options);
};

/// Steps of warm-up in a run of `total` steps: warmup_ratio when it is given, else warmup_steps (below 1: a share).
std::int64_t warmup_steps(const TrainOptions& options, std::int64_t total);

/// "full", "freeze", "lora", as the options spell it.
const char* name(Method method);

}  // namespace lmf::train
