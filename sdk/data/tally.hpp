#pragma once

#include <string>
#include <vector>

#include "data/blocks.hpp"
#include "data/prepare.hpp"

namespace lmf::data {

/// Adds blocks up to a report and judges the whole.
class Tally {
 public:
  explicit Tally(const RecordSet& set) : set_(set), seen_(set.datasets.size()) {}
  void add(const Block& block);
  /// After the last block: wrong column names, nothing kept, and, when labels are needed, none of them become problems.
  void judge(std::int64_t cutoff_len, bool needs_labels = true);

  PrepareReport report;
  std::vector<std::string> problems;

 private:
  void add(const SftExample& example);
  void judge_labels(std::int64_t cutoff_len);
  void drop(const Block::Dropped& dropped);
  void judge_columns(const DatasetDescription& dataset, const SeenColumns& seen);

  const RecordSet& set_;
  std::vector<SeenColumns> seen_;
};

}  // namespace lmf::data
