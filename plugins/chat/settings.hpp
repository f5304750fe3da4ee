#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "infer/answer_options.hpp"

namespace lmf::chat {

/// What `lmf chat` was asked to do.
struct Settings : infer::AnswerOptions {
  std::string system;  ///< empty: the template's
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
