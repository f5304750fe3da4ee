#include "data/blocks.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/json.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

/// Why a record's text is not read; `reason` is the parser's own, where it is stricter than JSON.
std::string json_problem(const RecordSet& set, const RecordSet::Row& row, const char* reason) {
  const auto fault = find_json_fault(row.record->text);
  if (!fault) return fmt::format("{}: the record cannot be read: {}", set.place(row), reason);
  return fmt::format("{}: the record is not well-formed JSON: {}",
                     set.files[row.file]->place(*row.record, fault->offset), fault->what);
}

/// What is wrong, and the next step.
std::string whole_sentence(const Error& error) {
  const std::string what = error.what();
  if (error.hint().empty()) return what;
  return what + (what.ends_with('.') ? " " : "; ") + error.hint();
}

void take(const RecordSet& set, const RecordSet::Row& row, const Encoder* encoder, simdjson::dom::parser& parser,
          Block& block) {
  simdjson::dom::element record;
  const auto failed = parser.parse(row.record->text.data(), row.record->text.size()).get(record);
  if (failed) {
    block.problems.push_back(json_problem(set, row, simdjson::error_message(failed)));
    return;
  }
  Aligned aligned = align(record, set.datasets[row.dataset], block.seen[row.dataset]);
  SftExample example;
  if (aligned.dropped.empty() && encoder) {
    example = encoder->options.for_prediction
                  ? encode_prediction(aligned.conversation, encoder->tokenizer, encoder->chat_template,
                                      encoder->options.cutoff_len)
                  : encode_sft(aligned.conversation, encoder->tokenizer, encoder->chat_template, encoder->options);
    if (example.ids.empty()) aligned.dropped = "there is no token in it";
  }
  if (aligned.dropped.empty()) {
    block.kept.push_back({std::move(example), &row});
  } else {
    block.dropped.push_back({std::move(aligned.dropped), &row});
  }
}

}  // namespace

Block make_block(const RecordSet& set, std::span<const RecordSet::Row> rows, const Encoder* encoder) {
  Block block;
  block.seen.resize(set.datasets.size());
  simdjson::dom::parser parser;
  for (const RecordSet::Row& row : rows) {
    try {
      take(set, row, encoder, parser, block);
    } catch (const Error& error) {
      block.problems.push_back(fmt::format("{}: {}", set.place(row), whole_sentence(error)));
    }
  }
  return block;
}

}  // namespace lmf::data
