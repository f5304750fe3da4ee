#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <simdjson.h>

#include "data/dataset_info.hpp"

namespace lmf::data {

/// What dataset_info.json says of one data set. Problems are kept with it: only those of data sets in use are shown.
struct DatasetEntry {
  DatasetDescription description;  ///< without files
  std::optional<std::string> file_name;
  std::vector<std::string> problems;
};

/// Reads it strictly. `place` is the entry's, `place_of` that of a byte of the file.
DatasetEntry read_dataset_entry(const std::string& name, const std::string& place, simdjson::ondemand::value value,
                                const std::function<std::string(const char*)>& place_of);

}  // namespace lmf::data
