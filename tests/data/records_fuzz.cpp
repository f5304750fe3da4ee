// A data file: its borders, each record's JSON, alpaca's form.
#include <cstdint>

#include "data/alpaca.hpp"
#include "data/record_file.hpp"
#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("records.json");
  folder.fill(data, size);
  lmf::data::Columns columns;
  columns.history = "history";
  columns.system = "system";
  lmf::data::SeenColumns seen;
  simdjson::dom::parser parser;
  try {
    const lmf::data::RecordFile file(folder.file());
    for (const lmf::data::Record& record : file.records()) {
      simdjson::dom::element element;
      if (!parser.parse(record.text.data(), record.text.size()).get(element))
        lmf::data::align_alpaca(element, columns, seen);
      else
        file.place(record, record.text.size());
    }
  } catch (const lmf::Error&) {
  }
  return 0;
}
