#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf::data {

/// Which field of a record holds what; nullopt: the data set has no such field. The defaults are alpaca's own names.
struct Columns {
  std::optional<std::string> prompt = "instruction", query = "input", response = "output", history, system;
};

/// One data set as dataset_info.json describes it, or a plain file.
struct DatasetDescription {
  std::string name;
  std::string place;                         ///< "data/dataset_info.json:12", for messages
  std::vector<std::filesystem::path> files;  ///< .json or .jsonl
  Columns columns;
  std::optional<std::int64_t> num_samples;  ///< draw exactly so many records
};

/// Looks each name up in DIRECTORY/dataset_info.json, then as the path of a .json/.jsonl file or a folder of them.
/// Every problem of the named data sets is appended to `problems` with its place; data sets that have one are left out.
std::vector<DatasetDescription> resolve_datasets(const std::vector<std::string>& names,
                                                 const std::filesystem::path& directory,
                                                 std::vector<std::string>& problems);

}  // namespace lmf::data
