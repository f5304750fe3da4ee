#include "data/tally.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "data/token_store.hpp"

namespace lmf::data {

void Tally::add(const Block& block) {
  report.read += std::ssize(block.kept) + std::ssize(block.dropped);
  report.kept += std::ssize(block.kept);
  for (const auto& kept : block.kept) add(kept.example);
  for (const auto& dropped : block.dropped) drop(dropped);
  problems.insert(problems.end(), block.problems.begin(), block.problems.end());
  for (std::size_t i = 0; i < seen_.size(); ++i) seen_[i].merge(block.seen[i]);
}

void Tally::add(const SftExample& example) {
  if (example.ids.empty()) return;  // only checked, not tokenised
  const std::int64_t length = std::ssize(example.ids);
  report.tokens += length;
  report.truncated += length < example.full_length;
  report.tokens_cut += example.full_length - length;
  // Nothing predicts the first token.
  report.without_labels += std::none_of(example.labels.begin() + 1, example.labels.end(),
                                        [](std::int32_t label) { return label != kIgnore; });
}

void Tally::drop(const Block::Dropped& dropped) {
  const auto same = [&dropped](const PrepareReport::Dropped& each) { return each.reason == dropped.reason; };
  auto found = std::find_if(report.dropped.begin(), report.dropped.end(), same);
  if (found == report.dropped.end())
    found = report.dropped.insert(found, {dropped.reason, set_.origin(*dropped.row), 0});
  ++found->count;
}

void Tally::judge(std::int64_t cutoff_len, bool needs_labels) {
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const SeenColumns& seen = seen_[i];
    if (seen.example_keys.empty() || (seen.response && seen.question)) continue;
    const DatasetDescription& dataset = set_.datasets[i];
    const std::string missing = seen.response
                                    ? dataset.columns.prompt.value_or(dataset.columns.query.value_or("prompt"))
                                    : *dataset.columns.response;
    problems.push_back(
        fmt::format("{}: data set '{}': no record has '{}'; the first one has: {}. Name the fields with columns in "
                    "dataset_info.json; only records of the alpaca form are supported yet.",
                    dataset.place, dataset.name, missing, seen.example_keys));
  }
  if (!problems.empty()) return;
  if (report.kept > 0 && needs_labels) judge_labels(cutoff_len);
  if (report.kept > 0) return;
  std::string reasons;
  for (const auto& each : report.dropped)
    reasons += fmt::format("; {} times: {} (first: {})", each.count, each.reason, each.first_place);
  problems.push_back(fmt::format("The data sets have no valid example: {} records read{}.", report.read, reasons));
}

void Tally::judge_labels(std::int64_t cutoff_len) {
  if (report.without_labels < report.kept) return;
  if (report.truncated > 0)
    problems.push_back(fmt::format("cutoff_len {} leaves nothing to learn in any of the {} examples: raise it.",
                                   cutoff_len, report.kept));
  else
    problems.push_back(
        fmt::format("None of the {} examples has anything to learn: their answers are empty.", report.kept));
}

}  // namespace lmf::data
