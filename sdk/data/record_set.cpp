#include "data/record_set.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "data/numpy_generator.hpp"
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

/// Leaves one side of the rows, as datasets' train_test_split divides them: the first ones of a random order are held
/// out, and the others follow in that order.
void divide(RecordSet& set, const Part& part, std::uint32_t seed, std::vector<std::string>& problems) {
  const std::int64_t all = std::ssize(set.rows);
  const double wanted = part.held_out < 1.0 ? std::ceil(part.held_out * static_cast<double>(all)) : part.held_out;
  if (all == 0) return;
  if (wanted >= static_cast<double>(all)) {
    problems.push_back(fmt::format("val_size {} would hold out all {} records for evaluation: leave some to train on.",
                                   part.held_out, all));
    return;
  }
  const auto order = NumpyGenerator(seed).permutation(all);
  const auto border = order.begin() + static_cast<std::int64_t>(wanted);
  std::vector<RecordSet::Row> rows;
  std::for_each(part.is_held_out ? order.begin() : border, part.is_held_out ? border : order.end(),
                [&](std::int64_t index) { rows.push_back(set.rows[static_cast<std::size_t>(index)]); });
  set.rows = std::move(rows);
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
  if (options.part) divide(set, *options.part, options.seed, problems);
  return set;
}

}  // namespace lmf::data
