// A data file: its borders, each record's JSON, its form.
#include <cstdint>

#include "data/conversation.hpp"
#include "data/record_file.hpp"
#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"

using lmf::data::Formatting;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("records.json");
  folder.fill(data, size);
  lmf::data::DatasetDescription dataset;
  dataset.columns.history = "history";
  dataset.columns.system = "system";
  dataset.columns.tools = "tools";
  lmf::data::SeenColumns seen;
  simdjson::dom::parser parser;
  try {
    const lmf::data::RecordFile file(folder.file());
    for (const lmf::data::Record& record : file.records()) {
      simdjson::dom::element element;
      if (!parser.parse(record.text.data(), record.text.size()).get(element))
        for (const auto form : {Formatting::alpaca, Formatting::sharegpt, Formatting::openai}) {
          dataset.formatting = form;
          lmf::data::align(element, dataset, seen);
        }
      else
        file.place(record, record.text.size());
    }
  } catch (const lmf::Error&) {
  }
  return 0;
}
