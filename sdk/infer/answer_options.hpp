#pragma once

#include <cstdint>

#include "config/options.hpp"
#include "infer/loaded_model.hpp"
#include "infer/sampler.hpp"

namespace lmf::infer {

/// What the options of every command that answers say: the model, and how it is to be asked.
struct AnswerOptions {
  ModelChoice model;
  Sampling sampling;
  std::int64_t max_new_tokens = 0;  ///< of one answer; 0: max_length decides
  std::int64_t max_length = 0;      ///< prompt and answer
  bool skip_special_tokens = true;
};

/// From checked options, but for seed and default_system. Throws Error(kExitUsage) when no model is named.
AnswerOptions read_answer_options(const config::Options& options);

}  // namespace lmf::infer
