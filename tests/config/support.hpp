#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "support/places.hpp"

namespace lmf::test {

/// The table that ships with lmf, as the plugin of `command` sees it.
inline config::OptionTable shipped_table(const std::string& command = "train") {
  return config::OptionTable::read(LMF_SHIPPED_OPTIONS, command);
}

inline config::ReadResult read(const std::vector<std::string>& words, const std::string& command = "train") {
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return config::read_options(shipped_table(command), arguments, false);
}

inline std::filesystem::path write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

/// All problems as one text, with hints, and without the folder of `file`: easy to compare whole.
inline std::string problems_of(const config::ReadResult& result) {
  std::string text;
  for (const config::Problem& problem : result.problems) {
    text += problem.text + "\n";
    if (!problem.hint.empty()) text += "  " + problem.hint + "\n";
  }
  const std::string folder = result.file.parent_path().string() + "/";
  for (std::size_t at; folder.size() > 1 && (at = text.find(folder)) != std::string::npos;)
    text.erase(at, folder.size());
  return text;
}

inline std::string notes_of(const config::ReadResult& result) {
  std::string text;
  for (const std::string& note : result.notes) text += note + "\n";
  return text;
}

}  // namespace lmf::test
