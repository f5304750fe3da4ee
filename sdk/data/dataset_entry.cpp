#include "data/dataset_entry.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "base/suggest.hpp"

namespace lmf::data {

namespace {

namespace ondemand = simdjson::ondemand;
using Names = std::map<std::string_view, std::optional<std::string>*>;

constexpr std::int64_t kMostSamples = 100'000'000;  ///< of num_samples, whose draws are kept in memory

/// Keys of an entry. What is known to LLaMA-Factory but not done here is refused by its name, never taken for a typing
/// error.
const std::vector<std::string> kEntryKeys = {"file_name",  "formatting", "columns",         "num_samples", "ranking",
                                             "tags",       "split",      "subset",          "folder",      "hf_hub_url",
                                             "ms_hub_url", "om_hub_url", "cloud_file_name", "script_url"};
const std::vector<std::string> kSources = {"hf_hub_url", "ms_hub_url", "om_hub_url", "cloud_file_name", "script_url"};
const std::vector<std::string> kRefusedColumns = {"images", "videos", "audios", "chosen", "rejected", "kto_tag"};

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Ends the sentence before a suggestion: ". Did you mean 'columns'?", or "".
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::string text = did_you_mean(word, known);
  return text.empty() ? text : "." + text;
}

std::string read_text(const std::string& key, ondemand::value value, std::optional<std::string>& text) {
  if (value.type() == ondemand::json_type::null) return {};
  std::string_view found;
  if (value.get_string().get(found) != simdjson::SUCCESS) return fmt::format("{} is not a text", key);
  if (found.empty()) return fmt::format("{} is empty", key);
  text = std::string(found);
  return {};
}

std::string read_count(const std::string& key, ondemand::value value, std::optional<std::int64_t>& count) {
  if (value.type() == ondemand::json_type::null) return {};
  std::int64_t found = 0;
  if (value.get_int64().get(found) != simdjson::SUCCESS || found < 1 || found > kMostSamples) {
    return fmt::format("{} is not a whole number from 1 to {}", key, kMostSamples);
  }
  count = found;
  return {};
}

std::string read_formatting(ondemand::value value, Formatting& formatting) {
  std::optional<std::string> text;
  if (const std::string problem = read_text("formatting", value, text); !problem.empty()) return problem;
  const std::vector<std::string> known = {"alpaca", "sharegpt", "openai"};  // as the enumeration has them
  const auto found = std::find(known.begin(), known.end(), text.value_or("alpaca"));
  if (found == known.end()) return fmt::format("formatting '{}' is unknown{}", *text, suggestion(*text, known));
  formatting = static_cast<Formatting>(found - known.begin());
  return {};
}

std::string check_ranking(ondemand::value value) {
  bool ranking = false;
  if (value.get_bool().get(ranking) != simdjson::SUCCESS) return "ranking is neither true nor false";
  return ranking ? "ranking data (pairs of answers, for reward models and DPO) are not supported yet" : "";
}

std::string check_split(const std::string& key, ondemand::value value) {
  std::optional<std::string> split;
  const std::string problem = read_text(key, value, split);
  return problem.empty() && split && *split != "train" ? "split is not supported yet; a file is used whole" : problem;
}

/// The map of `columns` or `tags`: as soon as there is one, what it does not list does not exist.
std::string read_names(const std::string& of, std::string_view kind, ondemand::value value, const Names& names) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return of + " is not an object";
  std::vector<std::string> known;
  for (const auto& [key, name] : names) {
    name->reset();
    known.emplace_back(key);
  }
  std::string problems;
  for (auto field : object) {
    const std::string key(field.unescaped_key().value());
    std::string problem;
    if (const auto found = names.find(key); found != names.end()) {
      problem = read_text(of + "." + key, field.value(), *found->second);
    } else if (kind == "column" && contains(kRefusedColumns, key)) {
      problem = fmt::format("the column {} is not supported yet", key);
    } else {
      problem = fmt::format("'{}' is no {}{}", key, kind, suggestion(key, known));
    }
    if (!problem.empty()) problems += (problems.empty() ? "" : "; ") + problem;
  }
  return problems;
}

Names names_of(Columns& columns) {
  return {{"prompt", &columns.prompt},   {"query", &columns.query},       {"response", &columns.response},
          {"history", &columns.history}, {"messages", &columns.messages}, {"system", &columns.system},
          {"tools", &columns.tools}};
}

Names names_of(Tags& tags) {
  return {{"role_tag", &tags.role},           {"content_tag", &tags.content},         {"user_tag", &tags.user},
          {"assistant_tag", &tags.assistant}, {"observation_tag", &tags.observation}, {"function_tag", &tags.function},
          {"system_tag", &tags.system}};
}

/// What the maps have to list for this formatting.
std::string check_names(const DatasetDescription& dataset) {
  if (dataset.formatting == Formatting::alpaca)
    return dataset.columns.response ? "" : "columns does not list 'response', so there is nothing to learn";
  if (!dataset.columns.messages) return "columns does not list 'messages', which hold the conversation";
  Tags tags = dataset.tags;
  for (const auto& [key, name] : names_of(tags)) {
    const bool may_lack = key == "observation_tag" || key == "function_tag" || key == "system_tag";
    if (!*name && !may_lack) return fmt::format("tags does not list '{}'; what it does not list does not exist", key);
  }
  return {};
}

/// Returns what is wrong with the key, or "".
std::string read_key(DatasetEntry& entry, const std::string& key, ondemand::value value) {
  DatasetDescription& dataset = entry.description;
  if (key == "file_name") return read_text(key, value, entry.file_name);
  if (key == "columns") return read_names(key, "column", value, names_of(dataset.columns));
  if (key == "tags") return read_names(key, "tag", value, names_of(dataset.tags));
  if (key == "formatting") return read_formatting(value, dataset.formatting);
  if (key == "num_samples") return read_count(key, value, dataset.num_samples);
  if (key == "ranking") return check_ranking(value);
  if (key == "split") return check_split(key, value);
  if (contains(kSources, key))
    return fmt::format("{} is not supported yet; download the data as .json or .jsonl and name it with file_name", key);
  if (contains(kEntryKeys, key)) return {};  // subset, folder: without effect on files
  return fmt::format("'{}' is no key of a data set{}", key, suggestion(key, kEntryKeys));
}

}  // namespace

DatasetEntry read_dataset_entry(const std::string& name, const std::string& place, ondemand::value value,
                                const std::function<std::string(const char*)>& place_of) {
  DatasetEntry entry;
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
  if (!entry.problems.empty()) return entry;
  if (!entry.file_name)
    entry.problems.push_back(fmt::format("{}: data set '{}' has no file_name.", place, name));
  else if (const std::string problem = check_names(entry.description); !problem.empty())
    entry.problems.push_back(fmt::format("{}: data set '{}': {}.", place, name, problem));
  return entry;
}

}  // namespace lmf::data
