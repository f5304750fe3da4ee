// dataset_info.json -> descriptions of the named data sets, and their files.
#include "data/dataset_info.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/suggest.hpp"
#include "data/dataset_entry.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

namespace fs = std::filesystem;
namespace ondemand = simdjson::ondemand;

constexpr std::uint64_t kInfoLimitBytes = 64 << 20;

/// dataset_info.json, read strictly. Problems of an entry are kept with it: only those of data sets in use are shown.
class InfoFile {
 public:
  /// Throws Error with file:line when the file is no JSON object.
  explicit InfoFile(fs::path path) : path_(std::move(path)), text_(read_file(path_, kInfoLimitBytes)) {
    ondemand::parser parser;
    ondemand::document document;
    if (const auto failed = parser.iterate(text_).get(document)) fail(simdjson::error_message(failed));
    try {
      for (auto field : document.get_object()) {
        const std::string place = place_of(field.key().value().raw());
        const std::string name(field.unescaped_key().value());
        entries_[name] =
            read_dataset_entry(name, place, field.value(), [this](const char* at) { return place_of(at); });
      }
      const char* rest = nullptr;
      if (document.current_location().get(rest) == simdjson::SUCCESS && rest < text_.data() + text_.size())
        fail("text follows its end");
    } catch (const simdjson::simdjson_error& error) {
      fail(error.error() == simdjson::INCORRECT_TYPE ? "expected an object of data sets" : error.what());
    }
  }

  const DatasetEntry* find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, entry] : entries_) all.push_back(name);
    return all;
  }

 private:
  std::string place_of(const char* at) const {
    return fmt::format("{}:{}", path_.string(), 1 + std::count(text_.data(), at, '\n'));
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(explain_json(text_, path_.string(), what), {}, kExitUsage);
  }

  fs::path path_;
  simdjson::padded_string text_;
  std::map<std::string, DatasetEntry> entries_;
};

bool is_json(const fs::path& file) { return file.extension() == ".json" || file.extension() == ".jsonl"; }

/// The file itself, or the files of a folder by name; hidden ones are left out.
std::vector<fs::path> list_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().filename().string().front() != '.') files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Fills description.files; returns what is wrong with `path`, or "".
std::string find_files(const fs::path& path, DatasetDescription& description) {
  std::error_code failed;
  if (!fs::exists(path, failed))
    return fmt::format("{}: data set '{}': there is no file {}.", description.place, description.name, path.string());
  description.files = list_files(path);
  if (description.files.empty())
    return fmt::format("{}: data set '{}': the folder {} is empty.", description.place, description.name,
                       path.string());
  for (const fs::path& file : description.files) {
    if (!fs::is_regular_file(file, failed))
      return fmt::format("{}: data set '{}': {} is not a file.", description.place, description.name, file.string());
    if (!is_json(file)) {
      return fmt::format("{}: data set '{}': {} is neither .json nor .jsonl, the only types that are read yet.",
                         description.place, description.name, file.string());
    }
  }
  return {};
}

}  // namespace

std::vector<DatasetDescription> resolve_datasets(const std::vector<std::string>& names, const fs::path& directory,
                                                 std::vector<std::string>& problems) {
  const std::string folder = directory.string();
  if (folder == "ONLINE" || folder.starts_with("REMOTE:")) {
    problems.push_back(
        fmt::format("dataset_dir '{}' asks for data from a hub, which is not supported yet; name a folder.", folder));
    return {};
  }
  const fs::path info_path = directory / "dataset_info.json";
  std::optional<InfoFile> info;
  std::error_code ignored;  // what cannot be looked at is not there
  if (fs::exists(info_path, ignored)) info.emplace(info_path);
  std::vector<DatasetDescription> found;
  for (const std::string& name : names) {
    const DatasetEntry* entry = info ? info->find(name) : nullptr;
    DatasetDescription description;
    fs::path path;
    std::error_code failed;
    if (entry) {
      problems.insert(problems.end(), entry->problems.begin(), entry->problems.end());
      if (!entry->problems.empty()) continue;
      description = entry->description;
      path = directory / *entry->file_name;
    } else if (is_json(name) || name.find('/') != std::string::npos || fs::is_regular_file(name, failed)) {
      description.name = name;
      description.place = "dataset";
      path = fs::exists(name, ignored) ? fs::path(name) : directory / name;
      if (!fs::exists(path, ignored)) path = name;
    } else {
      problems.push_back(
          info ? fmt::format("{} has no data set '{}'.{}", info_path.string(), name, did_you_mean(name, info->names()))
               : fmt::format("There is no {}, where the data set '{}' would be described; "
                             "dataset_dir names the folder that has it, and dataset may be a data file's path.",
                             info_path.string(), name));
      continue;
    }
    const std::string problem = find_files(path, description);
    if (problem.empty()) {
      found.push_back(std::move(description));
    } else {
      problems.push_back(problem);
    }
  }
  return found;
}

}  // namespace lmf::data
