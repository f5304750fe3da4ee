#include "host/completion_answer.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace lmf::host {
namespace {

std::vector<std::string> toml_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    if (entry->path().extension() == ".toml") names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Names of files can be anything: none shall make lines of its own, or command the terminal.
bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

void CompletionAnswer::add(std::string_view word, std::string_view meaning) {
  if (!word.starts_with(typed_) || !is_one_line(word) || !words_.emplace(word).second) return;
  lines_ += word;
  if (!meaning.empty() && is_one_line(meaning)) lines_.append("\t").append(meaning);
  lines_ += '\n';
}

void CompletionAnswer::add_kind(std::string_view kind, std::string_view prefix, const Environment& environment) {
  const auto colon = kind.find(':');
  const std::string_view what = kind.substr(0, colon);
  std::string rest(colon == kind.npos ? "" : kind.substr(colon + 1));
  if (what == "names") {
    if (rest.find('/') != rest.npos || rest.find("..") != rest.npos) return;
    for (const std::string& name : toml_names(environment.share_directory / rest)) add(std::string(prefix) + name);
  } else if (what == "folder") {
    directive_ = ":folders\t" + std::string(prefix) + "\n";
  } else if (what == "file") {
    std::replace(rest.begin(), rest.end(), ',', '\t');
    directive_ = ":files\t" + std::string(prefix) + (rest.empty() ? "" : "\t") + rest + "\n";
  }
}

}  // namespace lmf::host
