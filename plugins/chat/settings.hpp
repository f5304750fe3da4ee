#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
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

/// The settings and where they came from, so that one can be changed between two answers.
class ChangeableSettings {
 public:
  ChangeableSettings(const config::OptionTable& table, config::Options options);
  const Settings& values() const { return settings_; }
  /// "temperature=0.5", judged as on the command line. Throws Error(kExitUsage) for what is wrong, unknown, or decided
  /// when the model is loaded.
  void change(const std::string& assignment);
  void change_system(const std::string& text);
  /// Those that may be changed: name and value.
  std::vector<std::pair<std::string, std::string>> changeable() const;

 private:
  const config::OptionTable& table_;
  config::Options options_;
  Settings settings_;
};

/// The words of the command line that are chat's own, and the rest: options.
struct Arguments {
  std::vector<const char*> options;
  std::vector<std::string> prompts;   ///< of every `--prompt TEXT`, `--prompt=TEXT` or `prompt=TEXT`
  std::optional<std::string> system;  ///< of `--system TEXT`, which is default_system
  bool json = false;                  ///< --json: one object for each answer
  bool history = true;                ///< --no-history: what is typed is not kept
  bool wrap = true;                   ///< --no-wrap: lines break where the terminal breaks them
};
Arguments split_arguments(std::span<const char* const> arguments);

}  // namespace lmf::chat
