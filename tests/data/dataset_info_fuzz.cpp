// dataset_info.json.
#include <cstdint>

#include "data/dataset_info.hpp"
#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("dataset_info.json");
  folder.fill(data, size);
  std::vector<std::string> problems;
  try {
    lmf::data::resolve_datasets({"a", "identity", "alpaca_en_demo"}, folder.path(), problems);
  } catch (const lmf::Error&) {
  }
  return 0;
}
