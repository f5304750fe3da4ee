#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset_info.hpp"
#include "data/prepare.hpp"
#include "data/record_file.hpp"

namespace lmf::data {

/// The records of all named data sets in the order in which they are used: data set after data set, each drawn
/// (num_samples) and cut (max_samples) as asked.
struct RecordSet {
  struct Row {
    const Record* record;
    std::uint32_t file;     ///< in `files`
    std::uint32_t dataset;  ///< in `datasets`
  };
  std::vector<DatasetDescription> datasets;
  std::vector<std::unique_ptr<RecordFile>> files;
  std::vector<Row> rows;

  /// "identity.json:12 (record 3)" and, for errors, "data/identity.json:12 (record 3)".
  std::string origin(const Row& row) const;
  std::string place(const Row& row) const;
};

/// Maps the files and finds their records; what cannot be read is appended to `problems`.
RecordSet read_records(std::vector<DatasetDescription> datasets, const PrepareOptions& options,
                       std::vector<std::string>& problems);

}  // namespace lmf::data
