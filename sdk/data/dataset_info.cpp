#include "data/dataset_info.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/suggest.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

namespace fs = std::filesystem;
namespace ondemand = simdjson::ondemand;

constexpr std::uint64_t kInfoLimitBytes = 64 << 20;
constexpr std::int64_t kMostSamples = 100'000'000;  ///< of num_samples, whose draws are kept in memory

/// Keys of an entry. What is known to LLaMA-Factory but not done here is refused by its name, never taken for a typing
/// error.
const std::vector<std::string> kEntryKeys = {"file_name",  "formatting", "columns",         "num_samples", "ranking",
                                             "tags",       "split",      "subset",          "folder",      "hf_hub_url",
                                             "ms_hub_url", "om_hub_url", "cloud_file_name", "script_url"};
const std::vector<std::string> kSources = {"hf_hub_url", "ms_hub_url", "om_hub_url", "cloud_file_name", "script_url"};
const std::vector<std::string> kColumnKeys = {"prompt", "query", "response", "history", "system"};
const std::vector<std::string> kRefusedColumns = {"messages", "tools",  "images",   "videos",
                                                  "audios",   "chosen", "rejected", "kto_tag"};

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Ends the sentence before a suggestion: ". Did you mean 'columns'?", or "".
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::string text = did_you_mean(word, known);
  return text.empty() ? text : "." + text;
}

/// dataset_info.json, read strictly. Problems of an entry are kept with it: only those of data sets in use are shown.
class InfoFile {
 public:
  struct Entry {
    DatasetDescription description;
    std::optional<std::string> file_name;
    bool refused_source = false;
    std::vector<std::string> problems;
  };

  /// Throws Error with file:line when the file is no JSON object.
  explicit InfoFile(fs::path path) : path_(std::move(path)), text_(read_file(path_, kInfoLimitBytes)) {
    ondemand::parser parser;
    ondemand::document document;
    if (const auto failed = parser.iterate(text_).get(document)) fail(simdjson::error_message(failed));
    try {
      for (auto field : document.get_object()) {
        const std::string place = place_of(field.key().value().raw());
        const std::string name(field.unescaped_key().value());
        entries_[name] = read_entry(name, place, field.value());
      }
      const char* rest = nullptr;
      if (document.current_location().get(rest) == simdjson::SUCCESS && rest < text_.data() + text_.size())
        fail("text follows its end");
    } catch (const simdjson::simdjson_error& error) {
      fail(error.error() == simdjson::INCORRECT_TYPE ? "expected an object of data sets" : error.what());
    }
  }

  const Entry* find(const std::string& name) const {
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

  Entry read_entry(const std::string& name, const std::string& place, ondemand::value value) const {
    Entry entry;
    entry.description.name = name;
    entry.description.place = place;
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) {
      entry.problems.push_back(fmt::format("{}: data set '{}' is not described by an object.", place, name));
      return entry;
    }
    for (auto field : object) {
      const std::string key_place = place_of(field.key().value().raw());
      const std::string key(field.unescaped_key().value());
      const std::string problem = read_key(entry, key, field.value());
      if (problem.empty()) continue;
      entry.problems.push_back(
          fmt::format("{}: data set '{}': {}{}", key_place, name, problem, problem.back() == '?' ? "" : "."));
    }
    if (!entry.file_name && !entry.refused_source && entry.problems.empty()) {
      entry.problems.push_back(fmt::format("{}: data set '{}' has no file_name.", place, name));
    }
    return entry;
  }

  /// Returns what is wrong with the key, or "".
  static std::string read_key(Entry& entry, const std::string& key, ondemand::value value) {
    if (key == "file_name") return read_text(key, value, entry.file_name);
    if (key == "columns") return read_columns(entry.description.columns, value);
    if (key == "formatting") return check_formatting(value);
    if (key == "num_samples") return read_count(key, value, entry.description.num_samples);
    if (key == "ranking") {
      bool ranking = false;
      if (value.get_bool().get(ranking) != simdjson::SUCCESS) return "ranking is neither true nor false";
      return ranking ? "ranking data (pairs of answers, for reward models and DPO) are not supported yet" : "";
    }
    if (key == "split") {
      std::optional<std::string> split;
      const std::string problem = read_text(key, value, split);
      return problem.empty() && split && *split != "train" ? "split is not supported yet; a file is used whole"
                                                           : problem;
    }
    if (contains(kSources, key)) {
      entry.refused_source = true;
      return fmt::format("{} is not supported yet; download the data as .json or .jsonl and name it with file_name",
                         key);
    }
    if (contains(kEntryKeys, key)) return {};  // tags, subset, folder: without effect on alpaca files
    return fmt::format("'{}' is no key of a data set{}", key, suggestion(key, kEntryKeys));
  }

  static std::string read_text(const std::string& key, ondemand::value value, std::optional<std::string>& text) {
    if (value.type() == ondemand::json_type::null) return {};
    std::string_view found;
    if (value.get_string().get(found) != simdjson::SUCCESS) return fmt::format("{} is not a text", key);
    if (found.empty()) return fmt::format("{} is empty", key);
    text = std::string(found);
    return {};
  }

  static std::string read_count(const std::string& key, ondemand::value value, std::optional<std::int64_t>& count) {
    if (value.type() == ondemand::json_type::null) return {};
    std::int64_t found = 0;
    if (value.get_int64().get(found) != simdjson::SUCCESS || found < 1 || found > kMostSamples) {
      return fmt::format("{} is not a whole number from 1 to {}", key, kMostSamples);
    }
    count = found;
    return {};
  }

  static std::string check_formatting(ondemand::value value) {
    std::optional<std::string> text;
    if (const std::string problem = read_text("formatting", value, text); !problem.empty()) return problem;
    if (!text || *text == "alpaca") return {};
    if (*text == "sharegpt" || *text == "openai")
      return fmt::format("formatting '{}' is not supported yet, only alpaca", *text);
    const std::vector<std::string> known = {"alpaca", "sharegpt", "openai"};
    return fmt::format("formatting '{}' is unknown{}", *text, suggestion(*text, known));
  }

  /// As soon as there is a column map, what it does not list does not exist.
  static std::string read_columns(Columns& columns, ondemand::value value) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return "columns is not an object";
    columns = {std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt};
    const std::map<std::string_view, std::optional<std::string>*> places = {{"prompt", &columns.prompt},
                                                                            {"query", &columns.query},
                                                                            {"response", &columns.response},
                                                                            {"history", &columns.history},
                                                                            {"system", &columns.system}};
    std::string problems;
    for (auto field : object) {
      const std::string key(field.unescaped_key().value());
      std::string problem;
      if (const auto place = places.find(key); place != places.end()) {
        problem = read_text("columns." + key, field.value(), *place->second);
      } else if (contains(kRefusedColumns, key)) {
        problem = fmt::format("the column {} is not supported yet", key);
      } else {
        problem = fmt::format("'{}' is no column{}", key, suggestion(key, kColumnKeys));
      }
      if (!problem.empty()) problems += (problems.empty() ? "" : "; ") + problem;
    }
    if (!problems.empty()) return problems;
    return columns.response ? "" : "columns does not list 'response', so there is nothing to learn";
  }

  fs::path path_;
  simdjson::padded_string text_;
  std::map<std::string, Entry> entries_;
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
    const InfoFile::Entry* entry = info ? info->find(name) : nullptr;
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
