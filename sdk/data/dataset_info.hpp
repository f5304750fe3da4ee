#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf::data {

/// How a record holds its conversation: alpaca in fields, sharegpt in a list of messages, openai in a list of messages
/// whose answers may have tool_calls.
enum class Formatting { alpaca, sharegpt, openai };

/// Which field of a record holds what; nullopt: the data set has no such field. The defaults are the original's.
struct Columns {
  std::optional<std::string> prompt = "instruction", query = "input", response = "output", history;  ///< of alpaca
  std::optional<std::string> messages = "conversations";  ///< of sharegpt and openai
  std::optional<std::string> system, tools;
};

/// What a message's fields are called, and what its speakers; nullopt: there is no such speaker.
struct Tags {
  std::optional<std::string> role = "from", content = "value";
  std::optional<std::string> user = "human", assistant = "gpt", observation = "observation", function = "function_call",
                             system = "system";
};

/// One data set as dataset_info.json describes it, or a plain file.
struct DatasetDescription {
  std::string name;
  std::string place;                         ///< "data/dataset_info.json:12", for messages
  std::vector<std::filesystem::path> files;  ///< .json or .jsonl
  Formatting formatting = Formatting::alpaca;
  Columns columns;
  Tags tags;
  std::optional<std::int64_t> num_samples;  ///< draw exactly so many records
};

/// Looks each name up in DIRECTORY/dataset_info.json, then as the path of a .json/.jsonl file or a folder of them.
/// Every problem of the named data sets is appended to `problems` with its place; data sets that have one are left out.
std::vector<DatasetDescription> resolve_datasets(const std::vector<std::string>& names,
                                                 const std::filesystem::path& directory,
                                                 std::vector<std::string>& problems);

}  // namespace lmf::data
