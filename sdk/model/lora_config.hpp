#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lmf::model {

/// A LoRA adapter in PEFT's terms (adapter_config.json).
struct LoraConfig {
  std::int64_t rank = 8;
  double alpha = 16.0;   ///< scale = alpha / rank, or alpha / √rank with rslora
  double dropout = 0.0;  ///< in [0, 1), on the input of A, in training only
  bool rslora = false;
  bool dora = false;  ///< use_dora: each row of the merged weight has a length of its own (arXiv:2402.09353)
  std::vector<std::string>
      targets;                 ///< last name components ("q_proj") or suffixes; {"all"}: every linear but the head
  std::string target_pattern;  ///< instead of targets: a regular expression for the whole name
  std::vector<std::string> modules_to_save;  ///< additional_target: trained whole and saved with the adapter
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;  ///< regular expression of a name's end, other rank
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string base_model;  ///< base_model_name_or_path
};

}  // namespace lmf::model
