#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/conversation.hpp"
#include "data/record_file.hpp"
#include "data/sft_example.hpp"
#include "support/places.hpp"

namespace lmf::data {

/// A template of the fixtures, or else of share/templates.
inline text::ChatTemplate load_template(const std::string& name) {
  const auto own = test::fixtures() / "data" / (name + ".toml");
  return std::filesystem::exists(own) ? text::ChatTemplate::read(own) : text::ChatTemplate::load(test::share(), name);
}

/// The records of a fixture that are not left out, as examples; `row` has the options, and is a row of what the
/// original made of them.
inline std::vector<SftExample> encode_records(const std::string& file_name, const DatasetDescription& dataset,
                                              const nlohmann::json& row, bool for_prediction,
                                              const text::Tokenizer& tokenizer,
                                              const text::ChatTemplate& chat_template) {
  const SftOptions options{row.value("cutoff_len", 2048), row.value("train_on_prompt", false),
                           row.value("mask_history", false)};
  const RecordFile file(test::fixtures() / "data" / file_name);
  std::vector<SftExample> examples;
  simdjson::dom::parser parser;
  SeenColumns seen;
  for (const Record& record : file.records()) {
    const Aligned aligned = align(parser.parse(record.text), dataset, seen);
    if (!aligned.dropped.empty()) continue;
    examples.push_back(for_prediction
                           ? encode_prediction(aligned.conversation, tokenizer, chat_template, options.cutoff_len)
                           : encode_sft(aligned.conversation, tokenizer, chat_template, options));
  }
  return examples;
}

}  // namespace lmf::data
