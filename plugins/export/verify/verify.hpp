#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "verify/stored_model.hpp"

namespace lmf::exporter {

/// What is to be verified.
struct VerifyJob {
  std::filesystem::path model, folder;  ///< the base, and what was written
  std::vector<StoredAdapter> adapters;
  std::optional<std::string> chat_template, default_system, tool_format;
  bool has_template = false;  ///< one was used, named or guessed

  static VerifyJob from_json(const std::string& text);
};

/// Compares, writes export_report.json into the folder, and says in one line what was found. Throws Error when the
/// folder does not compute what the model and its adapters do.
void verify(const VerifyJob& job, const std::filesystem::path& share_directory, const std::string& version);

}  // namespace lmf::exporter
