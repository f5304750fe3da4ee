// What a person is told about the data: the summary before training, one example in words, and the report's JSON form
// in which a store remembers it.
#include "data/report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

namespace lmf::data {

namespace {

/// 1234567 -> "1,234,567".
std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string result;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) result += ',';
    result += digits[i];
  }
  return result;
}

}  // namespace

std::vector<std::string> remarks(const PrepareReport& report) {
  std::vector<std::string> lines;
  for (const auto& dropped : report.dropped) {
    lines.push_back(
        fmt::format("{} left out: {} (first: {}).", grouped(dropped.count), dropped.reason, dropped.first_place));
  }
  if (report.truncated > 0) {
    lines.push_back(
        fmt::format("{} cut to cutoff_len, {} tokens lost.", grouped(report.truncated), grouped(report.tokens_cut)));
  }
  if (report.without_labels > 0) {
    lines.push_back(
        fmt::format("{} have nothing left to learn; a larger cutoff_len may help.", grouped(report.without_labels)));
  }
  for (const std::string& note : report.notes) lines.push_back(note + ".");
  return lines;
}

std::vector<std::string> summary(const PrepareReport& report, const std::string& name) {
  std::vector<std::string> lines = {fmt::format("{}: {} records read, {} kept, {} tokens{}.", name,
                                                grouped(report.read), grouped(report.kept), grouped(report.tokens),
                                                report.from_cache ? " (tokenised earlier)" : "")};
  for (const std::string& remark : remarks(report)) lines.push_back("  " + remark);
  return lines;
}

std::string describe(const Example& example, const text::Tokenizer& tokenizer) {
  std::vector<std::int32_t> learned;
  std::copy_if(example.labels.begin(), example.labels.end(), std::back_inserter(learned),
               [](std::int32_t id) { return id != kIgnore; });
  return fmt::format("input_ids:\n[{}]\ninputs:\n{}\nlabel_ids:\n[{}]\nlabels:\n{}", fmt::join(example.ids, ", "),
                     tokenizer.decode(example.ids), fmt::join(example.labels, ", "), tokenizer.decode(learned));
}

std::string to_json(const PrepareReport& report) {
  auto dropped = nlohmann::json::array();
  for (const auto& each : report.dropped) dropped.push_back({each.reason, each.first_place, each.count});
  const nlohmann::json json = {{"read", report.read},
                               {"kept", report.kept},
                               {"tokens", report.tokens},
                               {"truncated", report.truncated},
                               {"tokens_cut", report.tokens_cut},
                               {"without_labels", report.without_labels},
                               {"dropped", dropped},
                               {"notes", report.notes}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

PrepareReport report_from_json(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    PrepareReport report;
    report.read = json.at("read").get_ref<const std::int64_t&>();
    report.kept = json.at("kept").get_ref<const std::int64_t&>();
    report.tokens = json.at("tokens").get_ref<const std::int64_t&>();
    report.truncated = json.at("truncated").get_ref<const std::int64_t&>();
    report.tokens_cut = json.at("tokens_cut").get_ref<const std::int64_t&>();
    report.without_labels = json.at("without_labels").get_ref<const std::int64_t&>();
    for (const auto& each : json.at("dropped")) report.dropped.push_back({each.at(0), each.at(1), each.at(2)});
    for (const auto& each : json.at("notes")) report.notes.push_back(each.get<std::string>());
    return report;
  } catch (const nlohmann::json::exception&) {
    throw Error("The store's report is not readable.");
  }
}

}  // namespace lmf::data
