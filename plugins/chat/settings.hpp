#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "infer/loaded_model.hpp"
#include "infer/sampler.hpp"

namespace lmf::chat {

/// What `lmf chat` was asked to do.
struct Settings {
  infer::ModelChoice model;
  std::string system;  ///< empty: the template's
  infer::Sampling sampling;
  std::int64_t max_new_tokens = 0;  ///< of one answer; 0: max_length decides
  std::int64_t max_length = 0;      ///< prompt and answer
  bool skip_special_tokens = true;
};

/// Reads them from checked options. Without a seed in the configuration, one is drawn.
Settings read_settings(const config::Options& options);

/// The arguments, and the texts of every `--prompt TEXT`, `--prompt=TEXT` or `prompt=TEXT` that was among them.
struct Arguments {
  std::vector<const char*> options;
  std::vector<std::string> prompts;
};
Arguments split_prompts(std::span<const char* const> arguments);

}  // namespace lmf::chat
