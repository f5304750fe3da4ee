// tokenizer_config.json.
#include <cstdint>

#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"
#include "text/tokenizer_config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("tokenizer_config.json");
  folder.fill(data, size);
  try {
    lmf::text::TokenizerConfig::load(folder.path());
  } catch (const lmf::Error&) {
  }
  return 0;
}
