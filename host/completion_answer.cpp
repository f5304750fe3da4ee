#include "host/completion_answer.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/printable.hpp"
#include "host/file_names.hpp"

namespace lmf::host {
namespace {

std::vector<std::string> toml_names(const std::filesystem::path& folder) {
  constexpr std::string_view kEnding = ".toml";
  int ignored = 0;  // no folder, no names
  std::vector<std::string> names = file_names(folder, "", kEnding, ignored);
  for (std::string& name : names) name.resize(name.size() - kEnding.size());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void CompletionAnswer::add(std::string_view word, std::string_view meaning) {
  // Names of files can be anything: none shall make lines of its own, or command the terminal.
  if (!word.starts_with(typed_) || has_control_characters(word) || !words_.emplace(word).second) return;
  lines_ += word;
  if (!meaning.empty() && !has_control_characters(meaning)) lines_.append("\t").append(meaning);
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
