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
  constexpr std::size_t kMostReasons = 20;  // some name a word of the record
  const auto find = [this](const std::string& reason) {
    return std::ranges::find(report.dropped, reason, &PrepareReport::Dropped::reason);
  };
  std::string reason = dropped.reason;
  if (find(reason) == report.dropped.end() && report.dropped.size() >= kMostReasons) reason = "other reasons";
  auto found = find(reason);
  if (found == report.dropped.end()) found = report.dropped.insert(found, {reason, set_.origin(*dropped.row), 0});
  ++found->count;
}

void Tally::judge_columns(const DatasetDescription& dataset, const SeenColumns& seen) {
  const Columns& columns = dataset.columns;
  if (!seen.response || !seen.question) {
    const bool alpaca = dataset.formatting == Formatting::alpaca;
    const std::string missing = !alpaca          ? *columns.messages
                                : !seen.response ? *columns.response
                                                 : columns.prompt.value_or(columns.query.value_or("prompt"));
    problems.push_back(
        fmt::format("{}: data set '{}': no record has '{}'; the first one has: {}. Name the fields with columns in "
                    "dataset_info.json{}.",
                    dataset.place, dataset.name, missing, seen.example_keys,
                    alpaca ? "; a list of messages needs \"formatting\": \"sharegpt\" there" : ""));
    return;
  }
  const auto note = [&](const std::optional<std::string>& column, bool was_seen, std::string_view what) {
    if (column && !was_seen)
      report.notes.push_back(fmt::format("{}: data set '{}': no record has '{}', which columns names for the {}",
                                         dataset.place, dataset.name, *column, what));
  };
  note(columns.system, seen.system, "system text");
  note(columns.tools, seen.tools, "tools");
}

void Tally::judge(std::int64_t cutoff_len, bool needs_labels) {
  for (std::size_t i = 0; i < seen_.size(); ++i)
    if (!seen_[i].example_keys.empty()) judge_columns(set_.datasets[i], seen_[i]);
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
