#include "data/record_set.hpp"

#include <algorithm>

#include "data/numpy_random.hpp"
#include "data/token_store.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

/// All rows of one data set, or nothing and a problem for each file that cannot be read.
std::vector<RecordSet::Row> rows_of(std::uint32_t dataset, RecordSet& set, std::vector<std::string>& problems) {
  std::vector<RecordSet::Row> rows;
  for (const auto& path : set.datasets[dataset].files) {
    try {
      auto file = std::make_unique<RecordFile>(path);
      const auto index = static_cast<std::uint32_t>(set.files.size());
      for (const Record& record : file->records()) rows.push_back({&record, index, dataset});
      set.files.push_back(std::move(file));
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return rows;
}

/// Exactly `wanted` rows in random order: each at most once while there are enough, then repeated at random.
std::vector<RecordSet::Row> draw(const std::vector<RecordSet::Row>& rows, std::int64_t wanted, NumpyRandom& random) {
  const std::int64_t available = std::ssize(rows);
  auto picked = random.permutation(available);
  picked.resize(static_cast<std::size_t>(std::min(wanted, available)));
  const auto repeated = wanted > available ? random.choice(available, wanted - available) : std::vector<std::int64_t>();
  picked.insert(picked.end(), repeated.begin(), repeated.end());
  std::vector<RecordSet::Row> drawn;
  drawn.reserve(picked.size());
  for (const std::int64_t index : picked) drawn.push_back(rows[static_cast<std::size_t>(index)]);
  return drawn;
}

}  // namespace

std::string RecordSet::origin(const Row& row) const {
  return shown_origin(files[row.file]->path().filename().string(), row.record->line, row.record->number);
}

std::string RecordSet::place(const Row& row) const {
  return shown_origin(files[row.file]->path().string(), row.record->line, row.record->number);
}

RecordSet read_records(std::vector<DatasetDescription> datasets, const PrepareOptions& options,
                       std::vector<std::string>& problems) {
  RecordSet set;
  set.datasets = std::move(datasets);
  NumpyRandom random(options.seed);
  for (std::uint32_t dataset = 0; dataset < set.datasets.size(); ++dataset) {
    auto rows = rows_of(dataset, set, problems);
    const auto wanted = set.datasets[dataset].num_samples;
    if (wanted && !rows.empty()) rows = draw(rows, *wanted, random);
    if (options.max_samples) rows.resize(std::min(rows.size(), static_cast<std::size_t>(*options.max_samples)));
    set.rows.insert(set.rows.end(), rows.begin(), rows.end());
  }
  return set;
}

}  // namespace lmf::data
